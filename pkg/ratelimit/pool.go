package ratelimit

import (
	"context"
	"crypto/rand"
	"sync"
	"time"
)

const (
	// A share that is not used at once expires, so that a pause another process was asked for is obeyed within a second.
	shareTime = 900 * time.Millisecond
	// claimTime bounds a claim. After one that failed, the process goes on alone for aloneTime, then claims again.
	claimTime = 2 * time.Second
	aloneTime = 5 * time.Second
)

// SharedBudget is a host's budget that several processes share. Its methods are called concurrently.
type SharedBudget interface {
	// Claim asks for requests that may start now.
	Claim(ctx context.Context, c Claim) (Share, error)
	// Pause stops all processes for a while.
	Pause(ctx context.Context, wait time.Duration) error
	// Resume reports that a request was let through after a pause.
	Resume(ctx context.Context) error
}

// Pool is this process's part in a shared budget. Requests made with it start when both the limiter and the shared budget allow it.
// While the shared budget fails, the process goes on with an equal part of the limit.
type Pool struct {
	limiter *Limiter
	budget  SharedBudget
	process string
	life    context.Context
	end     context.CancelFunc
	calls   sync.WaitGroup

	// The limiter's mutex guards what follows.
	tokens     int       // requests that may start
	lane       Lane      // the tokens are for this lane and those before it
	expiresAt  time.Time // of the tokens
	claiming   bool
	nextAt     [lanes]time.Time // when a lane can claim again
	paused     bool             // nextAt is the end of a pause
	probing    bool             // the next request let through ends the pause of all processes
	processes  int
	aloneUntil time.Time
	failure    error    // of the last claim
	own        startLog // starts of this process, for the time it is alone
}

// Join returns this process's part in a budget that it shares with others. It must be closed.
func (l *Limiter) Join(b SharedBudget) *Pool {
	p := &Pool{limiter: l, budget: b, process: rand.Text(), processes: 1}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// Close ends the calls under way and waits for them. Requests that wait for the pool go on without it.
func (p *Pool) Close() {
	p.limiter.mu.Lock()
	p.end() // no call begins after this
	p.limiter.mu.Unlock()
	p.calls.Wait()
}

// PoolStatus describes a pool.
type PoolStatus struct {
	Processes int    `json:"processes"` // that used the budget within the last window
	Alone     bool   `json:"alone"`     // the shared budget failed: this process uses its part of the limit
	Error     string `json:"-"`         // of the last claim
}

// Status returns the state of the pool.
func (p *Pool) Status() PoolStatus {
	p.limiter.mu.Lock()
	defer p.limiter.mu.Unlock()
	s := PoolStatus{Processes: p.processes, Alone: p.failure != nil}
	if p.failure != nil {
		s.Error = p.failure.Error()
	}
	return s
}

// availableAt returns when a lane can start a request as far as the pool knows; a zero time means now. ok is false while a claim is
// under way, whose end the limiter waits for.
func (p *Pool) availableAt(lane Lane) (at time.Time, ok bool) {
	if p == nil {
		return time.Time{}, true
	}
	return p.nextAt[lane], !p.claiming
}

// take takes a token for a request of a lane. Without one it begins a claim, or sets when to claim again, and returns false.
func (p *Pool) take(lane Lane, now time.Time) bool {
	switch {
	case p == nil:
		return true
	case p.tokens > 0 && lane <= p.lane && now.Before(p.expiresAt):
		p.tokens--
		p.own.add(now)
		return true
	case p.life.Err() != nil:
		return true
	case now.Before(p.aloneUntil):
		return p.takeAlone(lane, now)
	}
	p.claim(lane)
	return false
}

// takeAlone keeps to an equal part of the limit.
func (p *Pool) takeAlone(lane Lane, now time.Time) bool {
	p.own.expire(now)
	part := max(lane.share(p.limiter.limit())/p.processes, 1)
	if at := p.own.earliest(part, 0, now); at.After(now) {
		p.nextAt[lane] = at
		return false
	}
	p.own.add(now)
	return true
}

// claim asks for as many requests as wait and can run. The limiter's mutex is held.
func (p *Pool) claim(lane Lane) {
	l := p.limiter
	c := Claim{Process: p.process, Limit: l.limit(), Reserve: l.limit() - lane.share(l.limit())}
	for earlier := Lane(0); earlier <= lane; earlier++ {
		for _, g := range l.waiting[earlier] {
			if g.pool == p && !l.ownStart(g, 0, l.now()).After(l.now()) {
				c.Want++
			}
		}
	}
	c.Want = max(min(c.Want, maxInFlight-len(l.running)), 1)
	p.claiming = true
	p.call(func(ctx context.Context) error {
		share, err := p.budget.Claim(ctx, c)
		l.mu.Lock()
		defer l.mu.Unlock()
		p.receive(lane, share, err, l.now())
		l.advance()
		return nil
	})
}

// receive takes the answer to a claim into account.
func (p *Pool) receive(lane Lane, s Share, err error, now time.Time) {
	p.claiming, p.failure, p.paused = false, err, s.Paused
	if err != nil {
		p.aloneUntil = now.Add(aloneTime)
		return
	}
	p.processes = max(s.Processes, 1)
	p.tokens, p.lane, p.expiresAt, p.probing = s.Requests, lane, now.Add(shareTime), s.Probing
	clear(p.nextAt[:])
	if s.Requests > 0 {
		return
	}
	at := now.Add(max(s.Next, time.Millisecond))
	for l := range lanes {
		if l >= lane || s.Paused { // a lane before it has a larger share
			p.nextAt[l] = at
		}
	}
}

// throttled stops the other processes, too.
func (p *Pool) throttled(wait time.Duration) {
	if p != nil {
		p.tokens = 0
		p.call(func(ctx context.Context) error { return p.budget.Pause(ctx, wait) })
	}
}

// letThrough ends the pause of all processes, if the request tested it.
func (p *Pool) letThrough() {
	if p != nil && p.probing {
		p.probing = false
		p.call(p.budget.Resume)
	}
}

// call runs a call of the shared budget. The limiter's mutex is held.
func (p *Pool) call(do func(context.Context) error) {
	if p.life.Err() != nil {
		return
	}
	p.calls.Go(func() {
		ctx, cancel := context.WithTimeout(p.life, claimTime)
		defer cancel()
		_ = do(ctx) // Pause and Resume are not vital: a process that did not learn of a pause is told by a 429 of its own
	})
}

type poolKey struct{}

// WithPool makes the requests made with the context draw on a shared budget, too.
func WithPool(ctx context.Context, p *Pool) context.Context {
	if p == nil {
		return ctx
	}
	return context.WithValue(ctx, poolKey{}, p)
}

func poolOf(ctx context.Context, l *Limiter) *Pool {
	p, _ := ctx.Value(poolKey{}).(*Pool)
	if p == nil || p.limiter != l {
		return nil
	}
	return p
}
