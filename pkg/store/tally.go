package store

import (
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// tally counts the copies of one event by how they became known. Tallies of the same event merge in any order.
type tally struct {
	queued         int // delivered by the queue; of batches that may have repeated each other, the largest number of one
	searched       int // found by a complete search: the largest number of one search
	explainedByGap int // of those, the number found in a gap, where a batch may have been lost
}

// copies returns how often the event happened.
func (t tally) copies() int { return max(t.queued, t.searched) }

// missing returns how many copies the queue should have delivered and did not.
func (t tally) missing() int { return max(t.searched-max(t.queued, t.explainedByGap), 0) }

func (t tally) plus(o tally) tally {
	return tally{queued: t.queued + o.queued, searched: max(t.searched, o.searched), explainedByGap: max(t.explainedByGap, o.explainedByGap)}
}

// merge adds an addition's copies of an event to its tally. If an earlier batch delivered the event, it has happened again or was
// repeated, as the last days are when an API key gets its permission anew. Then the batch does not count, and a search decides.
func (a *Addition) merge(before tally, it *item, added *Added) tally {
	after := before.plus(a.Origin.tally(it.n))
	if a.Origin == FromQueue && a.Late > 0 && before.queued > 0 {
		after.queued = max(before.queued, it.n)
		added.addAgain(it.event.CreateTime)
	}
	added.Missing += after.missing()
	return after
}

// addAgain adds a time to the range of repeated events. A time that may have lost its fraction of a second stands for the whole second.
func (a *Added) addAgain(t time.Time) {
	w := auditlog.TimeRange{From: t.UnixMilli(), To: t.UnixMilli() + 1}
	if w.From%1000 == 0 {
		w.To += 999
	}
	if a.Again != (auditlog.TimeRange{}) {
		w = auditlog.TimeRange{From: min(w.From, a.Again.From), To: max(w.To, a.Again.To)}
	}
	a.Again = w
}

// Provenance is where events come from, which determines what their number means.
type Provenance int

// The origins of events.
const (
	FromQueue  Provenance = iota // a batch of the queue: its numbers add up with those of other batches
	FromSearch                   // a complete search: its number is the total
	FromRepair                   // a complete search of a gap
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

// distinct sorts events and merges equal ones.
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
