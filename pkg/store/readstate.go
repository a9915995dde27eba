package store

import (
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// ReadState describes what a store holds of the queue. It is kept with the events and changes in the same transaction. All times are those
// of the store's clock, in milliseconds since the Unix epoch; 0 means never.
type ReadState struct {
	Now              int64  `json:"-"`
	Opened           int64  `json:"opened,omitempty"`    // when the first read began
	From             int64  `json:"from,omitempty"`      // from here on the store holds every event, apart from the gaps
	Forgotten        int64  `json:"forgotten,omitempty"` // copies that were stored and then deleted
	Reading          string `json:"reading,omitempty"`   // ID of a read that has begun and not ended
	Begun            int64  `json:"begun,omitempty"`     // when it began
	Since            int64  `json:"since,omitempty"`     // when the queue was first found empty: since then it has delivered every event
	Drained          int64  `json:"drained,omitempty"`   // when the last read that emptied the queue began
	Audited          int64  `json:"audited,omitempty"`   // up to where audits have compared the store with a search
	LastForeignRead  int64  `json:"suspected,omitempty"` // when an audit last found events that the queue never delivered
	FirstForeignRead int64  `json:"suspects,omitempty"`  // when the first of consecutive audits found any
	Missing          int    `json:"missing,omitempty"`   // how many events the last of them found
	Gaps             []Gap  `json:"gaps,omitempty"`      // disjoint, ascending

	Bad      []BadRecord `json:"bad,omitempty"`      // the last unreadable records
	BadCount int         `json:"badCount,omitempty"` // number of all unreadable records
}

// Gap is a time range in which events may be missing: the response to a read was lost, or an event was delivered again and may have
// happened again. A complete search that starts at or after Ready closes it, because by then all events of the response can be found.
type Gap struct {
	auditlog.TimeRange
	Ready    int64
	Searched int64 `json:",omitempty"` // when the last complete search began that was too early to close the gap; 0: none has
}

// Policy holds the durations that a read state depends on, in milliseconds.
type Policy struct {
	Late     int64 // how late a search may find an event, and how far two clocks may be apart
	Lookback int64 // how far back an empty store is filled
}

// Begin records that a read is about to be sent. If the record of an earlier read is still open, its batch may be lost.
func (s *ReadState) Begin(id string, p Policy) {
	s.followClock(p)
	if s.Opened == 0 {
		s.Opened = s.Now
		s.From = max(s.From, s.Now-p.Lookback)
		s.OpenGap(s.Drained, p)
	} else if s.Reading != "" && s.Reading != id {
		s.OpenGap(s.Drained, p)
	}
	s.Reading, s.Begun = id, s.Now
}

// followClock corrects the state after the clock was ahead and was set back. Times ahead of it are no longer valid, and neither are gaps
// opened at such times. So a search has to look for everything that may be lost, as for an empty store. Stored events stay.
func (s *ReadState) followClock(p Policy) {
	limit := s.Now + p.Late
	for i := range s.Gaps {
		s.Gaps[i].Ready = min(s.Gaps[i].Ready, limit)
	}
	if max(s.Opened, s.From, s.Begun, s.Since, s.Drained, s.LastForeignRead) <= limit {
		return
	}
	for _, t := range []*int64{&s.Opened, &s.Begun, &s.Since, &s.Audited, &s.LastForeignRead, &s.FirstForeignRead} {
		*t = min(*t, s.Now)
	}
	s.From, s.Drained = min(s.From, s.Now-p.Lookback), 0
	s.Gaps = slices.DeleteFunc(s.Gaps, func(g Gap) bool { return g.From > limit })
	for i, g := range s.Gaps {
		s.Gaps[i] = Gap{TimeRange: auditlog.TimeRange{From: g.From, To: min(g.To, limit)}, Ready: g.Ready}
	}
	s.OpenGap(s.Drained, p)
}

// Finish records that the batch of a read is stored. If another read has begun since without knowing of this one, its gap stays.
func (s *ReadState) Finish(id string, drained bool) {
	if s.Reading != id {
		return
	}
	if s.Reading = ""; drained {
		s.Drained = s.Begun
		if s.Since == 0 {
			s.Since = s.Drained
		}
	}
	s.Begun = 0
}

// Lose records that the batch of a read may have left the queue and is lost. The read began after the queue was empty at drained, even if
// another reader has found it empty since.
func (s *ReadState) Lose(id string, drained int64, p Policy) {
	s.OpenGap(min(s.Drained, drained), p)
	s.Finish(id, false)
}

// OpenGap adds the gap of a batch that was lost before now. The batch can hold everything since the queue was last empty.
func (s *ReadState) OpenGap(drained int64, p Policy) {
	gap := Gap{TimeRange: auditlog.TimeRange{From: drained - p.Late, To: s.Now + p.Late}, Ready: s.Now + p.Late}
	if drained == 0 {
		gap.From = s.Now - p.Lookback
	}
	s.add(gap)
}

// addRepeatGap adds the gap of events that were delivered again, which a search has to count. An empty time range adds none.
func (s *ReadState) addRepeatGap(w auditlog.TimeRange, late time.Duration) {
	if w.From < w.To {
		s.add(Gap{TimeRange: w, Ready: s.Now + late.Milliseconds()})
	}
}

// add adds a gap and merges it with those that it touches.
func (s *ReadState) add(gap Gap) {
	s.Gaps = slices.DeleteFunc(s.Gaps, func(g Gap) bool {
		if g.To < gap.From || gap.To < g.From {
			return false
		}
		gap = Gap{TimeRange: auditlog.TimeRange{From: min(g.From, gap.From), To: max(g.To, gap.To)}, Ready: max(g.Ready, gap.Ready)}
		return true
	})
	s.Gaps = append(s.Gaps, gap)
	slices.SortFunc(s.Gaps, func(x, y Gap) int { return int(x.From - y.From) })
}

// CloseGaps removes the gaps that a complete search of a time range, started at begun, has closed.
func (s *ReadState) CloseGaps(w auditlog.TimeRange, begun int64) {
	s.Gaps = slices.DeleteFunc(s.Gaps, func(g Gap) bool { return g.Ready <= begun && w.From <= g.From && g.To <= w.To })
}

// MarkSearched records a complete search of a time range, started at begun. The gaps in it lack only late events.
func (s *ReadState) MarkSearched(w auditlog.TimeRange, begun int64) {
	for i, g := range s.Gaps {
		if w.From <= g.From && g.To <= w.To {
			s.Gaps[i].Searched = max(g.Searched, begun)
		}
	}
}

// forget records that n copies were deleted, and that events up to a time are no longer accepted.
func (s *ReadState) forget(until int64, n int64) {
	s.From = max(s.From, until+1)
	s.Forgotten += n
}

// AuditOverlap is how much of the time range of the last audit is audited again, for late events.
const AuditOverlap = time.Hour

// NextAudit returns the next time range whose events the queue must have delivered by now. It is empty while a gap is open, because a gap
// explains missing events. After a long pause it advances part by part, because a key that gets its permission anew is sent the last days
// only.
func (s *ReadState) NextAudit(p Policy) auditlog.TimeRange {
	if len(s.Gaps) > 0 || s.Drained == 0 {
		return auditlog.TimeRange{}
	}
	from := max(s.Opened, s.From, s.Audited-AuditOverlap.Milliseconds())
	return auditlog.TimeRange{From: from, To: max(min(s.Drained-p.Late, from+AuditOverlap.Milliseconds()+p.Lookback), from)}
}

// maxAuditsApart is how far apart two audits that find missing events may be to count as consecutive.
const maxAuditsApart = 24 * time.Hour

// MarkAudited records the result of an audit.
func (s *ReadState) MarkAudited(w auditlog.TimeRange, missing int) {
	if s.Audited = max(s.Audited, w.To); missing == 0 {
		return
	}
	if s.FirstForeignRead == 0 || s.Now-s.LastForeignRead > maxAuditsApart.Milliseconds() {
		s.FirstForeignRead = s.Now
	}
	s.LastForeignRead, s.Missing = s.Now, missing
}
