package answer

import (
	"context"
	"iter"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/history"
)

// Source is where events come from: searches, or the store of the queue. A source that can group events by itself may implement a further
// small interface for it.
type Source interface {
	// Read yields the events of a time range in order, in batches that hold every event of each of their milliseconds. It may return
	// events that the filter does not select. When the iteration has ended, the report says what was read, and cost is added to.
	Read(ctx context.Context, q history.Question, report *Report, cost *history.Cost) iter.Seq2[history.Batch, error]
	// Count returns how many events of a time range a filter selects.
	Count(ctx context.Context, f auditlog.Filter, r auditlog.TimeRange, cost *history.Cost) (int, error)
}

// Report says how much of a question a source answered, and how certain that is.
type Report struct {
	history.Coverage
	Uncertain []error  // why more events may be known elsewhere: numbers of an alert rule cannot be trusted
	Warnings  []string // what else may be missing
}

// History reads and counts events of the past by searches.
type History interface {
	Read(ctx context.Context, q history.Question, coverage *history.Coverage, cost *history.Cost) iter.Seq2[history.Batch, error]
	Count(ctx context.Context, f auditlog.Filter, r auditlog.TimeRange, cost *history.Cost) (int, error)
	Estimate(f auditlog.Filter, r auditlog.TimeRange) (events int, cached bool)
	PageSize() int // maximum events that one request reads
}

// search is the source of searches.
type search struct{ History }

func (s search) Read(ctx context.Context, q history.Question, report *Report, cost *history.Cost) iter.Seq2[history.Batch, error] {
	return s.History.Read(ctx, q, &report.Coverage, cost)
}
