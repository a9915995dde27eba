package auditlog

import (
	"fmt"
	"time"
)

// TimeRange is a half-open span of time, [From, To), in milliseconds since the Unix epoch.
type TimeRange struct{ From, To int64 }

// NewTimeRange returns the time range between two points in time, each truncated to the millisecond.
func NewTimeRange(from, to time.Time) TimeRange {
	return TimeRange{From: from.UnixMilli(), To: to.UnixMilli()}
}

// Validate returns an error when the time range is empty or inverted.
func (r TimeRange) Validate() error {
	switch {
	case r.To < r.From:
		return fmt.Errorf("the time range is inverted: it starts at %s and ends before that, at %s", formatMillis(r.From), formatMillis(r.To))
	case r.To == r.From:
		return fmt.Errorf("the time range is empty: it starts and ends at %s", formatMillis(r.From))
	}
	return nil
}

// Contains reports whether t lies in the time range.
func (r TimeRange) Contains(t time.Time) bool {
	ms := t.UnixMilli()
	return ms >= r.From && ms < r.To
}

// Duration returns the length of the time range.
func (r TimeRange) Duration() time.Duration { return time.Duration(r.To-r.From) * time.Millisecond }

// Start returns the first instant of the time range, in UTC.
func (r TimeRange) Start() time.Time { return time.UnixMilli(r.From).UTC() }

// End returns the first instant after the time range, in UTC.
func (r TimeRange) End() time.Time { return time.UnixMilli(r.To).UTC() }

// Halves splits a time range of at least two milliseconds in the middle.
func (r TimeRange) Halves() (older, newer TimeRange) {
	middle := r.From + (r.To-r.From)/2
	return TimeRange{r.From, middle}, TimeRange{middle, r.To}
}

func (r TimeRange) String() string { return formatMillis(r.From) + " to " + formatMillis(r.To) }

func formatMillis(ms int64) string { return time.UnixMilli(ms).UTC().Format(TimeLayout) }
