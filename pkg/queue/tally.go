package queue

import (
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// tally counts the copies of one event by how they became known. Tallies of the same event can be joined in any order.
type tally struct {
	queued   int // given by the queue, over all batches
	searched int // found by a search that was complete at the event's instant: the most that one found
	excused  int // of those, as many as a search found whose span is known to have been lost
}

// copies is how often the event happened.
func (t tally) copies() int { return max(t.queued, t.searched) }

// missing is how many copies the queue should have given and did not.
func (t tally) missing() int { return max(t.searched-max(t.queued, t.excused), 0) }

func (t tally) join(o tally) tally {
	return tally{queued: t.queued + o.queued, searched: max(t.searched, o.searched), excused: max(t.excused, o.excused)}
}

// Origin says where events come from, and so what their number means.
type Origin int

// The origins of events.
const (
	FromQueue  Origin = iota // a batch of the queue: it adds to what other batches gave
	FromSearch               // a complete search: it says how many there are
	FromRepair               // a complete search of a span in which a batch may have been lost
)

func (o Origin) tally(n int) tally {
	switch o {
	case FromSearch:
		return tally{searched: n}
	case FromRepair:
		return tally{searched: n, excused: n}
	case FromQueue:
	}
	return tally{queued: n}
}

// item is a distinct event and its number of copies.
type item struct {
	id    auditlog.ID
	event *auditlog.Event
	n     int
}

// distinct sorts events and puts equal ones together.
func distinct(events []auditlog.Event) []item {
	sorted := make([]*auditlog.Event, len(events))
	for i := range events {
		sorted[i] = &events[i]
	}
	slices.SortFunc(sorted, auditlog.Compare)
	items := make([]item, 0, len(sorted))
	for i, e := range sorted {
		if i > 0 && auditlog.Compare(sorted[i-1], e) == 0 {
			items[len(items)-1].n++
			continue
		}
		items = append(items, item{e.ID(), e, 1})
	}
	return items
}
