package answer

import (
	"time"

	"carbonblack-auditlog-datasource/pkg/query"
)

// extend makes the time range of an alert rule begin earlier when it ends so close to the present that some of its events may still
// arrive. An event that one evaluation cannot see, because it arrives late or because the answer was stale, then lies in the range of
// the next, as long as the rule's range is no shorter than the time between two evaluations. The end stays: nothing fires later.
func (a *answer) extend() {
	r, late := &a.request, a.answerer.Settle+max(a.answerer.Fresh, a.answerer.MaxStale)
	a.asked = r.Window
	if r.Alert && late > 0 && !r.Window.End().Add(late).Before(r.Now) {
		a.late = late
		r.Window.From -= late.Milliseconds()
	}
	if r.Numbers && a.query.Type == query.TypeSeries {
		r.Window.From = a.buckets(r.MaxDataPoints).start
	}
	if a.late > 0 {
		a.inform("time range extended by %s to include late events; an event may count in two evaluations", time.Duration(a.asked.From-r.Window.From)*time.Millisecond)
	}
}

// buckets divides the time range of a series.
func (a *answer) buckets(maxDataPoints int64) buckets {
	r := a.request
	if !r.Numbers {
		return newBuckets(r.Window, r.Interval, maxDataPoints)
	}
	interval := r.Interval
	if r.Alert {
		interval = intervalOfRule(a.asked, interval)
	}
	return wholeBuckets(a.asked, interval, a.late, maxDataPoints)
}
