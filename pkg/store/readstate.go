package store

import (
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// ReadState says what of the queue a store holds for certain. It is kept with the events and changes in the same transaction. All
// times are those of the store's clock, in milliseconds since the Unix epoch; 0 is never.
type ReadState struct {
	Now              int64  `json:"-"`
	Opened           int64  `json:"opened,omitempty"`    // the first read ever was begun
	From             int64  `json:"from,omitempty"`      // from here on the store holds every event, apart from the gaps
	Forgotten        int64  `json:"forgotten,omitempty"` // copies that the store held and does no more
	Reading          string `json:"reading,omitempty"`   // a read that was begun and of which nothing was heard yet
	Begun            int64  `json:"begun,omitempty"`     // when it was begun
	Since            int64  `json:"since,omitempty"`     // when the queue was first found empty: from here on it gives every event
	Drained          int64  `json:"drained,omitempty"`   // a read that was begun then found the queue empty behind it
	Audited          int64  `json:"audited,omitempty"`   // up to here the store was compared with a search
	LastForeignRead  int64  `json:"suspected,omitempty"` // when an audit last found events that the queue never gave
	FirstForeignRead int64  `json:"suspects,omitempty"`  // when the first of those audits did that are no further apart than suspicion
	Missing          int    `json:"missing,omitempty"`   // how many it found
	Gaps             []Gap  `json:"gaps,omitempty"`      // apart from each other, ascending

	Bad      []BadRecord `json:"bad,omitempty"`      // the last records that could not be read
	BadCount int         `json:"badCount,omitempty"` // how many there were
}

// Gap is a span in which events may be missing, because the answer of a read was lost, or because an event came again and may have
// happened again. A complete search closes it that starts when it is ready: by then everything that the answer held can be found.
type Gap struct {
	auditlog.TimeRange
	Ready    int64
	Searched int64 `json:",omitempty"` // a complete search that began then was added, and was too early to close the gap
}

// Policy are the spans of time that a read state is kept by, in milliseconds.
type Policy struct {
	Late     int64 // how late an event may be found by a search, and how far two clocks may be apart
	Lookback int64 // how far back a store reaches that starts with nothing
}

// Begin notes that a read is about to be sent. Whoever finds the note of an earlier one knows that its batch may be lost.
func (b *ReadState) Begin(id string, p Policy) {
	b.followClock(p)
	if b.Opened == 0 {
		b.Opened = b.Now
		b.From = max(b.From, b.Now-p.Lookback)
		b.OpenGap(b.Drained, p)
	} else if b.Reading != "" && b.Reading != id {
		b.OpenGap(b.Drained, p)
	}
	b.Reading, b.Begun = id, b.Now
}

// followClock makes good that the clock was ahead and was set back. Times that lie ahead of it now say nothing, and neither do the
// gaps that were opened by it. So a search has to look for everything that may be lost, as for a store that starts with nothing;
// what the store holds stays.
func (b *ReadState) followClock(p Policy) {
	limit := b.Now + p.Late
	for i := range b.Gaps {
		b.Gaps[i].Ready = min(b.Gaps[i].Ready, limit)
	}
	if max(b.Opened, b.From, b.Begun, b.Since, b.Drained, b.LastForeignRead) <= limit {
		return
	}
	for _, t := range []*int64{&b.Opened, &b.Begun, &b.Since, &b.Audited, &b.LastForeignRead, &b.FirstForeignRead} {
		*t = min(*t, b.Now)
	}
	b.From, b.Drained = min(b.From, b.Now-p.Lookback), 0
	b.Gaps = slices.DeleteFunc(b.Gaps, func(g Gap) bool { return g.From > limit })
	for i, g := range b.Gaps {
		b.Gaps[i] = Gap{TimeRange: auditlog.TimeRange{From: g.From, To: min(g.To, limit)}, Ready: g.Ready}
	}
	b.OpenGap(b.Drained, p)
}

// Finish notes that the batch of a read is in the store. Another read may have been begun since, in ignorance of this one: then
// its gap stands.
func (b *ReadState) Finish(id string, drained bool) {
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

// Lose notes that the batch of a read may have left the queue and will not come. It was taken when the queue had last been seen
// empty at drained, even if another reader has seen it so since.
func (b *ReadState) Lose(id string, drained int64, p Policy) {
	b.OpenGap(min(b.Drained, drained), p)
	b.Finish(id, false)
}

// OpenGap adds the gap of a batch that was lost before now. It can hold whatever arrived since the queue was seen empty.
func (b *ReadState) OpenGap(drained int64, p Policy) {
	gap := Gap{TimeRange: auditlog.TimeRange{From: drained - p.Late, To: b.Now + p.Late}, Ready: b.Now + p.Late}
	if drained == 0 {
		gap.From = b.Now - p.Lookback
	}
	b.add(gap)
}

// addRepeatGap adds the gap of events that were delivered again, which a search has to count. An empty time range adds none.
func (b *ReadState) addRepeatGap(w auditlog.TimeRange, late time.Duration) {
	if w.From < w.To {
		b.add(Gap{TimeRange: w, Ready: b.Now + late.Milliseconds()})
	}
}

// add adds a gap, and makes one of those that touch.
func (b *ReadState) add(gap Gap) {
	b.Gaps = slices.DeleteFunc(b.Gaps, func(g Gap) bool {
		if g.To < gap.From || gap.To < g.From {
			return false
		}
		gap = Gap{TimeRange: auditlog.TimeRange{From: min(g.From, gap.From), To: max(g.To, gap.To)}, Ready: max(g.Ready, gap.Ready)}
		return true
	})
	b.Gaps = append(b.Gaps, gap)
	slices.SortFunc(b.Gaps, func(x, y Gap) int { return int(x.From - y.From) })
}

// CloseGaps takes away the gaps that a complete search of a window, begun at a time, has closed.
func (b *ReadState) CloseGaps(w auditlog.TimeRange, begun int64) {
	b.Gaps = slices.DeleteFunc(b.Gaps, func(g Gap) bool { return g.Ready <= begun && w.From <= g.From && g.To <= w.To })
}

// MarkSearched notes a complete search of a window, begun at a time: what the gaps in it lost can be seen as far as it could be found
// by then.
func (b *ReadState) MarkSearched(w auditlog.TimeRange, begun int64) {
	for i, g := range b.Gaps {
		if w.From <= g.From && g.To <= w.To {
			b.Gaps[i].Searched = max(g.Searched, begun)
		}
	}
}

// forget notes that n copies were dropped, and that events up to an instant are not taken any more.
func (b *ReadState) forget(until int64, n int64) {
	b.From = max(b.From, until+1)
	b.Forgotten += n
}

// AuditOverlap is how much of what was audited is audited again, for events that were found late.
const AuditOverlap = time.Hour

// NextAudit returns the next span whose events the queue must have given by now. It is empty while a gap is open, because what is
// missing then is known to be. After a long pause it goes through it part by part: a key that got its permission anew was given the
// last days only.
func (b *ReadState) NextAudit(p Policy) auditlog.TimeRange {
	if len(b.Gaps) > 0 || b.Drained == 0 {
		return auditlog.TimeRange{}
	}
	from := max(b.Opened, b.From, b.Audited-AuditOverlap.Milliseconds())
	return auditlog.TimeRange{From: from, To: max(min(b.Drained-p.Late, from+AuditOverlap.Milliseconds()+p.Lookback), from)}
}

// suspicion is how long without a further sign of another consumer it takes until the next one begins a new story.
const suspicion = 24 * time.Hour

// MarkAudited notes the outcome of an audit.
func (b *ReadState) MarkAudited(w auditlog.TimeRange, missing int) {
	if b.Audited = max(b.Audited, w.To); missing == 0 {
		return
	}
	if b.FirstForeignRead == 0 || b.Now-b.LastForeignRead > suspicion.Milliseconds() {
		b.FirstForeignRead = b.Now
	}
	b.LastForeignRead, b.Missing = b.Now, missing
}
