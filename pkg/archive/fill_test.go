package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/store"
)

func TestMain(m *testing.M) { pgtest.VerifyTestMain(m) }

// cloud answers searches from a list of events, a page of at most reach of them.
type cloud struct {
	mu     sync.Mutex
	events []auditlog.Event
	bad    []cbc.BadRecord
	reach  int
	calls  int
	before func(call int) error // may fail a call, or change the events
	short  func(call int) bool  // whether a page lacks one of the events that were found

	rejects atomic.Bool // the credential
}

func (c *cloud) Search(_ context.Context, r cbc.SearchRequest) (cbc.Page, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.before != nil {
		if err := c.before(c.calls); err != nil {
			return cbc.Page{Tries: 1}, err
		}
	}
	var found []auditlog.Event
	for _, e := range c.events {
		if !e.CreateTime.Before(r.Start) && !e.CreateTime.After(r.End) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b auditlog.Event) int { return -auditlog.Compare(&a, &b) })
	page := cbc.Page{Found: len(found), Events: found[:min(len(found), r.Rows)], Digits: 3, Tries: 1}
	if n := len(page.Events); n > 0 && c.short != nil && c.short(c.calls) {
		page.Events = page.Events[:n-1]
	}
	for _, b := range c.bad {
		if b.Time.IsZero() || !b.Time.Before(r.Start) && !b.Time.After(r.End) {
			page.Bad = append(page.Bad, b)
			page.Found++
		}
	}
	return page, nil
}

func (c *cloud) AcceptedAt() time.Time        { return time.Now() }
func (c *cloud) Verify(context.Context) error { return nil }
func (c *cloud) Rejected() bool               { return c.rejects.Load() }

// logs makes n events in the hours before an end, some of them in the same millisecond.
func logs(end time.Time, n int) []auditlog.Event {
	list := make([]auditlog.Event, n)
	for i := range list {
		list[i] = auditlog.Event{CreateTime: end.Add(-time.Duration(i/3) * 1777 * time.Millisecond), OrgKey: "O", Actor: fmt.Sprint("user", i%5), Description: fmt.Sprint("event ", i)}
	}
	return list
}

// world is an archive that is filled step by step, at any speed of the clock.
type world struct {
	*cloud
	database *pgtest.Database
	name     string
	now      time.Time
	config   Config
}

func newWorld(t testing.TB, database *pgtest.Database, name string, c *cloud) *world {
	w := &world{cloud: c, database: database, name: name, now: time.Now().Truncate(time.Millisecond)}
	w.config = Config{
		Searcher: c, Prover: c, Days: 2, Settle: time.Minute, Calls: 1_000_000, Catalog: "1", Now: func() time.Time { return w.now },
		Class: func(e *auditlog.Event) auditlog.Class { return auditlog.Class{Category: e.Actor} },
	}
	return w
}

// replica returns a filler that has the lease, and its store.
func (w *world) replica(t require.TestingT) (*filler, *store.Archive) {
	a, err := store.NewArchive(w.database.DSN, cbc.APIKey{URL: "https://cbc.test:443", OrgKey: "O", APIID: w.name})
	require.NoError(t, err)
	config := w.config
	config.Store = a
	lease, err := a.Lead(context.Background())
	require.NoError(t, err)
	past := history.New(history.Config{Searcher: w.cloud, Settle: config.Settle, Reach: w.reach, CacheBytes: 1, Now: config.Now})
	return &filler{config: config, past: past, lease: lease, proved: func() error { return nil }}, a
}

// fill takes steps until there is nothing more to fill.
func (f *filler) fillAll(t require.TestingT) {
	for range 10_000 {
		pause, err := f.step(context.Background())
		require.NoError(t, err)
		if pause > 0 {
			return
		}
	}
	require.Fail(t, "filling does not end")
}

// check compares everything that is covered with the events of the cloud.
func (w *world) check(t require.TestingT, a *store.Archive, uncovered int) {
	state, err := a.State(context.Background())
	require.NoError(t, err)
	covered := 0
	for _, r := range state.Covered {
		var want, got []string
		for _, e := range w.events {
			if r.Contains(e.CreateTime) {
				want = append(want, string(e.AppendJSON(nil)))
			}
		}
		require.NoError(t, a.Read(context.Background(), auditlog.Filter{}, r, cbc.OldestFirst, func(events []*auditlog.Event) bool {
			for _, e := range events {
				got = append(got, string(e.AppendJSON(nil)))
			}
			return true
		}))
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got)
		covered += len(got)
	}
	require.Equal(t, len(w.events)-uncovered, covered)
}

func TestFillerReadsEveryEventInAsFewPagesAsAClientWould(t *testing.T) {
	const reach, n = 500, 6_000
	c := &cloud{reach: reach}
	w := newWorld(t, pgtest.New(t), "A", c)
	c.events = logs(w.now.Add(-2*time.Minute), n)
	f, a := w.replica(t)
	defer a.Close()
	f.fillAll(t)
	w.check(t, a, 0)
	require.LessOrEqual(t, c.calls, n/reach*13/10)

	calls := c.calls
	f.fillAll(t)
	require.Equal(t, calls, c.calls, "what is filled is not asked for again")

	// A minute later, the events that have settled are fetched by one call.
	w.now = w.now.Add(2 * time.Minute)
	c.events = append(c.events, logs(w.now.Add(-90*time.Second), 20)...)
	f.config.Settle = time.Second // the database's clock stands still in this test
	f.fillAll(t)
	require.LessOrEqual(t, c.calls, calls+1)
}

// However often fillers are killed, fail and take over, in the end every event is there once.
func TestFillerSurvivesWhateverHappens(t *testing.T) {
	database, n := pgtest.New(t), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		c := &cloud{reach: rapid.IntRange(5, 60).Draw(t, "reach")}
		w := newWorld(nil, database, fmt.Sprint("KEY", n), c)
		c.events = logs(w.now.Add(-2*time.Minute), rapid.IntRange(0, 200).Draw(t, "events"))
		fail := rapid.SliceOfN(rapid.IntRange(1, 30), 0, 5).Draw(t, "failures")
		c.before = func(call int) error {
			if slices.Contains(fail, call) {
				return errors.New("the cloud fails")
			}
			return nil
		}
		for range rapid.IntRange(0, 4).Draw(t, "replicas") {
			f, a := w.replica(t)
			for range rapid.IntRange(0, 6).Draw(t, "steps") {
				_, _ = f.step(context.Background())
			}
			if rapid.Bool().Draw(t, "late") { // it was thought dead, and goes on
				execute(t, database.DSN, `update cbc_audit_archive set leased_until = 1`)
				_, next := w.replica(t)
				next.Close()
				_, err := f.step(context.Background())
				require.ErrorIs(t, err, store.ErrNotLeading)
			}
			execute(t, database.DSN, `update cbc_audit_archive set leased_until = 1`)
			a.Close()
		}
		c.before = nil
		f, a := w.replica(t)
		defer a.Close()
		f.fillAll(t)
		w.check(t, a, 0)
	})
}

func execute(t require.TestingT, dsn, sql string) {
	conn, err := pgx.Connect(context.Background(), dsn)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), sql)
	require.NoError(t, err)
}

// A record that cannot be read costs its millisecond, which searches answer; one without a time costs its page.
func TestFillerLeavesOutWhatCannotBeRead(t *testing.T) {
	database := pgtest.New(t)
	for name, test := range map[string]struct {
		time bool
		hole func(state store.ArchiveState) bool
	}{
		"with a time": {true, func(s store.ArchiveState) bool {
			return len(s.Covered) == 2 && s.Holes[0].Duration() == time.Millisecond
		}},
		"without a time": {false, func(s store.ArchiveState) bool { return len(s.Covered) == 0 && len(s.Holes) == 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			c := &cloud{reach: 1000}
			w := newWorld(t, database, name, c)
			c.events = logs(w.now.Add(-2*time.Minute), 60)
			c.bad = []cbc.BadRecord{{Reason: "broken"}}
			if test.time {
				c.bad[0].Time = w.now.Add(-2*time.Minute - 10*time.Millisecond)
			}
			f, a := w.replica(t)
			defer a.Close()
			f.fillAll(t)
			state, err := a.State(context.Background())
			require.NoError(t, err)
			require.True(t, test.hole(state), "%+v", state)
			calls := c.calls
			f.fillAll(t)
			require.Equal(t, calls, c.calls, "it is not asked for again and again")
		})
	}
}

func TestArchiveStaysEmptyWhereTimesAreWholeSeconds(t *testing.T) {
	c := &cloud{reach: 1000}
	w := newWorld(t, pgtest.New(t), "A", c)
	for i := range 10 {
		c.events = append(c.events, auditlog.Event{CreateTime: w.now.Truncate(time.Second).Add(-time.Duration(i+3) * time.Minute)})
	}
	f, a := w.replica(t)
	defer a.Close()
	f.past = history.New(history.Config{Searcher: coarse{c}, Settle: time.Minute, CacheBytes: 1, Now: w.config.Now})
	_, err := f.step(context.Background())
	require.ErrorIs(t, err, errCoarse)
}

// coarse writes times in whole seconds.
type coarse struct{ *cloud }

func (c coarse) Search(ctx context.Context, r cbc.SearchRequest) (cbc.Page, error) {
	page, err := c.cloud.Search(ctx, r)
	page.Digits = 0
	return page, err
}

// A clock that is ahead, here or in the database, must not settle events too early.
func TestClockAheadSettlesNothingTooEarly(t *testing.T) {
	now := time.UnixMilli(1_000_000_000)
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour} {
		until := settledUntil(now.Add(ahead), now.UnixMilli(), time.Minute)
		require.LessOrEqual(t, until, now.Add(-time.Minute).UnixMilli())
	}
}

// In any five minutes, no more than so many calls are sent.
func TestPaceKeepsTheNumberOfCallsInAnyWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 20).Draw(t, "most")
		var p pace
		now := time.UnixMilli(0)
		var sent []time.Time
		for range rapid.IntRange(1, 100).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "passed")) * time.Second)
			if pause := p.wait(now, most); pause > 0 {
				now = now.Add(pause)
				require.Zero(t, p.wait(now, most), "the wait was long enough")
			}
			p.note(now, 1)
			sent = append(sent, now)
			within := 0
			for _, at := range sent {
				if now.Sub(at) < window {
					within++
				}
			}
			require.LessOrEqual(t, within, most)
		}
	})
}

// What Carbon Black Cloud has deleted meanwhile is found out, to half a day.
func TestFillerFindsTheHorizon(t *testing.T) {
	c := &cloud{reach: 1000}
	w := newWorld(t, pgtest.New(t), "A", c)
	w.config.Days = 60
	for i := range 60 * 24 {
		c.events = append(c.events, auditlog.Event{CreateTime: w.now.Add(-time.Duration(i)*time.Hour - 2*time.Minute), Description: fmt.Sprint(i)})
	}
	f, a := w.replica(t)
	defer a.Close()
	f.fillAll(t)
	state, err := a.State(context.Background())
	require.NoError(t, err)
	require.Zero(t, state.CloudFrom, "nothing is deleted")
	require.NotZero(t, state.Probed)

	horizon := w.now.AddDate(0, 0, -40)
	c.events = slices.DeleteFunc(c.events, func(e auditlog.Event) bool { return e.CreateTime.Before(horizon) })
	_, err = f.lease.Update(context.Background(), func(s *store.ArchiveState) { s.Probed = 0 })
	require.NoError(t, err)
	calls := c.calls
	f.fillAll(t)
	state, err = a.State(context.Background())
	require.NoError(t, err)
	require.WithinDuration(t, horizon, time.UnixMilli(state.CloudFrom), probePrecision)
	require.LessOrEqual(t, c.calls-calls, 10)
	f.fillAll(t)
	require.LessOrEqual(t, c.calls-calls, 10, "once a day")
}
