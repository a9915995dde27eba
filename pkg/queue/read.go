package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
	"carbonblack-auditlog-datasource/pkg/store"
)

const (
	readGrace     = 10 * time.Second // how long a reader that ends waits for a read that is running
	storeTime     = 30 * time.Second // how long the store may take to store what was read
	minSearchWait = 2 * time.Second  // how long a poll waits at least for searches
	maxBatches    = 1000             // that one poll reads; the next poll continues
)

// readAndRepair reads the queue to its end and then adds what searches find. Searches are useful even if the queue could not be read.
func (r *reader) readAndRepair(ctx context.Context, c Config, p *Poll) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	if err := r.ensureLease(ctx, c); err != nil {
		return err
	}
	err := r.drain(ctx, c, p)
	if errors.Is(err, store.ErrHeld) || r.held != nil || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, r.reconcileFor(ctx, c))
}

// reconcileFor runs reconcile and waits for it, but not for long: searches may wait for the rate limit, and the queue must be read
// meanwhile. A reconcile that takes longer runs on beside the polls.
func (r *reader) reconcileFor(ctx context.Context, c Config) error {
	wait, err := r.searchWait(ctx)
	if err != nil {
		return err
	}
	select {
	case <-r.reconciling: // an earlier poll started it, and it has ended; if it failed, it fails again
		r.reconciling = nil
	default:
	}
	if r.reconciling == nil {
		ended := make(chan error, 1)
		r.idle.Go(func() { ended <- r.reconcile(ctx, c) })
		r.reconciling, r.reconcilingFor = ended, r.user()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case err := <-r.reconciling:
		r.reconciling = nil
		if r.reconcilingFor != r.user() {
			return nil // its settings are no longer in use: the next poll starts it again
		}
		return err
	case <-timer.C:
		return nil
	}
}

// searchWait returns how long callers who need events wait for searches: a moment, or until the next poll if a gap was never searched.
func (r *reader) searchWait(ctx context.Context) (time.Duration, error) {
	state, err := r.store.ReadState(ctx)
	if slices.ContainsFunc(state.Gaps, func(g store.Gap) bool { return g.Searched == 0 }) {
		return max(r.due(), minSearchWait), err
	}
	return minSearchWait, err
}

// flush stores the batch that was read last, if it is not stored yet.
func (r *reader) flush(ctx context.Context) error {
	if r.held == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	if _, err := r.store.Add(ctx, *r.held); err != nil {
		return fmt.Errorf("%d events that were read are kept in memory until they can be stored: %w", len(r.held.Events), err)
	}
	r.held = nil
	return nil
}

// ensureLease acquires the lease unless the reader holds it.
func (r *reader) ensureLease(ctx context.Context, c Config) error {
	if r.lease != nil {
		return nil
	}
	lead, err := r.store.Lead(ctx, c.leaseTime())
	if err == nil {
		r.setLease(lead)
	}
	return err
}

// begin records in the store that a read is about to be sent. A lease that was lost is requested once more.
func (r *reader) begin(ctx context.Context, c Config, id string) (store.ReadState, error) {
	for try := 0; ; try++ {
		if err := r.ensureLease(ctx, c); err != nil {
			return store.ReadState{}, err
		}
		state, err := r.lease.Update(ctx, func(s *store.ReadState) {
			if r.readElsewhere && s.Opened != 0 {
				s.OpenGap(s.Drained, c.policy())
			}
			s.Begin(id, c.policy())
		})
		if err == nil {
			r.readElsewhere = false
			return state, nil
		}
		r.releaseLease()
		if try > 0 {
			return store.ReadState{}, err
		}
	}
}

// drain reads until the queue is empty.
func (r *reader) drain(ctx context.Context, c Config, p *Poll) error {
	lane := ratelimit.LaneAlert // alert rules wait for the first read of a poll
	for range maxBatches {
		if ctx.Err() != nil {
			return errEnded
		}
		n, drained, err := r.read(ratelimit.WithLane(ctx, lane), c)
		lane = ratelimit.LanePanel
		if p.Read += n; err != nil || drained {
			return err
		}
	}
	return nil
}

// read reads one batch and stores it before anybody sees it. The queue is drained if the batch is empty, or smaller than an earlier one:
// the size of a full batch is not documented.
func (r *reader) read(ctx context.Context, c Config) (n int, drained bool, err error) {
	id := c.NewID()
	state, err := r.begin(ctx, c, id)
	if err != nil {
		return 0, false, err
	}
	reading, cancel := withGrace(ctx, readGrace)
	defer cancel()
	batch, err := c.Source.Queue(reading)
	if err != nil {
		return 0, false, r.recordFailedRead(ctx, c, id, state.Drained, err)
	}
	records := len(batch.Events) + len(batch.Bad)
	drained, r.full = records == 0 || records < r.full, max(r.full, records)
	note := func(s *store.ReadState) {
		s.KeepBad(batch.Bad)
		s.Finish(id, drained)
	}
	r.held = &store.Addition{ID: id, Origin: store.FromQueue, Events: batch.Events, Late: c.Late, Note: note}
	return len(batch.Events), drained, r.flush(ctx)
}

// recordFailedRead records a read that failed. If that cannot be stored either, the record of the read stays open, and the next read finds
// it.
func (r *reader) recordFailedRead(ctx context.Context, c Config, id string, drained int64, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	var failed *cbc.Error
	lost := !errors.As(err, &failed) || failed.Lost
	_, noted := r.store.Update(ctx, func(s *store.ReadState) {
		if lost {
			s.Lose(id, drained, c.policy())
			return
		}
		s.Finish(id, false)
	})
	return errors.Join(err, noted)
}

// withGrace returns a context that ends a while after its parent, because an interrupted read loses a batch.
func withGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() {
		stop()
		cancel()
	}
}
