package queue

import (
	"context"
	"fmt"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
	"carbonblack-auditlog-datasource/pkg/store"
)

// reconcile adds events by searches: those of the gaps, and now and then those that an audit misses.
func (r *reader) reconcile(ctx context.Context, c Config) error {
	state, err := r.store.ReadState(ctx)
	if err != nil {
		return err
	}
	for _, gap := range state.Gaps {
		if err := r.repair(ctx, c, gap, state.Now); err != nil {
			return fmt.Errorf("events of %s may be missing until a search succeeds: %w", gap.TimeRange, err)
		}
	}
	return r.audit(ctx, c)
}

// repair searches a gap: all of it when it is new, then its end, where late events may have appeared, and all of it once more when it can
// be closed.
func (r *reader) repair(ctx context.Context, c Config, gap store.Gap, now int64) error {
	missing, ready := gap.TimeRange, gap.Ready <= now
	if gap.Searched > 0 && !ready {
		missing.From = max(missing.From, gap.Searched-2*c.Late.Milliseconds())
	}
	if _, err := r.search(ratelimit.WithLane(ctx, laneFor(gap)), c, missing, store.FromRepair); err != nil {
		return err
	}
	_, err := r.store.Update(ctx, func(s *store.ReadState) {
		if s.MarkSearched(gap.TimeRange, now); ready {
			s.CloseGaps(gap.TimeRange, now)
		}
	})
	return err
}

// shortGap is the longest gap that is searched with the priority of alert rules: about a page of events.
const shortGap = time.Hour

// laneFor returns the priority of searching a gap. Panels and alert rules wait for the first search, so live tails and exports must not
// delay it.
func laneFor(gap store.Gap) ratelimit.Lane {
	switch {
	case gap.Searched > 0:
		return ratelimit.LaneBackground
	case gap.To-gap.From <= shortGap.Milliseconds():
		return ratelimit.LaneAlert
	}
	return ratelimit.LanePanel
}

// audit compares the store with a search if the last audit was long enough ago, and deletes what is too old.
func (r *reader) audit(ctx context.Context, c Config) error {
	state, err := r.store.ReadState(ctx)
	if err != nil {
		return err
	}
	span := state.NextAudit(c.policy())
	if span.From >= span.To || time.Duration(state.Now-state.Audited)*time.Millisecond < c.AuditEvery {
		return nil
	}
	missing, err := r.search(ctx, c, span, store.FromSearch)
	if err != nil {
		return fmt.Errorf("the store could not be compared with a search of %s: %w", span, err)
	}
	if _, err := r.store.Update(ctx, func(s *store.ReadState) { s.MarkAudited(span, missing) }); err != nil {
		return err
	}
	return r.store.Trim(ctx)
}

// search adds the events that a search finds in a time range. missing is how many of them the queue should have returned and did not.
func (r *reader) search(ctx context.Context, c Config, span auditlog.TimeRange, origin store.Provenance) (missing int, err error) {
	err = c.Searcher.SearchAll(ctx, span, func(events []auditlog.Event) error {
		added, err := r.store.Add(ctx, store.Addition{Origin: origin, Events: events})
		missing += added.Missing
		return err
	})
	return missing, err
}
