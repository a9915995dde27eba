package history

import (
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// bounds returns the instants that are sent for a time range.
type bounds func(auditlog.TimeRange) (start, end time.Time)

// Wide returns bounds that hold every event of the time range however the server takes them: inclusive or not, and even rounded to
// milliseconds or seconds. Events outside the range must be dropped by their times.
func Wide(r auditlog.TimeRange) (start, end time.Time) {
	end = r.End().Truncate(time.Second)
	if end.Before(r.End()) {
		end = end.Add(time.Second)
	}
	return r.Start().Add(-time.Microsecond), end
}

// closest returns bounds that hold every event of the time range, and add no more than an instant. They rely on a server that does not
// round bounds.
func closest(r auditlog.TimeRange) (start, end time.Time) {
	return r.Start().Add(-time.Microsecond), r.End()
}

// Narrow returns bounds that select exactly the time range, inclusive or not, on a server that applies them to the microsecond and has
// no event in the last microsecond before an edge: all the vendor's samples have times of whole milliseconds. They serve where nothing
// can be dropped: for counts, and where times are whole seconds.
func Narrow(r auditlog.TimeRange) (start, end time.Time) {
	return r.Start().Add(-time.Microsecond), r.End().Add(-time.Microsecond)
}
