package cbc

import "time"

const (
	// safety is added to what the vendor asks for: its clock is another one, and its dates are cut to seconds.
	safety = time.Second
	// The back-off after a 429 that does not say how long to wait.
	firstBackoff = 30 * time.Second
	maxBackoff   = 5 * time.Minute
)

// pause is the silence after a 429.
type pause struct {
	until   time.Time
	strikes int // requests in a row that were answered 429, each after the pause before it
	epoch   int // counts 429s, to know what a request that ends has not seen yet
	alone   bool
}

// begin takes a 429 into account that a request of that epoch got; wait is 0 when the vendor does not say how long. A pause
// only ever gets longer.
func (p *pause) begin(now time.Time, wait time.Duration, epoch int) {
	if epoch == p.epoch { // not one more of those that ran together
		p.strikes++
	}
	p.epoch++
	p.alone = true
	if wait > 0 {
		wait += safety
	} else {
		wait = backoff(p.strikes)
	}
	if until := now.Add(wait); until.After(p.until) {
		p.until = until
	}
}

// end takes into account that a request of that epoch was let through. One that started before the last 429 proves nothing.
func (p *pause) end(epoch int) {
	if epoch == p.epoch {
		p.strikes, p.alone = 0, false
	}
}

func backoff(strikes int) time.Duration {
	wait := firstBackoff
	for ; strikes > 1 && wait < maxBackoff; strikes-- {
		wait *= 2
	}
	return min(wait, maxBackoff)
}
