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

// Checkpoint is the position of a tail. Another tail of the same filter and source continues there, so its viewers neither miss an
// event nor see one twice. The zero Checkpoint starts a new tail.
type Checkpoint struct {
	margin  *margin
	waiting []sizedRow // not delivered yet, at most maxWaiting
	leftOut int64      // events that the viewers were not shown
	cursor  store.Cursor
	begins  time.Time
	reduced bool // the next tail says that it may miss or repeat events
}

// Approximate memory of a checkpoint.
const (
	checkpointBytes = 512
	knownBytes      = 128 // of an event in the margin, with its share of the map
)

// Size returns about how many bytes of memory the checkpoint holds.
func (c Checkpoint) Size() int64 {
	size := int64(checkpointBytes)
	for _, row := range c.waiting {
		size += int64(row.bytes)
	}
	if c.margin != nil {
		size += int64(len(c.margin.known)) * knownBytes
	}
	return size
}

// Reduce returns a checkpoint of the same position that holds less memory. It leaves out the rows that wait, and of the margin it keeps
// the last second. If that is still more than max bytes, it starts a new tail. The next tail tells its viewers.
func (c Checkpoint) Reduce(max int64) Checkpoint {
	c.leftOut += int64(len(c.waiting))
	c.waiting = nil
	if c.margin != nil && c.margin.keepLastSecond() {
		c.reduced = true
	}
	if c.Size() > max {
		return Checkpoint{reduced: true, leftOut: c.leftOut}
	}
	return c
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
