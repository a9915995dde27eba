package tail

import (
	"maps"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// dedupWindow is the end of the log, in which late events may still appear. It holds the events that were delivered, each with the number
// of its copies. It begins at a whole second, because a server may write times without a fraction: events with the same written time are
// then all inside or all outside.
type dedupWindow struct {
	from  int64 // milliseconds; older events have settled and were delivered
	known map[auditlog.ID]*copies
	round int
}

// copies counts events that are equal in every field.
type copies struct {
	at     int64 // milliseconds
	known  int   // delivered
	listed int   // in this round
	round  int
}

func newDedupWindow(from int64) *dedupWindow {
	return &dedupWindow{from: wholeSecond(from), known: map[auditlog.ID]*copies{}}
}

// nextRound begins a round, in which the window is listed once more.
func (m *dedupWindow) nextRound() { m.round++ }

// add reports whether a listed event is new, and returns its ordinal among equal events.
func (m *dedupWindow) add(e *auditlog.Event) (id auditlog.ID, ordinal int, fresh bool) {
	id = e.ID()
	c := m.known[id]
	if c == nil {
		c = &copies{at: e.CreateTime.UnixMilli()}
		m.known[id] = c
	}
	if c.round != m.round {
		c.round, c.listed = m.round, 0
	}
	ordinal = c.listed
	c.listed++
	fresh = ordinal == c.known
	if fresh {
		c.known++
	}
	return id, ordinal, fresh
}

// advance moves the start of the window: all earlier events were listed and no longer change. It reports whether the start moved.
func (m *dedupWindow) advance(before int64) bool {
	before = wholeSecond(before)
	if before <= m.from {
		return false
	}
	m.from = before
	maps.DeleteFunc(m.known, func(_ auditlog.ID, c *copies) bool { return c.at < before })
	return true
}

// maxKnown bounds the events that are remembered, some 120 bytes each.
const maxKnown = 10_000

// shrink forgets the older half of too many events and reports whether it did. The window then begins later, but not in the future, so
// that no forgotten event is taken for a new one.
func (m *dedupWindow) shrink(now int64) bool {
	if len(m.known) <= maxKnown {
		return false
	}
	times := make([]int64, 0, len(m.known))
	for _, c := range m.known {
		times = append(times, c.at)
	}
	slices.Sort(times)
	return m.advance(min(times[len(times)/2]+1000, now))
}

// keepLastSecond forgets the events before the second of the newest one and reports whether it forgot any. Late events before that second
// are no longer shown.
func (m *dedupWindow) keepLastSecond() bool {
	before, newest := len(m.known), m.from
	for _, c := range m.known {
		newest = max(newest, c.at)
	}
	m.advance(newest)
	kept := make(map[auditlog.ID]*copies, len(m.known)) // a map never shrinks
	maps.Copy(kept, m.known)
	m.known = kept
	return len(kept) < before
}

// reset empties the window and lets it begin at another time.
func (m *dedupWindow) reset(from int64) { *m = *newDedupWindow(from) }

func wholeSecond(ms int64) int64 { return ms - (ms%1000+1000)%1000 }
