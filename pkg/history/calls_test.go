package history

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

func fullWorld(t *testing.T, events int) *world {
	return newWorld(t, origin.Add(48*time.Hour), manyEvents(events, 24*time.Hour), simulator.Switches{Reach: 1000, MaxRows: 1000},
		Config{Settle: time.Minute, Fresh: 5 * time.Second})
}

// A question without terms is the unfiltered one, however its filter says so: its pages are not asked for twice.
func TestNoTermsAreNoFilter(t *testing.T) {
	for _, f := range []auditlog.Filter{{}, {Criteria: auditlog.Terms{}, Exclusions: auditlog.Terms{}}} {
		w := fullWorld(t, 1500)
		got, _, cost := w.ask(t, f, day(origin.Add(24*time.Hour)), cbc.NewestFirst, false)
		require.Len(t, got, 1500)
		require.Equal(t, 2, cost.Calls)
	}
}

// Looking whether a page is enough is not done again where it is known that it is not.
func TestFirstPageIsNotReadAgain(t *testing.T) {
	w := fullWorld(t, 5000)
	for _, calls := range []int{1, 0} {
		var cost Cost
		coverage, err := w.history.Scan(context.Background(), Question{Range: day(origin.Add(24 * time.Hour)), Order: cbc.NewestFirst, MaxEvents: 5000, MaxPages: 1}, &cost,
			func(Batch) bool { return true })
		require.NoError(t, err)
		require.False(t, coverage.Complete)
		require.Equal(t, calls, cost.Calls)
	}
}

// odd is a server that contradicts itself.
type odd struct {
	calls  int
	cancel context.CancelFunc
	answer func(r cbc.SearchRequest) cbc.Page
}

func (o *odd) Search(ctx context.Context, r cbc.SearchRequest) (cbc.Page, error) {
	if o.calls++; o.calls >= 5000 {
		o.cancel()
	}
	if ctx.Err() != nil {
		return cbc.Page{}, ctx.Err()
	}
	return o.answer(r), nil
}

func (o *odd) rows(r cbc.SearchRequest, n int, at func(i int) time.Time) (events []auditlog.Event) {
	for i := range min(n, r.Rows) {
		events = append(events, auditlog.Event{CreateTime: at(i), Actor: fmt.Sprint(i)})
	}
	return events
}

// No answer of a server leads to requests without end.
func TestRequestsAreBoundedWhateverTheServerSays(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var o *odd
	for name, answer := range map[string]func(r cbc.SearchRequest) cbc.Page{
		"unsorted, of another day": func(r cbc.SearchRequest) cbc.Page {
			return cbc.Page{Found: 3, Events: o.rows(r, 2, func(i int) time.Time { return now.Add(time.Duration(i) * time.Hour) }), Digits: 3}
		},
		"one bad record of many": func(cbc.SearchRequest) cbc.Page {
			return cbc.Page{Found: 9000, Bad: []cbc.BadRecord{{Reason: "x"}}}
		},
		"one good record of many": func(r cbc.SearchRequest) cbc.Page {
			return cbc.Page{Found: 9000, Events: o.rows(r, 1, func(int) time.Time { return r.End.Add(-time.Second) }), Digits: 3}
		},
		"one second at a time": func(r cbc.SearchRequest) cbc.Page {
			return cbc.Page{Found: 9000, Events: o.rows(r, 1, func(int) time.Time { return r.End.Add(-1100 * time.Millisecond) }), Digits: 3}
		},
		"capped everywhere but in a millisecond": func(r cbc.SearchRequest) cbc.Page {
			if r.End.Sub(r.Start) <= 2*time.Millisecond {
				return cbc.Page{Found: 1}
			}
			return cbc.Page{Found: 10_000, Events: o.rows(r, 1, func(int) time.Time { return r.End.Add(-time.Millisecond) }), Digits: 3}
		},
		"capped and full, same time": func(r cbc.SearchRequest) cbc.Page {
			return cbc.Page{Found: 10_000, Events: o.rows(r, 10_000, func(int) time.Time { return r.End.Add(-time.Millisecond) }), Digits: 3}
		},
		"whole seconds only": func(r cbc.SearchRequest) cbc.Page {
			return cbc.Page{Found: 9000, Events: o.rows(r, 1, func(int) time.Time { return r.End.Add(-time.Second).Truncate(time.Second) })}
		},
	} {
		for _, what := range []string{"read", "count"} {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			o = &odd{cancel: cancel, answer: answer}
			h := New(Config{Searcher: o, Now: func() time.Time { return now.Add(24 * time.Hour) }, Settle: time.Minute})
			r := auditlog.NewTimeRange(now.Add(-24*time.Hour), now)
			var err error
			n := 0
			if what == "count" {
				n, err = h.Count(ctx, auditlog.Filter{}, r, &Cost{})
			} else {
				_, err = h.Scan(ctx, Question{Range: r, Order: cbc.NewestFirst, MaxEvents: 100_000}, &Cost{}, func(b Batch) bool {
					for range b {
						n++
					}
					return true
				})
			}
			require.LessOrEqual(t, o.calls, maxCountRequests, "%s %s: %d, %v", what, name, n, err)
			cancel()
		}
	}
}
