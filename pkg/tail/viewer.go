package tail

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/clock"
	"carbonblack-auditlog-datasource/pkg/frame"
)

// A push is one message to the viewers. Grafana disconnects viewers that do not keep up, and Explore shows the newest thousand rows. So
// there is one push a second. If there are more events, the newest are shown and the others are counted.
const (
	maxRows    = 500
	maxBytes   = 512 << 10 // of JSON, estimated
	pushEvery  = time.Second
	maxPushes  = 4 // pushes that may wait
	maxWaiting = maxPushes * maxRows
)

// viewer receives the rows of a tail. It is safe for concurrent use.
type viewer struct {
	deliver Deliver

	mu             sync.Mutex
	notices        []frame.Notice // in the order in which their topics came up
	topics         []string       // of the notices
	noticesChanged bool           // since they were last delivered

	waiting      []sizedRow
	skipped      int64     // events that are not shown, because there were too many or they are too large
	countedSince time.Time // since when the numbers below count
	rows         int       // pushed since then
	bytes        int
}

// sizedRow is a row with its approximate size as JSON: its fields, and those that are derived from them.
type sizedRow struct {
	frame.Row
	bytes int
}

func sizeOf(r frame.Row) sizedRow {
	text := r.Event.AppendJSON(nil)
	escaped := bytes.Count(text, []byte("<")) + bytes.Count(text, []byte(">")) + bytes.Count(text, []byte("&"))
	return sizedRow{r, 500 + 2*(len(text)+len(`\u003c`)*escaped)}
}

// newViewer returns a viewer that first receives the notices, even if there are none, because an earlier tail may have shown others. Then
// it receives the rows that the earlier tail did not deliver.
func newViewer(deliver Deliver, from Checkpoint) *viewer {
	v := &viewer{deliver: deliver, noticesChanged: true, waiting: from.waiting}
	v.skipLocked(from.skipped)
	if from.reduced {
		v.setNoticeLocked("reduced", true, reducedNotice)
	}
	return v
}

const reducedNotice = "Events of this time may be missing here or shown twice, because the live tail was restarted without its state. Query their time range."

// setNotice replaces the notice about a topic; an empty text removes it.
func (v *viewer) setNotice(topic string, warning bool, text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.setNoticeLocked(topic, warning, text)
}

// setNoticeLocked is setNotice for callers that hold the lock.
func (v *viewer) setNoticeLocked(topic string, warning bool, text string) {
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
		v.notices = slices.Clone(v.notices) // delivered notices do not change
		v.notices[i] = notice
	}
	v.noticesChanged = true
}

// skip counts events that are not shown.
func (v *viewer) skip(n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.skipLocked(n)
}

// skipLocked is skip for callers that hold the lock.
func (v *viewer) skipLocked(n int64) {
	if v.skipped += n; n > 0 {
		v.setNoticeLocked("left out", true, fmt.Sprintf("%d events are not shown here, because a live tail cannot show so many or they are too large. Query their time range.", v.skipped))
	}
}

// show delivers rows, and the notices if they have changed. Rows beyond the limit of a push wait, and run pushes them.
func (v *viewer) show(rows []frame.Row) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(rows)
	return v.push()
}

// add appends rows to those that wait. A row that is too large for any push is skipped.
func (v *viewer) add(rows []frame.Row) {
	for _, r := range rows {
		if row := sizeOf(r); row.bytes <= maxBytes {
			v.waiting = append(v.waiting, row)
		} else {
			v.skipLocked(1)
		}
	}
}

// run pushes the waiting rows until the context ends.
func (v *viewer) run(ctx context.Context) error {
	for {
		if err := clock.Sleep(ctx, pushEvery); err != nil {
			return err
		}
		if err := v.show(nil); err != nil {
			return err
		}
	}
}

// push delivers the rows that may be sent in this second.
func (v *viewer) push() error {
	now := time.Now()
	if now.Sub(v.countedSince) >= pushEvery {
		v.rows, v.bytes = 0, 0
	}
	var rows []frame.Row
	for _, row := range v.waiting {
		if v.rows == maxRows || v.bytes+row.bytes > maxBytes {
			break
		}
		rows, v.rows, v.bytes = append(rows, row.Row), v.rows+1, v.bytes+row.bytes
	}
	v.waiting = v.waiting[len(rows):]
	v.dropOldest()
	if len(rows) == 0 && !v.noticesChanged {
		return nil
	}
	if v.rows == len(rows) { // the first of this second
		v.countedSince = now
	}
	return v.send(rows)
}

// dropOldest skips the oldest waiting rows if they are too many or too large together. The others are copied, so that they do not keep
// their whole page in memory.
func (v *viewer) dropOldest() {
	from, size := len(v.waiting), 0
	for from > 0 && len(v.waiting)-from < maxWaiting {
		if size += v.waiting[from-1].bytes; size > maxPushes*maxBytes {
			break
		}
		from--
	}
	v.skipLocked(int64(from))
	v.waiting = slices.Clone(v.waiting[from:])
	for i := range v.waiting {
		event := *v.waiting[i].Event
		v.waiting[i].Event = &event
	}
}

func (v *viewer) send(rows []frame.Row) error {
	v.noticesChanged = false
	return v.deliver(rows, slices.Clip(v.notices))
}

// save adds to a checkpoint what the viewer has not received: the waiting rows, more rows, and how many were skipped.
func (v *viewer) save(c Checkpoint, more []frame.Row) Checkpoint {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(more)
	v.dropOldest()
	c.waiting, c.skipped = v.waiting, v.skipped
	return c
}
