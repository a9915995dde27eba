package answer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

// Queue is what was read from the API key's queue. A query never reads the queue itself.
type Queue interface {
	Touch(ctx context.Context) error
	Range(ctx context.Context, w auditlog.TimeRange, order cbc.Order, visit func([]store.Entry) (more bool)) error
	Status(ctx context.Context) (queue.Status, error)
}

// QueueError means that the store of the queue cannot be read, or that it cannot guarantee a number that an alert rule evaluates.
type QueueError struct{ Err error }

func (e *QueueError) Error() string { return e.Err.Error() }
func (e *QueueError) Unwrap() error { return e.Err }

// queueSource is the source of events from the store of the queue. All filters are evaluated here.
type queueSource struct{ queue Queue }

// Count is not used: the store does not filter.
func (queueSource) Count(context.Context, auditlog.Filter, auditlog.TimeRange, *history.Cost) (int, error) {
	return 0, errors.New("the queue's store does not count")
}

func (s queueSource) Read(ctx context.Context, q history.Question, report *Report, _ *history.Cost) iter.Seq2[history.Batch, error] {
	return func(yield func(history.Batch, error) bool) {
		if q.Mode != history.CacheOnly {
			if err := s.queue.Touch(ctx); err != nil {
				report.Uncertain = append(report.Uncertain, fmt.Errorf("the queue cannot be read now, this is what it gave before: %w", err))
			}
		}
		stopped := false
		before, err := s.queue.Status(ctx) // a gap that is closed while events are read was open for those read before
		if err == nil {
			err = s.visit(ctx, q, report, yield)
			stopped = !report.Complete
		}
		var after queue.Status
		if err == nil {
			after, err = s.queue.Status(ctx) // what is dropped while events are read is missing from those read after
		}
		if err == nil {
			before.From = after.From
			report.addGaps(before, q.Range)
		} else if stopped {
			report.Uncertain = append(report.Uncertain, err)
		} else {
			report.Complete = false
			yield(nil, &QueueError{err})
		}
	}
}

// visit yields the entries of a time range.
func (s queueSource) visit(ctx context.Context, q history.Question, report *Report, yield func(history.Batch, error) bool) error {
	report.Complete, report.Covered = true, q.Range
	return s.queue.Range(ctx, q.Range, q.Order, func(entries []store.Entry) bool {
		report.Read += len(entries)
		report.FromCache += len(entries)
		report.Complete = yield(func(yield func(*auditlog.Event) bool) {
			for _, entry := range entries {
				if !yield(entry.Event) {
					return
				}
			}
		}, nil)
		return report.Complete
	})
}

// suspicionTime is how long after an audit found another consumer its reads are expected to go on.
const suspicionTime = 24 * time.Hour

// addGaps adds what of a time range the store may not hold.
func (r *Report) addGaps(s queue.Status, span auditlog.TimeRange) {
	if reason := missingFromStore(s, span); reason != "" {
		r.Uncertain = append(r.Uncertain, errors.New(reason))
	}
	r.Bad = badRecordsOf(s, span)
	if gap, open := overlapping(s.Gaps, span); open {
		r.Warnings = append(r.Warnings, fmt.Sprintf("events may be missing from %s: an answer of the queue was lost, or it was not read yet; a search will add them", gap))
	}
	if !s.LastForeignRead.IsZero() && !s.LastForeignRead.Add(suspicionTime).Before(span.Start()) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("another client is reading this API key's queue: at %s a search found %d events that the queue never delivered; use a key for this data source alone",
			s.LastForeignRead.Format(stamp), s.Missing))
	}
}

// missingFromStore returns why Carbon Black Cloud may know more events of a time range than the store, "" if it does not.
func missingFromStore(s queue.Status, span auditlog.TimeRange) string {
	if s.From.IsZero() {
		return "the store of the queue is empty, because the queue was never read"
	}
	if span.Start().Before(s.From) {
		return fmt.Sprintf("the store of the queue begins at %s: earlier events are missing here; use source search", s.From.Format(stamp))
	}
	if s.Overdue && span.End().After(s.Drained) {
		if s.Drained.IsZero() {
			return "the queue was never read to its end: its newest events are missing here"
		}
		return fmt.Sprintf("the queue was last read to its end at %s: later events are missing here", s.Drained.Format(stamp))
	}
	if gap, open := overlapping(s.Unsearched, span); open {
		return fmt.Sprintf("events of %s may have been lost, and no search has looked for them yet", gap)
	}
	return ""
}

// badRecordsOf returns an error about the records of the queue that cannot be read and may belong to a time range.
func badRecordsOf(s queue.Status, span auditlog.TimeRange) *cbc.BadRecordsError {
	bad := store.BadWithin(s.Bad, span)
	if len(bad) == 0 {
		return nil
	}
	records := make([]cbc.BadRecord, len(bad))
	for i, r := range bad {
		if records[i].Reason = r.Reason; r.Timed {
			records[i].Time = time.UnixMilli(r.At).UTC()
		}
	}
	return &cbc.BadRecordsError{Records: records, Count: len(records)}
}

// overlapping returns the first gap that overlaps a time range.
func overlapping(gaps []auditlog.TimeRange, span auditlog.TimeRange) (auditlog.TimeRange, bool) {
	i := slices.IndexFunc(gaps, func(g auditlog.TimeRange) bool { return g.From < span.To && span.From < g.To })
	if i < 0 {
		return auditlog.TimeRange{}, false
	}
	return gaps[i], true
}
