package ratelimit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// database is a budget that processes of a test share.
type database struct {
	mu    sync.Mutex
	state SharedState
	fails error
	hangs bool
}

func (d *database) change(ctx context.Context, change func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hangs {
		d.mu.Unlock()
		<-ctx.Done()
		d.mu.Lock()
		return ctx.Err()
	}
	if d.fails == nil {
		change()
	}
	return d.fails
}

func (d *database) set(fails error, hangs bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails, d.hangs = fails, hangs
}

func (d *database) Claim(ctx context.Context, c Claim) (s Share, err error) {
	err = d.change(ctx, func() { s = d.state.Claim(time.Now(), c) })
	return s, err
}

func (d *database) Pause(ctx context.Context, wait time.Duration) error {
	return d.change(ctx, func() { d.state.Pause(time.Now(), wait) })
}

func (d *database) Resume(ctx context.Context) error {
	return d.change(ctx, func() { d.state.Resume(time.Now()) })
}

// replicas returns limiters of so many processes that share a budget with a limit.
func replicas(t *testing.T, d *database, n, limit int) []*Pool {
	var pools []*Pool
	for range n {
		l := New(Config{})
		l.SetLimit(nil, limit)
		p := l.Join(d)
		t.Cleanup(p.Close)
		pools = append(pools, p)
	}
	return pools
}

// send makes a request that takes no time, and reports whether it was sent.
func (p *Pool) send(lane Lane, o Outcome, wait time.Duration) bool {
	g, err := p.limiter.Acquire(WithPool(WithLane(context.Background(), lane), p))
	if err != nil {
		return false
	}
	g.End(o, wait)
	return true
}

// burst sends as many requests as each process may, and returns how many that were.
func burst(pools []*Pool, lane Lane) int {
	var mu sync.Mutex
	var sending sync.WaitGroup
	total := 0
	for _, p := range pools {
		sending.Go(func() {
			for p.send(lane, Allowed, 0) {
				mu.Lock()
				total++
				mu.Unlock()
			}
		})
	}
	sending.Wait()
	return total
}

func TestProcessesShareABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pools := replicas(t, &database{}, 3, 100)
		require.Equal(t, 90, burst(pools, LanePanel), "together, and a tenth is left for alert rules")
		require.Equal(t, 10, burst(pools, LaneAlert))
		for _, p := range pools {
			require.Equal(t, PoolStatus{Processes: 3}, p.Status())
		}
		time.Sleep(Window)
		require.Equal(t, 100, burst(pools, LaneAlert))
		for _, p := range pools {
			p.Close()
		}
	})
}

// A 429 of one silences all within a second, and one request of one process tests whether the pause is over.
func TestProcessesPauseTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pools := replicas(t, &database{}, 3, 100)
		for _, p := range pools {
			require.True(t, p.send(LanePanel, Allowed, 0))
		}
		require.True(t, pools[0].send(LanePanel, Throttled, time.Minute))
		time.Sleep(time.Second)
		require.Zero(t, burst(pools, LaneAlert), "it would wait longer than an alert rule can")
		_, err := pools[1].limiter.Acquire(WithPool(WithLane(context.Background(), LaneAlert), pools[1]))
		var refusal *Refusal
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, Paused, refusal.Reason)
		time.Sleep(time.Minute + Margin)
		require.True(t, pools[2].send(LanePanel, Throttled, time.Minute), "the test fails")
		require.Zero(t, burst(pools, LaneAlert))
		time.Sleep(time.Minute + Margin)
		g, err := pools[1].limiter.Acquire(WithPool(context.Background(), pools[1]))
		require.NoError(t, err)
		require.False(t, pools[0].send(LaneAlert, Allowed, 0), "the test is under way")
		g.End(Allowed, 0)
		synctest.Wait()
		require.Equal(t, 90-6, burst(pools, LanePanel))
		for _, p := range pools {
			p.Close()
		}
	})
}

// While the shared budget fails or hangs, each process goes on with its part, and they join again when it returns.
func TestProcessesGoOnAlone(t *testing.T) {
	for name, failure := range map[string]error{"fails": errors.New("no connection"), "hangs": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &database{}
				pools := replicas(t, d, 3, 100)
				for range 2 { // so that each knows the others
					for _, p := range pools {
						require.True(t, p.send(LanePanel, Allowed, 0))
					}
				}
				d.set(failure, failure == nil)
				sent := burst(pools, LanePanel)
				require.Equal(t, 90-6, sent)
				require.True(t, pools[0].Status().Alone)
				d.set(nil, false)
				time.Sleep(Window)
				require.Equal(t, 90, burst(pools, LanePanel))
				require.False(t, pools[0].Status().Alone)
				for _, p := range pools {
					p.Close()
				}
			})
		})
	}
}

// A shared budget that has nothing left, or does not answer, holds up those that draw on it only.
func TestASharedBudgetHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{hangs: true}
		p := replicas(t, d, 1, 100)[0]
		waiting := make(chan bool, 1)
		go func() { waiting <- p.send(LaneAlert, Allowed, 0) }()
		synctest.Wait()
		before := time.Now()
		g, err := p.limiter.Acquire(context.Background())
		require.NoError(t, err)
		g.End(Allowed, 0)
		require.Equal(t, before, time.Now())
		require.True(t, <-waiting)
		require.Equal(t, claimTime, time.Since(before))
		p.Close()
	})
}

// Requests that wait for a shared budget do not count as ahead of those that do not draw on it.
func TestWaitersOfASharedBudgetAreNotAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{}
		d.state.Pause(time.Now(), 15*time.Second)
		l := New(Config{})
		p := l.Join(d)
		defer p.Close()
		for range 540 {
			go func() {
				if g, err := l.Acquire(WithPool(context.Background(), p)); err == nil {
					g.End(Unknown, 0)
				}
			}()
		}
		time.Sleep(time.Second)
		var refused atomic.Int64
		for range 10 { // a dashboard of ten panels, each answered in a second
			go func() {
				g, err := l.Acquire(context.Background())
				if err != nil {
					refused.Add(1)
					return
				}
				time.Sleep(time.Second)
				g.End(Allowed, 0)
			}()
		}
		time.Sleep(30 * time.Second)
		require.Zero(t, refused.Load())
	})
}
