package panel

import (
	"carbonblack-auditlog-datasource/pkg/query"
	"time"
)

// widen makes the time range of an alert rule begin earlier, when it ends so near to the present that events of it can still be on
// their way. An event that comes late then lies in the range of the next evaluation at the latest, as long as the rule's range
// is no shorter than the time between two evaluations. The range's end stays: nothing fires later than it could.
func (a *answer) widen(view time.Duration) {
	r, late := &a.request, a.panel.Settle+view
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

// lookBack is how long after an answer that was out of date rules look back further: longer than any usual interval.
const lookBack = time.Hour

// makeDo notes that a rule gets an answer that is out of date, as old as MaxStale at most.
func (a *answer) makeDo() {
	if a.request.Alert {
		a.panel.madeDo.Store(a.request.Now.UnixMilli())
	}
}

// hadToMakeDo reports whether the evaluation before may have been given an answer that was out of date, where this one is not: then
// what has come since has to be looked for.
func (a *answer) hadToMakeDo() bool {
	p, r := a.panel, a.request
	return r.Alert && p.MaxStale > p.Fresh && a.coverage.Stale.IsZero() && r.Now.Sub(time.UnixMilli(p.madeDo.Load())).Abs() < lookBack
}
