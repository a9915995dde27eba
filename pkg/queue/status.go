package queue

import (
	"context"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/store"
)

// Status is the state of a queue. A zero time is never.
type Status struct {
	Last    Poll // of this process; zero when it has not looked
	Leading bool // this process reads the queue; no process does where nobody wants its events
	// From is since when the store holds every event, apart from the gaps: what is older was never looked for, or is forgotten.
	From time.Time
	// Since is when the queue was first found empty: before it the store holds what a search found.
	Since time.Time
	// Drained is the last time up to which the queue's events are in the store, apart from the gaps.
	Drained time.Time
	// Overdue says that the queue should have been read to its end since Drained and was not, by this or another process.
	Overdue bool
	Gaps    []auditlog.TimeRange // spans in which events may be missing, until a search has closed them
	// Unsearched are those of the gaps in which no search has succeeded yet. In the others only such events are missing as no
	// search could find then.
	Unsearched []auditlog.TimeRange
	// LastForeignRead is when an audit last found events that the queue never gave, and Missing how many: another consumer reads the
	// queue with the same API key. FirstForeignRead is when the first audit of the same story found any.
	LastForeignRead, FirstForeignRead time.Time
	Missing                           int
	// Bad are the last records of the queue that could not be read, and BadCount how many there were.
	Bad      []store.BadRecord
	BadCount int
}

// Status returns what the store holds for certain. It sends nothing to Carbon Black Cloud: the error is [ErrUnproved] while the
// secret would have to be proved by a request. With an error of the store, what is known without it is returned all the same.
func (q *Queue) Status(ctx context.Context) (Status, error) {
	r, ledger, err := q.glance(ctx)
	if err != nil {
		return Status{}, err
	}
	var s Status
	quiet := q.config.quiet()
	if r != nil {
		quiet = r.config().quiet()
		r.mu.Lock()
		s.Last, s.Leading = r.last, r.leads
		r.mu.Unlock()
	}
	book, err := ledger.ReadState(ctx)
	if err != nil {
		return s, err
	}
	s.Since, s.Drained = at(book.Since), at(book.Drained)
	s.LastForeignRead, s.FirstForeignRead = at(book.LastForeignRead), at(book.FirstForeignRead)
	s.Bad, s.BadCount = book.Bad, book.BadCount
	if s.Missing = book.Missing; book.Opened != 0 {
		s.From = at(book.From)
	}
	s.Overdue = book.Now-max(book.Drained, book.Opened) > quiet.Milliseconds()
	for _, g := range book.Gaps {
		s.Gaps = append(s.Gaps, g.TimeRange)
		if g.Searched == 0 {
			s.Unsearched = append(s.Unsearched, g.TimeRange)
		}
	}
	return s, nil
}

// Held returns how much the store holds. Like Status it sends nothing.
func (q *Queue) Held(ctx context.Context) (store.Held, error) {
	_, ledger, err := q.glance(ctx)
	if err != nil {
		return store.Held{}, err
	}
	return ledger.Held(ctx)
}

func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
