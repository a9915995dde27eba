package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// groupBlocks groups the blocks of covered parts, and returns what of the parts is in no block.
func groupBlocks(ctx context.Context, tx pgx.Tx, keyID int32, g *Grouping, valid, parts []auditlog.TimeRange, classes map[int32]auditlog.Class,
	take func(Grouped), single func(*auditlog.Event),
) (left []auditlog.TimeRange, err error) {
	groups, ok := newBlockGroups(g, classes)
	if !ok {
		return parts, nil
	}
	for _, part := range parts {
		loose, err := groups.read(ctx, tx, keyID, valid, part, single)
		if err != nil {
			return nil, err
		}
		left = append(left, loose...)
	}
	groups.take(take)
	return left, nil
}

// read adds the blocks of a part, and returns what of it is in none.
func (b *blockGroups) read(ctx context.Context, tx pgx.Tx, keyID int32, valid []auditlog.TimeRange, part auditlog.TimeRange,
	single func(*auditlog.Event),
) (left []auditlog.TimeRange, err error) {
	sql := "select starts, ends, exact, times"
	for d := range dimensions {
		if b.columns[d].read {
			sql += ", " + d.String()
		} else {
			sql += ", ''::bytea"
		}
	}
	rows, err := tx.Query(ctx, sql+` from cbc_audit_block where ledger = $1 and starts < $3 and ends > $2 order by starts`, keyID, part.From, part.To)
	if err != nil {
		return nil, err
	}
	var r auditlog.TimeRange
	var exact string
	var times pgtype.DriverBytes
	var columns [dimensions]pgtype.DriverBytes
	left = []auditlog.TimeRange{part}
	_, err = pgx.ForEachRow(rows, []any{&r.From, &r.To, &exact, &times, &columns[byActor], &columns[byAddress], &columns[byMark]}, func() error {
		if len(Outside(valid, r)) > 0 { // changed since by a version that does not know blocks
			return nil
		}
		left = removeRange(left, r)
		events, err := decodeEvents([]byte(exact))
		if err != nil {
			return err
		}
		for i := range events {
			if part.Contains(events[i].CreateTime) {
				single(&events[i])
			}
		}
		if err := b.decode(r.From, times, [dimensions][]byte{columns[byActor], columns[byAddress], columns[byMark]}); err != nil {
			return err
		}
		return b.add(part)
	})
	return left, err
}
