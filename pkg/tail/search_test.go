package tail

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
)

const fresh = 5 * time.Second

func (w *world) tail(h *history.History, settle time.Duration, f auditlog.Filter) Search {
	return Search{History: h, Classifier: catalog.Default(), Filter: f, Settle: settle, Poll: fresh, Max: 100_000}
}

// runner is a tail of either source.
type runner interface {
	Run(ctx context.Context, from Checkpoint, deliver Deliver) (Checkpoint, error)
}

// start runs a new tail until stop is called.
func start(s runner, deliver Deliver) (stop func() error) {
	leave := startAt(s, Checkpoint{}, deliver)
	return func() error {
		_, err := leave()
		return err
	}
}

// startAt runs a tail from a place until stop is called, which tells how far it has come.
func startAt(s runner, from Checkpoint, deliver Deliver) (stop func() (Checkpoint, error)) {
	ctx, cancel := context.WithCancel(context.Background())
	var place Checkpoint
	ended := make(chan error, 1)
	go func() {
		var err error
		place, err = s.Run(ctx, from, deliver)
		ended <- err
	}()
	return sync.OnceValues(func() (Checkpoint, error) {
		cancel()
		err := <-ended
		return place, err
	})
}

func byActor(actor string) auditlog.Filter {
	if actor == "" {
		return auditlog.Filter{}
	}
	return auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: {actor}}}
}

// Whatever arrives in whatever order, no later than it may, is delivered once: with equal events, failures, penalties, bursts
// over several pages, times without a fraction, panels that ask for the same time, and another instance that takes over.
func TestEveryEventIsDeliveredOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		bubble(t, func() {
			settle := time.Duration(rapid.SampledFrom([]int{0, 3, 20, 60}).Draw(r, "settle seconds")) * time.Second
			w := &world{reach: 1000, coarse: rapid.Bool().Draw(r, "coarse")}
			if !w.coarse { // else all of a second must fit a page
				w.reach = rapid.SampledFrom([]int{20, 50, 1000}).Draw(r, "reach")
			}
			actor := rapid.SampledFrom([]string{"", "ann"}).Draw(r, "filter")
			h := w.history(settle, rapid.SampledFrom([]time.Duration{0, fresh}).Draw(r, "fresh"))
			opened := time.Now()
			var one, two screen
			stopOne := startAt(w.tail(h, settle, byActor(actor)), Checkpoint{}, one.deliver)
			defer func() { _, _ = stopOne() }()
			time.Sleep(time.Duration(rapid.IntRange(0, 7000).Draw(r, "second tail ms")) * time.Millisecond)
			openedLater := time.Now()
			stopTwo := start(w.tail(h, settle, byActor(actor)), two.deliver)
			defer stopTwo()
			for range rapid.IntRange(1, 25).Draw(r, "steps") {
				w.step(r, h, settle)
				if rapid.IntRange(0, 9).Draw(r, "replaced") == 0 { // by another instance, with nothing in its cache
					place, _ := stopOne()
					stopOne = startAt(w.tail(w.history(settle, fresh), settle, byActor(actor)), place, one.deliver)
				}
			}
			w.recover()
			time.Sleep(settle + 5*time.Minute) // everything has arrived, and waits after failures are over
			_, err := stopOne()
			require.ErrorIs(r, err, context.Canceled)
			require.ErrorIs(r, stopTwo(), context.Canceled)
			require.Equal(r, w.want(opened.Add(-Lead).Truncate(time.Second), actor), one.ids())
			require.Equal(r, w.want(openedLater.Add(-Lead).Truncate(time.Second), actor), two.ids())
			if !w.hasFailed() { // after a failure an older answer may be all there is
				require.NoError(r, inOrder(w, one.all()))
			}
			require.NotContains(r, one.notices(), "No new events since")
		})
	})
}

// bubble runs f in a time of its own. What f panics with, as rapid does to end a run, goes on outside.
func bubble(t *testing.T, f func()) {
	var failure any
	synctest.Test(t, func(*testing.T) {
		defer func() { failure = recover() }()
		f()
	})
	switch {
	case failure == nil:
	case fmt.Sprintf("%T", failure) == "rapid.invalidData":
		panic(failure) // rapid tells by the line that this is another end than the one below
	default:
		panic(failure)
	}
}

// step lets something happen, and time pass.
func (w *world) step(t *rapid.T, h *history.History, settle time.Duration) {
	for range rapid.SampledFrom([]int{0, 1, 1, 2, 6, 30}).Draw(t, "events") {
		late := time.Duration(rapid.Int64Range(0, settle.Milliseconds()).Draw(t, "late ms")) * time.Millisecond
		at := time.Now().Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "at ms"))*time.Millisecond - late)
		actor := rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "actor")
		for range rapid.SampledFrom([]int{1, 1, 3}).Draw(t, "equal") {
			arrives := at.Add(time.Duration(rapid.Int64Range(0, settle.Milliseconds()).Draw(t, "arrives after ms")) * time.Millisecond)
			if arrives.Before(time.Now()) {
				arrives = time.Now() // nothing can arrive in the past
			}
			w.happen(at.Truncate(time.Millisecond), arrives, actor)
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "fail") == 0 {
		failures := rapid.SliceOfN(rapid.SampledFrom([]error{
			nil,
			&cbc.Error{Kind: cbc.KindServer, Status: 503},
			&cbc.Error{Kind: cbc.KindThrottled, Status: 429, ResumesAt: time.Now().Add(3 * time.Minute)},
			&cbc.Error{Kind: cbc.KindTimeout},
		}), 1, 4).Draw(t, "failures")
		w.fail(failures...)
	}
	if rapid.Bool().Draw(t, "panel") {
		now := time.Now().UnixMilli()
		q := history.Question{Range: auditlog.TimeRange{From: now - 90_000, To: now}, Order: cbc.NewestFirst, MaxEvents: math.MaxInt}
		for range h.Read(context.Background(), q, &history.Coverage{}, &history.Cost{}) { // as a panel does, which ignores its errors here
			continue
		}
	}
	time.Sleep(time.Duration(rapid.IntRange(0, 12_000).Draw(t, "pass ms")) * time.Millisecond)
}

// inOrder wants an event that comes behind a younger one to have arrived after that one was asked for.
func inOrder(w *world, shown []delivered) error {
	arrives := map[auditlog.ID]time.Time{} // the last of equal ones
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.log {
		e := w.written(h.event)
		if h.arrives.After(arrives[e.ID()]) {
			arrives[e.ID()] = h.arrives
		}
	}
	var newest, asked time.Time
	for _, d := range shown {
		for _, r := range d.rows {
			if r.Event.CreateTime.Before(newest) && !arrives[r.Event.ID()].After(asked.Add(-fresh)) {
				return fmt.Errorf("%s came behind %s, which was delivered at %s, but was there before", r.Event.CreateTime, newest, asked)
			}
			if !r.Event.CreateTime.Before(newest) {
				newest, asked = r.Event.CreateTime, d.at
			}
		}
	}
	return nil
}

// Tails and panels of the same history share what is asked, and a tail asks no oftener than everybody together may.
func TestTailsShareTheirPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{reach: 1000}
		h := w.history(time.Minute, fresh)
		var stops []func() error
		var screens [3]screen
		for i := range screens {
			stops = append(stops, start(w.tail(h, time.Minute, byActor([]string{"", "ann", "bob"}[i])), screens[i].deliver))
			time.Sleep(1300 * time.Millisecond)
		}
		w.happen(time.Now(), time.Now(), "ann")
		time.Sleep(30 * time.Second)
		before := w.asked()
		time.Sleep(5 * time.Minute)
		require.LessOrEqual(t, w.asked()-before, 60)
		require.GreaterOrEqual(t, w.asked()-before, 58)
		w.happen(time.Now(), time.Now(), "ann")
		time.Sleep(fresh + 10*time.Millisecond)
		for i, want := range []int{2, 2, 0} {
			require.Len(t, screens[i].rows(), want, "an event is there when the history asks next, for everybody")
		}
		for _, stop := range stops {
			require.ErrorIs(t, stop(), context.Canceled)
		}
	})
}

// A penalty is told once, nothing is asked meanwhile, and what happened in it is delivered after it.
func TestPenaltyIsToldAndMadeGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{reach: 1000}
		var s screen
		stop := start(w.tail(w.history(10*time.Second, fresh), 10*time.Second, auditlog.Filter{}), s.deliver)
		time.Sleep(time.Minute)
		w.fail(&cbc.Error{Kind: cbc.KindThrottled, Status: 429, RetryAfter: 7 * time.Minute, ResumesAt: time.Now().Add(7 * time.Minute)})
		time.Sleep(fresh + time.Millisecond)
		require.Contains(t, s.notices(), "wait 7m0s")
		asked := w.asked()
		for range 12 {
			time.Sleep(30 * time.Second)
			w.happen(time.Now(), time.Now(), "ann")
		}
		require.Equal(t, asked, w.asked())
		require.Empty(t, s.rows())
		time.Sleep(time.Minute + time.Second)
		require.Equal(t, w.want(time.Time{}, ""), s.ids())
		time.Sleep(2 * fresh)
		require.Equal(t, "[]", s.notices())
		require.Len(t, s.all(), 3, "that all is well, the penalty, and the rows without it")
		require.ErrorIs(t, stop(), context.Canceled)
	})
}

// What one tail has said does not stand for ever when another one goes on for it, though nothing happens any more.
func TestNoticeDoesNotOutliveItsTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{reach: 1000}
		w.fail(&cbc.Error{Kind: cbc.KindServer, Status: 503}) // before the first poll, which start does not wait for
		var s screen
		stop := startAt(w.tail(w.history(0, fresh), 0, auditlog.Filter{}), Checkpoint{}, s.deliver)
		time.Sleep(time.Second)
		require.Contains(t, s.notices(), "No new events since")
		place, err := stop()
		require.ErrorIs(t, err, context.Canceled)
		resumed := startAt(w.tail(w.history(0, fresh), 0, auditlog.Filter{}), place, s.deliver)
		time.Sleep(time.Second)
		require.Equal(t, "[]", s.notices())
		_, err = resumed()
		require.ErrorIs(t, err, context.Canceled)
	})
}

// More than one poll may read is read by the next ones, at once.
func TestMoreThanAPollMayRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{reach: 10}
		var s screen
		search := w.tail(w.history(0, 0), 0, auditlog.Filter{})
		search.Max = 25
		for i := range 90 {
			at := time.Now().Add(-time.Duration(i+1) * 600 * time.Millisecond)
			w.happen(at, at, "ann")
		}
		stop := start(search, s.deliver)
		synctest.Wait()
		require.Equal(t, w.want(time.Time{}, ""), s.ids())
		require.ErrorIs(t, stop(), context.Canceled)
	})
}

// The margin forgets what has settled, so that its memory does not grow.
func TestMarginForgets(t *testing.T) {
	m := newDedupWindow(0)
	base := time.UnixMilli(0)
	for i := range 10_000 {
		e := auditlog.Event{CreateTime: base.Add(time.Duration(i) * time.Second)}
		m.nextRound()
		_, ordinal, fresh := m.add(&e)
		require.True(t, fresh)
		require.Zero(t, ordinal)
		m.advance(e.CreateTime.UnixMilli() - 10_000)
		require.LessOrEqual(t, len(m.known), 11)
	}
	require.False(t, m.advance(0), "it never goes back")
}

// What the viewer cannot be sent ends the tail.
func TestDeliveryEndsTheTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{reach: 1000}
		w.happen(time.Now(), time.Now(), "ann")
		gone := errors.New("gone")
		_, err := w.tail(w.history(0, 0), 0, auditlog.Filter{}).Run(context.Background(), Checkpoint{}, func([]frame.Row, []frame.Notice) error { return gone })
		require.ErrorIs(t, err, gone)
	})
}

// A tail keeps to the pace that it is given, and tells its viewer while that is slow.
func TestTailKeepsToItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{reach: 1000}
		var s screen
		var pace atomic.Int64
		pace.Store(int64(40 * time.Second))
		search := w.tail(w.history(0, fresh), 0, auditlog.Filter{Query: "x"})
		search.Pace = func() time.Duration { return time.Duration(pace.Load()) }
		stop := start(search, s.deliver)
		time.Sleep(10*time.Minute - time.Millisecond)
		require.Equal(t, 15, w.asked())
		require.Contains(t, s.notices(), "every 40s")
		pace.Store(int64(time.Second))
		time.Sleep(41 * time.Second)
		require.Equal(t, "[]", s.notices())
		before := w.asked()
		time.Sleep(10 * time.Minute)
		require.Equal(t, 120, w.asked()-before)
		require.ErrorIs(t, stop(), context.Canceled)
	})
}
