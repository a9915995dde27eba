package answer

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
)

// count makes one number per group.
func (x *execution) count(ctx context.Context) (Result, error) {
	if x.plan.Count != nil && len(x.plan.Query.GroupBy) == 0 && !x.isArchived(ctx) {
		return x.total(ctx, *x.plan.Count)
	}
	shown, r, err := x.largestGroups(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := x.takeRoom(ctx, len(shown)*pointsPerFrame+textOf(shown, len(shown))); err != nil {
		return Result{}, err
	}
	return x.result(ctx, frame.Content{Shape: frame.ShapeCounts, Keys: x.plan.Query.GroupBy, Groups: shown}, r)
}

// total counts without groups. What exceeds a page is counted by Carbon Black Cloud.
func (x *execution) total(ctx context.Context, filter auditlog.Filter) (Result, error) {
	r, err := x.readFirstPage(ctx)
	if err == nil && !r.Complete && !filter.CountedExactly() {
		r, err = x.readAll(ctx)
	}
	if err != nil {
		return Result{}, err
	}
	n := r.matched
	if !r.Complete {
		x.counted, x.exact = 1, true
		if n, err = x.source.Count(ctx, filter, x.plan.Range, x.cost); err != nil {
			return Result{}, err
		}
		if (x.cost.Blurred || x.cost.Unchecked) && n <= x.MaxEvents {
			if r, err = x.readAll(ctx); err != nil {
				return Result{}, err
			}
			n = r.matched
		}
	}
	return x.complete(frame.Content{Shape: frame.ShapeCounts, Groups: []frame.Group{{Count: int64(n)}}}, r, n, false), nil
}

// concurrentCounts bounds how many counts are requested at a time.
const concurrentCounts = 4

// countEach requests n counts.
func (x *execution) countEach(ctx context.Context, n int, question func(i int) (auditlog.Filter, auditlog.TimeRange)) ([]int, error) {
	numbers, costs := make([]int, n), make([]history.Cost, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrentCounts)
	var once sync.Once
	var first error // not the cancellation that it causes
	for i := range n {
		group.Go(func() error {
			err := history.Guard(func() (err error) {
				filter, span := question(i)
				numbers[i], err = x.source.Count(ctx, filter, span, &costs[i])
				return err
			})
			if err != nil {
				once.Do(func() { first = err })
			}
			return err
		})
	}
	_ = group.Wait() // first has the error
	for _, c := range costs {
		x.cost.Add(c)
	}
	x.counted += n
	return numbers, first
}
