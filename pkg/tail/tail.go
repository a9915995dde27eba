// Package tail shows events as they happen: each one that passes a filter once, from a minute before the tail was opened.
//
// It has two sources. [Search] searches again and again, which consumes nothing. [Store] follows the store of the API key's queue, in
// the order of the store, which is the same on every replica.
//
// A failure does not end a tail: it shows a notice, waits, and resumes where it stopped.
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

// Lead is how long before its opening a tail begins, so that it does not start with an empty page.
const Lead = time.Minute

// Checkpoint is the position of a tail. Another tail of the same filter and source continues there, so its viewers neither miss an event
// nor see one twice. The zero Checkpoint starts a new tail.
type Checkpoint struct {
	dedup   *dedupWindow
	waiting []sizedRow // not delivered yet, at most maxWaiting
	skipped int64      // events that were not shown
	cursor  store.Cursor
	since   time.Time
	reduced bool // the next tail may miss or repeat events, and says so
}

// Approximate memory of a checkpoint.
const (
	checkpointBytes = 512
	knownBytes      = 128 // of an event in the dedup window, with its share of the map
)

// Size returns about how many bytes of memory the checkpoint holds.
func (c Checkpoint) Size() int64 {
	size := int64(checkpointBytes)
	for _, row := range c.waiting {
		size += int64(row.bytes)
	}
	if c.dedup != nil {
		size += int64(len(c.dedup.known)) * knownBytes
	}
	return size
}

// Reduce returns a checkpoint of the same position that holds less memory: without the waiting rows, and with the last second of the dedup
// window. If that is still more than max bytes, the checkpoint starts a new tail. The next tail tells its viewers.
func (c Checkpoint) Reduce(max int64) Checkpoint {
	c.skipped += int64(len(c.waiting))
	c.waiting = nil
	if c.dedup != nil && c.dedup.keepLastSecond() {
		c.reduced = true
	}
	if c.Size() > max {
		return Checkpoint{reduced: true, skipped: c.skipped}
	}
	return c
}

// Deliver receives new rows in order and the present notices. There are no rows if only the notices have changed. An error ends the tail.
// Deliver is not called concurrently.
type Deliver func(rows []frame.Row, notices []frame.Notice) error

// Classifier classifies events by their descriptions.
type Classifier interface {
	ClassifyEvent(e *auditlog.Event) auditlog.Class
}

// runAll runs the parts of a tail until one of them fails, which ends the others. A panic ends the tail, not the process.
func runAll(ctx context.Context, parts ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		group.Go(func() error { return history.Guard(func() error { return part(ctx) }) })
	}
	return group.Wait()
}
