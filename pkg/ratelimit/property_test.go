package ratelimit

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// arrival is a request and how it ends.
type arrival struct {
	at       time.Duration
	lane     Lane
	takes    time.Duration
	result   string        // ok, 429 or 503
	wait     time.Duration // that a 429 asks for; 0 if it does not say
	patience time.Duration // until the caller gives up; 0 is never
}

// past is a request that was sent. Times are since the start.
type past struct {
	arrival
	started, ended time.Duration
}

var arrivals = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) arrival {
	// Odd numbers of microseconds keep unrelated things from happening at the same instant.
	span := func(name string, maxMS int) time.Duration {
		return time.Duration(rapid.IntRange(0, maxMS).Draw(t, name))*time.Millisecond + time.Duration(rapid.IntRange(0, 999).Draw(t, "µs"))*time.Microsecond
	}
	a := arrival{
		at:       span("at", 900_000),
		lane:     rapid.SampledFrom([]Lane{LaneAlert, LanePanel, LaneBackground}).Draw(t, "lane"),
		takes:    span("takes", 40_000),
		result:   rapid.SampledFrom([]string{"ok", "ok", "ok", "ok", "ok", "ok", "429", "503"}).Draw(t, "result"),
		patience: rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, 10 * time.Minute}).Draw(t, "patience"),
	}
	if a.result == "429" {
		a.wait = rapid.SampledFrom([]time.Duration{0, time.Second, 17 * time.Second, 100 * time.Second}).Draw(t, "wait")
	}
	return a
}), 1, 120)

// play runs the arrivals in simulated time and returns the requests that were sent, in order of their start.
func play(t *testing.T, limit int, all []arrival) (sent []past, status Status) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		defer l.SetLimit(nil, limit)()
		begin := time.Now()
		var mu sync.Mutex
		var group sync.WaitGroup
		for _, a := range all {
			group.Go(func() {
				time.Sleep(a.at)
				ctx := WithLane(context.Background(), a.lane)
				if a.patience > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, a.patience)
					defer cancel()
				}
				grant, err := l.Acquire(ctx)
				if err != nil {
					return
				}
				p := past{arrival: a, started: time.Since(begin)}
				time.Sleep(a.takes)
				p.ended = time.Since(begin)
				grant.End(map[string]Outcome{"ok": Allowed, "429": Throttled, "503": Unknown}[a.result], a.wait)
				mu.Lock()
				sent = append(sent, p)
				mu.Unlock()
			})
		}
		group.Wait()
		status = l.Status(everything)
		require.Nil(t, l.timer, "nobody waits, so nothing is due")
	})
	slices.SortFunc(sent, func(a, b past) int {
		// Of those that started at the same instant, the one of the smaller share may have been the first.
		return cmp.Or(cmp.Compare(a.started, b.started), cmp.Compare(b.lane, a.lane), cmp.Compare(a.at, b.at))
	})
	return sent, status
}

// Whatever arrives and however it ends: no window exceeds the limit or a lane's share, at most four requests run concurrently, none
// starts in a pause, and one runs alone after it.
func TestLimitsHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 40).Draw(rt, "limit")
		all := arrivals.Draw(rt, "arrivals")
		sent, status := play(t, limit, all)
		for i, p := range sent {
			inWindow, inFlight := 0, 0
			for _, before := range sent[:i+1] {
				if before.started > p.started-Window {
					inWindow++
				}
				if before.ended > p.started {
					inFlight++
				}
			}
			require.LessOrEqual(rt, inWindow, p.lane.share(limit), "starts in the window of %v", p)
			require.LessOrEqual(rt, inFlight, maxInFlight, "in flight with %v", p)
			for _, other := range sent {
				if other.result != "429" || other.ended >= p.started {
					continue
				}
				wait := other.wait + Margin
				if other.wait == 0 {
					wait = firstBackoff
				}
				require.GreaterOrEqual(rt, p.started, other.ended+wait, "%v starts in the pause of %v", p, other)
			}
			if inFlight > 1 {
				require.True(rt, cleared(sent, p.started), "%v does not run alone", p)
			}
		}
		require.Equal(rt, int64(len(sent)), status.Calls)
		require.Zero(rt, status.InFlight)
		require.Equal(rt, Waiting{}, status.Waiting)
	})
}

// cleared reports whether, at that time, a request that started after the last 429 had been let through.
func cleared(sent []past, at time.Duration) bool {
	last := time.Duration(-1)
	for _, p := range sent {
		if p.result == "429" && p.ended < at {
			last = max(last, p.ended)
		}
	}
	return last < 0 || slices.ContainsFunc(sent, func(p past) bool {
		return p.result == "ok" && p.started > last && p.ended <= at
	})
}

// Every request without a deadline starts eventually, in order of arrival.
func TestEveryRequestStarts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := arrivals.Draw(rt, "arrivals")
		for i := range all {
			all[i].lane, all[i].patience = LaneBackground, 0
		}
		sent, _ := play(t, rapid.IntRange(1, 40).Draw(rt, "limit"), all)
		require.Len(rt, sent, len(all))
		slices.SortFunc(all, func(a, b arrival) int { return int(a.at - b.at) })
		for i := range sent {
			require.Equal(rt, all[i].at, sent[i].at, "first come, first served")
		}
	})
}

// Without throttling, requests start as early as the limits allow.
func TestNoNeedlessWait(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := arrivals.Draw(rt, "arrivals")
		for i := range all {
			all[i].lane, all[i].result, all[i].patience, all[i].takes = LaneBackground, "ok", 0, 0
		}
		limit := rapid.IntRange(1, 40).Draw(rt, "limit")
		sent, _ := play(t, limit, all)
		share := LaneBackground.share(limit)
		for i, p := range sent {
			want := p.at
			if i >= share {
				want = max(want, sent[i-share].started+Window)
			}
			require.Equal(rt, want, p.started)
		}
	})
}
