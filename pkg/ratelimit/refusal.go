package ratelimit

import (
	"fmt"
	"time"
)

// Reason is why a request was not sent.
type Reason int

// The reasons of a Refusal.
const (
	Busy       Reason = iota // other requests are running or ahead of it
	Paused                   // the host asked for a pause
	OverBudget               // the budget of the window is spent
	Unverified               // no request with these settings has been answered yet
)

// Refusal is the error of a request that was not sent, because it would have waited too long.
type Refusal struct {
	Reason    Reason
	Limit     int           // requests per window
	Wait      time.Duration // until ResumesAt; 0 if unknown
	ResumesAt time.Time     // when requests may start again; zero if unknown
	err       error
}

func (r *Refusal) Error() string {
	text := map[Reason]string{
		Busy: "not sent: too many other requests are waiting", Paused: "not sent: the host asked for a pause",
		OverBudget: fmt.Sprintf("not sent: the budget of %d requests in %.0f minutes is used up", r.Limit, Window.Minutes()),
		Unverified: "not sent: no request with these settings has been answered yet",
	}[r.Reason]
	if !r.ResumesAt.IsZero() {
		text += ", requests resume at " + r.ResumesAt.UTC().Format("15:04:05 UTC")
	}
	return text
}

// Unwrap returns the error of the caller's context, if it ended the wait.
func (r *Refusal) Unwrap() error { return r.err }

// refusal describes a request that is not sent now but could be at startsAt.
func (l *Limiter) refusal(g *Grant, startsAt, now time.Time) *Refusal {
	r := &Refusal{Reason: Busy, Limit: l.limit()}
	if l.ownStart(g, 0, now).After(now) {
		r.Limit = l.quotas[g.identity].limit()
	}
	if !startsAt.After(now) {
		return r
	}
	r.Reason, r.Wait, r.ResumesAt = OverBudget, startsAt.Sub(now), startsAt
	if l.pause.until.After(now) || g.pool != nil && g.pool.paused {
		r.Reason = Paused
	}
	return r
}
