package tail

import (
	"maps"

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

func wholeSecond(ms int64) int64 { return ms - (ms%1000+1000)%1000 }
