package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// The first page of a range is small, for callers that need only the newest events.
const (
	firstPage = 1_000
	maxPage   = 20_000
)

// pageEnd is the last row of a page.
type pageEnd struct {
	happened int64
	id       []byte
	ordinal  int32
}

// Range reads page by page, each from the end of the previous one. Events of the same microsecond are sorted by content here, so they are
// passed on together.
func (p *postgres) Range(ctx context.Context, w auditlog.TimeRange, order cbc.Order, visit func([]Entry) bool) error {
	keyID, err := p.id(ctx)
	if err != nil {
		return err
	}
	last := pageEnd{happened: w.From * 1000, id: []byte{}} // no event has an empty id
	bound, query := w.To*1000, ascending
	if order == cbc.NewestFirst {
		last.happened, bound, query = w.To*1000, w.From*1000, descending
	}
	var held []Entry // the last microsecond of a page, which the next page may continue
	for size := firstPage; ; size = min(4*size, maxPage) {
		rows, err := p.pool.Query(ctx, query, keyID, last.happened, last.id, last.ordinal, bound, size)
		if err != nil {
			return failed(err)
		}
		entries, err := scan(rows, &last, held)
		if err != nil {
			return failed(err)
		}
		full := len(entries)-len(held) == size
		ready := entries
		if full {
			ready = entries[:instant(entries)]
		}
		sortEntries(ready, order)
		if len(ready) > 0 && !visit(ready) || !full {
			return nil
		}
		held = slices.Clone(entries[len(ready):])
	}
}

const (
	ascending = `select happened, id, ordinal, event from cbc_audit_event
		where ledger = $1 and (happened, id, ordinal) > ($2, $3, $4) and happened < $5 order by happened, id, ordinal limit $6`
	descending = `select happened, id, ordinal, event from cbc_audit_event
		where ledger = $1 and (happened, id, ordinal) < ($2, $3, $4) and happened >= $5 order by happened desc, id desc, ordinal desc limit $6`
)

// scan appends the rows of a page to entries.
func scan(rows pgx.Rows, last *pageEnd, entries []Entry) ([]Entry, error) {
	texts := cbc.NewEventDecoder()
	_, err := pgx.ForEachRow(rows, []any{&last.happened, &last.id, &last.ordinal, nil}, func() error {
		e := &auditlog.Event{}
		entries = append(entries, Entry{e, int(last.ordinal)})
		return texts.Decode(rows.RawValues()[3], e) // text has the same bytes in both wire formats, and the decoder keeps none of them
	})
	return entries, err
}

// instant returns the index at which the last microsecond of a page begins.
func instant(entries []Entry) int {
	last := entries[len(entries)-1].Event.CreateTime.UnixMicro()
	n := len(entries)
	for n > 0 && entries[n-1].Event.CreateTime.UnixMicro() == last {
		n--
	}
	return n
}

func sortEntries(entries []Entry, order cbc.Order) {
	slices.SortFunc(entries, func(a, b Entry) int {
		if order == cbc.NewestFirst {
			return compareEntries(b, a)
		}
		return compareEntries(a, b)
	})
}

func (p *postgres) After(ctx context.Context, from Cursor, limit int) (Changes, error) {
	keyID, err := p.id(ctx)
	if err != nil {
		return Changes{}, err
	}
	c := Changes{Next: from}
	rows, err := p.pool.Query(ctx, `select seq, ordinal, event from cbc_audit_event where ledger = $1 and seq > $2 order by seq limit $3`, keyID, int64(from), limit)
	if err != nil {
		return c, failed(err)
	}
	texts := cbc.NewEventDecoder()
	var seq int64
	var ordinal int32
	var text []byte
	_, err = pgx.ForEachRow(rows, []any{&seq, &ordinal, &text}, func() error {
		e := &auditlog.Event{}
		c.Entries, c.Next = append(c.Entries, Entry{e, int(ordinal)}), Cursor(seq)
		return texts.Decode(text, e)
	})
	return c, failed(err)
}

func (p *postgres) Head(ctx context.Context) (Cursor, error) {
	keyID, err := p.id(ctx)
	if err != nil {
		return 0, err
	}
	var seq int64
	err = p.pool.QueryRow(ctx, `select seq from cbc_audit_ledger where id = $1`, keyID).Scan(&seq)
	return Cursor(seq), failed(err)
}

// Held does not read the events. Bytes include the indexes; an engine without this function reports 0.
func (p *postgres) Held(ctx context.Context) (Held, error) {
	keyID, err := p.id(ctx)
	if err != nil {
		return Held{}, err
	}
	var row keyRow
	if err := row.read(p.pool.QueryRow(ctx, readKeyRow, keyID)); err != nil {
		return Held{}, failed(err)
	}
	held := Held{Events: row.seq - row.state.Forgotten}
	if err := p.pool.QueryRow(ctx, `select pg_total_relation_size('cbc_audit_event')`).Scan(&held.Bytes); err != nil {
		held.Bytes = 0
	}
	return held, nil
}
