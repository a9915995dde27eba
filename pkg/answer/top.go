package answer

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
)

// top makes a table of the largest groups.
func (x *execution) top(ctx context.Context) (Result, error) {
	shown, r, err := x.largestGroups(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := x.takeRoom(ctx, len(shown)*2*pointsPerRow+textOf(shown, len(shown))); err != nil {
		return Result{}, err
	}
	content := frame.Content{Shape: frame.ShapeTop, Keys: x.plan.Query.GroupBy, Groups: shown}
	if len(content.Keys) == 0 && len(shown) == 0 {
		content.Groups = []frame.Group{{}} // without keys there is one group, here of no event
	}
	if x.plan.Numbers && len(content.Groups) == 0 {
		content.Shape = frame.ShapeCounts // to a rule, a table without rows is no data, not 0
	}
	return x.result(ctx, content, r)
}

// largestGroups returns the largest groups. Where not every event could be read, Carbon Black Cloud counts each group if it can.
func (x *execution) largestGroups(ctx context.Context) ([]frame.Group, reading, error) {
	g, r, err := x.group(ctx, buckets{})
	if err != nil {
		return nil, r, err
	}
	limit := x.plan.Query.Limit
	shown, rest, left := g.largest(limit)
	if x.plan.Count != nil && !r.Complete && !r.failed() {
		if largest := shown[:min(len(shown), maxCandidates)]; x.countable(largest) {
			counted, err := x.recount(ctx, *x.plan.Count, largest, r)
			return counted, r, err
		}
	}
	if left > 0 && x.plan.Whole {
		return nil, r, tooManyGroups(len(shown)+left, limit)
	}
	if left > 0 {
		x.inform("showing the %s largest of %s groups. The others have %s events.", thousands(len(shown)), thousands(len(shown)+left), thousands(int(rest.Count)))
	}
	return shown, r, nil
}

// maxCandidates bounds the groups that are counted one by one: each takes a request.
const maxCandidates = 50

// countable reports whether Carbon Black Cloud can count groups.
func (x *execution) countable(groups []frame.Group) bool {
	keys := x.plan.Query.GroupBy
	if len(groups) == 0 || len(keys) == 0 || slices.ContainsFunc(keys, func(k auditlog.Key) bool { return k.Derived() || k.MatchedByCloud() }) {
		return false
	}
	seen := map[string]bool{}
	for _, g := range groups { // the cloud may ignore case, and count both of two groups for either
		seen[strings.ToLower(strings.Join(g.Values, "\x00"))] = true
	}
	return len(seen) == len(groups)
}

// groupFilter narrows a filter to one group.
func groupFilter(f auditlog.Filter, keys []auditlog.Key, g frame.Group) auditlog.Filter {
	criteria := maps.Clone(f.Criteria)
	if criteria == nil {
		criteria = auditlog.Terms{}
	}
	for i, key := range keys {
		criteria[key] = []string{g.Values[i]}
	}
	f.Criteria = criteria
	return f
}

// recount replaces the counts of groups among the events read by exact ones.
func (x *execution) recount(ctx context.Context, filter auditlog.Filter, groups []frame.Group, r reading) ([]frame.Group, error) {
	var countable []*frame.Group
	for i := range groups {
		if !slices.Contains(groups[i].Values, "") { // an event without a value cannot be searched for
			countable = append(countable, &groups[i])
		}
	}
	numbers, err := x.countEach(ctx, len(countable), func(i int) (auditlog.Filter, auditlog.TimeRange) {
		return groupFilter(filter, x.plan.Query.GroupBy, *countable[i]), x.plan.Range
	})
	if err != nil {
		return nil, err
	}
	for i, n := range numbers {
		g := countable[i]
		if int64(n) == g.Count {
			continue
		}
		g.Count = int64(n) // there are more than were read, so the other end was not seen
		if x.plan.Query.Oldest {
			g.Last = time.Time{}
		} else {
			g.First = time.Time{}
		}
	}
	slices.SortFunc(groups, compareGroups)
	if len(countable) < len(groups) {
		x.warn("a group without a value cannot be counted: its number covers only the %s events that were read (maxEvents)", thousands(r.Read))
	}
	x.exact = true
	x.warn("rarer groups may be missing: the %d largest were found among the %s events that were read (maxEvents), and then counted exactly", len(groups), thousands(r.Read))
	return groups, nil
}
