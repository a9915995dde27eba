package answer

import (
	"context"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
)

// maxCells bounds the points of all lines of a series together.
const maxCells = 2_000_000

// series counts by time.
func (x *execution) series(ctx context.Context) (Result, error) {
	b := x.plan.buckets
	if x.plan.Count != nil && len(x.plan.Query.GroupBy) == 0 && !x.isArchived(ctx) {
		r, cheaper, err := x.countingIsCheaper(ctx, *x.plan.Count)
		if err != nil {
			return Result{}, err
		}
		if cheaper {
			return x.countedSeries(ctx, *x.plan.Count, r)
		}
	}
	g, r, err := x.group(ctx, b)
	if err != nil {
		return Result{}, err
	}
	limit := min(x.plan.Query.Limit, max(maxCells/b.n, 1))
	lines := min(limit+1, len(g.groups))
	if err := x.takeRoom(ctx, lines*(b.n+pointsPerFrame)+2*textOf(g.groups, lines)); err != nil { // labels and the display name
		return Result{}, err
	}
	shown, rest, left := g.largest(limit)
	if left > 0 && x.plan.Whole {
		return Result{}, tooManyGroups(len(shown)+left, limit)
	}
	if left > 0 && limit < x.plan.Query.Limit {
		x.inform("showing only %s lines of %s points. Lower the maximum data points to see more groups.", thousands(limit), thousands(b.n))
	}
	if left > 0 {
		shown = append(shown, rest)
	}
	return x.result(ctx, frame.Content{Shape: frame.ShapeSeries, Keys: x.plan.Query.GroupBy, Times: b.times(), Groups: shown}, r)
}

// countingIsCheaper reports whether counting every bucket takes fewer requests than reading the events. It reads one page to find out.
func (x *execution) countingIsCheaper(ctx context.Context, filter auditlog.Filter) (reading, bool, error) {
	r, err := x.readFirstPage(ctx)
	if err != nil || r.Complete || r.Failure != nil {
		return r, false, err
	}
	if r.Found > max(x.MaxEvents, x.History.PageSize()) {
		return r, true, nil
	}
	found, err := x.source.Count(ctx, filter, x.plan.Range, x.cost)
	if err != nil {
		return r, false, err
	}
	pages := (found-r.Read)/x.History.PageSize() + 1
	if found <= x.MaxEvents && (x.cost.Blurred || x.cost.Unchecked || !filter.CountedExactly()) {
		x.cost.Blurred = false
		return r, false, nil
	}
	return r, found > x.MaxEvents || pages > x.plan.buckets.n, nil
}

// countedSeries requests the count of each bucket.
func (x *execution) countedSeries(ctx context.Context, filter auditlog.Filter, r reading) (Result, error) {
	b := x.plan.buckets
	if b.n > maxCounted && x.plan.Alert {
		return Result{}, query.Errorf("there are more events than may be read (maxEvents), and of the %s points at most %d can be counted one by one: use a shorter time range, or a longer interval", thousands(b.n), maxCounted)
	}
	if b.n > maxCounted {
		b = x.plan.minBuckets
		x.inform("showing %d wider buckets: there are more events than may be read (maxEvents), so each bucket is counted by a request", b.n)
	}
	counted := x.plan.Range
	if x.plan.Numbers {
		counted.From = b.start // wider buckets may begin earlier, and no point may be partial
	}
	numbers, err := x.countEach(ctx, b.n, func(i int) (auditlog.Filter, auditlog.TimeRange) { return filter, b.part(i, counted) })
	if err != nil {
		return Result{}, err
	}
	all := frame.Group{Buckets: make([]int64, b.n)}
	for i, n := range numbers {
		all.Buckets[i] = int64(n)
		all.Count += int64(n)
	}
	x.exact = true
	return x.complete(frame.Content{Shape: frame.ShapeSeries, Times: b.times(), Groups: []frame.Group{all}}, r, int(all.Count), false), nil
}
