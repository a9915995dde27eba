package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Grouping asks for the groups of archived events.
type Grouping struct {
	Filter  auditlog.Filter // without a Lucene query
	Range   auditlog.TimeRange
	Keys    []auditlog.Key
	Catalog string // fingerprint of the catalog that the classes must have been made by
	// Edges are where the buckets of time begin, in milliseconds, ascending; none means no buckets. Events before the first edge belong
	// to the first bucket.
	Edges []int64
}

// Grouped is the events of one group, and of one bucket.
type Grouped struct {
	Values      []string
	Class       auditlog.Class // if the keys or the filter need one
	Bucket      int
	Count       int64
	First, Last time.Time
}

// ErrTooManyGroups is returned for more than MaxGrouped groups.
var ErrTooManyGroups = errors.New("the archive holds too many groups")

// MaxGrouped bounds the groups, times buckets, that the database returns.
const MaxGrouped = 100_000

// CanGroup reports whether the database can answer a grouping.
func CanGroup(f auditlog.Filter, keys []auditlog.Key) bool {
	if f.Query != "" || !f.Structured() {
		return false
	}
	var w where
	if !w.addTerms(f.Criteria, "") || !w.addTerms(f.Exclusions, "not ") {
		return false
	}
	return !slices.ContainsFunc(keys, func(k auditlog.Key) bool { return !k.FixedByClass() && archivedColumn(k) == "" })
}

// Group returns the groups of the archived part of a time range, and that part. Equal groups may be returned more than once. Events that
// the database cannot hold in columns are passed to single.
func (a *Archive) Group(ctx context.Context, g Grouping, take func(Grouped), single func(*auditlog.Event)) (held []auditlog.TimeRange, err error) {
	keyID, err := a.id(ctx)
	if err != nil {
		return nil, err
	}
	// One snapshot: what is classified anew meanwhile does not mix.
	err = pgx.BeginTxFunc(ctx, a.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		state, _, err := readArchiveRow(ctx, tx, keyID, "")
		if err != nil {
			return err
		}
		held = Within(state.Covered, g.Range)
		if g.needsClass() {
			held = nil
			if state.Catalog == g.Catalog {
				held = Within(state.Classified, g.Range)
			}
		}
		classes, err := classesOf(ctx, tx)
		if err != nil {
			return err
		}
		loose, err := groupBlocks(ctx, tx, keyID, &g, state.Blocks, held, classes, take, single)
		if err != nil {
			return err
		}
		for _, part := range loose {
			if err := a.groupPart(ctx, tx, keyID, g, part, classes, take, single); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, ErrTooManyGroups) {
		return nil, err
	}
	return held, failed(err)
}

func (g *Grouping) needsClass() bool {
	return g.Filter.NeedsClass() || slices.ContainsFunc(g.Keys, auditlog.Key.FixedByClass)
}

func (a *Archive) groupPart(ctx context.Context, tx pgx.Tx, keyID int32, g Grouping, part auditlog.TimeRange, classes map[int32]auditlog.Class,
	take func(Grouped), single func(*auditlog.Event),
) error {
	rows, err := tx.Query(ctx, selectEvents+"exact is not null and ledger = $1 and happened >= $2 and happened < $3", keyID, nanos(part.From), nanos(part.To))
	if err != nil {
		return err
	}
	exact, err := a.events(rows)
	if err != nil {
		return err
	}
	for _, e := range exact {
		single(e)
	}
	w := where{conditions: []string{"exact is null"}}
	w.addTerms(g.Filter.Criteria, "")
	w.addTerms(g.Filter.Exclusions, "not ")
	w.addClasses(g.Filter, classes)
	sql, args := g.groupBy(keyID, w, g.bounds(part))
	if rows, err = tx.Query(ctx, sql, args...); err != nil {
		return err
	}
	return g.scan(rows, classes, take)
}

// bucketBounds are the bounds of buckets in a part of the time range, in nanoseconds.
type bucketBounds struct {
	numbers  []int32
	from, to []int64
}

func (g *Grouping) bounds(part auditlog.TimeRange) bucketBounds {
	var b bucketBounds
	edges := append([]int64{math.MinInt64}, g.Edges[min(1, len(g.Edges)):]...)
	for i, edge := range append(edges[1:], math.MaxInt64) {
		if lower, upper := max(edges[i], part.From), min(edge, part.To); lower < upper {
			b.numbers, b.from, b.to = append(b.numbers, int32(i)), append(b.from, nanos(lower)), append(b.to, nanos(upper))
		}
	}
	return b
}

// groupBy builds the query that groups by columns and the number of the class. Buckets are a range of the index each.
func (g *Grouping) groupBy(keyID int32, w where, b bucketBounds) (sql string, args []any) {
	var columns []string
	for _, key := range g.Keys {
		if column := archivedColumn(key); column != "" {
			columns = append(columns, column+"::text")
		}
	}
	if g.needsClass() {
		columns = append(columns, "class")
	}
	by := make([]string, len(columns))
	for i := range columns {
		by[i] = strconv.Itoa(i + 1)
	}
	grouped := "select " + strings.Join(append(columns, "count(*)", "coalesce(min(happened), 0)", "coalesce(max(happened), 0)"), ", ") + " from cbc_audit_archived where "
	buckets := ""
	if len(b.numbers) == 1 { // several processes of the database can share it
		buckets = fmt.Sprintf("(values (%d)) as bucket (number)", b.numbers[0])
		w.add("ledger = ? and happened >= ? and happened < ?", keyID, b.from[0], b.to[0])
	} else {
		w.add("ledger = ? and happened >= bucket.lower and happened < bucket.upper", keyID)
		n := len(w.args)
		w.args = append(w.args, b.numbers, b.from, b.to)
		buckets = fmt.Sprintf("unnest($%d::integer[], $%d::bigint[], $%d::bigint[]) as bucket (number, lower, upper)", n+1, n+2, n+3)
	}
	grouped += w.sql()
	if len(by) > 0 {
		grouped += " group by " + strings.Join(by, ", ")
	}
	return fmt.Sprintf("select bucket.number, grouped.* from %s, lateral (%s) as grouped limit %d", buckets, grouped, MaxGrouped+1), w.args
}

// scan passes rows of groupBy on.
func (g *Grouping) scan(rows pgx.Rows, classes map[int32]auditlog.Class, take func(Grouped)) error {
	var out Grouped
	var bucket, class int32
	var first, last int64
	texts, targets := make([]string, len(g.Keys)), []any{&bucket}
	for i, key := range g.Keys {
		if archivedColumn(key) != "" {
			targets = append(targets, &texts[i])
		}
	}
	if g.needsClass() {
		targets = append(targets, &class)
	}
	n := 0
	_, err := pgx.ForEachRow(rows, append(targets, &out.Count, &first, &last), func() error {
		if n++; n > MaxGrouped {
			return ErrTooManyGroups
		}
		if out.Count == 0 { // without keys there is one row, here of no event
			return nil
		}
		out.Bucket, out.Class = int(bucket), classes[class]
		out.Values = make([]string, len(g.Keys))
		for i, key := range g.Keys {
			if out.Values[i] = texts[i]; key.FixedByClass() {
				out.Values[i] = key.Value(&auditlog.Event{}, out.Class)
			}
		}
		out.First, out.Last = time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
		take(out)
		return nil
	})
	return err
}
