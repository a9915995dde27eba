package ratelimit

import (
	"slices"
	"time"
)

// advance starts the requests that may start, refuses those that would wait too long, and sets the timer for the next start. It must be
// called after every change.
func (l *Limiter) advance() {
	now := l.now()
	l.starts.expire(now)
	l.expireQuotas(now)
	for g := l.next(now); g != nil && l.mayStart(g, now); g = l.next(now) {
		if g.pool.take(g.lane, now) {
			l.start(g, now)
		}
	}
	l.refuseLate(now)
	l.setTimer(now)
}

// mayStart reports whether the limiter lets a request start now.
func (l *Limiter) mayStart(g *Grant, now time.Time) bool {
	return l.hasRoom(g.lane) && !l.earliestStart(g.lane, 0, now).After(now)
}

// next returns the request to start next, nil if none waits. A later lane never overtakes, because its share of the budget is smaller,
// but a request whose shared budget or API key has nothing for it now does not hold up those of others.
func (l *Limiter) next(now time.Time) *Grant {
	for _, lane := range l.waiting {
		for _, g := range lane {
			if at, ok := g.pool.availableAt(g.lane); ok && !at.After(now) && !l.ownStart(g, 0, now).After(now) {
				return g
			}
		}
	}
	return nil
}

// hasRoom reports whether one more request of a lane may run. The first request after a pause runs alone. One slot is reserved for alert
// rules, so that slow panels do not delay them.
func (l *Limiter) hasRoom(lane Lane) bool {
	switch {
	case l.pause.probing:
		return len(l.running) == 0
	case lane == LaneAlert:
		return len(l.running) < maxInFlight
	}
	return len(l.running) < maxInFlight-1
}

func (l *Limiter) start(g *Grant, now time.Time) {
	l.dequeue(g)
	l.running[g] = true
	l.starts.add(now)
	l.quotaOf(g.identity).starts.add(now)
	if g.origin.Tenant.unverified {
		l.unverified.add(now)
	}
	g.startedAt, g.throttles = now, l.pause.throttles
	l.usage.count(g.origin, spent{calls: 1, waited: g.Waited()})
	g.decided <- nil
}

// dequeue removes a request from its lane and reports whether it was there.
func (l *Limiter) dequeue(g *Grant) bool {
	i := slices.Index(l.waiting[g.lane], g)
	if i < 0 {
		return false
	}
	l.waiting[g.lane] = slices.Delete(l.waiting[g.lane], i, i+1)
	return true
}

// earliestStart returns when a request of a lane can start at the earliest, with so many others ahead of it.
func (l *Limiter) earliestStart(lane Lane, ahead int, now time.Time) time.Time {
	at := l.starts.earliest(lane.share(l.limit()), ahead, now)
	if l.pause.until.After(at) {
		return l.pause.until
	}
	return at
}

// refuseLate refuses the waiting requests that cannot start in time.
func (l *Limiter) refuseLate(now time.Time) {
	ahead, ownAhead := 0, map[any]int{}
	for lane := range lanes {
		l.waiting[lane] = slices.DeleteFunc(l.waiting[lane], func(g *Grant) bool {
			startsAt := l.earliestStart(lane, ahead, now)
			own := l.ownStart(g, ownAhead[g.identity], now)
			if own.After(startsAt) {
				startsAt = own
			}
			at, ok := g.pool.availableAt(lane)
			if at.After(startsAt) {
				startsAt = at
			}
			if !tooLate(startsAt, now, g.latestStart) {
				ownAhead[g.identity]++
				if ok && !at.After(now) && !own.After(now) { // else others start before it
					ahead++
				}
				return false
			}
			l.usage.count(g.origin, spent{waited: now.Sub(g.requestedAt)})
			g.decided <- l.refusal(g, startsAt, now)
			return true
		})
	}
}

// tooLate reports whether a start at that time is too late. A start that needs no wait never is.
func tooLate(startsAt, now, latestStart time.Time) bool {
	return !latestStart.IsZero() && startsAt.After(latestStart) && startsAt.After(now)
}

// setTimer wakes the limiter for the next start. While there is no room, the end of a running request does.
func (l *Limiter) setTimer(now time.Time) {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	at := l.nextChange(now)
	if at.IsZero() {
		return
	}
	l.timer = time.AfterFunc(at.Sub(now), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.advance()
	})
}

// nextChange returns when the first of the waiting requests for which there is room can start; zero if there is none.
func (l *Limiter) nextChange(now time.Time) time.Time {
	var first time.Time
	for lane := range lanes {
		if len(l.waiting[lane]) == 0 || !l.hasRoom(lane) {
			continue
		}
		starts := l.earliestStart(lane, 0, now)
		for _, g := range l.waiting[lane] {
			at, ok := g.pool.availableAt(lane)
			if !ok {
				continue
			}
			if starts.After(at) {
				at = starts
			}
			if own := l.ownStart(g, 0, now); own.After(at) {
				at = own
			}
			if first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return first
}
