package answer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/query"
)

// rule asks as an alert rule does.
func (w *world) rule(q query.Query, window auditlog.TimeRange) (map[string]int64, []string, error) {
	q.Source, q.Limit = query.SourceSearch, 1000
	frames, err := w.panel.Answer(context.Background(), answer.Request{Query: q, Range: window, Numbers: true, Alert: true, Now: w.now,
		Interval: time.Second, MaxDataPoints: 1000})
	if err != nil {
		return nil, nil, err
	}
	var said []string
	for _, n := range frames[0].Meta.Notices {
		said = append(said, n.Text)
	}
	if q.Type != query.TypeSeries {
		return labelled(q.GroupBy, frames), said, nil
	}
	sums := map[string]int64{}
	for _, f := range frames {
		for i := range f.Rows() {
			if n := f.Fields[1].At(i).(int64); n > 0 {
				sums[fmt.Sprintf("actor=%q", f.Fields[1].Labels["actor"])] += n
			}
		}
	}
	return sums, said, nil
}

// However late events arrive within settleSeconds, however late each evaluation starts, whoever read the log just before, and whether or
// not an evaluation got a stale answer: every event is in an evaluation, as long as the range is no shorter than the time between two.
func TestNoEventIsMissedBetweenEvaluations(t *testing.T) {
	const settle, every, rounds = 60 * time.Second, 60 * time.Second, 8
	rapid.Check(t, func(t *rapid.T) {
		var events []simulator.Event
		for i := range rapid.IntRange(1, 40).Draw(t, "events") {
			at := origin.Add(time.Duration(rapid.IntRange(0, int((rounds-3)*every/time.Millisecond)).Draw(t, "at")) * time.Millisecond)
			late := time.Duration(rapid.IntRange(0, int(settle/time.Millisecond)).Draw(t, "late")) * time.Millisecond
			if rapid.Bool().Draw(t, "latest") {
				late = settle
			}
			events = append(events, simulator.Event{CreateTime: at, Arrives: at.Add(late), Actor: fmt.Sprint("user", i), Description: "Login failed"})
		}
		w := newWorld(t, origin, worldConfig{events: events, settle: settle, fresh: 5 * time.Second, maxEvents: 1000})
		span := every + time.Duration(rapid.SampledFrom([]int{0, 0, 1, 240}).Draw(t, "more"))*time.Second
		q := query.Query{GroupBy: byActor, Baseline: time.Hour, Type: rapid.SampledFrom([]query.Type{query.TypeCount, query.TypeSeries, query.TypeFirstSeen}).Draw(t, "shape")}
		found := map[string]bool{}
		for round := range rounds {
			tick := origin.Add(time.Duration(round+1) * every)
			started := tick.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "jitter")) * time.Millisecond)
			outage := q.Type == query.TypeCount && rapid.Bool().Draw(t, "outage")
			w.now = started.Add(-time.Duration(rapid.IntRange(0, 4999).Draw(t, "panel reads before")) * time.Millisecond)
			if outage { // the answer is as old as what a panel read
				w.now = tick.Add(-time.Duration(rapid.IntRange(0, 39_000).Draw(t, "panel reads before the outage")) * time.Millisecond)
			}
			_, err := w.ask(query.Query{Type: query.TypeCount, GroupBy: byActor, Limit: 1000}, auditlog.NewTimeRange(w.now.Add(-time.Hour), w.now), false)
			require.NoError(t, err)
			w.now = started
			if outage {
				w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "status", Status: 429, RetryAfterS: 30, Next: 1}}})
			}
			groups, _, err := w.rule(q, auditlog.NewTimeRange(tick.Add(-span), tick))
			w.sim.SetFaults(simulator.Faults{})
			require.NoError(t, err)
			for name := range groups {
				found[name] = true
			}
		}
		for _, e := range events {
			require.True(t, found[fmt.Sprintf("actor=%q", e.Actor)], "the event of %s, %s late", e.CreateTime, e.Arrives.Sub(e.CreateTime))
		}
	})
}

// The range of an alert rule begins earlier, and ends where it was asked to; one that ended long ago is answered as asked, and so
// are expressions.
func TestWhereTheRangeOfARuleBegins(t *testing.T) {
	at := func(ago time.Duration) simulator.Event {
		return simulator.Event{CreateTime: origin.Add(-ago), Actor: "a", Description: "Login failed"}
	}
	w := newWorld(t, origin, worldConfig{settle: time.Minute, fresh: 5 * time.Second, maxEvents: 1000,
		events: []simulator.Event{at(time.Second), at(5 * time.Minute), at(5*time.Minute + 119*time.Second), at(5*time.Minute + 121*time.Second), at(time.Hour)}})
	window := auditlog.NewTimeRange(origin.Add(-5*time.Minute), origin.Add(-time.Second))
	q := query.Query{Type: query.TypeCount, GroupBy: byActor}
	count, said, err := w.rule(q, window)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{`actor="a"`: 2}, count)
	require.Len(t, said, 1)
	require.Contains(t, said[0], "Time range extended by 2 minutes to include late events; an event may count in two evaluations")

	w.now = origin.Add(119*time.Second + time.Millisecond)
	count, said, err = w.rule(q, window)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{`actor="a"`: 1}, count)
	require.Empty(t, said)

	w.now = origin
	frames, err := w.ask(query.Query{Type: query.TypeCount, GroupBy: byActor, Limit: 10}, window, true)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{`actor="a"`: 1}, labelled(byActor, frames))
}

// A rule gets an error where not every event may be read, whatever it asks for: a number of a part would be too low, and would
// not fire. What Carbon Black Cloud counts itself is whole.
func TestNoRuleGetsANumberOfAPart(t *testing.T) {
	var events []simulator.Event
	for i := range 300 {
		events = append(events, simulator.Event{CreateTime: origin.Add(-time.Duration(i) * time.Second), Actor: "loud", Description: "something that nobody knows"})
	}
	for i := range 20 {
		events = append(events, simulator.Event{CreateTime: origin.Add(-299*time.Second - time.Duration(i)*time.Millisecond), Actor: "victim", Description: "Login failed"})
	}
	failed := auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyOutcome: {"failure"}}}
	for name, c := range map[string]struct {
		query query.Query
		whole bool
	}{
		"by what the catalog says": {query.Query{Type: query.TypeCount, Filter: failed}, false},
		"groups of it":             {query.Query{Type: query.TypeCount, Filter: failed, GroupBy: byActor}, false},
		"groups":                   {query.Query{Type: query.TypeCount, GroupBy: byActor}, false},
		"lines":                    {query.Query{Type: query.TypeSeries, GroupBy: byActor}, false},
		"a table":                  {query.Query{Type: query.TypeTop, GroupBy: byActor}, false},
		"a list":                   {query.Query{Type: query.TypeEvents}, false},
		"a total":                  {query.Query{Type: query.TypeCount}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, origin, worldConfig{settle: time.Second, maxEvents: 100, events: events, switches: simulator.Switches{Reach: 50, MaxRows: 50}})
			frames, err := w.ask(c.query, auditlog.NewTimeRange(origin.Add(-10*time.Minute), origin), true)
			if !c.whole {
				require.ErrorContains(t, err, "maxEvents 100")
				return
			}
			require.NoError(t, err)
			require.Equal(t, int64(319), frames[0].Fields[0].At(0))
		})
	}
}

// A rule on a table is 0 where nothing happened: a table without a row is "no data" to Grafana.
func TestATableOfNothingIsZero(t *testing.T) {
	before := simulator.Event{CreateTime: origin.Add(-2 * time.Hour), Description: "Login failed"}
	w := newWorld(t, origin, worldConfig{settle: time.Second, maxEvents: 100, events: []simulator.Event{before}})
	frames, err := w.ask(query.Query{Type: query.TypeTop, GroupBy: byActor, Limit: 10}, auditlog.NewTimeRange(origin.Add(-time.Hour), origin), true)
	require.NoError(t, err)
	require.Equal(t, 1, frames[0].Rows())
	require.Equal(t, int64(0), frames[0].Fields[0].At(0))
	require.Empty(t, frames[0].Fields[0].Labels)
}

// An evaluation that had to make do with what was seen before, because Carbon Black Cloud could not be asked, leaves nothing out
// that the next one does not find.
func TestNoEventIsMissedAfterAnAnswerOutOfDate(t *testing.T) {
	const settle = time.Minute
	late := simulator.Event{CreateTime: origin.Add(-66 * time.Second), Arrives: origin.Add(-6 * time.Second), Actor: "a", Description: "Login failed"}
	w := newWorld(t, origin.Add(-time.Minute), worldConfig{events: []simulator.Event{late}, settle: settle, fresh: 5 * time.Second, maxEvents: 1000})
	found := int64(0)
	for round := range 3 {
		w.sim.SetFaults(simulator.Faults{})
		if round == 1 {
			w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "status", Status: 429, RetryAfterS: 30, Next: 1}}})
		}
		groups, _, err := w.rule(query.Query{Type: query.TypeCount, GroupBy: byActor}, auditlog.NewTimeRange(w.now.Add(-time.Minute), w.now))
		require.NoError(t, err)
		found += groups[`actor="a"`]
		w.now = w.now.Add(time.Minute)
	}
	require.Positive(t, found)
}
