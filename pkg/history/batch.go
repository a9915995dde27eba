package history

import (
	"iter"
	"slices"
	"sort"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Batch is a run of events in the order of the question. The events are shared: they must not be changed.
type Batch struct {
	events []auditlog.Event // ascending
	order  cbc.Order
}

// Len is the number of events.
func (b Batch) Len() int { return len(b.events) }

// All yields the events in the order of the question.
func (b Batch) All() iter.Seq[*auditlog.Event] {
	return func(yield func(*auditlog.Event) bool) {
		for i := range b.events {
			if !yield(b.at(i)) {
				return
			}
		}
	}
}

func (b Batch) at(i int) *auditlog.Event {
	if b.order == cbc.OldestFirst {
		return &b.events[i]
	}
	return &b.events[len(b.events)-1-i]
}

// first keeps the first n events in the order of the question.
func (b Batch) first(n int) Batch {
	if b.order == cbc.OldestFirst {
		b.events = b.events[:n]
	} else {
		b.events = b.events[len(b.events)-n:]
	}
	return b
}

// arrange sorts events by time, ascending.
func arrange(events []auditlog.Event) {
	slices.SortFunc(events, func(a, b auditlog.Event) int { return auditlog.Compare(&a, &b) })
}

// within is the run of ascending events whose written times lie in a window that is a unit wide at least.
func within(events []auditlog.Event, w auditlog.TimeRange) []auditlog.Event {
	from := sort.Search(len(events), func(i int) bool { return events[i].CreateTime.UnixMilli() >= w.From })
	to := sort.Search(len(events), func(i int) bool { return events[i].CreateTime.UnixMilli() >= w.To })
	return events[from:max(from, to)]
}
