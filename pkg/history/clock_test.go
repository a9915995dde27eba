package history

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// What was read by a clock that was ahead has not settled: once it is set back, events of the time in between are found.
func TestClockSetBack(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"two minutes": 2 * time.Minute, "an hour": time.Hour, "a month": 720 * time.Hour, "a century": 876000 * time.Hour} {
		for _, filter := range []auditlog.Filter{{}, {Query: "actor:a"}} {
			w := newWorld(t, origin, []simulator.Event{{CreateTime: origin.Add(-time.Hour), Actor: "a"}}, simulator.Switches{}, Config{})
			off, told := time.Duration(0), 0
			w.history = New(Config{
				Searcher: w.history.config.Searcher, Settle: time.Minute, Fresh: 5 * time.Second, Now: func() time.Time { return w.now().Add(off) }, OnSetBack: func() { told++ },
			})
			day := func() auditlog.TimeRange {
				now := w.now().Add(off)
				return auditlog.NewTimeRange(origin.Add(-24*time.Hour), now)
			}
			present := auditlog.NewTimeRange(origin.Add(-time.Minute), origin.Add(time.Minute))
			off = ahead
			before, _, _ := w.ask(t, filter, day(), cbc.NewestFirst, true)
			require.Len(t, before, 1, name)
			n, err := w.history.Count(context.Background(), filter, present, &Cost{})
			require.NoError(t, err)
			require.Zero(t, n)

			w.sim.Add(simulator.Event{CreateTime: origin.Add(10 * time.Second), Actor: "a"})
			w.wait(90 * time.Second)
			off = 0
			after, _, _ := w.ask(t, filter, day(), cbc.NewestFirst, true)
			require.Len(t, after, 2, name)
			n, err = w.history.Count(context.Background(), filter, present, &Cost{})
			require.NoError(t, err)
			require.Equal(t, 1, n)
			require.Equal(t, 1, told)

			w.wait(time.Hour)
			asked := len(w.sim.Requests())
			again, _, _ := w.ask(t, filter, auditlog.NewTimeRange(origin.Add(-24*time.Hour), origin.Add(20*time.Second)), cbc.NewestFirst, true)
			require.Len(t, again, 2)
			require.Len(t, w.sim.Requests(), asked, "what is read by the right clock is kept")
		}
	}
}
