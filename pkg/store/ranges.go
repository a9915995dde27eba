package store

import (
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// addRange adds a time range to an ascending list of disjoint ranges, and merges those that touch.
func addRange(ranges []auditlog.TimeRange, w auditlog.TimeRange) []auditlog.TimeRange {
	if w.From >= w.To {
		return ranges
	}
	out := make([]auditlog.TimeRange, 0, len(ranges)+1)
	for _, r := range ranges {
		if r.To < w.From || w.To < r.From {
			out = append(out, r)
			continue
		}
		w = auditlog.TimeRange{From: min(r.From, w.From), To: max(r.To, w.To)}
	}
	out = append(out, w)
	slices.SortFunc(out, func(a, b auditlog.TimeRange) int { return int(a.From - b.From) })
	return out
}

// removeRange removes a time range from a list of ranges.
func removeRange(ranges []auditlog.TimeRange, w auditlog.TimeRange) []auditlog.TimeRange {
	var out []auditlog.TimeRange
	for _, r := range ranges {
		if left := (auditlog.TimeRange{From: r.From, To: min(r.To, w.From)}); left.From < left.To {
			out = append(out, left)
		}
		if right := (auditlog.TimeRange{From: max(r.From, w.To), To: r.To}); right.From < right.To {
			out = append(out, right)
		}
	}
	return out
}

// Within returns the parts of ranges that lie in a time range.
func Within(ranges []auditlog.TimeRange, w auditlog.TimeRange) []auditlog.TimeRange {
	var out []auditlog.TimeRange
	for _, r := range ranges {
		if part := (auditlog.TimeRange{From: max(r.From, w.From), To: min(r.To, w.To)}); part.From < part.To {
			out = append(out, part)
		}
	}
	return out
}

// Outside returns the parts of a time range that lie in none of the ranges.
func Outside(ranges []auditlog.TimeRange, w auditlog.TimeRange) []auditlog.TimeRange {
	left := []auditlog.TimeRange{w}
	for _, r := range ranges {
		left = removeRange(left, r)
	}
	return left
}
