package answer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/query"
)

// Knowledge is what is known about the events of a plan before anything is requested.
type Knowledge struct {
	Events   int  // about how many events Carbon Black Cloud finds; 0 if unknown
	Cached   bool // all of them are cached
	Archived bool // the others, older ones, are archived
	PageSize int  // maximum events that one request reads
}

// Calls returns about how many API calls a plan needs. If the number of events is unknown, it assumes that they fit one page.
func (p Plan) Calls(k Knowledge) int {
	calls := p.callsForRange(k)
	if p.Query.Type == query.TypeFirstSeen && p.Query.Source != query.SourceQueue && !k.Archived {
		calls++ // at least one search for the groups in the baseline
	}
	return calls
}

func (p Plan) callsForRange(k Knowledge) int {
	q := p.Query
	switch {
	case q.Source == query.SourceQueue || k.Cached:
		return 0
	case k.Events <= k.PageSize:
		return 1
	case q.Type == query.TypeEvents && len(p.Filter.Criteria)+len(p.Filter.Exclusions) == 0:
		return pages(q.Limit, k.PageSize) + 1 // and the count of the others
	case p.counts(k) && q.Type == query.TypeCount:
		return 2 // a page, and the count
	case p.counts(k):
		return 1 + min(p.buckets.n, p.minBuckets.n)
	case p.Count != nil && k.Events > p.MaxEvents && (q.Type == query.TypeTop || q.Type == query.TypeCount):
		return p.pages(k) + min(q.Limit, maxCandidates) // each group is counted
	}
	return p.pages(k)
}

// Describe returns a sentence that says how a plan is executed and about how many API calls it needs.
func (p Plan) Describe(k Knowledge) string {
	q := p.Query
	switch {
	case q.Source == query.SourceQueue:
		return "Answered from the store of the queue."
	case p.Calls(k) == 0 && k.Archived:
		return "Answered from the archive."
	case p.Calls(k) == 0:
		return "Answered from the cache."
	case k.Archived:
		return fmt.Sprintf("Answered from the archive, and the last events by about %s.", amount(p.Calls(k), "request"))
	}
	var b strings.Builder
	verb := "Reads"
	if p.counts(k) {
		verb = "Counts"
	}
	fmt.Fprintf(&b, "%s the events of %s", verb, span(p.Range.Duration()))
	if q.Type == query.TypeSeries && p.counts(k) {
		counted := p.buckets
		if counted.n > maxCounted {
			counted = p.minBuckets
		}
		fmt.Fprintf(&b, " in buckets of %s", counted.width())
	}
	if q.Type == query.TypeFirstSeen {
		fmt.Fprintf(&b, " and looks their groups up in the %s before", span(q.Baseline))
	}
	accuracy := "about"
	if k.Events == 0 {
		accuracy = "at least"
	}
	fmt.Fprintf(&b, ", in %s %s", accuracy, amount(p.Calls(k), "request"))
	if here := p.evaluatedHere(); here != "" {
		fmt.Fprintf(&b, "; the plugin filters by %s", here)
	}
	return b.String() + "."
}

// counts reports whether Carbon Black Cloud counts the events, so that they need not be read.
func (p Plan) counts(k Knowledge) bool {
	if p.Count == nil || len(p.Query.GroupBy) > 0 || k.Events <= k.PageSize {
		return false
	}
	return p.Query.Type == query.TypeCount || p.Query.Type == query.TypeSeries && (k.Events > p.MaxEvents || p.pages(k) > p.buckets.n)
}

// pages returns about how many pages the events fill that may be read.
func (p Plan) pages(k Knowledge) int { return pages(min(k.Events, p.MaxEvents), k.PageSize) }

func pages(events, size int) int { return max((events+size-1)/max(size, 1), 1) }

// evaluatedHere names the keys that Carbon Black Cloud does not evaluate.
func (p Plan) evaluatedHere() string {
	var keys []auditlog.Key
	for _, terms := range [...][2]auditlog.Terms{{p.Filter.Criteria, p.Cloud.Criteria}, {p.Filter.Exclusions, p.Cloud.Exclusions}} {
		for key, values := range terms[0] {
			if len(values) > 0 && len(terms[1][key]) == 0 {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return names(slices.Compact(keys))
}

func amount(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// units are the units of time that a span is written in.
var units = map[time.Duration]string{24 * time.Hour: "day", time.Hour: "hour", time.Minute: "minute", time.Second: "second", time.Millisecond: "millisecond"}

// span writes a duration in the largest unit that divides it.
func span(d time.Duration) string {
	for _, unit := range slices.Backward(slices.Sorted(maps.Keys(units))) {
		if d >= unit && d%unit == 0 {
			return amount(int(d/unit), units[unit])
		}
	}
	return d.String()
}
