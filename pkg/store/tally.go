package store

import (
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// tally counts the copies of one event by how they became known. Tallies of the same event can be joined in any order.
type tally struct {
	queued         int // given by the queue: where batches gave it that may have given the same copies, the most that one gave
	searched       int // found by a search that was complete at the event's instant: the most that one found
	explainedByGap int // of those, as many as a search found whose span is known to have been lost
}

// copies is how often the event happened.
func (t tally) copies() int { return max(t.queued, t.searched) }

// missing is how many copies the queue should have given and did not.
func (t tally) missing() int { return max(t.searched-max(t.queued, t.explainedByGap), 0) }

func (t tally) join(o tally) tally {
	return tally{queued: t.queued + o.queued, searched: max(t.searched, o.searched), explainedByGap: max(t.explainedByGap, o.explainedByGap)}
}

// merge counts what an addition brings of an event. One that another batch gave before has happened again or has come again, as the
// last days do when an API key gets its permission anew: the batch adds nothing to it, and a search decides.
func (a *Addition) merge(before tally, it *item, added *Added) tally {
	after := before.join(a.Origin.tally(it.n))
	if a.Origin == FromQueue && a.Late > 0 && before.queued > 0 {
		after.queued = max(before.queued, it.n)
		added.doubt(it.event.CreateTime)
	}
	added.Missing += after.missing()
	return after
}

// doubt widens the span of what came again. A time that may have lost its fraction of a second stands for the whole second.
func (a *Added) doubt(t time.Time) {
	w := auditlog.TimeRange{From: t.UnixMilli(), To: t.UnixMilli() + 1}
	if w.From%1000 == 0 {
		w.To += 999
	}
	if a.Again != (auditlog.TimeRange{}) {
		w = auditlog.TimeRange{From: min(w.From, a.Again.From), To: max(w.To, a.Again.To)}
	}
	a.Again = w
}

// Provenance says where events come from, and so what their number means.
type Provenance int

// The origins of events.
const (
	FromQueue  Provenance = iota // a batch of the queue: it adds to what other batches gave
	FromSearch                   // a complete search: it says how many there are
	FromRepair                   // a complete search of a span in which a batch may have been lost
)

func (o Provenance) tally(n int) tally {
	switch o {
	case FromSearch:
		return tally{searched: n}
	case FromRepair:
		return tally{searched: n, explainedByGap: n}
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
