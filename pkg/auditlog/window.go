package auditlog

import (
	"fmt"
	"time"
)

// Window is a half-open span of time, [From, To), in milliseconds since the Unix epoch.
type Window struct{ From, To int64 }

// NewWindow returns the window between two instants, each cut to the millisecond.
func NewWindow(from, to time.Time) Window {
	return Window{From: from.UnixMilli(), To: to.UnixMilli()}
}

// Validate reports a window that holds no instant.
func (w Window) Validate() error {
	switch {
	case w.To < w.From:
		return fmt.Errorf("the time range is inverted: it starts at %s and ends before that, at %s", text(w.From), text(w.To))
	case w.To == w.From:
		return fmt.Errorf("the time range is empty: it starts and ends at %s", text(w.From))
	}
	return nil
}

// Contains tells whether t lies in the window.
func (w Window) Contains(t time.Time) bool {
	ms := t.UnixMilli()
	return ms >= w.From && ms < w.To
}

// Duration is the length of the window.
func (w Window) Duration() time.Duration { return time.Duration(w.To-w.From) * time.Millisecond }

// Start is the first instant of the window, in UTC.
func (w Window) Start() time.Time { return time.UnixMilli(w.From).UTC() }

// End is the first instant after the window, in UTC.
func (w Window) End() time.Time { return time.UnixMilli(w.To).UTC() }

// Halves splits a window of at least two milliseconds in the middle.
func (w Window) Halves() (older, newer Window) {
	middle := w.From + (w.To-w.From)/2
	return Window{w.From, middle}, Window{middle, w.To}
}

func (w Window) String() string { return text(w.From) + " to " + text(w.To) }

func text(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
