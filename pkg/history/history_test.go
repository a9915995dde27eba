package history

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

var origin = time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)

// inProcess sends a client's requests to a handler without a network.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	t.handler.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// world is a simulated cloud with a clock that is turned by hand, and a History on it.
type world struct {
	sim     *simulator.Server
	history *History
	mu      sync.Mutex
	clock   time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func newWorld(t require.TestingT, start time.Time, events []simulator.Event, sw simulator.Switches, c Config) *world {
	w := &world{clock: start}
	w.sim = simulator.New(simulator.Config{Now: w.now, Events: append([]simulator.Event{}, events...), Switches: sw})
	key := w.sim.Keys()[0]
	client, err := cbc.New(cbc.Config{URL: "https://cbc.test", OrgKey: w.sim.OrgKey(), APIID: key.APIID, APISecret: key.APISecret},
		&http.Client{Transport: inProcess{w.sim}})
	require.NoError(t, err)
	c.Searcher, c.Now, c.Reach = client, w.now, sw.Reach
	w.history = New(c)
	return w
}

// ask reads a window and returns what passes the filter, ascending.
func (w *world) ask(t require.TestingT, f auditlog.Filter, window auditlog.TimeRange, order cbc.Order, all bool) ([]auditlog.Event, Coverage, Cost) {
	var cost Cost
	var got []auditlog.Event
	matcher := f.Local()
	coverage, err := w.history.Scan(context.Background(), Question{Filter: f.Cloud(), Range: window, Order: order, MaxEvents: 1 << 30}, &cost, func(b Batch) bool {
		for e := range b {
			if matcher.Match(e, auditlog.Class{}) {
				got = append(got, *e)
			}
		}
		return true
	})
	require.NoError(t, err)
	require.Equal(t, window, coverage.Covered)
	sorted := slices.IsSortedFunc(got, func(a, b auditlog.Event) int { return a.CreateTime.Compare(b.CreateTime) })
	if order == cbc.NewestFirst {
		slices.Reverse(got)
		sorted = slices.IsSortedFunc(got, func(a, b auditlog.Event) int { return a.CreateTime.Compare(b.CreateTime) })
	}
	require.True(t, sorted, "the order of the question")
	return got, coverage, cost
}

// truth is what passes the filter in the window among the events that could be seen at a time.
func (w *world) truth(f auditlog.Filter, window auditlog.TimeRange, at time.Time) []string {
	var out []string
	matcher := f.Local()
	for _, s := range w.sim.Events() {
		e := auditlog.Event{CreateTime: s.CreateTime, OrgKey: s.OrgKey, Actor: s.Actor, Description: s.Description}
		arrives := s.Arrives
		if arrives.IsZero() {
			arrives = s.CreateTime
		}
		if window.Contains(e.CreateTime) && !arrives.After(at) && matcher.Match(&e, auditlog.Class{}) {
			out = append(out, e.ID().String())
		}
	}
	return out
}

func ids(events []auditlog.Event) []string {
	out := make([]string, len(events))
	for i := range events {
		out[i] = events[i].ID().String()
	}
	return out
}

// less takes the elements of b out of a, as multisets.
func less(a, b []string) []string {
	left := slices.Clone(a)
	for _, s := range b {
		if i := slices.Index(left, s); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return left
}

// Whatever is asked in whatever order while events keep arriving, some of them late: an answer holds everything that could be
// seen when its end was last looked at, once, and nothing else.
func TestTheCacheNeverLies(t *testing.T) {
	const settle = 5 * time.Second
	rapid.Check(t, func(t *rapid.T) {
		var events []simulator.Event
		for range rapid.IntRange(0, 120).Draw(t, "events") {
			at := origin.Add(time.Duration(rapid.IntRange(0, 60_000).Draw(t, "at")) * time.Millisecond)
			if rapid.Bool().Draw(t, "burst") {
				at = at.Truncate(10 * time.Second)
			}
			late := time.Duration(rapid.IntRange(0, int(settle/time.Millisecond)-1).Draw(t, "late")) * time.Millisecond
			events = append(events, simulator.Event{CreateTime: at, Arrives: at.Add(late), Actor: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "actor"), Description: "Login failed"})
		}
		fresh := rapid.SampledFrom([]time.Duration{0, 2 * time.Second}).Draw(t, "fresh")
		w := newWorld(t, origin.Add(20*time.Second), events,
			simulator.Switches{Reach: 130, MaxRows: 130, ShortPages: rapid.SampledFrom([]int{0, 90}).Draw(t, "shortPages"), ExclusiveStart: rapid.Bool().Draw(t, "xs"), ExclusiveEnd: rapid.Bool().Draw(t, "xe")},
			Config{Settle: settle, Fresh: fresh, CacheBytes: rapid.SampledFrom([]int64{1 << 20, 9000}).Draw(t, "cache")})
		for range rapid.IntRange(1, 12).Draw(t, "questions") {
			w.wait(time.Duration(rapid.IntRange(0, 4000).Draw(t, "wait")) * time.Millisecond)
			now := w.now()
			to := now.UnixMilli()
			if rapid.Bool().Draw(t, "past") {
				to -= int64(rapid.IntRange(0, 15_000).Draw(t, "ago"))
			}
			window := auditlog.TimeRange{From: to - int64(rapid.IntRange(1, 30_000).Draw(t, "span")), To: to}
			filter := auditlog.Filter{}
			if rapid.Bool().Draw(t, "filtered") {
				filter.Criteria = auditlog.Terms{auditlog.KeyActor: {rapid.SampledFrom([]string{"", "a"}).Draw(t, "wanted")}}
			} else if rapid.Bool().Draw(t, "lucene") {
				filter.Query = "description:login"
			}
			order := rapid.SampledFrom([]cbc.Order{cbc.NewestFirst, cbc.OldestFirst}).Draw(t, "order")
			events, _, _ := w.ask(t, filter, window, order, rapid.Bool().Draw(t, "all"))
			got := ids(events)
			require.Empty(t, less(got, w.truth(filter, window, now)), "nothing that is not there, nothing twice")
			require.Empty(t, less(w.truth(filter, window, now.Add(-fresh)), got), "nothing missing")
		}
	})
}

func manyEvents(n int, span time.Duration) []simulator.Event {
	events := make([]simulator.Event, n)
	for i := range events {
		events[i] = simulator.Event{CreateTime: origin.Add(span * time.Duration(i) / time.Duration(n)).Truncate(time.Millisecond), Actor: string(rune('a' + i%3)), Description: "Logged in successfully"}
	}
	return events
}

func day(start time.Time) auditlog.TimeRange {
	return auditlog.NewTimeRange(start.Add(-24*time.Hour), start)
}

// What fits a page is asked for once, whatever the filters of the panels are, and again only for its end.
func TestPanelsShareOneRequest(t *testing.T) {
	w := newWorld(t, origin.Add(24*time.Hour), manyEvents(900, 24*time.Hour), simulator.Switches{Reach: 1000, MaxRows: 1000}, Config{Settle: time.Minute, Fresh: 5 * time.Second})
	w.wait(5 * time.Second)
	filters := []auditlog.Filter{{}, {Criteria: auditlog.Terms{auditlog.KeyActor: {"a"}}}, {Exclusions: auditlog.Terms{auditlog.KeyActor: {"b", "c"}}}, {Criteria: auditlog.Terms{auditlog.KeyFlagged: {"false"}}}}
	var group sync.WaitGroup
	for viewer := range 5 {
		at := w.now().Add(time.Duration(2-viewer) * 700 * time.Millisecond) // their clocks differ, and so do the moments they come
		for _, f := range filters {
			group.Go(func() { w.ask(t, f, day(at), cbc.NewestFirst, false) })
		}
	}
	group.Wait()
	require.Len(t, w.sim.Requests(), 1, "a cold board of any number of panels and viewers")

	for range 3 {
		w.wait(30 * time.Second)
		w.sim.ResetRequests()
		for _, f := range filters {
			got, coverage, _ := w.ask(t, f, day(w.now()), cbc.NewestFirst, false)
			require.Equal(t, w.truth(f, day(w.now()), w.now()), ids(got))
			require.Greater(t, coverage.FromCache, 800)
		}
		require.Len(t, w.sim.Requests(), 1, "a warm refresh")
		require.Less(t, w.sim.Requests()[0].Rows, 10, "of the unsettled end alone")
	}
}

// Where a page is not enough, filters are sent, and the unfiltered window is not asked for again and again.
func TestRangesThatExceedAPage(t *testing.T) {
	w := newWorld(t, origin.Add(24*time.Hour), manyEvents(3000, 24*time.Hour), simulator.Switches{Reach: 1000, MaxRows: 1000}, Config{Settle: time.Minute, Fresh: 5 * time.Second})
	for i, actor := range []string{"a", "b", "c"} {
		f := auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: {actor}}}
		w.sim.ResetRequests()
		got, _, cost := w.ask(t, f, day(w.now()), cbc.NewestFirst, false)
		require.Len(t, got, 1000)
		require.LessOrEqual(t, cost.Calls, 3)
		require.Len(t, w.sim.Requests(), cost.Calls)
		if i > 0 {
			require.LessOrEqual(t, cost.Calls, 2)
		}
	}
}

// Reading n events takes hardly more requests than they fill pages, one at a time or in parallel.
func TestReadingManyEvents(t *testing.T) {
	for _, n := range []int{999, 1000, 5_500, 40_000} {
		w := newWorld(t, origin.Add(24*time.Hour), manyEvents(n, 24*time.Hour), simulator.Switches{Reach: 1000, MaxRows: 1000}, Config{Settle: time.Minute, Fresh: 5 * time.Second})
		for _, order := range []cbc.Order{cbc.NewestFirst, cbc.OldestFirst} {
			w.history = New(w.history.config)
			got, _, cost := w.ask(t, auditlog.Filter{}, day(w.now()), order, false)
			require.Len(t, got, n)
			require.LessOrEqual(t, cost.Calls, 13*((n+999)/1000)/10+2)
		}
		w.history = New(w.history.config)
		var cost Cost
		read := 0
		coverage, err := w.history.Scan(context.Background(), Question{Range: day(w.now()), Order: cbc.NewestFirst, MaxEvents: n}, &cost, func(b Batch) bool {
			read += Len(b)
			return true
		})
		require.NoError(t, err)
		require.True(t, coverage.Complete)
		require.Equal(t, n, read)
		require.LessOrEqual(t, cost.Calls, 13*((n+999)/1000)/10+2)
	}
}

// A window that cannot be asked for now is answered with what it was, and says so.
func TestStaleAnswers(t *testing.T) {
	w := newWorld(t, origin.Add(24*time.Hour), manyEvents(100, 24*time.Hour), simulator.Switches{Reach: 1000, MaxRows: 1000}, Config{Settle: time.Minute, Fresh: 5 * time.Second})
	_, coverage, _ := w.ask(t, auditlog.Filter{}, day(w.now()), cbc.NewestFirst, false)
	require.Zero(t, coverage.StaleSince)
	asked := w.now()
	w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "status", Status: 503, Next: 100}}})
	for _, order := range []cbc.Order{cbc.NewestFirst, cbc.OldestFirst} {
		w.wait(20 * time.Second)
		got, coverage, _ := w.ask(t, auditlog.Filter{}, day(w.now()), order, false)
		require.Len(t, got, 99, "the window has moved on beyond the first event")
		require.Equal(t, asked, coverage.StaleSince)
		require.ErrorContains(t, coverage.Failure, "503")
	}
	_, err := w.history.Scan(context.Background(), Question{Range: day(origin), Order: cbc.NewestFirst, MaxEvents: 10}, &Cost{}, func(Batch) bool { return true })
	require.ErrorContains(t, err, "503", "what was never read is an error")
}

// Numbers are verified where they may be capped, kept where they cannot change, and asked for once by everybody.
func TestCount(t *testing.T) {
	w := newWorld(t, origin.Add(24*time.Hour), manyEvents(3000, 24*time.Hour), simulator.Switches{Reach: 1000, MaxRows: 1000, CapNumFound: true}, Config{Settle: time.Minute, Fresh: 5 * time.Second})
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			n, err := w.history.Count(context.Background(), auditlog.Filter{}, day(w.now()), &Cost{})
			require.NoError(t, err)
			require.Equal(t, 3000, n)
		})
	}
	group.Wait()
	asked := len(w.sim.Requests())
	require.LessOrEqual(t, asked, 12, "windows split at round instants, and the check of the bounds")
	_, err := w.history.Count(context.Background(), auditlog.Filter{}, day(w.now()), &Cost{})
	require.NoError(t, err)
	require.Len(t, w.sim.Requests(), asked)
}

func TestSplitAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int64Range(-1<<50, 1<<50).Draw(t, "from")
		w := auditlog.TimeRange{From: from, To: from + rapid.Int64Range(2, 1<<45).Draw(t, "length")}
		at := splitAt(w)
		require.Greater(t, at, w.From)
		require.Less(t, at, w.To)
	})
}

// A range that moves on finds the numbers of its settled parts known.
func TestCappedCountsOfAMovingRange(t *testing.T) {
	w := newWorld(t, origin.Add(24*time.Hour), manyEvents(30_000, 24*time.Hour), simulator.Switches{Reach: 1000, MaxRows: 1000, CapNumFound: true}, Config{Settle: time.Minute, Fresh: 5 * time.Second})
	var calls []int
	for range 3 {
		var cost Cost
		n, err := w.history.Count(context.Background(), auditlog.Filter{}, day(w.now()), &cost)
		require.NoError(t, err)
		require.Equal(t, len(w.truth(auditlog.Filter{}, day(w.now()), w.now())), n)
		calls = append(calls, cost.Calls)
		w.wait(30 * time.Second)
	}
	require.LessOrEqual(t, calls[1], calls[0]/3)
	require.LessOrEqual(t, calls[2], calls[0]/3)
}

// What is kept costs about what it is said to cost, however little each question finds.
func TestTheCacheIsBounded(t *testing.T) {
	w := newWorld(t, origin.Add(24*time.Hour), manyEvents(1000, 24*time.Hour), simulator.Switches{}, Config{Settle: time.Minute, Fresh: 5 * time.Second})
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range 300 {
		var cost Cost
		_, err := w.history.Scan(context.Background(), Question{Filter: auditlog.Filter{Query: fmt.Sprintf("description:logged AND NOT actor:x%d", i)},
			Range: auditlog.NewTimeRange(w.now().Add(-24*time.Hour), w.now().Add(-23*time.Hour)), Order: cbc.NewestFirst, MaxEvents: 1000}, &cost, func(Batch) bool { return true })
		require.NoError(t, err)
	}
	w.sim.ResetRequests()
	grown := heap() - before
	require.Less(t, grown, 4*w.history.Status().Bytes+(8<<20))
	runtime.KeepAlive(w)
}

func TestGuard(t *testing.T) {
	require.NoError(t, Guard(func() error { return nil }))
	require.ErrorIs(t, Guard(func() error { return ErrStuck }), ErrStuck)
	require.ErrorContains(t, Guard(func() error { panic("boom") }), "boom")
}
