package history_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

const base = int64(1_700_000_000_000)

// drawServer draws a server with events in few milliseconds and seconds, and a reach that the fullest millisecond fits.
func drawServer(t *rapid.T) (*damaged, int) {
	server := &damaged{}
	fullest := map[int64]int{}
	reach := 3
	for i := range rapid.IntRange(0, 60).Draw(t, "events") {
		at := base + rapid.Int64Range(0, 12).Draw(t, "at")*rapid.SampledFrom([]int64{1, 700}).Draw(t, "unit")
		server.records = append(server.records, record{at: at, actor: fmt.Sprint("user", i%3)})
		fullest[at]++
		reach = max(reach, 2*fullest[at]+1)
	}
	slices.SortStableFunc(server.records, func(a, b record) int { return int(a.at - b.at) })
	return server, reach
}

// count returns how many events a server has of a time range.
func (d *damaged) count(r auditlog.TimeRange) (n int) {
	for _, have := range d.records {
		if have.at >= r.From && have.at < r.To {
			n++
		}
	}
	return n
}

// Whatever limits a question has and wherever the caller stops: what is covered was returned completely, nothing was returned twice,
// and the numbers of the coverage agree with it.
func TestCoverageIsWhatWasReturned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		server, reach := drawServer(t)
		h := history.New(history.Config{Searcher: server, Reach: reach})
		from := base + rapid.Int64Range(-5, 9000).Draw(t, "from")
		whole := auditlog.TimeRange{From: from, To: from + rapid.Int64Range(1, 9000).Draw(t, "length")}
		for range rapid.IntRange(1, 3).Draw(t, "questions") {
			q := history.Question{
				Range:     whole,
				Order:     rapid.SampledFrom([]cbc.Order{cbc.NewestFirst, cbc.OldestFirst}).Draw(t, "order"),
				Mode:      rapid.SampledFrom([]history.Mode{history.Shared, history.SkipSharedPage, history.ServerFiltered, history.CacheOnly}).Draw(t, "mode"),
				MaxEvents: rapid.SampledFrom([]int{1, 7, 1000}).Draw(t, "max events"),
				MaxPages:  rapid.IntRange(0, 2).Draw(t, "max pages"),
			}
			stopAfter := rapid.IntRange(1, 5).Draw(t, "stop after")
			var coverage history.Coverage
			var cost history.Cost
			var times []int64
			batches := 0
			for batch, err := range h.Read(context.Background(), q, &coverage, &cost) {
				require.NoError(t, err)
				for e := range batch {
					times = append(times, e.CreateTime.UnixMilli())
				}
				if batches++; batches == stopAfter {
					break
				}
			}
			require.Len(t, times, coverage.Read)
			require.LessOrEqual(t, coverage.Read, q.MaxEvents)
			require.LessOrEqual(t, coverage.FromCache, coverage.Read)
			require.Equal(t, coverage.Covered == whole, coverage.Complete)
			inside := 0
			for i, ms := range times {
				require.True(t, ms >= whole.From && ms < whole.To)
				if i > 0 && q.Order == cbc.OldestFirst {
					require.GreaterOrEqual(t, ms, times[i-1])
				} else if i > 0 {
					require.LessOrEqual(t, ms, times[i-1])
				}
				if ms >= coverage.Covered.From && ms < coverage.Covered.To {
					inside++
				}
			}
			require.Equal(t, server.count(coverage.Covered), inside)
			if q.Mode == history.CacheOnly {
				require.Zero(t, cost.Calls)
			}
			require.Equal(t, len(cost.Sent), cost.Calls)
		}
	})
}

// Counting by parts agrees with brute force, whether the server caps its counts or not.
func TestCountAgreesWithBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		server, reach := drawServer(t)
		searcher := history.Searcher(server)
		if rapid.Bool().Draw(t, "capped") {
			searcher = capped{server, reach}
		}
		h := history.New(history.Config{Searcher: searcher, Reach: reach, Fresh: time.Second})
		for range rapid.IntRange(1, 4).Draw(t, "counts") {
			from := base + rapid.Int64Range(-5, 9000).Draw(t, "from")
			r := auditlog.TimeRange{From: from, To: from + rapid.Int64Range(1, 9000).Draw(t, "length")}
			n, err := h.Count(context.Background(), auditlog.Filter{}, r, &history.Cost{})
			require.NoError(t, err)
			require.Equal(t, server.count(r), n)
		}
	})
}

// capped is a server that counts no further than a search reaches.
type capped struct {
	*damaged
	reach int
}

func (c capped) Search(ctx context.Context, r cbc.SearchRequest) (cbc.Page, error) {
	page, err := c.damaged.Search(ctx, r)
	page.Found = min(page.Found, c.reach)
	return page, err
}

// gate is a server that answers when it is told to.
type gate struct {
	*damaged
	mu       sync.Mutex
	requests int
	started  chan struct{}
	answers  chan error
}

func (g *gate) Search(ctx context.Context, r cbc.SearchRequest) (cbc.Page, error) {
	g.mu.Lock()
	g.requests++
	g.mu.Unlock()
	g.started <- struct{}{}
	if err := <-g.answers; err != nil {
		return cbc.Page{Tries: 1}, err
	}
	return g.damaged.Search(ctx, r)
}

// Callers that wait for another's request share its answer, and its error.
func TestConcurrentReadsShareARequest(t *testing.T) {
	for name, failure := range map[string]error{"answer": nil, "error": &cbc.Error{Kind: cbc.KindServer, Status: 500}} {
		t.Run(name, func(t *testing.T) {
			g := &gate{damaged: &damaged{records: []record{{at: base, actor: "a"}}}, started: make(chan struct{}, 10), answers: make(chan error, 10)}
			h := history.New(history.Config{Searcher: g, Settle: time.Minute, Now: func() time.Time { return time.UnixMilli(base + 3_600_000) }})
			read := func(ctx context.Context) (n int, failed error) {
				question := history.Question{Range: auditlog.TimeRange{From: base - 1000, To: base + 1000}, Order: cbc.NewestFirst, MaxEvents: 10}
				for batch, err := range h.Read(ctx, question, &history.Coverage{}, &history.Cost{}) {
					if err != nil {
						return n, err
					}
					for range batch {
						n++
					}
				}
				return n, nil
			}
			var group sync.WaitGroup
			group.Go(func() {
				_, err := read(context.Background())
				require.ErrorIs(t, err, failure)
			})
			<-g.started
			canceled, cancel := context.WithCancel(context.Background())
			cancel()
			_, err := read(canceled)
			require.True(t, errors.Is(err, context.Canceled), "whoever no longer waits leaves")
			g.answers <- failure
			group.Wait()
			g.answers <- nil // for a further request after the error
			n, err := read(context.Background())
			require.NoError(t, err)
			require.Equal(t, 1, n)
			if failure == nil {
				require.Equal(t, 1, g.requests, "settled events are requested once")
			}
		})
	}
}
