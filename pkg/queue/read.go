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
	readGrace  = 10 * time.Second // how long a read that is under way is waited for when its reader is to end
	storeTime  = 30 * time.Second // how long the store may take to store what was read
	mendTime   = 2 * time.Second  // how long a poll waits for searches that add nothing that is known to be missing
	maxBatches = 1000             // that one poll reads; the next goes on
)

// look reads the queue to its end, then sees to what searches have to make good. Those are of use even when the queue could not
// be read.
func (r *reader) look(ctx context.Context, c Config, p *Poll) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	if err := r.leading(ctx, c); err != nil {
		return err
	}
	err := r.drain(ctx, c, p)
	if errors.Is(err, store.ErrHeld) || r.held != nil || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, r.mend(ctx, c))
}

// mend lets searches make good what the queue did not give. They may have to wait long for their turn, and the queue is not left
// unread meanwhile: what takes too long goes on beside the polls.
func (r *reader) mend(ctx context.Context, c Config) error {
	wait, err := r.patience(ctx)
	if err != nil {
		return err
	}
	select {
	case <-r.mending: // begun by an earlier poll, and at its end: what it failed with shows again
		r.mending = nil
	default:
	}
	if r.mending == nil {
		ended := make(chan error, 1)
		r.idle.Go(func() { ended <- r.reconcile(ctx, c) })
		r.mending, r.mendingBy = ended, r.user()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case err := <-r.mending:
		r.mending = nil
		if r.mendingBy != r.user() {
			return nil // it failed with settings that are not in force any more: the next poll begins anew
		}
		return err
	case <-timer.C:
		return nil
	}
}

// patience is how long those who want events wait for searches: a moment, or until the next poll is due where no search has
// looked for what may be lost.
func (r *reader) patience(ctx context.Context) (time.Duration, error) {
	book, err := r.store.ReadState(ctx)
	if slices.ContainsFunc(book.Gaps, func(g store.Gap) bool { return g.Searched == 0 }) {
		return max(r.due(), mendTime), err
	}
	return mendTime, err
}

// flush stores a batch that was read.
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

// leading makes sure of the leadership.
func (r *reader) leading(ctx context.Context, c Config) error {
	if r.lead != nil {
		return nil
	}
	lead, err := r.store.Lead(ctx, c.quiet())
	if err == nil {
		r.take(lead)
	}
	return err
}

// begin notes in the store that a read is about to be sent. A leadership that was lost is asked for once more.
func (r *reader) begin(ctx context.Context, c Config, id string) (store.ReadState, error) {
	for try := 0; ; try++ {
		if err := r.leading(ctx, c); err != nil {
			return store.ReadState{}, err
		}
		book, err := r.lead.Update(ctx, func(b *store.ReadState) {
			if r.away && b.Opened != 0 {
				b.OpenGap(b.Drained, c.policy())
			}
			b.Begin(id, c.policy())
		})
		if err == nil {
			r.away = false
			return book, nil
		}
		r.resign()
		if try > 0 {
			return store.ReadState{}, err
		}
	}
}

// drain reads until the queue is empty.
func (r *reader) drain(ctx context.Context, c Config, p *Poll) error {
	lane := ratelimit.LaneAlert // alert rules wait for it; it is one request a poll, for everybody
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

// read takes one batch and stores it before anybody sees it. The queue is drained when the batch is empty, or smaller than one
// that was seen before: how large a full one is, is not documented.
func (r *reader) read(ctx context.Context, c Config) (n int, drained bool, err error) {
	id := c.NewID()
	book, err := r.begin(ctx, c, id)
	if err != nil {
		return 0, false, err
	}
	reading, cancel := patient(ctx, readGrace)
	defer cancel()
	batch, err := c.Source.Queue(reading)
	if err != nil {
		return 0, false, r.missed(ctx, c, id, book.Drained, err)
	}
	records := len(batch.Events) + len(batch.Bad)
	drained, r.full = records == 0 || records < r.full, max(r.full, records)
	note := func(b *store.ReadState) {
		b.KeepBad(batch.Bad)
		b.Finish(id, drained)
	}
	r.held = &store.Addition{ID: id, Origin: store.FromQueue, Events: batch.Events, Late: c.Late, Note: note}
	return len(batch.Events), drained, r.flush(ctx)
}

// missed books a read that failed. Where even that cannot be stored, the note of the read stays open, and the next read finds it.
func (r *reader) missed(ctx context.Context, c Config, id string, drained int64, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	var failed *cbc.Error
	lost := !errors.As(err, &failed) || failed.Lost
	_, noted := r.store.Update(ctx, func(b *store.ReadState) {
		if lost {
			b.Lose(id, drained, c.policy())
			return
		}
		b.Finish(id, false)
	})
	return errors.Join(err, noted)
}

// patient returns a context that ends a while after its parent: a read that is cut off is a batch that is lost.
func patient(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
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
