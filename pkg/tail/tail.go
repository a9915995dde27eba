// Package tail shows events as they happen: each one that passes a filter once, from a minute before the tail was opened.
//
// It has two sources. [Search] asks the history again and again, which consumes nothing. [Store] follows the store of the API
// key's queue, in the order of the store, which is the same on every replica.
//
// A tail goes on through failures: it tells its viewer, waits, and resumes where it stopped.
package tail

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/store"
)

// Lead is how long before its opening a tail begins, so that it does not open on an empty page.
const Lead = time.Minute

// Checkpoint is how far a tail has come: another one of the same filter and source goes on there, so that its viewers neither miss
// nor see twice what happened in between. The zero Checkpoint is a new tail's.
type Checkpoint struct {
	margin *margin
	rows   []frame.Row // taken and not delivered yet, at most maxWaiting
	cursor store.Cursor
	begins time.Time
}

// Deliver takes new rows in order, and what there is to say of the tail at present. There may be no rows, when only that has
// changed. An error ends the tail. It is never called twice at a time.
type Deliver func(rows []frame.Row, notices []frame.Notice) error

// Classifier names what an event tells.
type Classifier interface {
	ClassifyEvent(e *auditlog.Event) auditlog.Class
}

// together runs the parts of a tail until one of them fails, which ends the others. A panic of one ends the tail, not the process.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		group.Go(func() error { return history.Guard(func() error { return part(ctx) }) })
	}
	return group.Wait()
}
