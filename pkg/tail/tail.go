// Package tail shows events as they happen: each one that passes a filter once, from a minute before the tail was opened.
//
// It has two sources. [Search] asks the history again and again, which consumes nothing. [Ledger] follows the ledger of the API
// key's queue, in the order of the ledger, which is the same on every replica.
//
// A tail goes on through failures: it tells its viewer, waits, and resumes where it stopped.
package tail

import (
	"slices"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/store"
)

// Lead is how long before its opening a tail begins, so that it does not open on an empty page.
const Lead = time.Minute

// Checkpoint is how far a tail has come: another one of the same filter and source goes on there, so that its viewers neither miss
// nor see twice what happened in between. The zero Checkpoint is a new tail's.
type Checkpoint struct {
	margin *margin
	rows   []frame.Row // taken and not delivered yet
	cursor store.Cursor
	begins time.Time
}

// maxRows bounds what is delivered at a time.
const maxRows = 500

// Deliver takes new rows in order, and what there is to say of the tail at present. There may be no rows, when only that has
// changed. An error ends the tail. It is never called twice at a time.
type Deliver func(rows []frame.Row, notices []frame.Notice) error

// Classifier names what an event tells.
type Classifier interface {
	ClassifyEvent(e *auditlog.Event) auditlog.Class
}

// viewer is who watches a tail. It is safe for concurrent use.
type viewer struct {
	deliver Deliver

	mu      sync.Mutex
	notices []frame.Notice // in the order in which they were first said
	topics  []string       // what each of them is about
	unsaid  bool           // they have changed since they were last delivered
}

// newViewer is a viewer who is told at first how things are, even if there is nothing to say: it may have watched a tail before
// this one, and have been told otherwise.
func newViewer(deliver Deliver) viewer { return viewer{deliver: deliver, unsaid: true} }

// say replaces the notice about a topic; "" takes it back.
func (v *viewer) say(topic string, warning bool, text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := slices.Index(v.topics, topic)
	notice := frame.Notice{Warning: warning, Text: text}
	switch {
	case i < 0 && text == "", i >= 0 && v.notices[i] == notice:
		return
	case i < 0:
		v.topics, v.notices = append(v.topics, topic), append(v.notices, notice)
	case text == "":
		v.topics, v.notices = slices.Delete(v.topics, i, i+1), slices.Delete(slices.Clone(v.notices), i, i+1)
	default:
		v.notices = slices.Clone(v.notices) // what was delivered is not changed
		v.notices[i] = notice
	}
	v.unsaid = true
}

// show delivers rows, and the notices if they have changed.
func (v *viewer) show(rows []frame.Row) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for chunk := range slices.Chunk(rows, maxRows) {
		if err := v.send(chunk); err != nil {
			return err
		}
	}
	if v.unsaid {
		return v.send(nil)
	}
	return nil
}

func (v *viewer) send(rows []frame.Row) error {
	v.unsaid = false
	return v.deliver(rows, slices.Clip(v.notices))
}
