package answer_test

import (
	"context"
	"errors"
	"strings"
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

// fakeQueue holds one event and reports the statuses that a test sets, one per call.
type fakeQueue struct {
	event    auditlog.Event
	touch    error
	statuses []queue.Status
}

func (l *fakeQueue) Touch(context.Context) error { return l.touch }

func (l *fakeQueue) Range(_ context.Context, w auditlog.TimeRange, _ cbc.Order, visit func([]store.Entry) bool) error {
	if w.Contains(l.event.CreateTime) {
		visit([]store.Entry{{Event: &l.event}})
	}
	return nil
}

func (l *fakeQueue) Status(context.Context) (queue.Status, error) {
	s := l.statuses[0]
	if len(l.statuses) > 1 {
		l.statuses = l.statuses[1:]
	}
	return s, nil
}

// What a store cannot vouch for is a warning on a panel. Where it is more than what has not arrived yet, it is an error for an
// alert rule, which fires nothing then.
func TestQueueReportsWhatItMayMiss(t *testing.T) {
	now := origin.Add(10 * time.Hour)
	window := auditlog.NewTimeRange(now.Add(-time.Hour), now)
	whole := queue.Status{From: now.Add(-72 * time.Hour), Since: now.Add(-48 * time.Hour), Drained: now.Add(-10 * time.Second)}
	span := func(from, to time.Duration) []auditlog.TimeRange {
		return []auditlog.TimeRange{auditlog.NewTimeRange(now.Add(from), now.Add(to))}
	}
	with := func(change func(*queue.Status)) []queue.Status {
		s := whole
		change(&s)
		return []queue.Status{s}
	}
	for name, c := range map[string]struct {
		statuses []queue.Status
		touch    error
		warning  string // "" is none
		fails    bool   // an alert rule
	}{
		"whole":                    {statuses: with(func(*queue.Status) {})},
		"begins with the window":   {statuses: with(func(s *queue.Status) { s.From = window.Start() })},
		"begins later":             {statuses: with(func(s *queue.Status) { s.From = window.Start().Add(time.Millisecond) }), warning: "the store of the queue begins at 2026-03-10T18:59:59.001Z: earlier events are missing here; use source search", fails: true},
		"forgets while it is read": {statuses: append(with(func(*queue.Status) {}), with(func(s *queue.Status) { s.From = now.Add(-time.Minute) })...), warning: "the store of the queue begins at", fails: true},
		"never read":               {statuses: []queue.Status{{Overdue: true}}, warning: "never read", fails: true},
		"gap before the window":    {statuses: with(func(s *queue.Status) { s.Gaps = span(-2*time.Hour, -time.Hour) })},
		"searched gap":             {statuses: with(func(s *queue.Status) { s.Gaps = span(-time.Minute, time.Minute) }), warning: "events may be missing from"},
		"gap closed while it is read": {statuses: append(with(func(s *queue.Status) { s.Gaps = span(-time.Minute, time.Minute); s.Unsearched = s.Gaps }),
			with(func(*queue.Status) {})...), warning: "no search has looked for them yet", fails: true},
		"overdue":                     {statuses: with(func(s *queue.Status) { s.Overdue, s.Drained = true, now.Add(-10*time.Minute) }), warning: "last read to its end at 2026-03-10T19:49:59.000Z", fails: true},
		"overdue after the window":    {statuses: with(func(s *queue.Status) { s.Overdue, s.Drained = true, now })},
		"never at its end":            {statuses: with(func(s *queue.Status) { s.Overdue, s.Drained = true, time.Time{} }), warning: "never read to its end", fails: true},
		"another consumer":            {statuses: with(func(s *queue.Status) { s.LastForeignRead, s.Missing = now.Add(-20*time.Hour), 3 }), warning: "a search found 3 events"},
		"another consumer, long gone": {statuses: with(func(s *queue.Status) { s.LastForeignRead, s.Missing = now.Add(-26*time.Hour), 3 })},
		"the queue cannot be read":    {statuses: with(func(*queue.Status) {}), touch: errors.New("limit reached"), warning: "limit reached", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, numbers := range []bool{false, true} {
				classifier := catalog.Default()
				query, err := query.Parse([]byte(`{"queryType":"count","source":"queue"}`), classifier, 1000)
				require.NoError(t, err)
				p := &answer.Answerer{Classifier: classifier, Queue: &fakeQueue{auditlog.Event{CreateTime: now.Add(-time.Minute)}, c.touch, c.statuses}, MaxEvents: 1000}
				frames, err := p.Answer(context.Background(), answer.Request{Query: query, Range: window, Numbers: numbers})
				if numbers && c.fails {
					var failed *answer.QueueError
					require.ErrorAs(t, err, &failed)
					require.ErrorContains(t, err, c.warning)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, int64(1), frames[0].Fields[0].At(0))
				var said []string
				for _, n := range frames[0].Meta.Notices {
					said = append(said, n.Text)
				}
				if c.warning == "" {
					require.Empty(t, said)
					continue
				}
				require.Contains(t, strings.ToLower(strings.Join(said, "\n")), strings.ToLower(c.warning))
			}
		})
	}
}
