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
	PageSize int  // maximum events that one request reads
}

// Calls returns about how many API calls a plan needs. If the number of events is unknown, it assumes that they fit one page.
func (p Plan) Calls(k Knowledge) int {
	calls := p.callsForRange(k)
	if p.Query.Type == query.TypeFirstSeen && p.Query.Source != query.SourceQueue {
		calls++ // at least one search for the groups in the baseline
	}
	return calls
}

func (p Plan) callsForRange(k Knowledge) int {
	if p.Query.Source == query.SourceQueue || k.Cached {
		return 0
	}
	pages := func(events int) int { return max((events+k.PageSize-1)/max(k.PageSize, 1), 1) }
	all := pages(min(k.Events, p.MaxEvents))
	countable := p.Count != nil && len(p.Query.GroupBy) == 0
	switch {
	case k.Events <= k.PageSize:
		return 1
	case p.Query.Type == query.TypeEvents && len(p.Filter.Criteria)+len(p.Filter.Exclusions) == 0:
		return pages(p.Query.Limit) + 1 // and the count of the others
	case p.Query.Type == query.TypeCount && countable:
		return 2 // a page, and the count
	case p.Query.Type == query.TypeSeries && countable && (k.Events > p.MaxEvents || all > p.buckets.n):
		return 1 + min(p.buckets.n, maxCounted)
	case p.Count != nil && k.Events > p.MaxEvents && p.Query.Type != query.TypeSeries && p.Query.Type != query.TypeEvents:
		return all + min(p.Query.Limit, maxCandidates) // each group is counted
	}
	return all
}

// Describe returns a sentence that says what a plan does and about how many API calls it needs.
func (p Plan) Describe(k Knowledge) string {
	q := p.Query
	var b strings.Builder
	by := ""
	if len(q.GroupBy) > 0 {
		by = " by " + names(q.GroupBy)
	}
	order := "newest"
	if q.Oldest {
		order = "oldest"
	}
	length := span(p.Range.Duration())
	switch q.Type {
	case query.TypeCount:
		fmt.Fprintf(&b, "Counts the events of %s%s", length, by)
	case query.TypeSeries:
		fmt.Fprintf(&b, "Counts the events of %s%s in %s of %s", length, by, amount(p.buckets.n, "bucket"), p.buckets.width())
	case query.TypeTop:
		fmt.Fprintf(&b, "Lists the %d largest groups%s in %s", q.Limit, by, length)
	case query.TypeFirstSeen:
		fmt.Fprintf(&b, "Lists groups%s that occur in %s but not in the %s before", by, length, span(q.Baseline))
	default:
		fmt.Fprintf(&b, "Lists the %s %d events of %s", order, q.Limit, length)
	}
	if q.Source == query.SourceQueue {
		b.WriteString(", from the queue's store; needs no request.")
		return b.String()
	}
	if here := p.evaluatedHere(); here != "" {
		fmt.Fprintf(&b, "; the plugin filters by %s", here)
	}
	calls := p.Calls(k)
	switch {
	case calls == 0:
		b.WriteString("; everything is cached, so it needs no request.")
	case k.Events == 0:
		fmt.Fprintf(&b, "; needs at least %s.", amount(calls, "request"))
	default:
		fmt.Fprintf(&b, "; needs about %s.", amount(calls, "request"))
	}
	return b.String()
}

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
