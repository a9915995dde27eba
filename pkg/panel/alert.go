package panel

import "time"

// widen makes the window of an alert rule begin earlier, when it ends so near to the present that events of it can still be on
// their way. An event that comes late then lies in the window of the next evaluation at the latest, as long as the rule's range
// is no shorter than the time between two evaluations. The window's end stays: nothing fires later than it could.
func (a *answer) widen() {
	r, late := &a.request, a.panel.Settle+a.panel.Fresh
	if !r.Alert || late == 0 || r.Window.End().Add(late).Before(r.Now) {
		return
	}
	r.Window.From -= late.Milliseconds()
	a.inform("the time range begins %s earlier than asked, at %s: events may come late (settleSeconds), and the evaluation before could not see those that did; what it did see counts again",
		late.Round(time.Second), r.Window.Start().Format(stamp))
}
