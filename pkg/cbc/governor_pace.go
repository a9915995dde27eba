package cbc

import (
	"slices"
	"time"
)

// pace knows when requests started in the window that ends now.
type pace struct {
	starts []time.Time // oldest first
}

func (p *pace) add(now time.Time) { p.starts = append(p.starts, now) }

// remove forgets a start that did not happen.
func (p *pace) remove(t time.Time) {
	if i := slices.Index(p.starts, t); i >= 0 {
		p.starts = slices.Delete(p.starts, i, i+1)
	}
}

// expire forgets what has left the window.
func (p *pace) expire(now time.Time) {
	n := 0
	for n < len(p.starts) && !p.starts[n].Add(Window).After(now) {
		n++
	}
	p.starts = p.starts[n:]
}

// earliest is the first moment at which the window holds fewer than most starts, so many others having started before.
func (p *pace) earliest(most, ahead int, now time.Time) time.Time {
	last := len(p.starts) + ahead - most // the last start that must leave the window
	switch {
	case last < 0:
		return now
	case last < len(p.starts):
		return p.starts[last].Add(Window)
	}
	return now.Add(Window) // it is one of those that have not started yet
}
