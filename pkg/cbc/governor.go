package cbc

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Window is the span in which a governor counts requests: the vendor's own is a sliding one of five minutes.
const Window = 5 * time.Minute

const (
	// DefaultLimit is the most requests a window has when nobody says otherwise.
	DefaultLimit = 600
	// maxInFlight bounds how many requests a host answers at a time.
	maxInFlight = 4
)

// GovernorConfig is what a Governor takes from outside.
type GovernorConfig struct {
	Now func() time.Time // nil means time.Now
}

// Governor decides when a request to one host may start. Carbon Black Cloud limits calls by address, so all clients of a process
// that ask the same host share one. It paces, bounds how much runs at a time, and keeps silent after a 429, because a call
// during the penalty extends it. It has no goroutine of its own, and a timer only while somebody waits.
type Governor struct {
	now func() time.Time

	mu      sync.Mutex
	clients int         // that were told of it by GovernorFor
	limits  map[int]int // requests in a window, and how many clients said so
	pace    pace
	pause   pause
	running map[*ticket]bool
	waiting [lanes][]*ticket // first come, first served within a lane
	timer   *time.Timer
	usage   usage
}

// NewGovernor returns a governor that nobody else uses.
func NewGovernor(c GovernorConfig) *Governor {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Governor{now: c.Now, limits: map[int]int{}, running: map[*ticket]bool{}, usage: newUsage()}
}

// governors are those of the process: a penalty outlives the client that caused it.
var governors = struct {
	sync.Mutex
	byHost map[string]*Governor
}{byHost: map[string]*Governor{}}

// GovernorFor returns the process's governor of the host in an address: of its scheme, name and port. It is kept until leave is
// called, and as long as it has something to remember.
func GovernorFor(address string) (g *Governor, leave func()) {
	host := hostOf(address)
	governors.Lock()
	defer governors.Unlock()
	g = governors.byHost[host]
	if g == nil {
		prune()
		g = NewGovernor(GovernorConfig{})
		governors.byHost[host] = g
	}
	g.join(1)
	return g, sync.OnceFunc(func() { g.join(-1) })
}

func (g *Governor) join(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clients += n
}

// EachBudget hands the budget of every host of the process to visit.
func EachBudget(visit func(host string, b Budget)) {
	governors.Lock()
	all := maps.Clone(governors.byHost)
	governors.Unlock()
	for host, g := range all {
		visit(host, g.Budget())
	}
}

// prune drops the governors of hosts that no client uses and that have nothing to remember. The lock of governors is held.
func prune() {
	maps.DeleteFunc(governors.byHost, func(_ string, g *Governor) bool { return g.forgettable() })
}

func (g *Governor) forgettable() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.pace.expire(now)
	return g.clients == 0 && len(g.running) == 0 && len(g.pace.starts) == 0 && !g.pause.until.After(now)
}

// hostOf is the host of an address, its scheme, name and port, always in the same spelling.
func hostOf(address string) string {
	normalized, err := NormalizeURL(address)
	if err != nil {
		return strings.ToLower(strings.TrimSpace(address))
	}
	u, err := url.Parse(normalized)
	if err != nil {
		return normalized
	}
	return u.Scheme + "://" + u.Host
}

// Attach makes a client's limit of requests in a window count until detach is called. Of several limits the smallest counts.
func (g *Governor) Attach(limit int) (detach func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limits[limit]++
	g.advance()
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.limits[limit]--; g.limits[limit] == 0 {
			delete(g.limits, limit)
		}
		g.advance()
	})
}

// limit is the most requests that may start in a window.
func (g *Governor) limit() int {
	least := 0
	for limit := range g.limits {
		if least == 0 || limit < least {
			least = limit
		}
	}
	if least <= 0 {
		return DefaultLimit
	}
	return least
}

// acquire waits until a request may start. What it returns must be released, unless there is an error: an *Error when the wait
// is or would be too long, or the context's own. A nil governor lets everything through.
func (g *Governor) acquire(ctx context.Context) (*ticket, error) {
	if g == nil {
		return &ticket{}, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	lane := LaneOf(ctx)
	patient := ctx
	if _, bounded := ctx.Deadline(); !bounded && patience[lane] > 0 {
		var cancel context.CancelFunc
		patient, cancel = context.WithTimeout(ctx, patience[lane])
		defer cancel()
	}
	t := g.enqueue(ctx, lane)
	select {
	case err := <-t.ready: // what was decided at once, even at the deadline
		return t, err
	default:
	}
	select {
	case err := <-t.ready:
		return t, err
	case <-patient.Done():
		return nil, g.abandon(ctx, t)
	}
}

// latestStart is the last moment at which a start is worth waiting for; zero is any.
func latestStart(ctx context.Context, lane Lane, now time.Time) time.Time {
	if deadline, bounded := ctx.Deadline(); bounded {
		return deadline.Add(-answerTime)
	}
	if patience[lane] > 0 {
		return now.Add(patience[lane])
	}
	return time.Time{}
}

// tooLate reports whether a start at that time is not worth waiting for. One that needs no wait always is.
func tooLate(at, now, latest time.Time) bool {
	return !latest.IsZero() && at.After(latest) && at.After(now)
}

// enqueue puts a request into its lane and sees whether it may start.
func (g *Governor) enqueue(ctx context.Context, lane Lane) *ticket {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	t := &ticket{lane: lane, origin: OriginOf(ctx), arrived: now, latest: latestStart(ctx, lane, now), ready: make(chan error, 1)}
	g.waiting[lane] = append(g.waiting[lane], t)
	g.advance()
	return t
}

// abandon takes back a request whose asker waits no longer.
func (g *Governor) abandon(ctx context.Context, t *ticket) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if g.running[t] { // the permission and the end of the wait came together: the request was never sent
		g.takeBack(t)
	} else if g.drop(t) {
		g.usage.count(t.origin, spent{waited: now.Sub(t.arrived)})
	}
	at := g.earliest(t.lane, 0, now)
	g.advance()
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	refusal := g.refusal(at, now)
	refusal.err = ctx.Err()
	return refusal
}

// cancel gives back a start that was not used.
func (g *Governor) cancel(t *ticket) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.takeBack(t)
	g.advance()
}

// takeBack makes a start not have happened.
func (g *Governor) takeBack(t *ticket) {
	delete(g.running, t)
	g.pace.remove(t.started)
	g.usage.count(t.origin, spent{calls: -1})
}

// release says that a request has ended, and how. It completes what err says about a rate limit.
func (g *Governor) release(t *ticket, err error) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.running, t)
	now := g.now()
	var failed *Error
	switch errors.As(err, &failed); {
	case err == nil, failed != nil && answeredWell(failed):
		g.pause.end(t.epoch)
	case failed != nil && failed.Kind == KindThrottled:
		g.pause.begin(now, failed.RetryAfter, t.epoch)
		g.usage.count(t.origin, spent{throttled: 1})
		failed.ResumesAt = g.pause.until
		if failed.RetryAfter == 0 {
			failed.RetryAfter = g.pause.until.Sub(now)
		}
	}
	g.advance()
}

// prove notes that the API key of a request's client was accepted.
func (g *Governor) prove(t *ticket) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.usage.prove(t.origin.Tenant)
}

// answeredWell reports whether a failure shows that requests are let through again: a refusal of this one, not a trouble of all.
func answeredWell(e *Error) bool {
	return e.Status != 0 && e.Status < 500 && e.Kind != KindThrottled
}
