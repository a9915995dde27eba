package ratelimit

import "time"

// Grant is one request, from when it asks to start until it has ended.
type Grant struct {
	limiter     *Limiter // nil: not limited
	pool        *Pool    // of a shared budget; nil: none
	lane        Lane
	origin      Origin
	identity    any // of the API key
	requestedAt time.Time
	latestStart time.Time  // zero: any
	decided     chan error // receives nil when the request may start, else why it may not
	startedAt   time.Time
	throttles   int // seen by the limiter before this request started
}

// Waited returns how long the request waited for its start.
func (g *Grant) Waited() time.Duration { return g.startedAt.Sub(g.requestedAt) }

// Outcome is what the end of a request says about the host's rate limit.
type Outcome int

// The outcomes of a request.
const (
	Unknown   Outcome = iota // there was no answer, or one that says nothing about the limit
	Allowed                  // the host let the request through, even if it then refused it for another reason
	Throttled                // the host asked to pause
)

// End reports that the request has ended. For Throttled, wait is how long the host asked to pause, 0 if it did not say. End returns
// when requests may start again, the zero time unless the outcome is Throttled.
func (g *Grant) End(o Outcome, wait time.Duration) (resumesAt time.Time) {
	l := g.limiter
	if l == nil {
		return time.Time{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.running, g)
	switch o {
	case Allowed:
		l.pause.end(g.throttles)
		g.pool.letThrough()
	case Throttled:
		l.pause.begin(l.now(), wait, g.throttles)
		l.usage.count(g.origin, spent{throttled: 1})
		resumesAt = l.pause.until
		g.pool.throttled(resumesAt.Sub(l.now()))
	case Unknown:
	}
	l.advance()
	return resumesAt
}

// Cancel returns a grant that was not used: the request was not sent.
func (g *Grant) Cancel() {
	l := g.limiter
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.undoStart(g)
	l.advance()
}

// Verify reports that the API key of the request's client was accepted. What the tenant spent before is then counted with the rest.
func (g *Grant) Verify() {
	l := g.limiter
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.usage.verify(g.origin.Tenant)
}
