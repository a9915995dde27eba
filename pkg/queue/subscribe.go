package queue

import (
	"context"
	"errors"
	"time"

	"carbonblack-auditlog-datasource/pkg/store"
)

const (
	maxChanges = 1000
	retryDelay = time.Second // between two attempts to watch a store that cannot be reached
)

// subscriptions counts the subscribers of a reader. They share one watch of the store.
type subscriptions struct {
	size      int
	changed   chan struct{} // closed by the next change
	stopWatch context.CancelFunc
}

// addSubscriber adds a subscriber. The first one starts the watch. The caller holds the reader's lock.
func (r *reader) addSubscriber() {
	if r.subscribers.size++; r.subscribers.size > 1 {
		return
	}
	ctx, cancel := context.WithCancel(r.life)
	r.subscribers.stopWatch = cancel
	r.idle.Go(func() {
		for {
			_ = r.store.Watch(ctx, r.notifySubscribers) // it begins with a notification, so nothing is missed after a failure
			if !pause(ctx, retryDelay) {
				return
			}
		}
	})
}

// removeSubscriber removes a subscriber. The last one ends the watch.
func (r *reader) removeSubscriber() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.subscribers.size--; r.subscribers.size == 0 {
		r.subscribers.stopWatch()
	}
}

func (r *reader) notifySubscribers() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.subscribers.changed)
	r.subscribers.changed = make(chan struct{})
	return nil
}

// subscribe delivers what the store holds after a cursor, and then every change.
func (r *reader) subscribe(ctx context.Context, from store.Cursor, deliver func(store.Changes) error) error {
	if _, err := r.demand(true); errors.Is(err, errEnded) { // after any other error the next poll may succeed
		return err
	}
	defer r.removeSubscriber()
	for {
		r.mu.Lock()
		changed := r.subscribers.changed
		r.mu.Unlock()
		changes, err := r.store.After(ctx, from, maxChanges)
		switch {
		case r.life.Err() != nil:
			return errEnded
		case err != nil:
			if !pause(ctx, retryDelay) {
				return ctx.Err()
			}
		case len(changes.Entries) > 0 || changes.Skipped > 0:
			if err := deliver(changes); err != nil {
				return err
			}
			from = changes.Next
		default:
			if err := r.waitForChange(ctx, changed); err != nil {
				return err
			}
		}
	}
}

// await waits for a change.
func (r *reader) waitForChange(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.life.Done():
		return errEnded
	}
}
