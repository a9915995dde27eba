package answer_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

// wholeStore holds one event many times, and gives all of them at once.
type wholeStore struct {
	event  auditlog.Event
	events int
}

func (wholeStore) Touch(context.Context) error { return nil }

func (s wholeStore) Range(_ context.Context, _ auditlog.TimeRange, _ cbc.Order, visit func([]store.Entry) bool) error {
	entries := make([]store.Entry, s.events)
	for i := range entries {
		entries[i] = store.Entry{Event: &s.event}
	}
	visit(entries)
	return nil
}

func (s wholeStore) Status(context.Context) (queue.Status, error) {
	return queue.Status{From: s.event.CreateTime.Add(-24 * time.Hour), Drained: s.event.CreateTime}, nil
}

// leaving counts the events that it classifies. During one of them, the viewer leaves.
type leaving struct {
	answer.Classifier
	leave  func()
	at     int
	looked int
}

func (l *leaving) ClassifyEvent(e *auditlog.Event) auditlog.Class {
	if l.looked++; l.looked == l.at {
		l.leave()
	}
	return l.Classifier.ClassifyEvent(e)
}

// A viewer who leaves stops the work, also in the middle of what a store gives at once.
func TestWhoLeavesStopsTheWork(t *testing.T) {
	const at = 1000
	for _, text := range []string{
		`{"source":"queue","criteria":{"category":["policy"]}}`,
		`{"source":"queue","exclusions":{"category":["policy"]},"fold":true}`,
		`{"source":"queue","queryType":"count","groupBy":["action"]}`,
		`{"source":"queue","queryType":"series","groupBy":["category"]}`,
		`{"source":"queue","queryType":"top","groupBy":["action","actor"]}`,
		`{"source":"queue","queryType":"firstSeen","groupBy":["action"],"baseline":"1h"}`,
	} {
		t.Run(text, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			parsed, err := query.Parse([]byte(text), catalog.Default(), 100_000)
			require.NoError(t, err)
			classifier := &leaving{Classifier: catalog.Default(), leave: cancel, at: at}
			stored := wholeStore{auditlog.Event{CreateTime: origin, Description: "Logged in successfully"}, 50_000}
			a := &answer.Answerer{Classifier: classifier, Queue: stored, MaxEvents: 100_000}
			_, err = a.Answer(ctx, answer.Request{
				Query: parsed, Range: auditlog.NewTimeRange(origin.Add(-time.Hour), origin.Add(time.Hour)), Interval: time.Minute, MaxDataPoints: 1000, Numbers: true, Now: origin,
			})
			require.ErrorIs(t, err, context.Canceled)
			require.Less(t, classifier.looked, 2*at)
		})
	}
}
