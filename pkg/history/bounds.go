package history

import (
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// bounds are the instants that are sent for a window.
type bounds func(auditlog.TimeRange) (start, end time.Time)

// wide bounds hold every event of the window whether they are inclusive or not, however fine events' times are, and even when
// the server cuts the bounds to milliseconds or seconds. What is too much is trimmed by its time.
func wide(w auditlog.TimeRange) (start, end time.Time) {
	end = w.End().Truncate(time.Second)
	if end.Before(w.End()) {
		end = end.Add(time.Second)
	}
	return w.Start().Add(-time.Microsecond), end
}

// closest bounds hold every event of the window, as wide ones do, but add no more than an instant. They rely on a server that
// does not cut the bounds.
func closest(w auditlog.TimeRange) (start, end time.Time) {
	return w.Start().Add(-time.Microsecond), w.End()
}

// narrow bounds select exactly the window, inclusive or not, as long as no event lies in the last microsecond before an edge:
// all the vendor's samples have times of whole milliseconds. They serve where nothing can be trimmed: when counting, and where
// times are written without milliseconds.
func narrow(w auditlog.TimeRange) (start, end time.Time) {
	return w.Start().Add(-time.Microsecond), w.End().Add(-time.Microsecond)
}

// Wide returns bounds that hold the whole window however the server takes them; what they add must be left out by its time.
func Wide(w auditlog.TimeRange) (start, end time.Time) { return wide(w) }

// Narrow returns bounds that select exactly the window on a server that takes them to the microsecond.
func Narrow(w auditlog.TimeRange) (start, end time.Time) { return narrow(w) }
