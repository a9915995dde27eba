package cbc

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Simulated time starts at midnight of 2000-01-01 UTC.

func lane(l Lane) context.Context { return WithLane(context.Background(), l) }

// pass lets time go by, and everything happen that is due then.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// started acquires, and fails the test when that takes any time.
func started(t *testing.T, g *Governor, ctx context.Context) *ticket {
	t.Helper()
	before := time.Now()
	ticket, err := g.acquire(ctx)
	require.NoError(t, err)
	require.Zero(t, time.Since(before))
	return ticket
}

// refused acquires in vain, and fails the test when that takes any time.
func refused(t *testing.T, g *Governor, ctx context.Context) *Error {
	t.Helper()
	before := time.Now()
	_, err := g.acquire(ctx)
	var failed *Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, KindThrottled, failed.Kind)
	require.Equal(t, http.StatusTooManyRequests, failed.Status)
	require.Zero(t, time.Since(before))
	return failed
}

// spend starts and ends so many requests.
func spend(t *testing.T, g *Governor, ctx context.Context, n int) {
	t.Helper()
	for range n {
		g.release(started(t, g, ctx), nil)
	}
}

// throttle makes a request get a 429.
func throttle(t *testing.T, g *Governor, wait time.Duration) {
	t.Helper()
	g.release(started(t, g, lane(LaneAlert)), &Error{Kind: KindThrottled, Status: 429, RetryAfter: wait})
}

// queue makes a request wait in the background; it appends its name when it starts and ends after a while.
func queue(t *testing.T, g *Governor, ctx context.Context, name string, order *[]string, takes time.Duration) {
	t.Helper()
	go func() {
		ticket, err := g.acquire(ctx)
		if err != nil {
			return
		}
		g.mu.Lock()
		*order = append(*order, fmt.Sprintf("%s %s", name, time.Now().UTC().Format("04:05")))
		g.mu.Unlock()
		time.Sleep(takes)
		g.release(ticket, nil)
	}()
	synctest.Wait()
}

func TestLanesGoInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		var running []*ticket
		for range maxInFlight {
			running = append(running, started(t, g, lane(LaneAlert)))
		}
		var order []string
		for _, name := range []string{"background", "panel", "alert", "background2", "panel2", "alert2"} {
			l := map[byte]Lane{'b': LaneBackground, 'p': LanePanel, 'a': LaneAlert}[name[0]]
			queue(t, g, lane(l), name, &order, time.Second)
		}
		require.Empty(t, order)
		require.Equal(t, Waiting{Alert: 2, Panel: 2, Background: 2}, g.Status(everything).Waiting)
		pass(time.Second)
		g.release(running[0], nil) // one slot, so that one follows the other
		pass(1500 * time.Millisecond)
		g.release(running[1], nil) // and one that is not kept for alert rules
		pass(8500 * time.Millisecond)
		require.Equal(t, []string{"alert 00:01", "alert2 00:02", "panel 00:03", "panel2 00:04", "background 00:05", "background2 00:06"}, order)
		for _, ticket := range running[2:] {
			g.release(ticket, nil)
		}
		s := g.Status(everything)
		require.Zero(t, s.InFlight)
		require.Equal(t, int64(1+2+3+4+5+6)*1000, s.WaitedMS)
		require.Nil(t, g.timer)
	})
}

func TestLanesKeepAReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		defer g.Attach(10)()
		soon, cancel := context.WithTimeout(lane(LaneBackground), time.Minute)
		defer cancel()
		spend(t, g, soon, 5)
		refused(t, g, soon)
		pass(time.Second)
		spend(t, g, context.Background(), 4)
		failed := refused(t, g, context.Background())
		require.Equal(t, time.Date(2000, 1, 1, 0, 5, 0, 0, time.UTC), failed.ResumesAt.UTC())
		require.EqualError(t, failed, "the requests that may be sent to this host are used up (requestsPerFiveMinutes in the settings): wait 4m59s,"+
			" resumes at 00:05:00 UTC (HTTP 429, not sent: 10 in 5 minutes)")
		spend(t, g, lane(LaneAlert), 1)
		refused(t, g, lane(LaneAlert))
		require.Equal(t, Budget{Limit: 10, Used: 10, Left: 0, WindowSeconds: 300}, g.Status(everything).Budget)

		pass(Window - time.Second)
		require.Equal(t, 5, g.Status(everything).Budget.Used, "the first five have left the window")
		spend(t, g, context.Background(), 4)
		before := time.Now()
		ticket, err := g.acquire(context.Background())
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(before))
		require.Equal(t, time.Second, ticket.waited())
		g.release(ticket, nil)
	})
}

// A request that is sure to wait too long because of those ahead of it is refused at once too.
func TestThoseAheadCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		defer g.Attach(2)()
		spend(t, g, lane(LaneAlert), 1)
		pass(time.Minute)
		spend(t, g, lane(LaneAlert), 1)
		var order []string
		for _, name := range []string{"first", "second"} {
			ctx, cancel := context.WithTimeout(lane(LaneAlert), Window+time.Second)
			defer cancel()
			queue(t, g, ctx, name, &order, 0)
		}
		ctx, cancel := context.WithTimeout(lane(LaneAlert), Window-time.Second)
		defer cancel()
		require.Equal(t, Window, refused(t, g, ctx).RetryAfter, "the first must leave the window again")
		pass(Window)
		require.Equal(t, []string{"first 05:00", "second 06:00"}, order)
	})
}

func TestThePauseOnlyGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		start := time.Now()
		var running []*ticket
		for range 4 {
			running = append(running, started(t, g, lane(LaneAlert)))
		}
		end := func(wait time.Duration) {
			pass(time.Second)
			ticket := running[0]
			running = running[1:]
			if wait < 0 {
				g.release(ticket, nil)
				return
			}
			failed := &Error{Kind: KindThrottled, Status: 429, RetryAfter: wait}
			g.release(ticket, failed)
			require.Equal(t, *g.Status(everything).PausedUntil, failed.ResumesAt.UnixMilli())
		}
		until := func(want time.Duration) {
			require.Equal(t, start.Add(want).UnixMilli(), *g.Status(everything).PausedUntil)
		}
		end(60 * time.Second)
		until(62 * time.Second)
		end(5 * time.Second)
		until(62 * time.Second)
		end(120 * time.Second)
		until(124 * time.Second)
		end(-1) // it was on its way before
		until(124 * time.Second)
		require.Equal(t, 124*time.Second-4*time.Second, refused(t, g, context.Background()).RetryAfter)

		var order []string
		for i := range 6 {
			queue(t, g, lane(LaneBackground), fmt.Sprint(i), &order, 3*time.Second)
		}
		pass(5 * time.Minute)
		require.Equal(t, []string{"0 02:04", "1 02:07", "2 02:07", "3 02:07", "4 02:10", "5 02:10"}, slices.Sorted(slices.Values(order)), "one goes alone first")
	})
}

// A 429 ends at once the waits that it makes too long.
func TestWaitersLearnOfAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		var running []*ticket
		for range maxInFlight {
			running = append(running, started(t, g, lane(LaneAlert)))
		}
		errs := make(chan error, 1)
		go func() {
			_, err := g.acquire(lane(LaneAlert))
			errs <- err
		}()
		synctest.Wait()
		pass(time.Second)
		g.release(running[0], &Error{Kind: KindThrottled, Status: 429, RetryAfter: 17 * time.Second})
		require.EqualError(t, <-errs, "Carbon Black Cloud limits the number of requests: wait 18s, resumes at 00:00:19 UTC"+
			" (HTTP 429, nothing is sent until the wait that it asked for is over)")
		require.Equal(t, int64(1000), g.Status(everything).WaitedMS)
		for _, ticket := range running[1:] {
			g.release(ticket, nil)
		}
	})
}

func TestBackOffDoublesAndIsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		pauses := func() (took time.Duration) {
			before := time.Now()
			ticket, err := g.acquire(lane(LaneBackground))
			require.NoError(t, err)
			took = time.Since(before)
			g.release(ticket, &Error{Kind: KindThrottled, Status: 429})
			return took
		}
		for _, seconds := range []int{0, 30, 60, 120, 240, 300, 300} {
			require.Equal(t, time.Duration(seconds)*time.Second, pauses())
		}
		pass(maxBackoff)
		spend(t, g, context.Background(), 1)
		require.Zero(t, pauses())
		require.Equal(t, firstBackoff, pauses())
	})
}

// Requests that ran together are one offence, however many of them are answered 429.
func TestABurstIsOneStrike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		var running []*ticket
		for range maxInFlight {
			running = append(running, started(t, g, lane(LaneAlert)))
		}
		for _, ticket := range running {
			g.release(ticket, &Error{Kind: KindThrottled, Status: 429})
		}
		require.Equal(t, time.Now().Add(firstBackoff).UnixMilli(), *g.Status(everything).PausedUntil)
	})
}

// Only an answer that lets a request through ends the caution after a pause.
func TestAloneUntilAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		alone bool
	}{
		"success":    {nil, false},
		"refused":    {&Error{Kind: KindQuery, Status: 400}, false},
		"failed":     {&Error{Kind: KindServer, Status: 503}, true},
		"no answer":  {&Error{Kind: KindTimeout}, true},
		"cancelled":  {context.Canceled, true},
		"429, again": {&Error{Kind: KindThrottled, Status: 429}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewGovernor(GovernorConfig{})
				throttle(t, g, time.Second)
				pass(2 * time.Second)
				probe := started(t, g, context.Background())
				require.False(t, g.room(LaneAlert))
				g.release(probe, c.err)
				require.Equal(t, c.alone, g.pause.alone)
				require.True(t, g.room(LaneAlert))
			})
		})
	}
}

func TestAWaitHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		var running []*ticket
		for range maxInFlight {
			running = append(running, started(t, g, lane(LaneAlert)))
		}
		for l, want := range map[Lane]time.Duration{LaneAlert: 8 * time.Second, LanePanel: 20 * time.Second} {
			before := time.Now()
			_, err := g.acquire(lane(l))
			require.EqualError(t, err, "Carbon Black Cloud limits the number of requests: wait a while (HTTP 429, too many other requests are ahead)")
			require.Equal(t, want, time.Since(before))
		}
		ctx, cancel := context.WithTimeout(lane(LaneAlert), 50*time.Second)
		defer cancel()
		before := time.Now()
		_, err := g.acquire(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "too many other requests are ahead")
		require.Equal(t, 50*time.Second, time.Since(before), "the caller's own deadline comes first")
		for _, ticket := range running {
			g.release(ticket, nil)
		}
	})
}

func TestCancelledLeaveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		throttle(t, g, 10*time.Second)
		var order []string
		ctx, cancel := context.WithCancel(lane(LaneBackground))
		for _, name := range []string{"gone", "gone too"} {
			queue(t, g, ctx, name, &order, 0)
		}
		queue(t, g, lane(LaneBackground), "patient", &order, 0)
		require.Equal(t, 3, g.Status(everything).Waiting.Background)
		cancel()
		synctest.Wait()
		require.Equal(t, 1, g.Status(everything).Waiting.Background)
		pass(time.Minute)
		require.Equal(t, []string{"patient 00:11"}, order)
		require.Equal(t, int64(2), g.Status(everything).Calls)
		_, err := g.acquire(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, int64(2), g.Status(everything).Calls)

		throttle(t, g, 10*time.Second)
		ctx, cancel = context.WithCancel(lane(LaneBackground))
		queue(t, g, ctx, "gone at last", &order, 0)
		require.NotNil(t, g.timer)
		cancel()
		synctest.Wait()
		require.Nil(t, g.timer, "nobody waits, so nothing is due")
	})
}

// A permission that comes together with the end of the wait is given back.
func TestCancelledGiveBack(t *testing.T) {
	g := NewGovernor(GovernorConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	ticket := g.enqueue(ctx, LanePanel)
	require.True(t, g.running[ticket])
	cancel()
	require.ErrorIs(t, g.abandon(ctx, ticket), context.Canceled)
	s := g.Status(everything)
	require.Zero(t, s.InFlight)
	require.Zero(t, s.Budget.Used)
	require.Zero(t, s.Calls)
	require.Zero(t, s.Origins[0].Calls)
}

func TestTheSmallestLimitCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		limit := func() int { return g.Status(everything).Budget.Limit }
		require.Equal(t, DefaultLimit, limit())
		detachLarge := g.Attach(1000)
		require.Equal(t, 1000, limit())
		detachSmall, detachAgain := g.Attach(2), g.Attach(2)
		require.Equal(t, 2, limit())
		detachSmall()
		detachSmall()
		require.Equal(t, 2, limit(), "the other one still says so")

		spend(t, g, lane(LaneAlert), 2)
		var order []string
		queue(t, g, lane(LaneBackground), "waits", &order, 0)
		pass(time.Second)
		detachAgain()
		synctest.Wait()
		require.Equal(t, []string{"waits 00:01"}, order)
		detachLarge()
		require.Equal(t, DefaultLimit, limit())
	})
}
