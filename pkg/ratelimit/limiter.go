// Package ratelimit decides when a request to a host may start: within a budget of requests per five minutes, alert rules before
// panels and panels before background work, and not at all while the host has asked for a pause. It also counts who spent the budget.
//
// The package does not know HTTP. Its user acquires a Grant, sends the request, and reports how it ended.
package ratelimit

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// Window is the sliding window in which starts are counted. Carbon Black Cloud counts in windows of five minutes.
const Window = 5 * time.Minute

const (
	// DefaultLimit is the number of requests per window when no client sets a limit.
	DefaultLimit = 600
	// maxInFlight bounds the requests to a host that run concurrently.
	maxInFlight = 4
)

// Config configures a Limiter.
type Config struct {
	Now func() time.Time // nil means time.Now
}

// Limiter decides when a request to one host may start. Carbon Black Cloud limits requests by source address, so all clients in the
// process that call the same host share a Limiter. It has no goroutine of its own, and a timer only while a request waits.
//
// A nil Limiter lets every request start at once.
type Limiter struct {
	now func() time.Time

	mu      sync.Mutex
	users   int            // callers of ForHost that have not left
	quotas  map[any]*quota // by the identity of an API key
	starts  startLog
	pause   pause
	running map[*Grant]bool
	waiting [lanes][]*Grant // in order of arrival
	timer   *time.Timer
	usage   usage

	unverified startLog // starts of clients that are not accepted
}

// New returns a Limiter that is not shared.
func New(c Config) *Limiter {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Limiter{now: c.Now, quotas: map[any]*quota{}, running: map[*Grant]bool{}, usage: newUsage()}
}

// shared holds the limiters of this process: a pause outlives the client that caused it.
var shared = struct {
	sync.Mutex
	byHost map[string]*Limiter
}{byHost: map[string]*Limiter{}}

// ForHost returns the limiter that this process uses for a host. Callers must spell a host in one way only. The limiter is kept until
// leave is called, and as long as it has starts or a pause to remember.
func ForHost(host string) (l *Limiter, leave func()) {
	shared.Lock()
	defer shared.Unlock()
	l = shared.byHost[host]
	if l == nil {
		maps.DeleteFunc(shared.byHost, func(_ string, l *Limiter) bool { return l.unused() })
		l = New(Config{})
		shared.byHost[host] = l
	}
	l.addUsers(1)
	return l, sync.OnceFunc(func() { l.addUsers(-1) })
}

func (l *Limiter) addUsers(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users += n
}

// unused reports whether no client uses the limiter and it has nothing to remember.
func (l *Limiter) unused() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.starts.expire(now)
	return l.users == 0 && len(l.running) == 0 && len(l.starts) == 0 && !l.pause.until.After(now)
}

// EachBudget calls visit with the budget of every host.
func EachBudget(visit func(host string, b Budget)) {
	shared.Lock()
	all := maps.Clone(shared.byHost)
	shared.Unlock()
	for host, l := range all {
		visit(host, l.Budget())
	}
}

// SetLimit adds a client's limit of requests per window until remove is called. It bounds the requests of the client's API key, of which
// the smallest limit applies, and takes part in the limit of the host.
func (l *Limiter) SetLimit(identity any, limit int) (remove func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quotaOf(identity).limits[limit]++
	l.advance()
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		q := l.quotaOf(identity)
		if q.limits[limit]--; q.limits[limit] == 0 {
			delete(q.limits, limit)
		}
		l.advance()
	})
}

// Acquire waits until a request may start. The caller must end or cancel the grant. The error is a *Refusal if the wait is or would be
// too long, else that of the context.
func (l *Limiter) Acquire(ctx context.Context) (*Grant, error) {
	if l == nil {
		return &Grant{}, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	lane := LaneOf(ctx)
	waitCtx := ctx
	if _, bounded := ctx.Deadline(); !bounded && maxWait[lane] > 0 {
		var cancel context.CancelFunc
		waitCtx, cancel = context.WithTimeout(ctx, maxWait[lane])
		defer cancel()
	}
	g := l.enqueue(ctx, lane)
	select {
	case err := <-g.decided: // a decision made at once counts even at the deadline
		return g, err
	default:
	}
	select {
	case err := <-g.decided:
		return g, err
	case <-waitCtx.Done():
		return nil, l.abandon(ctx, g)
	}
}

// enqueue adds a request to its lane and starts it if it may start now.
func (l *Limiter) enqueue(ctx context.Context, lane Lane) *Grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	g := &Grant{
		limiter: l, pool: poolOf(ctx, l), lane: lane, identity: ctx.Value(identityKey{}), origin: OriginOf(ctx), requestedAt: now, latestStart: latestStart(ctx, lane, now), decided: make(chan error, 1),
	}
	if g.origin.Tenant.unverified {
		first, _ := ctx.Value(firstKey{}).(bool)
		if refusal := l.unverifiedRefusal(first, now); refusal != nil {
			g.decided <- refusal
			return g
		}
	}
	l.waiting[lane] = append(l.waiting[lane], g)
	l.advance()
	return g
}

// abandon removes a request whose caller no longer waits.
func (l *Limiter) abandon(ctx context.Context, g *Grant) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.running[g] { // it was granted in the same moment, but never sent
		l.undoStart(g)
	} else if l.dequeue(g) {
		l.usage.count(g.origin, spent{waited: now.Sub(g.requestedAt)})
	}
	startsAt := l.earliestStart(g.lane, 0, now)
	if at := l.ownStart(g, 0, now); at.After(startsAt) {
		startsAt = at
	}
	l.advance()
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if at, _ := g.pool.availableAt(g.lane); at.After(startsAt) {
		startsAt = at
	}
	refusal := l.refusal(g, startsAt, now)
	refusal.err = ctx.Err()
	return refusal
}

// undoStart takes back a start that was not used.
func (l *Limiter) undoStart(g *Grant) {
	delete(l.running, g)
	l.starts.remove(g.startedAt)
	l.quotaOf(g.identity).starts.remove(g.startedAt)
	if g.origin.Tenant.unverified {
		l.unverified.remove(g.startedAt)
	}
	l.usage.count(g.origin, spent{calls: -1})
}
