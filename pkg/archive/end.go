package archive

import (
	"context"
	"slices"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/store"
)

const (
	// endWait is how long an answer waits for another replica that reads the end.
	endWait = 2 * time.Second
	// endPoll is how often it looks.
	endPoll = 100 * time.Millisecond
	// putTime is how long an answer waits until the others have what it has read.
	putTime = time.Second
	// maxEnd bounds the events of an end that is shared.
	maxEnd = 5_000
)

// lastEnd is the end of the log that this process has seen last.
type lastEnd struct {
	mu   sync.Mutex
	end  *store.End
	seen time.Time // when it was that old
}

// get returns the part of it that lies in a time range, nil if it does not cover the range, or is too old.
func (l *lastEnd) get(r auditlog.TimeRange, fresh time.Duration) *store.End {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end == nil {
		return nil
	}
	e := *l.end
	if e.Age += time.Since(l.seen); e.Age >= fresh {
		return nil
	}
	return covering(&e, r, fresh)
}

func (l *lastEnd) set(e *store.End) *store.End {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end, l.seen = e, time.Now()
	return e
}

// End returns the events of the end of the log, which one replica reads for all every few seconds: fresh is how old it may be. It
// returns nil where the caller has to read for itself.
func (a *Archive) End(ctx context.Context, r auditlog.TimeRange, fresh time.Duration, read func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool)) *store.End {
	now := a.config.Now()
	if a.lastFailure() != nil || fresh <= 0 || r.To > now.Add(fresh).UnixMilli() {
		return nil
	}
	for waited := time.Duration(0); waited < endWait; waited += endPoll {
		if e := a.last.get(r, fresh); e != nil {
			return e
		}
		var e *store.End
		var claim *store.Claim
		err := a.inTime(ctx, func(ctx context.Context) (err error) {
			e, claim, err = a.config.Store.End(ctx, r, fresh)
			return err
		})
		switch {
		case err != nil:
			return nil
		case e != nil:
			return covering(a.last.set(e), r, fresh)
		case claim != nil:
			return covering(a.readEnd(ctx, claim, auditlog.TimeRange{From: r.From, To: max(r.To, now.UnixMilli())}, read), r, fresh)
		}
		if a.config.Wait(ctx, endPoll) != nil {
			return nil
		}
	}
	return nil
}

// readEnd reads the end under a claim.
func (a *Archive) readEnd(ctx context.Context, claim *store.Claim, r auditlog.TimeRange, read func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool)) *store.End {
	began := time.Now()
	events, whole := read(ctx, r)
	putting, cancel := context.WithTimeout(context.WithoutCancel(ctx), putTime)
	defer cancel()
	if !whole || len(events) > maxEnd {
		_ = a.config.Store.DropClaim(putting, claim)
		return nil
	}
	_ = a.config.Store.PutEnd(putting, claim, r, events)
	return a.last.set(&store.End{Range: r, Events: events, Age: time.Since(began)})
}

// covering returns the part of an end that lies in a time range, nil if it does not cover the range: what happened in the last moments
// is taken as read.
func covering(e *store.End, r auditlog.TimeRange, fresh time.Duration) *store.End {
	if e == nil || e.Range.From > r.From || e.Range.To+fresh.Milliseconds() < r.To {
		return nil
	}
	inside := slices.Clone(e.Events)
	inside = slices.DeleteFunc(inside, func(e auditlog.Event) bool { return !r.Contains(e.CreateTime) })
	return &store.End{Range: r, Events: inside, Age: e.Age}
}
