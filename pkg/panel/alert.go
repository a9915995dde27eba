package panel

import "time"

// lookBack is how long after an answer that was out of date the rules look back further: longer than any usual interval.
const lookBack = time.Hour

// widen makes the window of an alert rule begin earlier, when it ends so near to the present that events of it can still be on
// their way. An event that comes late then lies in the window of the next evaluation at the latest, as long as the rule's range
// is no shorter than the time between two evaluations. The window's end stays: nothing fires later than it could.
//
// Where Carbon Black Cloud could not be asked of late, the evaluation before may have been given an answer as old as MaxStale, so
// what came after that is covered, too.
func (a *answer) widen() {
	r, view := &a.request, a.panel.Fresh
	if r.Now.Sub(time.UnixMilli(a.panel.madeDo.Load())) < lookBack {
		view = max(view, a.panel.MaxStale)
	}
	late := a.panel.Settle + view
	if !r.Alert || late == 0 || r.Window.End().Add(late).Before(r.Now) {
		return
	}
	r.Window.From -= late.Milliseconds()
	a.inform("the time range begins %s earlier than asked, at %s: events may come late (settleSeconds), and the evaluation before could not see those that did; what it did see counts again",
		late.Round(time.Second), r.Window.Start().Format(stamp))
}

// makeDo notes that a rule gets an answer that is out of date.
func (a *answer) makeDo() {
	if a.request.Alert {
		a.panel.madeDo.Store(a.request.Now.UnixMilli())
	}
}
