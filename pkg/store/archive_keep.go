package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// readingTime is longer than any answer reads.
const readingTime = 10 * time.Minute

// Trim uncovers what is older than floor, in milliseconds, and deletes the months that no archive of the database covers any more. Only
// whole months are deleted, which takes no time and leaves no holes on the disk.
func (l *FillLease) Trim(ctx context.Context, floor int64) error {
	now := int64(0)
	state, err := l.use(ctx, func(tx pgx.Tx, keyID int32, s *ArchiveState) error {
		now = s.Now
		s.trim(floor)
		return trimBlocks(ctx, tx, keyID, s)
	})
	if err != nil || now < state.DropAfter {
		return err
	}
	return l.archive.dropBefore(ctx, now)
}

func (s *ArchiveState) trim(floor int64) {
	if floor > s.Floor+readingTime.Milliseconds() {
		s.DropAfter = s.Now + readingTime.Milliseconds()
	}
	s.Floor = floor
	old := auditlog.TimeRange{From: -1 << 62, To: floor}
	s.Covered, s.Classified = removeRange(s.Covered, old), removeRange(s.Classified, old)
	s.Holes = nil // they are tried again, now and then
}

// trimBlocks deletes the blocks of which nothing is covered any more.
func trimBlocks(ctx context.Context, tx pgx.Tx, keyID int32, s *ArchiveState) error {
	var end int64
	err := tx.QueryRow(ctx, `select coalesce(max(ends), 0) from cbc_audit_block where ledger = $1 and ends <= $2`, keyID, s.Floor).Scan(&end)
	if err != nil || end == 0 {
		return err
	}
	return dropBlocks(ctx, tx, keyID, s, auditlog.TimeRange{From: -1 << 62, To: end})
}

// dropBefore deletes the months before the floor of every archive. Whoever reads now began to after the floor had passed them.
func (a *Archive) dropBefore(ctx context.Context, now int64) error {
	var floor, dropAfter int64
	err := a.pool.QueryRow(ctx, `select coalesce(min(coalesce((state::json->>'floor')::bigint, 0)), 0), coalesce(max(coalesce((state::json->>'dropAfter')::bigint, 0)), 0)
		from cbc_audit_archive`).Scan(&floor, &dropAfter)
	if err != nil || now < dropAfter {
		return failed(err)
	}
	rows, err := a.pool.Query(ctx, `select inhrelid::regclass::text from pg_inherits where inhparent = 'cbc_audit_archived'::regclass`)
	if err != nil {
		return failed(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return failed(err)
	}
	for _, name := range names {
		month, err := time.Parse("cbc_audit_archived_2006_01", name)
		if err != nil || monthOf(month).to.UnixMilli() > floor-readingTime.Milliseconds() {
			continue
		}
		err = inTransaction(ctx, a.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `set local lock_timeout = '5s'`); err != nil { // whoever reads goes on, and the next try comes
				return err
			}
			_, err := tx.Exec(ctx, "drop table "+pgx.Identifier{name}.Sanitize())
			return err
		})
		if err != nil {
			return failed(err)
		}
	}
	return nil
}

// classifyPage is how many events are classified anew in one transaction.
const classifyPage = 20_000

// Classify classifies a part of the covered time range anew that the catalog has not classified yet, newest events first, and reports
// whether more is left.
func (l *FillLease) Classify(ctx context.Context, catalog string, classOf func(*auditlog.Event) auditlog.Class) (more bool, err error) {
	state, err := l.use(ctx, func(_ pgx.Tx, _ int32, s *ArchiveState) error {
		if s.Catalog != catalog {
			s.Catalog, s.Classified = catalog, nil
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	var todo []auditlog.TimeRange
	for _, covered := range state.Covered {
		todo = append(todo, Outside(state.Classified, covered)...)
	}
	if len(todo) == 0 {
		return false, nil
	}
	part := todo[len(todo)-1]
	events, err := l.archive.oldRows(ctx, &part)
	if err != nil {
		return false, err
	}
	var tids []string
	var classes []int32
	for _, e := range events {
		id, err := l.archive.classID(ctx, classOf(e.event))
		if err != nil {
			return false, err
		}
		if id != e.class {
			tids, classes = append(tids, e.tid), append(classes, id)
		}
	}
	_, err = l.use(ctx, func(tx pgx.Tx, keyID int32, s *ArchiveState) error {
		if s.Catalog != catalog {
			return ErrNotLeading
		}
		_, err := tx.Exec(ctx, `update cbc_audit_archived a set class = c.class from unnest($2::text[], $3::integer[]) as c (tid, class)
			where a.ctid = c.tid::tid and a.ledger = $1 and a.happened >= $4 and a.happened < $5`, keyID, tids, classes, nanos(part.From), nanos(part.To))
		s.Classified = addRange(s.Classified, part)
		if err != nil || len(tids) == 0 {
			return err
		}
		return dropBlocks(ctx, tx, keyID, s, part)
	})
	return err == nil, err
}

// oldRow is an event with the class that it has, and where its row is.
type oldRow struct {
	event *auditlog.Event
	tid   string
	class int32
}

// oldRows returns the newest events of a part, and shortens the part to what they make complete. It is one partition's: rows of two may
// be at the same place.
func (a *Archive) oldRows(ctx context.Context, part *auditlog.TimeRange) ([]oldRow, error) {
	keyID, err := a.id(ctx)
	if err != nil {
		return nil, err
	}
	if month := monthOf(time.UnixMilli(part.To - 1)); month.from.UnixMilli() > part.From {
		part.From = month.from.UnixMilli()
	}
	var found []oldRow
	for size := classifyPage; ; size *= 4 {
		rows, err := a.pool.Query(ctx, `select ctid::text, class, happened, flags, actor, actor_ip, description, request_url, org_key, extra, exact from cbc_audit_archived
			where ledger = $1 and happened >= $2 and happened < $3 order by happened desc limit $4`, keyID, nanos(part.From), nanos(part.To), size)
		if err != nil {
			return nil, failed(err)
		}
		if found, err = a.scanOld(rows); err != nil {
			return nil, failed(err)
		}
		if len(found) < size {
			return found, nil
		}
		last := found[len(found)-1].event.CreateTime.UnixMilli()
		if last+1 < part.To {
			part.From = last + 1
			for len(found) > 0 && found[len(found)-1].event.CreateTime.UnixMilli() == last {
				found = found[:len(found)-1]
			}
			return found, nil
		}
	}
}

func (a *Archive) scanOld(rows pgx.Rows) ([]oldRow, error) {
	var found []oldRow
	var r archivedRow
	var old oldRow
	_, err := pgx.ForEachRow(rows, []any{&old.tid, &old.class, &r.happened, &r.flags, &r.actor, &r.actorIP, &r.description, &r.requestURL, &r.orgKey, &r.extra, &r.exact}, func() error {
		var err error
		old.event, err = r.event(a.key.OrgKey)
		found = append(found, old)
		return err
	})
	return found, err
}
