package ratelimit

import "time"

// A client that was never answered may send a few requests at once and then one at a time, because what it sends in vain is missing
// from the budget of all clients of the host.
const (
	trialBurst = 10
	trialPause = 5 * time.Second
)

// Trial limits a client that no host has answered yet. It is not safe for concurrent use.
type Trial struct{ starts startLog }

// Take counts a request that starts now, or returns why it may not. limit is the client's own limit per window.
func (t *Trial) Take(limit int, now time.Time) error {
	t.starts.expire(now)
	r := &Refusal{Reason: OverBudget, Limit: limit, ResumesAt: t.starts.earliest(limit, 0, now)}
	if n := len(t.starts); n >= trialBurst {
		if at := t.starts[n-1].Add(trialPause); at.After(now) {
			r.Reason, r.ResumesAt = Unverified, at
		}
	}
	if r.ResumesAt.After(now) {
		r.Wait = r.ResumesAt.Sub(now)
		return r
	}
	t.starts.add(now)
	return nil
}
