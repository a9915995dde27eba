package queue

import (
	"context"
	"fmt"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
	"carbonblack-auditlog-datasource/pkg/store"
)

// reconcile lets searches make good what the queue did not give.
func (r *reader) reconcile(ctx context.Context, c Config) error {
	book, err := r.store.ReadState(ctx)
	if err != nil {
		return err
	}
	for _, gap := range book.Gaps {
		if err := r.repair(ctx, c, gap, book.Now); err != nil {
			return fmt.Errorf("events of %s may be missing until a search succeeds: %w", gap.TimeRange, err)
		}
	}
	return r.audit(ctx, c)
}

// repair searches a gap: as soon as it is new, so that most of it is seen at once, then what was too young to be found, and all of
// it once more when it is ready to be closed.
func (r *reader) repair(ctx context.Context, c Config, gap store.Gap, now int64) error {
	w, ready := gap.TimeRange, gap.Ready <= now
	if gap.Searched > 0 && !ready {
		w.From = max(w.From, gap.Searched-2*c.Late.Milliseconds())
	}
	if _, err := r.search(ratelimit.WithLane(ctx, laneFor(gap)), c, w, store.FromRepair); err != nil {
		return err
	}
	_, err := r.store.Update(ctx, func(b *store.ReadState) {
		if b.MarkSearched(gap.TimeRange, now); ready {
			b.CloseGaps(gap.TimeRange, now)
		}
	})
	return err
}

// shortGap is how long a gap may be that alert rules have searched before everybody else: about a page of events.
const shortGap = time.Hour

// laneFor returns how urgent it is to search a gap. Panels and alert rules wait for the first search, so live tails and exports must not
// hold it up.
func laneFor(gap store.Gap) ratelimit.Lane {
	switch {
	case gap.Searched > 0:
		return ratelimit.LaneBackground
	case gap.To-gap.From <= shortGap.Milliseconds():
		return ratelimit.LaneAlert
	}
	return ratelimit.LanePanel
}

// audit compares what the queue gave with a search, now and then, and forgets what is too old.
func (r *reader) audit(ctx context.Context, c Config) error {
	book, err := r.store.ReadState(ctx)
	if err != nil {
		return err
	}
	w := book.NextAudit(c.policy())
	if w.From >= w.To || time.Duration(book.Now-book.Audited)*time.Millisecond < c.AuditEvery {
		return nil
	}
	missing, err := r.search(ctx, c, w, store.FromSearch)
	if err != nil {
		return fmt.Errorf("the store could not be compared with a search of %s: %w", w, err)
	}
	if _, err := r.store.Update(ctx, func(b *store.ReadState) { b.MarkAudited(w, missing) }); err != nil {
		return err
	}
	return r.store.Trim(ctx)
}

// search adds what a search finds in a window, and counts the events that the queue should have given and did not.
func (r *reader) search(ctx context.Context, c Config, w auditlog.TimeRange, origin store.Provenance) (missing int, err error) {
	err = c.Searcher.SearchAll(ctx, w, func(events []auditlog.Event) error {
		added, err := r.store.Add(ctx, store.Addition{Origin: origin, Events: events})
		missing += added.Missing
		return err
	})
	return missing, err
}
