package history

import (
	"slices"
	"sort"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// sortByTime sorts events by time, ascending, with a fixed order among equal times.
func sortByTime(events []auditlog.Event) {
	slices.SortFunc(events, func(a, b auditlog.Event) int { return auditlog.Compare(&a, &b) })
}

// within returns the run of ascending events whose times lie in a time range.
func within(events []auditlog.Event, r auditlog.TimeRange) []auditlog.Event {
	from := sort.Search(len(events), func(i int) bool { return events[i].CreateTime.UnixMilli() >= r.From })
	to := sort.Search(len(events), func(i int) bool { return events[i].CreateTime.UnixMilli() >= r.To })
	return events[from:max(from, to)]
}

func intersect(a, b auditlog.TimeRange) auditlog.TimeRange {
	return auditlog.TimeRange{From: max(a.From, b.From), To: min(a.To, b.To)}
}

// ascending yields events in their order.
func ascending(events []auditlog.Event) Batch {
	return func(yield func(*auditlog.Event) bool) {
		for i := range events {
			if !yield(&events[i]) {
				return
			}
		}
	}
}

// descending yields events from the last to the first.
func descending(events []auditlog.Event) Batch {
	return func(yield func(*auditlog.Event) bool) {
		for i := len(events) - 1; i >= 0; i-- {
			if !yield(&events[i]) {
				return
			}
		}
	}
}
