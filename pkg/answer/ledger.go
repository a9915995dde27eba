package answer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

// Queue is the ledger of what the API key's queue gave. It is the only way to the queue: a query never reads it by itself.
type Queue interface {
	Touch(ctx context.Context) error
	Range(ctx context.Context, w auditlog.TimeRange, order cbc.Order, visit func([]store.Entry) (more bool)) error
	Status(ctx context.Context) (queue.Status, error)
}

// LedgerError says that the ledger cannot be read, or cannot vouch for a number that decides about an alert.
type LedgerError struct{ Err error }

func (e *LedgerError) Error() string { return e.Err.Error() }
func (e *LedgerError) Unwrap() error { return e.Err }

// readLedger visits the events of the ledger that pass the filter, all of which is decided here. What could not be read from the
// queue just now is said, but an alert rule gets an error.
func (a *answer) readLedger(ctx context.Context, take func(*auditlog.Event, auditlog.Class) (more bool)) error {
	q := a.answerer.Queue
	if err := q.Touch(ctx); err != nil {
		if a.request.Numbers {
			return &LedgerError{err}
		}
		a.warn("the queue cannot be read now, this is what it gave before: %v", err)
	}
	before, err := q.Status(ctx) // a gap that is closed while events are read was open for those read before
	if err != nil {
		return &LedgerError{err}
	}
	if err := a.visitLedger(ctx, take); err != nil {
		return &LedgerError{err}
	}
	status, err := q.Status(ctx) // what is forgotten while events are read is missing from those read after
	if err != nil {
		return &LedgerError{err}
	}
	before.From = status.From
	return a.vouch(before)
}

// visitLedger hands on the events that pass the filter.
func (a *answer) visitLedger(ctx context.Context, take func(*auditlog.Event, auditlog.Class) (more bool)) error {
	a.matched, a.unknown = 0, 0
	a.coverage = history.Coverage{Complete: true, Covered: a.request.Window}
	matcher := a.query.Filter.Everything()
	unknown := catalog.Unknown()
	err := a.answerer.Queue.Range(ctx, a.request.Window, order(a.query), func(entries []store.Entry) bool {
		more := true
		for _, entry := range entries {
			var class auditlog.Class
			if a.classify {
				class = a.answerer.Classifier.ClassifyEvent(entry.Event)
			}
			a.coverage.Read++
			if !matcher.Match(entry.Event, class) {
				continue
			}
			a.matched++
			if class == unknown {
				a.unknown++
			}
			more = take(entry.Event, class) && more
		}
		a.coverage.Complete = more
		return more
	})
	a.coverage.FromCache = a.coverage.Read
	return err
}

// suspicious is how long after an audit found another consumer its doings are expected to go on.
const suspicious = 24 * time.Hour

// vouch says what of the time range the ledger does not hold for certain. A number that decides about an alert is never less than
// what the queue and a search know by now: where that cannot be said it is an error, which fires nothing.
func (a *answer) vouch(s queue.Status) error {
	w := a.request.Window
	if reason := doubt(s, w); reason != "" {
		if a.request.Numbers {
			return &LedgerError{fmt.Errorf("the number is not known: %s", reason)}
		}
		a.warn("%s", reason)
	}
	if reason := unreadable(s, w); reason != "" {
		if a.request.Numbers {
			return &LedgerError{errors.New(reason)}
		}
		a.warn("%s", reason)
	}
	if gap, open := touched(s.Gaps, w); open {
		a.warn("events may be missing from %s: an answer of the queue was lost, or it was not read yet; a search will add them", gap)
	}
	if !s.LastForeignRead.IsZero() && !s.LastForeignRead.Add(suspicious).Before(w.Start()) {
		a.warn("another consumer seems to read the queue with the same API key: at %s a search found %d events that the queue never gave; use a key for this data source alone",
			s.LastForeignRead.Format(stamp), s.Missing)
	}
	return nil
}

// doubt tells why more events of a window may be known to Carbon Black Cloud than to the ledger, in words.
func doubt(s queue.Status, w auditlog.TimeRange) string {
	if s.From.IsZero() {
		return "the ledger is empty, because the queue was never read"
	}
	if w.Start().Before(s.From) {
		return fmt.Sprintf("the ledger begins at %s: earlier events are missing here; use source search", s.From.Format(stamp))
	}
	if s.Overdue && w.End().After(s.Drained) {
		if s.Drained.IsZero() {
			return "the queue was never read to its end: its newest events are missing here"
		}
		return fmt.Sprintf("the queue was last read to its end at %s: later events are missing here", s.Drained.Format(stamp))
	}
	if gap, open := touched(s.Unsearched, w); open {
		return fmt.Sprintf("events of %s may have been lost, and no search has looked for them yet", gap)
	}
	return ""
}

// unreadable says which records of the queue are left out of a time range because they cannot be read.
func unreadable(s queue.Status, w auditlog.TimeRange) string {
	bad := store.BadWithin(s.Bad, w)
	if len(bad) == 0 {
		return ""
	}
	records := make([]cbc.BadRecord, len(bad))
	for i, r := range bad {
		if records[i].Reason = r.Reason; r.Timed {
			records[i].Time = time.UnixMilli(r.At).UTC()
		}
	}
	return (&cbc.BadRecordsError{Records: records, Count: len(records)}).Error()
}

// touched returns the first gap that has a part in a window.
func touched(gaps []auditlog.TimeRange, w auditlog.TimeRange) (auditlog.TimeRange, bool) {
	i := slices.IndexFunc(gaps, func(g auditlog.TimeRange) bool { return g.From < w.To && w.From < g.To })
	if i < 0 {
		return auditlog.TimeRange{}, false
	}
	return gaps[i], true
}
