package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Read calls visit with the archived events of a time range in order, until it returns false: every event of a millisecond together. It
// returns at least the events that the filter selects. The slice is valid during the call only.
func (a *Archive) Read(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, order cbc.Order, visit func([]*auditlog.Event) (more bool)) error {
	keyID, err := a.id(ctx)
	if err != nil {
		return err
	}
	for size := firstPage; w.From < w.To; {
		events, err := a.page(ctx, keyID, f, w, order, size)
		if err != nil {
			return failed(err)
		}
		full := len(events) == size
		ready := events
		if full {
			ready = events[:lastMillisecond(events)]
		}
		sortEvents(ready, order)
		if len(ready) > 0 && !visit(ready) || !full {
			return nil
		}
		if len(ready) == 0 { // one millisecond fills the page
			size *= 4
			continue
		}
		if next := events[len(ready)].CreateTime.UnixMilli(); order == cbc.NewestFirst {
			w.To = next + 1
		} else {
			w.From = next
		}
		size = max(size, min(4*size, maxPage))
	}
	return nil
}

func (a *Archive) page(ctx context.Context, keyID int32, f auditlog.Filter, w auditlog.TimeRange, order cbc.Order, size int) ([]*auditlog.Event, error) {
	var cond where
	cond.add("ledger = ? and happened >= ? and happened < ?", keyID, nanos(w.From), nanos(w.To))
	var selected where
	selected.args = cond.args
	selected.addTerms(f.Criteria, "")
	selected.addTerms(f.Exclusions, "not ")
	if len(selected.conditions) > 0 {
		cond.args = selected.args
		cond.conditions = append(cond.conditions, "(exact is not null or "+selected.sql()+")")
	}
	sql := selectEvents + cond.sql() + ` order by happened`
	if order == cbc.NewestFirst {
		sql += ` desc`
	}
	rows, err := a.pool.Query(ctx, fmt.Sprint(sql, " limit ", size), cond.args...)
	if err != nil {
		return nil, err
	}
	return a.events(rows)
}

const selectEvents = `select happened, flags, actor, actor_ip, description, request_url, org_key, extra, exact from cbc_audit_archived where `

// events decodes rows.
func (a *Archive) events(rows pgx.Rows) ([]*auditlog.Event, error) {
	var events []*auditlog.Event
	var r archivedRow
	names := map[string]string{} // of accounts and addresses, which occur again and again
	share := func(s string) string {
		if known, ok := names[s]; ok {
			return known
		}
		names[s] = s
		return s
	}
	_, err := pgx.ForEachRow(rows, []any{&r.happened, &r.flags, &r.actor, &r.actorIP, &r.description, &r.requestURL, &r.orgKey, &r.extra, &r.exact}, func() error {
		e, err := r.event(a.key.OrgKey)
		if err == nil {
			e.Actor, e.ActorIP, e.RequestURL = share(e.Actor), share(e.ActorIP), share(e.RequestURL)
			events = append(events, e)
		}
		return err
	})
	return events, err
}

// archivedRow is an event as it is stored.
type archivedRow struct {
	happened                                int64
	flags                                   int16
	actor, actorIP, description, requestURL string
	orgKey, extra, exact                    *string
}

func (r *archivedRow) event(orgKey string) (*auditlog.Event, error) {
	if r.exact != nil {
		e := &auditlog.Event{}
		return e, cbc.NewEventDecoder().Decode([]byte(*r.exact), e)
	}
	e := &auditlog.Event{
		CreateTime: time.Unix(0, r.happened).UTC(), OrgKey: orgKey, Actor: r.actor, ActorIP: r.actorIP, RequestURL: r.requestURL,
		Description: r.description, Flagged: r.flags&flagFlagged != 0, Verbose: r.flags&flagVerbose != 0,
	}
	if r.orgKey != nil {
		e.OrgKey = *r.orgKey
	}
	if r.extra == nil {
		return e, nil
	}
	var fields [][2]string
	if err := json.Unmarshal([]byte(*r.extra), &fields); err != nil {
		return nil, err
	}
	for _, f := range fields {
		e.Extra = append(e.Extra, auditlog.Field{Name: f[0], Value: json.RawMessage(f[1])})
	}
	return e, nil
}

// lastMillisecond returns the index at which the last millisecond of a page begins.
func lastMillisecond(events []*auditlog.Event) int {
	n := len(events)
	for last := events[n-1].CreateTime.UnixMilli(); n > 0 && events[n-1].CreateTime.UnixMilli() == last; n-- {
	}
	return n
}

func sortEvents(events []*auditlog.Event, order cbc.Order) {
	slices.SortFunc(events, func(a, b *auditlog.Event) int {
		if order == cbc.NewestFirst {
			return auditlog.Compare(b, a)
		}
		return auditlog.Compare(a, b)
	})
}
