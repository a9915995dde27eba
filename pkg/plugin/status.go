package plugin

import (
	"context"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

// queueStatus is the queue in the answer to GET status. Times are milliseconds since 1970; null means never.
type queueStatus struct {
	Store string `json:"store"`
	// Leader is "here" or "elsewhere", as far as this process knows, and null where nobody asks for the queue's events.
	Leader   *string   `json:"leader"`
	LastPoll *lastPoll `json:"lastPoll"` // of this process
	From     *int64    `json:"from"`
	Since    *int64    `json:"since"`
	Drained  *int64    `json:"drained"`
	Gaps     []openGap `json:"gaps"`
	// SecondConsumer is null as long as no audit has found one.
	SecondConsumer *secondConsumer `json:"secondConsumer"`
	// BadRecords is null as long as the queue gave none.
	BadRecords *badRecords `json:"badRecords"`
	Events     *int64      `json:"events"`
	Bytes      *int64      `json:"bytes"`
	Error      *string     `json:"error"` // why the store cannot be read
}

type lastPoll struct {
	Begun  int64   `json:"begun"`
	Ended  int64   `json:"ended"`
	Events int     `json:"events"`
	Error  *string `json:"error"`
}

type openGap struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

type secondConsumer struct {
	Since   int64 `json:"since"`
	Last    int64 `json:"last"`
	Missing int   `json:"missing"`
}

// badRecords are records of the queue that could not be read.
type badRecords struct {
	Count  int         `json:"count"`
	Latest []badRecord `json:"latest"`
}

type badRecord struct {
	Time int64 `json:"time"`
	// Estimated says that the record's own time cannot be read: Time is when the queue gave it.
	Estimated bool   `json:"estimated"`
	Reason    string `json:"reason"`
}

// statusTime bounds how long a status waits for the store.
const statusTime = 5 * time.Second

// queueStatus describes the queue without reading it; nil when it is off.
func (d *Instance) queueStatus(ctx context.Context) *queueStatus {
	if d.queue == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	s, err := d.queue.Status(ctx)
	out := &queueStatus{Store: d.settings.store, Gaps: []openGap{}, LastPoll: pollStatus(s.Last)}
	switch {
	case s.Leading:
		out.Leader = new("here")
	case s.Last.Following:
		out.Leader = new("elsewhere")
	}
	var held store.Held
	if err == nil {
		held, err = d.queue.Held(ctx)
	}
	if err != nil {
		out.Error = new(err.Error())
		return out
	}
	out.From, out.Since, out.Drained = when(s.From), when(s.Since), when(s.Drained)
	for _, g := range s.Gaps {
		out.Gaps = append(out.Gaps, openGap{g.From, g.To})
	}
	if !s.LastForeignRead.IsZero() {
		out.SecondConsumer = &secondConsumer{Since: s.FirstForeignRead.UnixMilli(), Last: s.LastForeignRead.UnixMilli(), Missing: s.Missing}
	}
	out.BadRecords = badStatus(s)
	out.Events = &held.Events
	if held.Bytes > 0 || held.Events == 0 {
		out.Bytes = &held.Bytes
	}
	return out
}

// maxBadReason bounds how much of a reason a status quotes, in bytes.
const maxBadReason = 300

func badStatus(s queue.Status) *badRecords {
	if s.BadCount == 0 {
		return nil
	}
	out := &badRecords{Count: s.BadCount, Latest: make([]badRecord, len(s.Bad))}
	for i, r := range s.Bad {
		out.Latest[len(s.Bad)-1-i] = badRecord{Time: r.At, Estimated: !r.Timed, Reason: strings.ToValidUTF8(r.Reason[:min(len(r.Reason), maxBadReason)], "")}
	}
	return out
}

func pollStatus(p queue.Poll) *lastPoll {
	if p.Begun.IsZero() {
		return nil
	}
	out := &lastPoll{Begun: p.Begun.UnixMilli(), Ended: p.Ended.UnixMilli(), Events: p.Read}
	if p.Err != nil {
		out.Error = new(p.Err.Error())
	}
	return out
}

func when(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMilli())
}
