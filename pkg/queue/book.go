package queue

import (
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Book says what of the queue a ledger holds for certain. It is kept with the events and changes in the same transaction. All
// times are those of the ledger's clock, in milliseconds since the Unix epoch; 0 is never.
type Book struct {
	Now       int64  `json:"-"`
	Opened    int64  `json:"opened,omitempty"`    // the first read ever was begun
	Reading   string `json:"reading,omitempty"`   // a read that was begun and of which nothing was heard yet
	Begun     int64  `json:"begun,omitempty"`     // when it was begun
	Since     int64  `json:"since,omitempty"`     // when the queue was first found empty: from here on it gives every event
	Drained   int64  `json:"drained,omitempty"`   // a read that was begun then found the queue empty behind it
	Audited   int64  `json:"audited,omitempty"`   // up to here the ledger was compared with a search
	Missing   int    `json:"missing,omitempty"`   // events that the last audit found and the queue never gave
	Suspected int64  `json:"suspected,omitempty"` // when an audit last found such events
	Gaps      []Gap  `json:"gaps,omitempty"`      // apart from each other, ascending
}

// Gap is a span in which events may be missing, because the answer of a read was lost. A complete search closes it that starts
// when it is ready: by then everything that the lost answer held can be found.
type Gap struct {
	auditlog.Window
	Ready int64
}

// policy are the spans of time that a book is kept by, in milliseconds.
type policy struct {
	late     int64 // how late an event may be found by a search, and how far two clocks may be apart
	lookback int64 // how far back a ledger reaches that starts with nothing
}

// begin notes that a read is about to be sent. Whoever finds the note of an earlier one knows that its batch may be lost.
func (b *Book) begin(id string, p policy) {
	if b.Opened == 0 {
		b.Opened = b.Now
		b.open(b.Drained, p)
	} else if b.Reading != "" && b.Reading != id {
		b.open(b.Drained, p)
	}
	b.Reading, b.Begun = id, b.Now
}

// finish notes that the batch of a read is in the ledger. Another read may have been begun since, in ignorance of this one: then
// its gap stands.
func (b *Book) finish(id string, drained bool) {
	if b.Reading != id {
		return
	}
	if b.Reading = ""; drained {
		b.Drained = b.Begun
		if b.Since == 0 {
			b.Since = b.Drained
		}
	}
	b.Begun = 0
}

// lose notes that the batch of a read may have left the queue and will not come. It was taken when the queue had last been seen
// empty at drained, even if another reader has seen it so since.
func (b *Book) lose(id string, drained int64, p policy) {
	b.open(min(b.Drained, drained), p)
	b.finish(id, false)
}

// open adds the gap of a batch that was lost before now. It can hold whatever arrived since the queue was seen empty.
func (b *Book) open(drained int64, p policy) {
	gap := Gap{auditlog.Window{From: drained - p.late, To: b.Now + p.late}, b.Now + p.late}
	if drained == 0 {
		gap.From = b.Now - p.lookback
	}
	b.Gaps = slices.DeleteFunc(b.Gaps, func(g Gap) bool {
		if g.To < gap.From || gap.To < g.From {
			return false
		}
		gap = Gap{auditlog.Window{From: min(g.From, gap.From), To: max(g.To, gap.To)}, max(g.Ready, gap.Ready)}
		return true
	})
	b.Gaps = append(b.Gaps, gap)
	slices.SortFunc(b.Gaps, func(x, y Gap) int { return int(x.From - y.From) })
}

// close takes away the gaps that a complete search of a window, begun at a time, has closed.
func (b *Book) close(w auditlog.Window, begun int64) {
	b.Gaps = slices.DeleteFunc(b.Gaps, func(g Gap) bool { return g.Ready <= begun && w.From <= g.From && g.To <= w.To })
}

// auditOverlap is how much of what was audited is audited again, for events that were found late.
const auditOverlap = time.Hour

// audit returns the span whose events the queue must have given by now. It is empty while a gap is open, because what is missing
// then is known to be.
func (b *Book) audit(p policy) auditlog.Window {
	if len(b.Gaps) > 0 || b.Drained == 0 {
		return auditlog.Window{}
	}
	from := max(b.Opened, b.Audited-auditOverlap.Milliseconds(), b.Now-p.lookback)
	return auditlog.Window{From: from, To: max(b.Drained-p.late, from)}
}

// audited notes the outcome of an audit.
func (b *Book) audited(w auditlog.Window, missing int) {
	b.Audited, b.Missing = max(b.Audited, w.To), missing
	if missing > 0 {
		b.Suspected = b.Now
	}
}
