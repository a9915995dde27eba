package ratelimit

import "time"

const (
	// Margin is added to the wait that a host asks for: its clock may differ, and its dates have whole seconds.
	Margin = time.Second
	// The pause after a 429 that does not say how long to wait.
	firstBackoff = 30 * time.Second
	maxBackoff   = 5 * time.Minute
)

// pause is the time after a 429 in which nothing is sent: a request during the pause would extend it.
type pause struct {
	until     time.Time
	strikes   int  // consecutive 429s, counting requests that ran concurrently once
	throttles int  // all 429s, to recognize requests that started before the last one
	probing   bool // the next request runs alone, to test whether the pause is over
}

// begin starts or extends a pause, after a request that started when so many 429s had been seen. A wait of 0 means backoff.
func (p *pause) begin(now time.Time, wait time.Duration, throttles int) {
	if throttles == p.throttles { // not one of several that ran concurrently
		p.strikes++
	}
	p.throttles++
	p.probing = true
	if wait > 0 {
		wait += Margin
	} else {
		wait = backoff(p.strikes)
	}
	if until := now.Add(wait); until.After(p.until) {
		p.until = until
	}
}

// end notes that a request was let through. One that started before the last 429 proves nothing.
func (p *pause) end(throttles int) {
	if throttles == p.throttles {
		p.strikes, p.probing = 0, false
	}
}

func backoff(strikes int) time.Duration {
	wait := firstBackoff
	for ; strikes > 1 && wait < maxBackoff; strikes-- {
		wait *= 2
	}
	return min(wait, maxBackoff)
}
