package ratelimit

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Simulated time starts at midnight of 2000-01-01 UTC.

func lane(l Lane) context.Context { return WithLane(context.Background(), l) }

// pass advances the simulated time.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// started acquires a grant without waiting.
func started(t *testing.T, l *Limiter, ctx context.Context) *Grant {
	t.Helper()
	before := time.Now()
	grant, err := l.Acquire(ctx)
	require.NoError(t, err)
	require.Zero(t, time.Since(before))
	return grant
}

// refused returns why a request is refused at once.
func refused(t *testing.T, l *Limiter, ctx context.Context) *Refusal {
	t.Helper()
	before := time.Now()
	_, err := l.Acquire(ctx)
	var refusal *Refusal
	require.ErrorAs(t, err, &refusal)
	require.Zero(t, time.Since(before))
	return refusal
}

// spend starts and ends n requests.
func spend(t *testing.T, l *Limiter, ctx context.Context, n int) {
	t.Helper()
	for range n {
		started(t, l, ctx).End(Allowed, 0)
	}
}

// throttle makes a request end with a 429.
func throttle(t *testing.T, l *Limiter, wait time.Duration) {
	t.Helper()
	started(t, l, lane(LaneAlert)).End(Throttled, wait)
}

// queue makes a request wait concurrently. When it starts, it appends its name and the time to order.
func queue(t *testing.T, l *Limiter, ctx context.Context, name string, order *[]string, takes time.Duration) {
	t.Helper()
	go func() {
		grant, err := l.Acquire(ctx)
		if err != nil {
			return
		}
		l.mu.Lock()
		*order = append(*order, fmt.Sprintf("%s %s", name, time.Now().UTC().Format("04:05")))
		l.mu.Unlock()
		time.Sleep(takes)
		grant.End(Allowed, 0)
	}()
	synctest.Wait()
}

func TestLanesStartInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		var running []*Grant
		for range maxInFlight {
			running = append(running, started(t, l, lane(LaneAlert)))
		}
		var order []string
		for _, name := range []string{"background", "panel", "alert", "background2", "panel2", "alert2"} {
			priority := map[byte]Lane{'b': LaneBackground, 'p': LanePanel, 'a': LaneAlert}[name[0]]
			queue(t, l, lane(priority), name, &order, time.Second)
		}
		require.Empty(t, order)
		require.Equal(t, Waiting{Alert: 2, Panel: 2, Background: 2}, l.Status(everything).Waiting)
		pass(time.Second)
		running[0].End(Allowed, 0) // one slot, so that one follows the other
		pass(1500 * time.Millisecond)
		running[1].End(Allowed, 0) // and one that is not kept for alert rules
		pass(8500 * time.Millisecond)
		require.Equal(t, []string{"alert 00:01", "alert2 00:02", "panel 00:03", "panel2 00:04", "background 00:05", "background2 00:06"}, order)
		for _, grant := range running[2:] {
			grant.End(Allowed, 0)
		}
		s := l.Status(everything)
		require.Zero(t, s.InFlight)
		require.Equal(t, int64(1+2+3+4+5+6)*1000, s.WaitedMS)
		require.Nil(t, l.timer)
	})
}

func TestLanesReserveBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		defer l.SetLimit(nil, 10)()
		soon, cancel := context.WithTimeout(lane(LaneBackground), time.Minute)
		defer cancel()
		spend(t, l, soon, 5)
		refused(t, l, soon)
		pass(time.Second)
		spend(t, l, context.Background(), 4)
		refusal := refused(t, l, context.Background())
		require.Equal(t, OverBudget, refusal.Reason)
		require.Equal(t, 4*time.Minute+59*time.Second, refusal.Wait)
		require.Equal(t, time.Date(2000, 1, 1, 0, 5, 0, 0, time.UTC), refusal.ResumesAt.UTC())
		require.EqualError(t, refusal, "not sent: the budget of 10 requests in 5 minutes is used up, requests resume at 00:05:00 UTC")
		spend(t, l, lane(LaneAlert), 1)
		refused(t, l, lane(LaneAlert))
		require.Equal(t, Budget{Limit: 10, Used: 10, Left: 0, WindowSeconds: 300}, l.Status(everything).Budget)

		pass(Window - time.Second)
		require.Equal(t, 5, l.Status(everything).Budget.Used, "the first five have left the window")
		spend(t, l, context.Background(), 4)
		before := time.Now()
		grant, err := l.Acquire(context.Background())
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(before))
		require.Equal(t, time.Second, grant.Waited())
		grant.End(Allowed, 0)
	})
}

// A request that would wait too long because of those ahead of it is refused at once.
func TestRequestsAheadCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		defer l.SetLimit(nil, 2)()
		spend(t, l, lane(LaneAlert), 1)
		pass(time.Minute)
		spend(t, l, lane(LaneAlert), 1)
		var order []string
		for _, name := range []string{"first", "second"} {
			ctx, cancel := context.WithTimeout(lane(LaneAlert), Window+time.Second)
			defer cancel()
			queue(t, l, ctx, name, &order, 0)
		}
		ctx, cancel := context.WithTimeout(lane(LaneAlert), Window-time.Second)
		defer cancel()
		require.Equal(t, Window, refused(t, l, ctx).Wait, "the first must leave the window again")
		pass(Window)
		require.Equal(t, []string{"first 05:00", "second 06:00"}, order)
	})
}

func TestPauseOnlyGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		start := time.Now()
		var running []*Grant
		for range 4 {
			running = append(running, started(t, l, lane(LaneAlert)))
		}
		end := func(wait time.Duration) {
			pass(time.Second)
			grant := running[0]
			running = running[1:]
			if wait < 0 {
				grant.End(Allowed, 0)
				return
			}
			resumesAt := grant.End(Throttled, wait)
			require.Equal(t, *l.Status(everything).PausedUntil, resumesAt.UnixMilli())
		}
		until := func(want time.Duration) {
			require.Equal(t, start.Add(want).UnixMilli(), *l.Status(everything).PausedUntil)
		}
		end(60 * time.Second)
		until(62 * time.Second)
		end(5 * time.Second)
		until(62 * time.Second)
		end(120 * time.Second)
		until(124 * time.Second)
		end(-1) // it was on its way before
		until(124 * time.Second)
		require.Equal(t, 124*time.Second-4*time.Second, refused(t, l, context.Background()).Wait)

		var order []string
		for i := range 6 {
			queue(t, l, lane(LaneBackground), fmt.Sprint(i), &order, 3*time.Second)
		}
		pass(5 * time.Minute)
		require.Equal(t, []string{"0 02:04", "1 02:07", "2 02:07", "3 02:07", "4 02:10", "5 02:10"}, slices.Sorted(slices.Values(order)), "one goes alone first")
	})
}

// A 429 refuses the waiting requests that would wait too long now.
func TestPauseRefusesWaitingRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		var running []*Grant
		for range maxInFlight {
			running = append(running, started(t, l, lane(LaneAlert)))
		}
		errs := make(chan error, 1)
		go func() {
			_, err := l.Acquire(lane(LaneAlert))
			errs <- err
		}()
		synctest.Wait()
		pass(time.Second)
		running[0].End(Throttled, 17*time.Second)
		require.EqualError(t, <-errs, "not sent: the host asked for a pause, requests resume at 00:00:19 UTC")
		require.Equal(t, int64(1000), l.Status(everything).WaitedMS)
		for _, grant := range running[1:] {
			grant.End(Allowed, 0)
		}
	})
}

func TestBackoffDoublesAndResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		pauses := func() (took time.Duration) {
			before := time.Now()
			grant, err := l.Acquire(lane(LaneBackground))
			require.NoError(t, err)
			took = time.Since(before)
			grant.End(Throttled, 0)
			return took
		}
		for _, seconds := range []int{0, 30, 60, 120, 240, 300, 300} {
			require.Equal(t, time.Duration(seconds)*time.Second, pauses())
		}
		pass(maxBackoff)
		spend(t, l, context.Background(), 1)
		require.Zero(t, pauses())
		require.Equal(t, firstBackoff, pauses())
	})
}

// Several 429s to requests that ran concurrently count as one strike.
func TestConcurrentThrottlesAreOneStrike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		var running []*Grant
		for range maxInFlight {
			running = append(running, started(t, l, lane(LaneAlert)))
		}
		for _, grant := range running {
			grant.End(Throttled, 0)
		}
		require.Equal(t, time.Now().Add(firstBackoff).UnixMilli(), *l.Status(everything).PausedUntil)
	})
}

// After a pause, one request runs at a time until one is let through.
func TestProbingUntilLetThrough(t *testing.T) {
	for name, c := range map[string]struct {
		outcome Outcome
		probing bool
	}{
		"let through": {Allowed, false},
		"no answer":   {Unknown, true},
		"429 again":   {Throttled, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Config{})
				throttle(t, l, time.Second)
				pass(2 * time.Second)
				probe := started(t, l, context.Background())
				require.False(t, l.hasRoom(LaneAlert))
				probe.End(c.outcome, 0)
				require.Equal(t, c.probing, l.pause.probing)
				require.True(t, l.hasRoom(LaneAlert))
			})
		})
	}
}

func TestWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		var running []*Grant
		for range maxInFlight {
			running = append(running, started(t, l, lane(LaneAlert)))
		}
		for priority, want := range map[Lane]time.Duration{LaneAlert: 8 * time.Second, LanePanel: 20 * time.Second} {
			before := time.Now()
			_, err := l.Acquire(lane(priority))
			require.EqualError(t, err, "not sent: too many other requests are waiting")
			require.Equal(t, want, time.Since(before))
		}
		ctx, cancel := context.WithTimeout(lane(LaneAlert), 50*time.Second)
		defer cancel()
		before := time.Now()
		_, err := l.Acquire(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "too many other requests are waiting")
		require.Equal(t, 50*time.Second, time.Since(before), "the caller's own deadline comes first")
		for _, grant := range running {
			grant.End(Allowed, 0)
		}
	})
}

func TestCanceledRequestsLeaveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		throttle(t, l, 10*time.Second)
		var order []string
		ctx, cancel := context.WithCancel(lane(LaneBackground))
		for _, name := range []string{"gone", "gone too"} {
			queue(t, l, ctx, name, &order, 0)
		}
		queue(t, l, lane(LaneBackground), "patient", &order, 0)
		require.Equal(t, 3, l.Status(everything).Waiting.Background)
		cancel()
		synctest.Wait()
		require.Equal(t, 1, l.Status(everything).Waiting.Background)
		pass(time.Minute)
		require.Equal(t, []string{"patient 00:11"}, order)
		require.Equal(t, int64(2), l.Status(everything).Calls)
		_, err := l.Acquire(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, int64(2), l.Status(everything).Calls)

		throttle(t, l, 10*time.Second)
		ctx, cancel = context.WithCancel(lane(LaneBackground))
		queue(t, l, ctx, "gone at last", &order, 0)
		require.NotNil(t, l.timer)
		cancel()
		synctest.Wait()
		require.Nil(t, l.timer, "nobody waits, so nothing is due")
	})
}

// A start that is granted in the moment in which the caller gives up is taken back.
func TestCanceledStartIsTakenBack(t *testing.T) {
	l := New(Config{})
	ctx, cancel := context.WithCancel(context.Background())
	grant := l.enqueue(ctx, LanePanel)
	require.True(t, l.running[grant])
	cancel()
	require.ErrorIs(t, l.abandon(ctx, grant), context.Canceled)
	s := l.Status(everything)
	require.Zero(t, s.InFlight)
	require.Zero(t, s.Budget.Used)
	require.Zero(t, s.Calls)
	require.Zero(t, s.Origins[0].Calls)
}

func TestSmallestLimitApplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		limit := func() int { return l.Status(everything).Budget.Limit }
		require.Equal(t, DefaultLimit, limit())
		removeLarge := l.SetLimit(nil, 1000)
		require.Equal(t, 1000, limit())
		removeSmall, removeAgain := l.SetLimit(nil, 2), l.SetLimit(nil, 2)
		require.Equal(t, 2, limit())
		removeSmall()
		removeSmall()
		require.Equal(t, 2, limit(), "the other client still sets it")

		spend(t, l, lane(LaneAlert), 2)
		var order []string
		queue(t, l, lane(LaneBackground), "waits", &order, 0)
		pass(time.Second)
		removeAgain()
		synctest.Wait()
		require.Equal(t, []string{"waits 00:01"}, order)
		removeLarge()
		require.Equal(t, DefaultLimit, limit())
	})
}
