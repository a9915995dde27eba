package answer_test

import (
	"context"
	"slices"
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

// storedQueue is a store of some events, newest first.
type storedQueue struct {
	events []auditlog.Event
	status queue.Status
}

func (l *storedQueue) Touch(context.Context) error { return nil }

func (l *storedQueue) Status(context.Context) (queue.Status, error) { return l.status, nil }

func (l *storedQueue) Range(_ context.Context, w auditlog.TimeRange, _ cbc.Order, visit func([]store.Entry) bool) error {
	for i := range l.events {
		if w.Contains(l.events[i].CreateTime) && !visit([]store.Entry{{Event: &l.events[i]}}) {
			return nil
		}
	}
	return nil
}

// New groups of the store are those that it has not seen. Where it does not reach back over the baseline, that is not known.
func TestFirstSeenInTheQueue(t *testing.T) {
	at := func(ago time.Duration, actor string) auditlog.Event {
		return auditlog.Event{CreateTime: origin.Add(-ago), Actor: actor, Description: "Login failed"}
	}
	events := []auditlog.Event{at(time.Minute, "new"), at(2*time.Minute, "old"), at(3*time.Minute, "older"), at(4*time.Minute, ""), at(20*time.Minute, "old"), at(30*time.Hour, "older")}
	for name, c := range map[string]struct {
		reach, baseline string
		events          []auditlog.Event
		alert           string // "" is no error
		warning         string
		want            map[string]int64
	}{
		"it reaches back":         {"200h", "1d", events, "", "", map[string]int64{`actor="new"`: 1, `actor="older"`: 1, `actor=""`: 1}},
		"a longer baseline":       {"200h", "3d", events, "", "", map[string]int64{`actor="new"`: 1, `actor=""`: 1}},
		"it begins later":         {"40h", "3d", events, "the store of the queue begins at", `not known whether 2 of 4 groups are new, and they are left out, such as "new", "(none)"`, map[string]int64{}},
		"but it has seen them":    {"40h", "3d", slices.Delete(slices.Clone(events), 3, 4)[1:], "", "", map[string]int64{}},
		"it begins in the window": {"5m", "1d", nil, "the store of the queue begins at", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			reach, err := time.ParseDuration(c.reach)
			require.NoError(t, err)
			classifier := catalog.Default()
			query, err := query.Parse([]byte(`{"queryType":"firstSeen","source":"queue","groupBy":["actor"],"criteria":{"outcome":["failure"]},"baseline":"`+c.baseline+`"}`), classifier, 1000)
			require.NoError(t, err)
			backing := &storedQueue{c.events, queue.Status{From: origin.Add(-reach), Since: origin.Add(-reach), Drained: origin}}
			p := &answer.Answerer{Classifier: classifier, Queue: backing, MaxEvents: 1000}
			ask := func(numbers bool) (map[string]int64, []string, error) {
				frames, err := p.Answer(context.Background(), answer.Request{Query: query, Range: auditlog.NewTimeRange(origin.Add(-10*time.Minute), origin), Numbers: numbers})
				if err != nil {
					return nil, nil, err
				}
				if numbers {
					return labelled(query.GroupBy, frames), warnings(frames), nil
				}
				return tabled(query.GroupBy, frames[0]), warnings(frames), nil
			}
			numbers, _, err := ask(true)
			if c.alert != "" {
				require.ErrorContains(t, err, c.alert)
			} else {
				require.NoError(t, err)
				require.Equal(t, c.want, numbers)
			}
			if c.want == nil {
				return
			}
			table, said, err := ask(false)
			require.NoError(t, err)
			require.Equal(t, c.want, table)
			if c.warning == "" {
				require.Empty(t, said)
			} else {
				require.Contains(t, said[0], c.warning)
			}
		})
	}
}
