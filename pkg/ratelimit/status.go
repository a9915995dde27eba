package ratelimit

import "time"

// Status is what a limiter is doing and has done since the process started, as far as a viewer may see it.
type Status struct {
	Budget      Budget        `json:"budget"`
	PausedUntil *int64        `json:"pausedUntil"` // milliseconds since the epoch; nil when requests may start
	InFlight    int           `json:"inFlight"`
	Waiting     Waiting       `json:"waiting"`
	Calls       int64         `json:"calls"`     // requests that were started
	Throttled   int64         `json:"throttled"` // of those, the ones that were answered with 429
	WaitedMS    int64         `json:"waitedMs"`  // waiting time of all requests, refused ones included
	Origins     []OriginUsage `json:"origins"`   // most calls first
}

// Budget is how many requests may start per window.
type Budget struct {
	Limit         int `json:"limit"`
	Used          int `json:"used"`
	Left          int `json:"left"`
	WindowSeconds int `json:"windowSeconds"`
}

// Waiting is how many requests wait in each lane.
type Waiting struct {
	Alert      int `json:"alert"`
	Panel      int `json:"panel"`
	Background int `json:"background"`
}

// OriginUsage is what one origin has spent.
type OriginUsage struct {
	Origin
	Calls     int64 `json:"calls"`
	WaitedMS  int64 `json:"waitedMs"`
	Throttled int64 `json:"throttled"`
}

// Viewer is the reader of a status. It sees the origins of its own tenant and background work with its credential. All other usage is
// one sum, which a viewer whose credential is not accepted does not see.
type Viewer struct {
	Tenant   Tenant
	Accepted bool
	Limit    int // its own limit, which applies if it is smaller than the host's; 0 means none
}

// Status returns what a viewer may know. The budget and the pause explain why the viewer's own requests wait.
func (l *Limiter) Status(v Viewer) Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.starts.expire(now)
	l.expireQuotas(now)
	total, origins := l.usage.visibleTo(v)
	s := Status{
		Budget: l.budgetOf(v), PausedUntil: l.pausedUntil(now),
		Calls: total.calls, Throttled: total.throttled, WaitedMS: total.waited.Milliseconds(), Origins: origins,
	}
	count := func(g *Grant) int {
		tenant := g.origin.Tenant
		tenant.unverified = false
		if v.Accepted || tenant == v.Tenant {
			return 1
		}
		return 0
	}
	for g := range l.running {
		s.InFlight += count(g)
	}
	waiting := [lanes]int{}
	for lane, grants := range l.waiting {
		for _, g := range grants {
			waiting[lane] += count(g)
		}
	}
	s.Waiting = Waiting{Alert: waiting[LaneAlert], Panel: waiting[LanePanel], Background: waiting[LaneBackground]}
	return s
}

// Budget returns the host's budget.
func (l *Limiter) Budget() Budget {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts.expire(l.now())
	return l.budget()
}

// budget returns the host's budget.
func (l *Limiter) budget() Budget {
	limit, used := l.limit(), len(l.starts)
	return Budget{Limit: limit, Used: used, Left: max(limit-used, 0), WindowSeconds: int(Window.Seconds())}
}

// budgetOf returns the budget that bounds a viewer: that of its own limit if it is smaller than the host's.
func (l *Limiter) budgetOf(v Viewer) Budget {
	b, own := l.budget(), v.Limit
	q := l.quotas[v.Tenant.Identity]
	if q == nil {
		q = &quota{}
	}
	if limit := q.limit(); limit > 0 && (own <= 0 || limit < own) {
		own = limit
	}
	switch {
	case own > b.Limit && !l.limited(): // the viewer's own limit applies once its key is accepted
		b.Limit, b.Left = own, max(own-b.Used, 0)
		return b
	case own <= 0 || own >= b.Limit:
		return b
	}
	b.Limit, b.Used, b.Left = own, len(q.starts), max(min(own-len(q.starts), b.Left), 0)
	return b
}

func (l *Limiter) pausedUntil(now time.Time) *int64 {
	if !l.pause.until.After(now) {
		return nil
	}
	ms := l.pause.until.UnixMilli()
	return &ms
}
