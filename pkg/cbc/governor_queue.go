package cbc

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// ticket is one request, from the moment it wants to start until it has ended.
type ticket struct {
	lane    Lane
	origin  Origin
	arrived time.Time
	latest  time.Time // start that is worth waiting for; zero is any
	ready   chan error
	started time.Time
	epoch   int  // how many 429s had come when it started
	probe   bool // its answer decides whether a refusal still holds
}

// waited is how long the request waited for its start.
func (t *ticket) waited() time.Duration { return t.started.Sub(t.arrived) }

// advance starts what may start now, refuses what would wait too long and sets the timer for what comes next. It is called
// after every change.
func (g *Governor) advance() {
	now := g.now()
	g.pace.expire(now)
	for t := g.next(); t != nil && g.room(t.lane) && !g.earliest(t.lane, 0, now).After(now); t = g.next() {
		g.start(t, now)
	}
	g.refuse(now)
	g.setTimer(now)
}

// next is the request that goes next. A later lane never fills a gap that an earlier one may not, since its share is smaller.
func (g *Governor) next() *ticket {
	for _, lane := range g.waiting {
		if len(lane) > 0 {
			return lane[0]
		}
	}
	return nil
}

// room reports whether one more request of a lane may run. The first one after a pause runs alone, and the last place is kept
// for alert rules: panels whose answers take long must not hold them up.
func (g *Governor) room(lane Lane) bool {
	if g.pause.alone {
		return len(g.running) == 0
	}
	if lane == LaneAlert {
		return len(g.running) < maxInFlight
	}
	return len(g.running) < maxInFlight-1
}

func (g *Governor) start(t *ticket, now time.Time) {
	g.drop(t)
	g.running[t] = true
	g.pace.add(now)
	t.started, t.epoch = now, g.pause.epoch
	g.usage.count(t.origin, spent{calls: 1, waited: t.waited()})
	t.ready <- nil
}

// drop takes a request out of its lane and reports whether it was there.
func (g *Governor) drop(t *ticket) bool {
	i := slices.Index(g.waiting[t.lane], t)
	if i < 0 {
		return false
	}
	g.waiting[t.lane] = slices.Delete(g.waiting[t.lane], i, i+1)
	return true
}

// earliest is the first moment at which a request can start that has so many others ahead of it; it may become later.
func (g *Governor) earliest(lane Lane, ahead int, now time.Time) time.Time {
	at := g.pace.earliest(lane.share(g.limit()), ahead, now)
	if g.pause.until.After(at) {
		return g.pause.until
	}
	return at
}

// refuse ends the wait of those who cannot start in time.
func (g *Governor) refuse(now time.Time) {
	ahead := 0
	for lane := range lanes {
		g.waiting[lane] = slices.DeleteFunc(g.waiting[lane], func(t *ticket) bool {
			at := g.earliest(lane, ahead, now)
			if !tooLate(at, now, t.latest) {
				ahead++
				return false
			}
			g.usage.count(t.origin, spent{waited: now.Sub(t.arrived)})
			t.ready <- g.refusal(at, now)
			return true
		})
	}
}

// refusal says that a request was not sent, why, and when it could be.
func (g *Governor) refusal(at, now time.Time) *Error {
	e := &Error{Kind: KindThrottled, Status: http.StatusTooManyRequests}
	if !at.After(now) {
		e.Message = "too many other requests are ahead"
		return e
	}
	e.RetryAfter, e.ResumesAt = at.Sub(now), at
	if g.pause.until.After(now) {
		e.Message = "nothing is sent until the wait that it asked for is over"
		return e
	}
	e.paced = true
	e.Message = fmt.Sprintf("not sent: %d in %.0f minutes", g.limit(), Window.Minutes())
	return e
}

// setTimer makes the next request start in time. While there is no room, the end of a running one will see to it.
func (g *Governor) setTimer(now time.Time) {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	t := g.next()
	if t == nil || !g.room(t.lane) {
		return
	}
	g.timer = time.AfterFunc(g.earliest(t.lane, 0, now).Sub(now), func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.advance()
	})
}
