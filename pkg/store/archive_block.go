package store

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

const (
	// minBlock is how many events of one search make a block at once. Fewer are collected.
	minBlock = 2_000
	// maxLoose is how many events at the end of the archive are in no block.
	maxLoose = 10_000
	// looseTime is how long events at the end of the archive are in no block.
	looseTime = 24 * time.Hour
)

// errBlock is returned for a block that cannot be decoded.
var errBlock = errors.New("a block of the archive is damaged")

// putBlock stores the events of a time range as a block. classOf returns the number of an event's class.
func putBlock(ctx context.Context, tx pgx.Tx, keyID int32, s *ArchiveState, r auditlog.TimeRange, events []*auditlog.Event, classOf func(*auditlog.Event) int32) error {
	if err := dropBlocks(ctx, tx, keyID, s, r); err != nil {
		return err
	}
	var columns []*auditlog.Event
	exact := []byte{'['}
	for _, e := range events {
		switch {
		case !r.Contains(e.CreateTime):
		case storable(e):
			columns = append(columns, e)
		default:
			if len(exact) > 1 {
				exact = append(exact, ',')
			}
			exact = append(exact, exactText(e)...)
		}
	}
	slices.SortStableFunc(columns, func(a, b *auditlog.Event) int { return a.CreateTime.Compare(b.CreateTime) })
	times, last := []byte{}, nanos(r.From)
	for _, e := range columns {
		at := e.CreateTime.UnixNano()
		times = binary.AppendUvarint(times, uint64(at-last))
		last = at
	}
	marks := encodeColumn(columns, func(e *auditlog.Event) string {
		return string(markOf(classOf(e), flagsOf(e)))
	})
	actors := encodeColumn(columns, func(e *auditlog.Event) string { return e.Actor })
	addresses := encodeColumn(columns, func(e *auditlog.Event) string { return auditlog.Address(e.ActorIP) })
	_, err := tx.Exec(ctx, `insert into cbc_audit_block (ledger, starts, ends, times, marks, actors, addresses, exact) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		keyID, r.From, r.To, times, marks, actors, addresses, string(append(exact, ']')))
	s.Blocks = addRange(s.Blocks, r)
	return err
}

// encodeColumn returns the distinct values of events, and the position of each event's value among them.
func encodeColumn(events []*auditlog.Event, value func(*auditlog.Event) string) []byte {
	positions, order := map[string]uint64{}, []byte(nil)
	var names []byte
	for _, e := range events {
		name := value(e)
		i, known := positions[name]
		if !known {
			i = uint64(len(positions))
			positions[name] = i
			names = append(binary.AppendUvarint(names, uint64(len(name))), name...)
		}
		order = binary.AppendUvarint(order, i)
	}
	return slices.Concat(binary.AppendUvarint(nil, uint64(len(positions))), names, order)
}

// dropBlocks deletes the blocks that have a part of a time range.
func dropBlocks(ctx context.Context, tx pgx.Tx, keyID int32, s *ArchiveState, r auditlog.TimeRange) error {
	rows, err := tx.Query(ctx, `delete from cbc_audit_block where ledger = $1 and starts < $3 and ends > $2 returning starts, ends`, keyID, r.From, r.To)
	if err != nil {
		return err
	}
	var dropped auditlog.TimeRange
	_, err = pgx.ForEachRow(rows, []any{&dropped.From, &dropped.To}, func() error {
		s.Blocks = removeRange(s.Blocks, dropped)
		return nil
	})
	s.Blocks = removeRange(s.Blocks, r)
	return err
}

// Pack stores archived events as a block that are in none, newest first, and reports whether more is left. Events at the end of the archive
// wait until they are many, or a day old.
func (l *FillLease) Pack(ctx context.Context) (more bool, err error) {
	state, err := l.use(ctx, func(pgx.Tx, int32, *ArchiveState) error { return nil })
	if err != nil {
		return false, err
	}
	part, found, err := l.archive.loosePart(ctx, state)
	if err != nil || !found {
		return false, err
	}
	rows, err := l.archive.oldRows(ctx, &part)
	if err != nil {
		return false, err
	}
	events, classes := make([]*auditlog.Event, len(rows)), make(map[*auditlog.Event]int32, len(rows))
	for i, row := range rows {
		events[i], classes[row.event] = row.event, row.class
	}
	_, err = l.use(ctx, func(tx pgx.Tx, keyID int32, s *ArchiveState) error {
		return putBlock(ctx, tx, keyID, s, part, events, func(e *auditlog.Event) int32 { return classes[e] })
	})
	return err == nil, err
}

// loosePart returns the newest covered time range to store as a block.
func (a *Archive) loosePart(ctx context.Context, s ArchiveState) (part auditlog.TimeRange, found bool, err error) {
	for i, covered := range slices.Backward(s.Covered) {
		for _, loose := range slices.Backward(Outside(s.Blocks, covered)) {
			atEnd := i == len(s.Covered)-1 && loose.To == covered.To
			if !atEnd || loose.Duration() >= looseTime {
				return loose, true, nil
			}
			many, err := a.holds(ctx, loose, a.maxLoose)
			if many || err != nil {
				return loose, many, err
			}
		}
	}
	return part, false, nil
}

// holds reports whether a time range has so many events.
func (a *Archive) holds(ctx context.Context, r auditlog.TimeRange, n int) (bool, error) {
	keyID, err := a.id(ctx)
	if err != nil {
		return false, err
	}
	var counted int
	err = a.pool.QueryRow(ctx, `select count(*) from (select 1 from cbc_audit_archived where ledger = $1 and happened >= $2 and happened < $3 limit $4) as e`,
		keyID, nanos(r.From), nanos(r.To), n).Scan(&counted)
	return counted >= n, failed(err)
}
