package answer

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

// scripted is a queue's store with two batches of two events, whose methods fail as told.
type scripted struct {
	touch, read, before, after error
	statuses                   int
	touched                    bool
}

func (s *scripted) Touch(context.Context) error {
	s.touched = true
	return s.touch
}

func (s *scripted) Range(_ context.Context, _ auditlog.TimeRange, _ cbc.Order, visit func([]store.Entry) bool) error {
	for range 2 {
		if !visit([]store.Entry{{Event: &auditlog.Event{}}, {Event: &auditlog.Event{}}}) {
			return nil
		}
	}
	return s.read
}

func (s *scripted) Status(context.Context) (queue.Status, error) {
	s.statuses++
	early := time.UnixMilli(0)
	return queue.Status{From: early, Drained: planEnd}, []error{s.before, s.after}[s.statuses-1]
}

func TestQueueSource(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		queue     scripted
		stop      bool // after the first batch
		cacheOnly bool
		read      int
		complete  bool
		failed    bool
		uncertain int
	}{
		"all":                           {read: 4, complete: true},
		"the caller stops":              {stop: true, read: 2},
		"the queue cannot be read now":  {queue: scripted{touch: broken}, read: 4, complete: true, uncertain: 1},
		"the queue is not to be read":   {queue: scripted{touch: broken}, cacheOnly: true, read: 4, complete: true},
		"no status":                     {queue: scripted{before: broken}, failed: true},
		"reading fails":                 {queue: scripted{read: broken}, read: 4, failed: true},
		"no status afterwards":          {queue: scripted{after: broken}, read: 4, failed: true},
		"no status after a stop":        {queue: scripted{after: broken}, stop: true, read: 2, uncertain: 1},
		"reading would fail after stop": {queue: scripted{read: broken}, stop: true, read: 2},
	} {
		t.Run(name, func(t *testing.T) {
			q := history.Question{Range: auditlog.NewTimeRange(planEnd.Add(-time.Hour), planEnd)}
			if test.cacheOnly {
				q.Mode = history.CacheOnly
			}
			var report Report
			var failed error
			read := 0
			for batch, err := range (queueSource{&test.queue}).Read(context.Background(), q, &report, nil) {
				if err != nil {
					failed = err
					break
				}
				for range batch {
					read++
				}
				if test.stop {
					break
				}
			}
			var queueError *QueueError
			require.Equal(t, test.failed, errors.As(failed, &queueError))
			require.Equal(t, test.read, read)
			require.Equal(t, test.read, report.Read)
			require.Equal(t, test.complete, report.Complete)
			require.Len(t, report.Uncertain, test.uncertain)
			require.Equal(t, !test.cacheOnly, test.queue.touched)
		})
	}
}
