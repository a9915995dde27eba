package auditlog

import (
	"fmt"
	"time"
)

// TimeRange is a half-open span of time, [From, To), in milliseconds since the Unix epoch.
type TimeRange struct{ From, To int64 }

// NewTimeRange returns the window between two instants, each cut to the millisecond.
func NewTimeRange(from, to time.Time) TimeRange {
	return TimeRange{From: from.UnixMilli(), To: to.UnixMilli()}
}

// Validate reports a window that holds no instant.
func (w TimeRange) Validate() error {
	switch {
	case w.To < w.From:
		return fmt.Errorf("the time range is inverted: it starts at %s and ends before that, at %s", text(w.From), text(w.To))
	case w.To == w.From:
		return fmt.Errorf("the time range is empty: it starts and ends at %s", text(w.From))
	}
	return nil
}

// Contains tells whether t lies in the window.
func (w TimeRange) Contains(t time.Time) bool {
	ms := t.UnixMilli()
	return ms >= w.From && ms < w.To
}

// Duration is the length of the window.
func (w TimeRange) Duration() time.Duration { return time.Duration(w.To-w.From) * time.Millisecond }

// Start is the first instant of the window, in UTC.
func (w TimeRange) Start() time.Time { return time.UnixMilli(w.From).UTC() }

// End is the first instant after the window, in UTC.
func (w TimeRange) End() time.Time { return time.UnixMilli(w.To).UTC() }

// Halves splits a window of at least two milliseconds in the middle.
func (w TimeRange) Halves() (older, newer TimeRange) {
	middle := w.From + (w.To-w.From)/2
	return TimeRange{w.From, middle}, TimeRange{middle, w.To}
}

func (w TimeRange) String() string { return text(w.From) + " to " + text(w.To) }

func text(ms int64) string { return time.UnixMilli(ms).UTC().Format(TimeLayout) }
