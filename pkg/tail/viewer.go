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

// A push is what a viewer is sent at a time. Grafana disconnects viewers who do not keep up, and Explore shows the newest thousand
// rows: so there is one push a second, and of more events than that the newest are shown and the others counted.
const (
	maxRows    = 500
	maxBytes   = 512 << 10 // of JSON, estimated
	pushEvery  = time.Second
	maxPushes  = 4 // how many pushes wait for their turn
	maxWaiting = maxPushes * maxRows
)

// viewer is who watches a tail. It is safe for concurrent use.
type viewer struct {
	deliver Deliver

	mu      sync.Mutex
	notices []frame.Notice // in the order in which they were first said
	topics  []string       // what each of them is about
	unsaid  bool           // they have changed since they were last delivered

	waiting []sizedRow
	leftOut int64     // events that are not shown, because they came too fast or are too large
	second  time.Time // when what follows began to count
	rows    int       // pushed since then
	bytes   int
}

// sizedRow is a row, and about what it takes as JSON: its fields, and those that are derived from them.
type sizedRow struct {
	frame.Row
	bytes int
}

func sizeOf(r frame.Row) sizedRow {
	text := r.Event.AppendJSON(nil)
	escaped := bytes.Count(text, []byte("<")) + bytes.Count(text, []byte(">")) + bytes.Count(text, []byte("&"))
	return sizedRow{r, 500 + 2*(len(text)+len(`\u003c`)*escaped)}
}

// newViewer is a viewer who is told at first how things are, even if there is nothing to say: it may have watched a tail before
// this one, and have been told otherwise. It is shown first what that one did not show.
func newViewer(deliver Deliver, from Checkpoint) *viewer {
	v := &viewer{deliver: deliver, unsaid: true, waiting: from.waiting}
	v.countLeftOut(from.leftOut)
	if from.reduced {
		v.note("reduced", true, reducedNotice)
	}
	return v
}

const reducedNotice = "The live tail was restarted and could not keep its state: events of this time may be missing here or shown twice, a query of their time has them"

// say replaces the notice about a topic; "" takes it back.
func (v *viewer) say(topic string, warning bool, text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.note(topic, warning, text)
}

func (v *viewer) note(topic string, warning bool, text string) {
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

// leaveOut counts events that are not shown.
func (v *viewer) leaveOut(n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.countLeftOut(n)
}

func (v *viewer) countLeftOut(n int64) {
	if v.leftOut += n; n > 0 {
		v.note("left out", true, fmt.Sprintf("%d events came faster than a live tail shows them, or are too large: they are not shown here, a query of their time has them", v.leftOut))
	}
}

// show delivers rows, and the notices if they have changed. Rows that have to wait are pushed by run.
func (v *viewer) show(rows []frame.Row) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(rows)
	return v.push()
}

// add lets rows wait for their push. One that is too large for any push is left out.
func (v *viewer) add(rows []frame.Row) {
	for _, r := range rows {
		if row := sizeOf(r); row.bytes <= maxBytes {
			v.waiting = append(v.waiting, row)
		} else {
			v.countLeftOut(1)
		}
	}
}

// run pushes the rows that wait, until the context ends.
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

// push sends the rows that may be sent in this second.
func (v *viewer) push() error {
	now := time.Now()
	if now.Sub(v.second) >= pushEvery {
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
	v.bound()
	if len(rows) == 0 && !v.unsaid {
		return nil
	}
	if v.rows == len(rows) { // the first of this second
		v.second = now
	}
	return v.send(rows)
}

// bound leaves out the oldest of the rows that wait when they are too many or too large together. The others are copied, so that
// they do not keep the page alive that they came with.
func (v *viewer) bound() {
	from, size := len(v.waiting), 0
	for from > 0 && len(v.waiting)-from < maxWaiting {
		if size += v.waiting[from-1].bytes; size > maxPushes*maxBytes {
			break
		}
		from--
	}
	v.countLeftOut(int64(from))
	v.waiting = slices.Clone(v.waiting[from:])
	for i := range v.waiting {
		event := *v.waiting[i].Event
		v.waiting[i].Event = &event
	}
}

func (v *viewer) send(rows []frame.Row) error {
	v.unsaid = false
	return v.deliver(rows, slices.Clip(v.notices))
}

// save adds to a checkpoint what the viewer was not shown: the rows that were not pushed, more rows, and how many were left out.
func (v *viewer) save(c Checkpoint, more []frame.Row) Checkpoint {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(more)
	v.bound()
	c.waiting, c.leftOut = v.waiting, v.leftOut
	return c
}
