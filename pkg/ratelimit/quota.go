package ratelimit

import (
	"context"
	"time"
)

// quota is what the clients of one API key may send. A small limit of theirs slows nobody else.
type quota struct {
	limits map[int]int // requests per window, and how many clients set that limit
	starts startLog
}

// limit returns the smallest limit that a client has set, 0 if none has.
func (q *quota) limit() (smallest int) {
	for limit := range q.limits {
		if smallest == 0 || limit < smallest {
			smallest = limit
		}
	}
	return smallest
}

type identityKey struct{}

// WithIdentity counts the requests made with the context against the limit of an API key. The identity is any comparable value.
func WithIdentity(ctx context.Context, identity any) context.Context {
	return context.WithValue(ctx, identityKey{}, identity)
}

// quotaOf returns the quota of an API key, which is made if there is none.
func (l *Limiter) quotaOf(identity any) *quota {
	q := l.quotas[identity]
	if q == nil {
		q = &quota{limits: map[int]int{}}
		l.quotas[identity] = q
	}
	return q
}

// expireQuotas forgets the starts before the window, and the quotas that hold nothing any more.
func (l *Limiter) expireQuotas(now time.Time) {
	for identity, q := range l.quotas {
		q.starts.expire(now)
		if len(q.starts) == 0 && len(q.limits) == 0 {
			delete(l.quotas, identity)
		}
	}
}

// ownStart returns when the limit of a request's API key lets it start at the earliest, with so many others of the key ahead of it.
func (l *Limiter) ownStart(g *Grant, ahead int, now time.Time) time.Time {
	q := l.quotas[g.identity]
	if q == nil || q.limit() <= 0 {
		return now
	}
	return q.starts.earliest(g.lane.share(q.limit()), ahead, now)
}

// limit returns the number of requests that may start per window: the largest limit of an API key, but above DefaultLimit only what all
// of them permit. Otherwise a single data source could spend what Carbon Black Cloud allows the address.
func (l *Limiter) limit() int {
	smallest, largest := 0, 0
	for _, q := range l.quotas {
		limit := q.limit()
		if limit <= 0 {
			continue
		}
		if largest = max(largest, limit); smallest == 0 || limit < smallest {
			smallest = limit
		}
	}
	if largest == 0 {
		return DefaultLimit
	}
	return min(largest, max(smallest, DefaultLimit))
}

// limited reports whether a client has set a limit.
func (l *Limiter) limited() bool {
	for _, q := range l.quotas {
		if len(q.limits) > 0 {
			return true
		}
	}
	return false
}
