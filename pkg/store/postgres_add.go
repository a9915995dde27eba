package store

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func (p *postgres) Add(ctx context.Context, a Addition) (Added, error) {
	items := distinct(a.Events)
	var added Added
	_, err := p.write(ctx, func(tx pgx.Tx, keyID int32, row *keyRow) error {
		added = Added{}
		if a.ID != "" {
			tag, err := tx.Exec(ctx, `insert into cbc_audit_batch (ledger, id) values ($1, $2) on conflict do nothing`, keyID, a.ID)
			if err != nil || tag.RowsAffected() == 0 {
				return err
			}
		}
		if a.Note != nil {
			a.Note(&row.state)
		}
		j := merging{ctx: ctx, tx: tx, keyID: keyID, seq: row.seq, floor: time.UnixMilli(row.state.Now).Add(-p.config.Retention)}
		if err := j.merge(items, &a); err != nil {
			return err
		}
		row.state.forget(j.floor.UnixMilli(), 0)
		row.state.addRepeatGap(j.added.Again, a.Late)
		added, row.seq = j.added, j.seq
		if added.New == 0 {
			return nil
		}
		_, err := tx.Exec(ctx, `select pg_notify($1, $2)`, channel, strconv.Itoa(int(keyID)))
		return err
	})
	if err == nil {
		p.analyze(ctx, "cbc_audit_event", added.New, analyzeAfter)
	}
	return added, err
}

// analyze refreshes the planner's statistics once the table has grown by a fifth, and by at least least events. The server does so by
// itself, but later, and until then would sort the rest of a time range for every page. A role without the right to do it waits for the
// server.
func (p *postgres) analyze(ctx context.Context, table string, added int, least int64) {
	grown := p.grown.Add(int64(added))
	if added == 0 || grown < max(p.analyzed.Load()/5, least) {
		return
	}
	p.grown.Store(0)
	p.analyzed.Add(grown)
	_, _ = p.pool.Exec(ctx, "analyze "+table)
}

// analyzeAfter is the smallest growth, in events, that is worth new statistics.
const analyzeAfter = 1_000

// merging is the state of one addition.
type merging struct {
	ctx    context.Context
	tx     pgx.Tx
	keyID  int32
	seq    int64
	floor  time.Time
	added  Added
	rows   [][]any // to insert
	counts counts  // to change
}

// counts are the updates of copies with ordinal 0, by column.
type counts struct {
	happened                    []int64
	ids                         [][]byte
	queued, searched, explained []int32
}

func (j *merging) merge(items []item, a *Addition) error {
	for len(items) > 0 && !items[0].event.CreateTime.After(j.floor) {
		items = items[1:]
		j.added.Expired++
	}
	if len(items) == 0 {
		return nil
	}
	known, err := j.known(items)
	if err != nil {
		return err
	}
	for i := range items {
		before, found := known[items[i].id]
		j.count(&items[i], before, a.merge(before, &items[i], &j.added), found)
	}
	return j.store()
}

// known returns the tallies of the items that the store has. The time range of the items bounds the index scan.
func (j *merging) known(items []item) (map[auditlog.ID]tally, error) {
	happened, ids := make([]int64, len(items)), make([][]byte, len(items))
	for i := range items {
		happened[i], ids[i] = items[i].event.CreateTime.UnixMicro(), items[i].id[:]
	}
	rows, err := j.tx.Query(j.ctx, `select e.id, e.queued, e.searched, e.excused
		from unnest($2::bigint[], $3::bytea[]) as wanted (happened, id)
		join cbc_audit_event e on e.ledger = $1 and e.happened = wanted.happened and e.id = wanted.id and e.ordinal = 0
		where e.ledger = $1 and e.happened between $4 and $5`, j.keyID, happened, ids, happened[0], happened[len(happened)-1])
	if err != nil {
		return nil, err
	}
	known := make(map[auditlog.ID]tally, len(items))
	var id []byte
	var t tally
	_, err = pgx.ForEachRow(rows, []any{&id, &t.queued, &t.searched, &t.explainedByGap}, func() error {
		known[auditlog.ID(id)] = t
		return nil
	})
	return known, err
}

// count records one distinct event: new copies become rows, and the row with ordinal 0 holds the counts.
func (j *merging) count(it *item, before, after tally, found bool) {
	happened := it.event.CreateTime.UnixMicro()
	var text string
	for n := before.copies(); n < after.copies(); n++ {
		if text == "" {
			text = string(it.event.AppendJSON(nil))
		}
		var t tally
		if n == 0 {
			t = after
		}
		j.seq++
		j.added.New++
		j.rows = append(j.rows, []any{j.keyID, happened, it.id[:], int32(n), j.seq, int32(t.queued), int32(t.searched), int32(t.explainedByGap), text})
	}
	if found && before != after {
		c := &j.counts
		c.happened, c.ids = append(c.happened, happened), append(c.ids, it.id[:])
		c.queued, c.searched = append(c.queued, int32(after.queued)), append(c.searched, int32(after.searched))
		c.explained = append(c.explained, int32(after.explainedByGap))
	}
}

func (j *merging) store() error {
	if len(j.rows) > 0 {
		columns := []string{"ledger", "happened", "id", "ordinal", "seq", "queued", "searched", "excused", "event"}
		if _, err := j.tx.CopyFrom(j.ctx, pgx.Identifier{"cbc_audit_event"}, columns, pgx.CopyFromRows(j.rows)); err != nil {
			return err
		}
	}
	c := &j.counts
	if len(c.ids) == 0 {
		return nil
	}
	_, err := j.tx.Exec(j.ctx, `update cbc_audit_event e set queued = c.queued, searched = c.searched, excused = c.excused
		from unnest($2::bigint[], $3::bytea[], $4::integer[], $5::integer[], $6::integer[]) as c (happened, id, queued, searched, excused)
		where e.ledger = $1 and e.happened = c.happened and e.id = c.id and e.ordinal = 0 and e.happened between $7 and $8`,
		j.keyID, c.happened, c.ids, c.queued, c.searched, c.explained, c.happened[0], c.happened[len(c.happened)-1])
	return err
}

// Trim deletes in small steps, so that the key's row is never locked for long.
func (p *postgres) Trim(ctx context.Context) error {
	keyID, err := p.id(ctx)
	if err != nil {
		return err
	}
	for deleted := int64(1); deleted > 0; {
		_, err := p.write(ctx, func(tx pgx.Tx, keyID int32, row *keyRow) error {
			floor := time.UnixMilli(row.state.Now).Add(-p.config.Retention)
			tag, err := tx.Exec(ctx, `delete from cbc_audit_event where (ledger, happened, id, ordinal) in (select ledger, happened, id, ordinal
				from cbc_audit_event where ledger = $1 and happened <= $2 limit 10000)`, keyID, floor.UnixMicro())
			if err != nil {
				return err
			}
			deleted = tag.RowsAffected()
			row.state.forget(floor.UnixMilli(), deleted)
			return nil
		})
		if err != nil {
			return err
		}
	}
	_, err = p.pool.Exec(ctx, `delete from cbc_audit_batch where ledger = $1 and added < clock_timestamp() - interval '7 days'`, keyID)
	return failed(err)
}
