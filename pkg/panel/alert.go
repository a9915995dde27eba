package panel

import "time"

// widen makes the window of an alert rule begin earlier, when it ends so near to the present that events of it can still be on
// their way. An event that comes late then lies in the window of the next evaluation at the latest, as long as the rule's range
// is no shorter than the time between two evaluations. The window's end stays: nothing fires later than it could.
func (a *answer) widen(view time.Duration) {
	r, late := &a.request, a.panel.Settle+view
	if !r.Alert || late == 0 || r.Window.End().Add(late).Before(r.Now) {
		return
	}
	r.Window.From -= late.Milliseconds()
	a.inform("the time range begins %s earlier than asked, at %s: events may come late (settleSeconds), and the evaluation before could not see those that did; what it did see counts again",
		late.Round(time.Second), r.Window.Start().Format(stamp))
}

// lookBack is how long after an answer that was out of date rules look back further: longer than any usual interval.
const lookBack = time.Hour

// makeDo notes that a rule gets an answer that is out of date, as old as MaxStale at most.
func (a *answer) makeDo() {
	if a.request.Alert {
		a.panel.madeDo.Store(a.request.Now.UnixMilli())
	}
}

// hadToMakeDo tells whether the evaluation before may have been given an answer that was out of date, where this one is not: then
// what has come since has to be looked for.
func (a *answer) hadToMakeDo() bool {
	p, r := a.panel, a.request
	return r.Alert && p.MaxStale > p.Fresh && a.coverage.Stale.IsZero() && r.Now.Sub(time.UnixMilli(p.madeDo.Load())) < lookBack
}
