package ratelimit

import (
	"slices"
	"time"
)

// startLog holds when requests started, oldest first.
type startLog []time.Time

func (s *startLog) add(now time.Time) { *s = append(*s, now) }

// remove forgets a request that was not sent.
func (s *startLog) remove(startedAt time.Time) {
	if i := slices.Index(*s, startedAt); i >= 0 {
		*s = slices.Delete(*s, i, i+1)
	}
}

// expire forgets the starts before the window that ends now.
func (s *startLog) expire(now time.Time) {
	n := 0
	for n < len(*s) && !(*s)[n].Add(Window).After(now) {
		n++
	}
	*s = (*s)[n:]
}

// earliest returns when the window holds fewer than limit starts at the earliest, after so many others that are ahead.
func (s *startLog) earliest(limit, ahead int, now time.Time) time.Time {
	last := len(*s) + ahead - limit // the last start that must leave the window
	switch {
	case last < 0:
		return now
	case last < len(*s):
		return (*s)[last].Add(Window)
	}
	return now.Add(Window) // it is one of those ahead, which have not started yet
}
