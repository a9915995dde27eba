package tail

import (
	"maps"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// margin is the end of the log, in which events may still turn up: those of it that were handed over are remembered, each with
// the number of its copies. It begins at a whole second, because a server may write times without a fraction: all that it
// writes alike is then inside, or none.
type margin struct {
	from  int64 // milliseconds; what is older has settled and was handed over
	known map[auditlog.ID]*copies
	round int
}

// copies are events that are equal in every field.
type copies struct {
	at     int64 // milliseconds
	known  int   // handed over
	listed int   // in this round
	round  int
}

func newMargin(from int64) *margin {
	return &margin{from: wholeSecond(from), known: map[auditlog.ID]*copies{}}
}

// begin begins a round, in which the margin is listed once more.
func (m *margin) begin() { m.round++ }

// take reports whether an event that is listed is a new one, and its ordinal among its equals.
func (m *margin) take(e *auditlog.Event) (id auditlog.ID, ordinal int, fresh bool) {
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

// settle says that everything before a time was listed and does not change any more. It reports whether that is news.
func (m *margin) settle(before int64) bool {
	before = wholeSecond(before)
	if before <= m.from {
		return false
	}
	m.from = before
	maps.DeleteFunc(m.known, func(_ auditlog.ID, c *copies) bool { return c.at < before })
	return true
}

// maxKnown bounds how many events are remembered, some 120 bytes each.
const maxKnown = 10_000

// bound forgets the older half of too many events: the margin begins later then, though not in the future, so that none of them is
// taken for a new one. It reports whether it did.
func (m *margin) bound(now int64) bool {
	if len(m.known) <= maxKnown {
		return false
	}
	times := make([]int64, 0, len(m.known))
	for _, c := range m.known {
		times = append(times, c.at)
	}
	slices.Sort(times)
	return m.settle(min(times[len(times)/2]+1000, now))
}

// keepLastSecond forgets the events before the second of the newest one. Older events that become visible later are not new any more.
// It reports whether it forgot any.
func (m *margin) keepLastSecond() bool {
	before, newest := len(m.known), m.from
	for _, c := range m.known {
		newest = max(newest, c.at)
	}
	m.settle(newest)
	kept := make(map[auditlog.ID]*copies, len(m.known)) // a map never shrinks
	maps.Copy(kept, m.known)
	m.known = kept
	return len(kept) < before
}

// restart lets the margin begin earlier, and forget what is in it.
func (m *margin) restart(from int64) { *m = *newMargin(from) }

func wholeSecond(ms int64) int64 { return ms - (ms%1000+1000)%1000 }
