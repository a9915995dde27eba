package answer

import (
	"context"
	"fmt"
	"slices"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

// searchLedger looks the groups up in the ledger of the queue. What the ledger does not reach back to cannot be known from it.
func (l *lookback) searchLedger(ctx context.Context) error {
	q, everything := l.answer.answerer.Queue, l.answer.query.Filter.Everything()
	if len(l.suspects) == 0 {
		return nil
	}
	before, err := q.Status(ctx) // a gap that is closed while events are read was open for those read before
	if err != nil {
		return &LedgerError{err}
	}
	err = q.Range(ctx, l.baseline, cbc.NewestFirst, func(entries []store.Entry) bool {
		for _, entry := range entries {
			l.observe(entry.Event, everything)
		}
		l.read += len(entries)
		return slices.ContainsFunc(l.suspects, (*suspect).open)
	})
	l.kept = l.read
	if err != nil {
		return &LedgerError{err}
	}
	after, err := q.Status(ctx) // what is forgotten while events are read is missing from those read after
	if err != nil {
		return &LedgerError{err}
	}
	before.From = after.From
	l.vouch(before)
	return nil
}

// vouch takes the groups for new that the ledger has not seen, if it holds the whole baseline.
func (l *lookback) vouch(s queue.Status) {
	if reason := doubt(s, l.baseline); reason != "" {
		l.failed = &LedgerError{fmt.Errorf("the baseline is %s, and %s", l.baseline, reason)}
		return
	}
	if gap, open := touched(s.Gaps, l.baseline); open {
		l.answer.warn("events may be missing from %s of the baseline: an answer of the queue was lost, or it was not read yet; a search will add them", gap)
	}
	for _, suspect := range l.suspects {
		suspect.need.From = suspect.need.To
	}
}
