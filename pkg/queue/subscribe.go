package queue

import (
	"carbonblack-auditlog-datasource/pkg/store"
	"context"
	"errors"
	"time"
)

const (
	maxChanges = 1000
	rewatch    = time.Second // between two tries to watch a store that cannot be reached
)

// audience are the subscribers of a reader. They share one watch of the store.
type audience struct {
	size    int
	changed chan struct{} // closed by the next change
	leave   context.CancelFunc
}

// join counts a subscriber in, and starts the watch with the first. The reader's lock is held.
func (r *reader) join() {
	if r.audience.size++; r.audience.size > 1 {
		return
	}
	ctx, cancel := context.WithCancel(r.life)
	r.audience.leave = cancel
	r.idle.Go(func() {
		for {
			_ = r.store.Watch(ctx, r.announce) // after a failure it starts with an announcement: nothing is missed
			if !pause(ctx, rewatch) {
				return
			}
		}
	})
}

// part counts a subscriber out, and ends the watch with the last.
func (r *reader) part() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.audience.size--; r.audience.size == 0 {
		r.audience.leave()
	}
}

func (r *reader) announce() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.audience.changed)
	r.audience.changed = make(chan struct{})
	return nil
}

// subscribe hands over what is behind a cursor, and then every change.
func (r *reader) subscribe(ctx context.Context, from store.Cursor, deliver func(store.Changes) error) error {
	if _, err := r.demand(true); errors.Is(err, errEnded) { // what the last read failed with is no reason not to wait for the next
		return err
	}
	defer r.part()
	for {
		r.mu.Lock()
		changed := r.audience.changed
		r.mu.Unlock()
		changes, err := r.store.After(ctx, from, maxChanges)
		switch {
		case r.life.Err() != nil:
			return errEnded
		case err != nil:
			if !pause(ctx, rewatch) {
				return ctx.Err()
			}
		case len(changes.Entries) > 0 || changes.Skipped > 0:
			if err := deliver(changes); err != nil {
				return err
			}
			from = changes.Next
		default:
			if err := r.await(ctx, changed); err != nil {
				return err
			}
		}
	}
}

// await waits for a change.
func (r *reader) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.life.Done():
		return errEnded
	}
}
