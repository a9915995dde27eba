package history_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

// record is what a server has, which may be nothing that can be read.
type record struct {
	at    int64 // by which the server finds and sorts it
	actor string
	bad   bool
	timed bool // the time of a bad one can be read
}

// damaged is a server with bad records among its events.
type damaged struct {
	records []record // oldest first
}

func (d *damaged) Search(_ context.Context, r cbc.SearchRequest) (cbc.Page, error) {
	var found []record
	for _, have := range d.records {
		t := time.UnixMilli(have.at)
		if !t.Before(r.Start) && !t.After(r.End) && (len(r.Filter.Criteria) == 0 || slices.Contains(r.Filter.Criteria[auditlog.KeyActor], have.actor)) {
			found = append(found, have)
		}
	}
	if r.Order == cbc.NewestFirst {
		slices.Reverse(found)
	}
	page := cbc.Page{Found: len(found), Digits: 3, Tries: 1}
	for _, have := range found[min(r.Offset, len(found)):min(r.Offset+r.Rows, len(found))] {
		at := time.UnixMilli(have.at).UTC()
		switch {
		case !have.bad:
			page.Events = append(page.Events, auditlog.Event{CreateTime: at, Actor: have.actor, Description: fmt.Sprint(have.at)})
		case have.timed:
			page.Bad = append(page.Bad, cbc.BadRecord{Raw: have.actor, Time: at, Reason: "broken"})
		default:
			page.Bad = append(page.Bad, cbc.BadRecord{Raw: have.actor, Reason: "broken"})
		}
	}
	return page, nil
}

// Bad records cost themselves only: every event of a time range is visited once, at the first time and again, and whoever asks is told
// of them.
func TestBadRecordsCostThemselvesOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		server := &damaged{}
		base := int64(1_700_000_000_000)
		for i := range rapid.IntRange(0, 40).Draw(t, "records") {
			r := record{at: base + rapid.Int64Range(0, 30).Draw(t, "at")*rapid.SampledFrom([]int64{1, 1000}).Draw(t, "unit"), actor: fmt.Sprint(i)}
			r.bad = rapid.IntRange(0, 3).Draw(t, "bad") == 0
			r.timed = rapid.Bool().Draw(t, "timed")
			server.records = append(server.records, r)
		}
		slices.SortStableFunc(server.records, func(a, b record) int { return int(a.at - b.at) })
		window := auditlog.TimeRange{From: base + rapid.Int64Range(-5, 10_000).Draw(t, "from"), To: base + rapid.Int64Range(10_001, 40_000).Draw(t, "to")}
		order := rapid.SampledFrom([]cbc.Order{cbc.NewestFirst, cbc.OldestFirst}).Draw(t, "order")
		h := history.New(history.Config{Searcher: server, Reach: rapid.IntRange(45, 60).Draw(t, "reach")})
		want, inside := map[string]int{}, 0
		for _, r := range server.records {
			switch in := window.Contains(time.UnixMilli(r.at)); {
			case in && !r.bad:
				want[r.actor]++
			case in:
				inside++
			}
		}
		for range 2 {
			got := map[string]int{}
			var cost history.Cost
			coverage, err := h.Scan(context.Background(), history.Question{Range: window, Order: order, MaxEvents: math.MaxInt}, &cost, func(b history.Batch) bool {
				for e := range b {
					got[e.Actor]++
				}
				return true
			})
			require.Equal(t, want, got)
			require.True(t, coverage.Complete)
			var bad *cbc.BadRecordsError
			if inside > 0 {
				require.ErrorAs(t, err, &bad)
				require.GreaterOrEqual(t, bad.Count, inside)
			}
			if err != nil {
				require.ErrorAs(t, err, &bad, "nothing but bad records is an error")
			}
			require.LessOrEqual(t, len(cost.Sent), 6)
		}
	})
}

// Pages that bad records fill, or that begin and end with them, are gone through to their end.
func TestPagesFullOfBadRecords(t *testing.T) {
	base := int64(1_700_000_000_000)
	server := &damaged{}
	want := 0
	for i := range 200 {
		bad := i%3 == 0 || i > 50 && i < 90
		server.records = append(server.records, record{at: base + int64(i)*1000, actor: fmt.Sprint(i), bad: bad})
		if !bad {
			want++
		}
	}
	for _, order := range []cbc.Order{cbc.NewestFirst, cbc.OldestFirst} {
		h := history.New(history.Config{Searcher: server, Reach: 10})
		n := 0
		var cost history.Cost
		question := history.Question{Range: auditlog.TimeRange{From: base, To: base + 200_000}, Order: order, MaxEvents: math.MaxInt}
		coverage, err := h.Scan(context.Background(), question, &cost, func(b history.Batch) bool {
			n += history.Len(b)
			return true
		})
		var bad *cbc.BadRecordsError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, 200-want, bad.Count)
		require.True(t, coverage.Complete)
		require.Equal(t, want, n)
		require.Less(t, cost.Calls, 100)
	}
}

// Carbon Black Cloud decides whether a filter selects a record that cannot be read here.
func TestBadRecordOutsideTheFilter(t *testing.T) {
	base := int64(1_700_000_000_000)
	server := &damaged{records: []record{{at: base, actor: "a"}, {at: base + 1000, actor: "b", bad: true}, {at: base + 2000, actor: "a"}}}
	ask := func(actor string) (n int, err error) {
		h := history.New(history.Config{Searcher: server})
		filter := auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: {actor}}}
		var cost history.Cost
		_, err = h.Scan(context.Background(), history.Question{Filter: filter, Range: auditlog.TimeRange{From: base, To: base + 10_000}, MaxEvents: 100}, &cost, func(b history.Batch) bool {
			n += history.Len(b)
			return true
		})
		return n, err
	}
	n, err := ask("a")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	n, err = ask("b")
	var bad *cbc.BadRecordsError
	require.True(t, errors.As(err, &bad))
	require.Zero(t, n)
}

// inflated is a server that counts more events than it has.
type inflated struct {
	*damaged
	more int
}

func (i inflated) Search(ctx context.Context, r cbc.SearchRequest) (cbc.Page, error) {
	page, err := i.damaged.Search(ctx, r)
	page.Found += i.more
	return page, err
}

// Events that are counted and do not exist are looked for a few times, and not millisecond by millisecond.
func TestWrongCountIsBounded(t *testing.T) {
	base := int64(1_700_000_000_000)
	for _, n := range []int{0, 1, 3, 200} {
		for _, more := range []int{1, 1000, 1_000_000_000_000} {
			for _, order := range []cbc.Order{cbc.NewestFirst, cbc.OldestFirst} {
				server := &damaged{}
				for i := range n {
					server.records = append(server.records, record{at: base + int64(i)*1000 + 137, actor: fmt.Sprint(i)})
				}
				h := history.New(history.Config{Searcher: inflated{server, more}})
				got := 0
				var cost history.Cost
				question := history.Question{Range: auditlog.TimeRange{From: base, To: base + 3_600_000}, Order: order, MaxEvents: math.MaxInt}
				coverage, err := h.Scan(context.Background(), question, &cost, func(b history.Batch) bool {
					got += history.Len(b)
					return true
				})
				require.ErrorIs(t, err, history.ErrWithheld)
				require.False(t, coverage.Complete)
				require.Equal(t, n, got, "what there is comes out")
				require.LessOrEqual(t, cost.Calls, 20)
			}
		}
	}
}
