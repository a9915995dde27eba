package panel

import (
	"context"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/queue"
)

// Queue is the ledger of what the API key's queue gave. It is the only way to the queue: a query never reads it by itself.
type Queue interface {
	Touch(ctx context.Context) error
	Range(ctx context.Context, w auditlog.Window, order cbc.Order, visit func([]queue.Entry) (more bool)) error
	Status(ctx context.Context) (queue.Status, error)
}

// readLedger visits the events of the ledger that pass the filter, all of which is decided here. What could not be read from the
// queue just now is said, but an alert rule gets an error.
func (a *answer) readLedger(ctx context.Context, take func(*auditlog.Event, auditlog.Class) (more bool)) error {
	q := a.panel.Queue
	if err := q.Touch(ctx); err != nil {
		if a.request.Numbers {
			return err
		}
		a.warn("the queue cannot be read now, this is what it gave before: %v", err)
	}
	a.matched, a.unknown = 0, 0
	a.coverage = history.Coverage{Complete: true, Covered: a.request.Window}
	matcher := a.query.Filter.Everything()
	unknown := auditlog.Unknown()
	err := q.Range(ctx, a.request.Window, order(a.query), func(entries []queue.Entry) bool {
		more := true
		for _, entry := range entries {
			var class auditlog.Class
			if a.classify {
				class = a.panel.Classifier.Classify(entry.Event.Description)
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
	if err != nil {
		return err
	}
	a.coverage.Kept = a.coverage.Read
	return a.ledgerNotices(ctx)
}

// ledgerNotices says what the ledger cannot vouch for.
func (a *answer) ledgerNotices(ctx context.Context) error {
	status, err := a.panel.Queue.Status(ctx)
	if err != nil {
		return err
	}
	for _, gap := range status.Gaps {
		if gap.From < a.request.Window.To && gap.To > a.request.Window.From {
			a.warn("events may be missing from %s: an answer of the queue was lost, or it was not read yet; a search will add them", gap)
			break
		}
	}
	if !status.Suspected.IsZero() {
		a.warn("another consumer seems to read the queue with the same API key: at %s a search found %d events that the queue never gave; use a key for this data source alone",
			status.Suspected.Format(stamp), status.Missing)
	}
	return nil
}
