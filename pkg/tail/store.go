package tail

import (
	"context"
	"fmt"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/clock"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

const (
	// maxNewsAge is the age from which an event that a search added late is counted instead of shown.
	maxNewsAge = 15 * time.Minute
	// maxLookBack bounds the events from before the tail was opened that are looked through.
	maxLookBack = 1000
	// checkEvery is how often the state of the queue is checked.
	checkEvery = 5 * time.Second
)

// Queue is the store of the API key's queue. While somebody subscribes, the queue is read.
type Queue interface {
	Head(ctx context.Context) (store.Cursor, error)
	Subscribe(ctx context.Context, from store.Cursor, deliver func(store.Changes) error) error
	Status(ctx context.Context) (queue.Status, error)
}

// Store is a tail that follows the store of the queue.
type Store struct {
	Queue      Queue
	Classifier Classifier
	Filter     auditlog.Filter // the plugin evaluates all of it
	Settle     time.Duration   // how late an event may be, in addition to maxNewsAge
}

// Run delivers events in the order of the store, until the context ends, the queue is closed or deliver fails.
func (l Store) Run(ctx context.Context, from Checkpoint, deliver Deliver) (Checkpoint, error) {
	f := &follower{Store: l, viewer: newViewer(deliver, from), since: from.since, cursor: from.cursor, matcher: l.Filter.Everything()}
	if f.opened = !f.since.IsZero(); !f.opened {
		f.since = time.Now().Add(-Lead)
	}
	err := runAll(ctx, f.follow, f.check, f.viewer.run)
	if !f.opened {
		return from, err
	}
	return f.viewer.save(Checkpoint{since: f.since, cursor: f.cursor}, nil), err
}

// follower is a running tail of the store.
type follower struct {
	Store
	viewer  *viewer
	since   time.Time // older events are not part of the tail
	matcher auditlog.Matcher
	cursor  store.Cursor // after what was delivered
	opened  bool         // the first changes were delivered
	late    int
}

func (f *follower) follow(ctx context.Context) error {
	if !f.opened {
		head, err := f.head(ctx)
		if err != nil {
			return err
		}
		f.cursor = max(head-maxLookBack, 0)
	}
	return f.Queue.Subscribe(ctx, f.cursor, f.show)
}

// head waits until the store can be read.
func (f *follower) head(ctx context.Context) (store.Cursor, error) {
	for {
		head, err := f.Queue.Head(ctx)
		if err == nil {
			return head, nil
		}
		f.viewer.setNotice("failure", true, fmt.Sprintf("No events until the store of the queue can be read: %v", err))
		if err := f.viewer.show(nil); err != nil {
			return 0, err
		}
		if err := clock.Sleep(ctx, checkEvery); err != nil {
			return 0, err
		}
	}
}

// show delivers what was added to the store.
func (f *follower) show(changes store.Changes) error {
	if f.opened { // earlier ones are from before the tail was opened
		f.viewer.skip(changes.Skipped)
	}
	f.opened = true
	var rows []frame.Row
	now := time.Now()
	if begins := now.Add(-Lead); begins.Before(f.since) { // the clock was set back
		f.since = begins
	}
	news := now.Add(-maxNewsAge - f.Settle)
	for _, entry := range changes.Entries {
		class := f.Classifier.ClassifyEvent(entry.Event)
		switch at := entry.Event.CreateTime; {
		case at.Before(f.since), !f.matcher.Match(entry.Event, class):
		case at.Before(news):
			f.late++
		default:
			rows = append(rows, frame.Row{Event: entry.Event, Class: class, ID: entry.Event.ID().Row(entry.Ordinal)})
		}
	}
	if f.late > 0 {
		f.viewer.setNotice("late", false, fmt.Sprintf("%d events arrived too late to be shown here. Query their time range.", f.late))
	}
	if err := f.viewer.show(rows); err != nil {
		return err
	}
	f.cursor = changes.Next
	return nil
}

// check sets a notice while the queue cannot be read.
func (f *follower) check(ctx context.Context) error {
	for {
		if err := clock.Sleep(ctx, checkEvery); err != nil {
			return err
		}
		status, err := f.Queue.Status(ctx)
		if err == nil {
			err = status.Last.Err
		}
		failure, shared := "", ""
		switch {
		case err == nil && status.Overdue:
			failure = fmt.Sprintf("No events after %s until the queue can be read again", stamp(status.Drained))
		case err != nil:
			failure = fmt.Sprintf("No new events until the queue can be read again: %v", err)
		}
		if !status.LastForeignRead.IsZero() {
			shared = fmt.Sprintf("Another client is reading this API key's queue: at %s a search found %d events that the queue never delivered; use a key for this data source alone",
				stamp(status.LastForeignRead), status.Missing)
		}
		f.viewer.setNotice("failure", true, failure)
		f.viewer.setNotice("shared", true, shared)
		if err := f.viewer.show(nil); err != nil {
			return err
		}
	}
}
