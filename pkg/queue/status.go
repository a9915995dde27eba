package queue

import (
	"context"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Status is the state of a queue.
type Status struct {
	Last Poll // of this process; zero when it has not looked
	// Since is when the queue was first found empty: before it the ledger holds what a search found. Zero is never.
	Since time.Time
	// Drained is the last time up to which the queue's events are in the ledger, apart from the gaps. Zero is never.
	Drained time.Time
	Gaps    []auditlog.Window // spans in which events may be missing, until a search has closed them
	// Missing is how many events the last audit found that the queue never gave, and Suspected when an audit last found any:
	// another consumer reads the queue with the same API key.
	Missing   int
	Suspected time.Time
	Events    Cursor // that were ever added
}

// Status tells what the ledger holds for certain. The error is one of the ledger; what is known without it is told all the same.
func (q *Queue) Status(ctx context.Context) (Status, error) {
	r := q.reader
	r.mu.Lock()
	s := Status{Last: r.last}
	r.mu.Unlock()
	book, err := r.ledger.Book(ctx)
	if err != nil {
		return s, err
	}
	s.Since, s.Drained, s.Suspected = at(book.Since), at(book.Drained), at(book.Suspected)
	s.Missing = book.Missing
	for _, g := range book.Gaps {
		s.Gaps = append(s.Gaps, g.Window)
	}
	s.Events, err = r.ledger.Head(ctx)
	return s, err
}

func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
