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
	// repaired is how old an event is that a search made good: it is counted, but is no news any more.
	repaired = 15 * time.Minute
	// lookBack bounds what is shown of the time before a tail was opened.
	lookBack = 1000
	// checkEvery is how often the state of the queue is looked at.
	checkEvery = 5 * time.Second
)

// Queue is the store of what the API key's queue gave. As long as somebody subscribes, the queue is read.
type Queue interface {
	Head(ctx context.Context) (store.Cursor, error)
	Subscribe(ctx context.Context, from store.Cursor, deliver func(store.Changes) error) error
	Status(ctx context.Context) (queue.Status, error)
}

// Store is a tail of what the store of the queue adds.
type Store struct {
	Queue      Queue
	Classifier Classifier
	Filter     auditlog.Filter // all of it is decided here
	Settle     time.Duration   // how late an event may be, on top of what counts as news
}

// Run delivers events in the order of the store, until the context ends, the queue is closed or deliver fails.
func (l Store) Run(ctx context.Context, from Checkpoint, deliver Deliver) (Checkpoint, error) {
	f := &follower{Store: l, viewer: newViewer(deliver, from), begins: from.begins, cursor: from.cursor, matcher: l.Filter.Everything()}
	if f.opened = !f.begins.IsZero(); !f.opened {
		f.begins = time.Now().Add(-Lead)
	}
	err := together(ctx, f.follow, f.check, f.viewer.run)
	if !f.opened {
		return from, err
	}
	return f.viewer.save(Checkpoint{begins: f.begins, cursor: f.cursor}, nil), err
}

// follower is a store tail that is running.
type follower struct {
	Store
	viewer  *viewer
	begins  time.Time // older events are no part of the tail
	matcher auditlog.Matcher
	cursor  store.Cursor // behind what was delivered
	opened  bool         // it has come to the cursor, and does not look back any more
	late    int
}

func (f *follower) follow(ctx context.Context) error {
	if !f.opened {
		head, err := f.head(ctx)
		if err != nil {
			return err
		}
		f.cursor = max(head-lookBack, 0)
	}
	return f.Queue.Subscribe(ctx, f.cursor, f.take)
}

// head waits for a store that can be reached.
func (f *follower) head(ctx context.Context) (store.Cursor, error) {
	for {
		head, err := f.Queue.Head(ctx)
		if err == nil {
			return head, nil
		}
		f.viewer.say("failure", true, fmt.Sprintf("No events yet: the store of the queue cannot be read: %v. The tail begins when it can", err))
		if err := f.viewer.show(nil); err != nil {
			return 0, err
		}
		if err := clock.Sleep(ctx, checkEvery); err != nil {
			return 0, err
		}
	}
}

// take delivers what was added to the store.
func (f *follower) take(changes store.Changes) error {
	if f.opened { // before that it is what nobody asked for
		f.viewer.leaveOut(changes.Skipped)
	}
	f.opened = true
	var rows []frame.Row
	now := time.Now()
	if begins := now.Add(-Lead); begins.Before(f.begins) { // the clock was set back
		f.begins = begins
	}
	news := now.Add(-repaired - f.Settle)
	for _, entry := range changes.Entries {
		class := f.Classifier.ClassifyEvent(entry.Event)
		switch at := entry.Event.CreateTime; {
		case at.Before(f.begins), !f.matcher.Match(entry.Event, class):
		case at.Before(news):
			f.late++
		default:
			rows = append(rows, frame.Row{Event: entry.Event, Class: class, ID: entry.Event.ID().Row(entry.Ordinal)})
		}
	}
	if f.late > 0 {
		f.viewer.say("late", false, fmt.Sprintf("%d events came too late to be shown here: a query of their time range shows them", f.late))
	}
	if err := f.viewer.show(rows); err != nil {
		return err
	}
	f.cursor = changes.Next
	return nil
}

// check tells the viewer when the queue cannot be read.
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
			failure = fmt.Sprintf("The queue was last read to its end at %s: newer events come when it can be read again", stamp(status.Drained))
		case err != nil:
			failure = fmt.Sprintf("The queue cannot be read now, the tail goes on when it can: %v", err)
		}
		if !status.LastForeignRead.IsZero() {
			shared = fmt.Sprintf("Another consumer seems to read the queue with the same API key: at %s a search found %d events that the queue never gave; use a key for this data source alone",
				stamp(status.LastForeignRead), status.Missing)
		}
		f.viewer.say("failure", true, failure)
		f.viewer.say("shared", true, shared)
		if err := f.viewer.show(nil); err != nil {
			return err
		}
	}
}
