package ratelimit

import "time"

// Clients that are not accepted share a part of the budget. Half of it is for their first requests, by which a client with the right
// credential is accepted.
const unverifiedShare = 20 // percent

// unverifiedRefusal returns why a request of a client that is not accepted may not start, nil if it may wait for its start.
func (l *Limiter) unverifiedRefusal(first bool, now time.Time) *Refusal {
	limit := l.limit() * unverifiedShare / 100
	if !first {
		limit /= 2
	}
	limit = max(limit, 1)
	l.unverified.expire(now)
	at := l.unverified.earliest(limit, 0, now)
	if !at.After(now) {
		return nil
	}
	return &Refusal{Reason: Unverified, Limit: limit, Wait: at.Sub(now), ResumesAt: at}
}

// A client that was never answered may send a few requests at once and then one at a time, because what it sends in vain is missing
// from the budget of all clients of the host.
const (
	trialBurst = 10
	trialPause = 5 * time.Second
)

// Trial limits a client that no host has answered yet. It is not safe for concurrent use.
type Trial struct {
	starts startLog
	taken  int
}

// First reports whether no more than one request was taken yet.
func (t *Trial) First() bool { return t.taken <= 1 }

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
	t.taken++
	return nil
}
