package queue

import (
	"context"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/store"
)

// Status is the state of a queue. A zero time means never.
type Status struct {
	Last    Poll // of this process; zero if there was none
	Leading bool // this process reads the queue
	// From is since when the store holds every event, apart from the gaps. Older events were never searched for, or were deleted.
	From time.Time
	// Since is when the queue was first found empty: earlier events come from searches.
	Since time.Time
	// Drained is up to when the queue's events are in the store, apart from the gaps.
	Drained time.Time
	// Overdue is set if the queue should have been read to its end again since Drained, by this or another process, and was not.
	Overdue bool
	Gaps    []auditlog.TimeRange // in which events may be missing, until a search has closed them
	// Unsearched are the gaps in which no search has succeeded yet. From the other gaps only late events may be missing.
	Unsearched []auditlog.TimeRange
	// LastForeignRead is when an audit last found events that the queue never returned, and Missing how many: another client reads the
	// queue with the same API key. FirstForeignRead is when the first of consecutive audits found any.
	LastForeignRead, FirstForeignRead time.Time
	Missing                           int
	// Bad holds the last records of the queue that could not be read, and BadCount is the number of all of them.
	Bad      []store.BadRecord
	BadCount int
}

// Status returns the state of the queue. It sends nothing to Carbon Black Cloud: while the secret is not proved, the error is
// [ErrUnproved]. With an error of the store, Status returns what is known without it.
func (q *Queue) Status(ctx context.Context) (Status, error) {
	r, visible, err := q.visibleStore(ctx)
	if err != nil {
		return Status{}, err
	}
	var s Status
	overdue := q.config.leaseTime()
	if r != nil {
		overdue = r.config().leaseTime()
		r.mu.Lock()
		s.Last, s.Leading = r.last, r.holdsLease
		r.mu.Unlock()
	}
	state, err := visible.ReadState(ctx)
	if err != nil {
		return s, err
	}
	s.Since, s.Drained = at(state.Since), at(state.Drained)
	s.LastForeignRead, s.FirstForeignRead = at(state.LastForeignRead), at(state.FirstForeignRead)
	s.Bad, s.BadCount = state.Bad, state.BadCount
	if s.Missing = state.Missing; state.Opened != 0 {
		s.From = at(state.From)
	}
	s.Overdue = state.Now-max(state.Drained, state.Opened) > overdue.Milliseconds()
	for _, g := range state.Gaps {
		s.Gaps = append(s.Gaps, g.TimeRange)
		if g.Searched == 0 {
			s.Unsearched = append(s.Unsearched, g.TimeRange)
		}
	}
	return s, nil
}

// Held returns how much the store holds. Like Status it sends nothing.
func (q *Queue) Held(ctx context.Context) (store.Held, error) {
	_, visible, err := q.visibleStore(ctx)
	if err != nil {
		return store.Held{}, err
	}
	return visible.Held(ctx)
}

func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
