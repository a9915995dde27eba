package answer

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// count makes one number a group.
func (a *answer) count(ctx context.Context) (frame.Frames, error) {
	if filter, ok := a.countable(); ok && len(a.query.GroupBy) == 0 {
		return a.total(ctx, filter)
	}
	shown, err := a.groups(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.takeRoom(ctx, len(shown)*pointsPerFrame); err != nil {
		return nil, err
	}
	meta, err := a.meta(ctx, sum(shown))
	return frame.Counts(a.query.GroupBy, shown, meta), err
}

// total counts without groups. What is more than a page is counted by Carbon Black Cloud.
func (a *answer) total(ctx context.Context, filter auditlog.Filter) (frame.Frames, error) {
	if err := a.peek(ctx); err != nil {
		return nil, err
	}
	if !a.coverage.Complete && !filter.CountedExactly() {
		if err := a.reread(ctx); err != nil {
			return nil, err
		}
	}
	n := a.matched
	if !a.coverage.Complete {
		a.counted, a.exact = 1, true
		var err error
		if n, err = a.answerer.History.Count(ctx, filter, a.request.Window, &a.cost); err != nil {
			return nil, err
		}
		if (a.cost.Blurred || a.cost.Unchecked) && n <= a.answerer.MaxEvents {
			if err := a.reread(ctx); err != nil {
				return nil, err
			}
			n = a.matched
		}
	}
	a.limits(n, false, n)
	return frame.Counts(nil, []frame.Group{{Count: int64(n)}}, a.describe(n, false, n)), nil
}

// peek reads what is known and one page at most.
func (a *answer) peek(ctx context.Context) error {
	a.pages = 1
	err := a.read(ctx, false, func(*auditlog.Event, auditlog.Class) bool { return true })
	a.pages = 0
	if err == nil {
		err = a.broken // a part of the events is no number
	}
	return err
}

// reread reads everything, where numbers cannot be trusted.
func (a *answer) reread(ctx context.Context) error {
	a.cost.Blurred = false
	if err := a.read(ctx, true, func(*auditlog.Event, auditlog.Class) bool { return true }); err != nil {
		return err
	}
	return a.broken
}

// top tables the largest groups.
func (a *answer) top(ctx context.Context) (frame.Frames, error) {
	shown, err := a.groups(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.takeRoom(ctx, len(shown)*pointsPerRow); err != nil {
		return nil, err
	}
	if len(a.query.GroupBy) == 0 && len(shown) == 0 {
		shown = []frame.Group{{}} // everything is one group, of no event
	}
	meta, err := a.meta(ctx, sum(shown))
	if a.request.Numbers && len(shown) == 0 {
		return frame.Counts(a.query.GroupBy, nil, meta), err // a table without a row is no data, and not 0
	}
	return frame.Top(a.query.GroupBy, shown, meta), err
}

// groups are the largest groups. Where not every event could be read, each is counted by Carbon Black Cloud if it can.
func (a *answer) groups(ctx context.Context) ([]frame.Group, error) {
	g, err := a.grouped(ctx, buckets{})
	if err != nil {
		return nil, err
	}
	shown, rest, left := g.largest(a.query.Limit)
	if filter, ok := a.countable(); ok && !a.coverage.Complete && a.broken == nil && a.coverage.Failure == nil {
		if largest := shown[:min(len(shown), maxCandidates)]; a.candidates(largest) {
			return a.recount(ctx, filter, largest)
		}
	}
	if left > 0 && a.whole {
		return nil, tooManyGroups(len(shown)+left, a.query.Limit)
	}
	if left > 0 {
		a.inform("the %d largest of %d groups are shown; the others have %d events together", len(shown), len(shown)+left, rest.Count)
	}
	return shown, nil
}

// maxCandidates bounds the groups that are counted one by one: each takes a request.
const maxCandidates = 50

// candidates reports whether Carbon Black Cloud can count the groups that were found among the events that were read.
func (a *answer) candidates(groups []frame.Group) bool {
	if len(groups) == 0 || len(a.query.GroupBy) == 0 {
		return false
	}
	if slices.ContainsFunc(a.query.GroupBy, func(k auditlog.Key) bool { return k.Derived() || k.MatchedByCloud() }) {
		return false
	}
	seen := map[string]bool{}
	for _, g := range groups { // the cloud may compare without regard to case, and count either for both
		seen[strings.ToLower(strings.Join(g.Values, "\x00"))] = true
	}
	return len(seen) == len(groups)
}

// groupFilter narrows a filter to one group.
func (a *answer) groupFilter(f auditlog.Filter, g frame.Group) auditlog.Filter {
	criteria := maps.Clone(f.Criteria)
	if criteria == nil {
		criteria = auditlog.Terms{}
	}
	for i, key := range a.query.GroupBy {
		criteria[key] = []string{g.Values[i]}
	}
	f.Criteria = criteria
	return f
}

// recount replaces what was counted among the events read by the exact numbers.
func (a *answer) recount(ctx context.Context, filter auditlog.Filter, groups []frame.Group) ([]frame.Group, error) {
	var countable []*frame.Group
	for i := range groups {
		// An event without a value cannot be asked for.
		if !slices.Contains(groups[i].Values, "") {
			countable = append(countable, &groups[i])
		}
	}
	numbers, err := a.ask(ctx, len(countable), func(i int) (auditlog.Filter, auditlog.TimeRange) {
		return a.groupFilter(filter, *countable[i]), a.request.Window
	})
	if err != nil {
		return nil, err
	}
	for i, n := range numbers {
		if g := countable[i]; int64(n) != g.Count {
			// There are more than were read, so the other end was not seen.
			g.Count = int64(n)
			if a.query.Oldest {
				g.Last = time.Time{}
			} else {
				g.First = time.Time{}
			}
		}
	}
	slices.SortFunc(groups, compareGroups)
	if len(countable) < len(groups) {
		a.warn("a group without a value cannot be counted: its number is of the %d events that were read (maxEvents)", a.coverage.Read)
	}
	a.exact = true
	a.warn("rarer groups may be missing: the %d largest were looked for among the %d events that were read (maxEvents), and each was then counted exactly", len(groups), a.coverage.Read)
	return groups, nil
}

// maxCells bounds the points of all lines of a series together, so that no question can take all memory.
const maxCells = 2_000_000

// maxCounted bounds the buckets that are counted one by one: each takes a request.
const maxCounted = 120

// series counts by time.
func (a *answer) series(ctx context.Context) (frame.Frames, error) {
	b := a.buckets(a.request.MaxDataPoints)
	if filter, ok := a.countable(); ok && len(a.query.GroupBy) == 0 {
		if counted, err := a.cheaper(ctx, filter, b); err != nil || counted {
			if err != nil {
				return nil, err
			}
			if b.n > maxCounted {
				b = a.buckets(maxCounted)
				a.inform("there are too many events to be read (maxEvents), so each point is counted by a request of its own: %d wider points are shown", b.n)
			}
			return a.countedSeries(ctx, filter, b)
		}
	}
	g, err := a.grouped(ctx, b)
	if err != nil {
		return nil, err
	}
	limit := min(a.query.Limit, max(maxCells/b.n, 1))
	if err := a.takeRoom(ctx, min(limit+1, len(g.groups))*(b.n+pointsPerFrame)); err != nil {
		return nil, err
	}
	shown, rest, left := g.largest(limit)
	if left > 0 && a.whole {
		return nil, tooManyGroups(len(shown)+left, limit)
	}
	if left > 0 && limit < a.query.Limit {
		a.inform("only %d lines of %d points are drawn: ask for fewer points to see more groups", limit, b.n)
	}
	if left > 0 {
		shown = append(shown, rest)
	}
	meta, err := a.meta(ctx, sum(shown))
	return frame.Series(a.query.GroupBy, b.times(), shown, meta), err
}

// cheaper reports whether counting every bucket takes fewer requests than reading the events. One page is read to know.
func (a *answer) cheaper(ctx context.Context, filter auditlog.Filter, b buckets) (bool, error) {
	if err := a.peek(ctx); err != nil {
		return false, err
	}
	if a.coverage.Complete || a.coverage.Failure != nil {
		return false, nil
	}
	if a.coverage.Found > max(a.answerer.MaxEvents, a.answerer.History.PageSize()) {
		return true, nil
	}
	found, err := a.answerer.History.Count(ctx, filter, a.request.Window, &a.cost)
	if err != nil {
		return false, err
	}
	pages := (found-a.coverage.Read)/a.answerer.History.PageSize() + 1
	if found <= a.answerer.MaxEvents && (a.cost.Blurred || a.cost.Unchecked || !filter.CountedExactly()) {
		a.cost.Blurred = false
		return false, nil
	}
	return found > a.answerer.MaxEvents || pages > b.n, nil
}

// countedSeries asks for the number of events of each bucket.
func (a *answer) countedSeries(ctx context.Context, filter auditlog.Filter, b buckets) (frame.Frames, error) {
	numbers, err := a.ask(ctx, b.n, func(i int) (auditlog.Filter, auditlog.TimeRange) { return filter, b.window(i, a.request.Window) })
	if err != nil {
		return nil, err
	}
	whole := frame.Group{Buckets: make([]int64, b.n)}
	for i, n := range numbers {
		whole.Buckets[i] = int64(n)
		whole.Count += int64(n)
	}
	n := int(whole.Count)
	a.exact = true
	a.limits(n, false, n)
	return frame.Series(nil, b.times(), []frame.Group{whole}, a.describe(n, false, n)), nil
}

// concurrentCounts bounds how many numbers are asked for at a time.
const concurrentCounts = 4

// ask asks for n numbers of events.
func (a *answer) ask(ctx context.Context, n int, question func(i int) (auditlog.Filter, auditlog.TimeRange)) ([]int, error) {
	numbers, costs := make([]int, n), make([]history.Cost, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentCounts)
	var once sync.Once
	var first error // not the cancellation that it causes
	for i := range n {
		group.Go(func() error {
			err := history.Guard(func() (err error) {
				filter, window := question(i)
				numbers[i], err = a.answerer.History.Count(ctx, filter, window, &costs[i])
				return err
			})
			if err != nil {
				once.Do(func() { first = err })
			}
			return err
		})
	}
	_ = group.Wait() // first tells
	for _, c := range costs {
		a.cost.Add(c)
	}
	a.counted += n
	return numbers, first
}

// grouped reads everything into groups.
func (a *answer) grouped(ctx context.Context, b buckets) (*grouping, error) {
	g := newGrouping(a.query.GroupBy, b)
	g.spells = a.query.Type == query.TypeFirstSeen
	take := g.add
	var s *sequence
	if a.query.After != nil {
		s = newSequence(a.request.Query)
		take = s.add
	}
	err := a.read(ctx, true, func(e *auditlog.Event, c auditlog.Class) bool {
		take(e, c)
		return true
	})
	if s != nil {
		a.matched = s.replay(g.add)
	}
	if err == nil && a.request.Numbers && !a.coverage.Complete {
		err = a.tooFew()
	}
	return g, err
}

// tooFew is why a number is not given to what decides about an alert: it would be of a part of the events, and too low.
func (a *answer) tooFew() error {
	if a.coverage.TruncatedAt != 0 {
		return query.Errorf("one millisecond of the time range holds more events than a search of Carbon Black Cloud gives, so a number would be too low: narrow the filter")
	}
	return query.Errorf("the time range holds more events than may be read (maxEvents %d), so a number would be too low and a group could be missing: shorten the range or narrow the filter", a.answerer.MaxEvents)
}
