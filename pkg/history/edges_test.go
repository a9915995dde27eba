package history

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// What lies behind the edge of a window, in the same second, fills every page that is asked for with bounds that are rounded up. That
// the end of the window is empty is found at once, and not millisecond by millisecond.
func TestManyEventsBehindTheEdge(t *testing.T) {
	events := []simulator.Event{{CreateTime: origin.Add(-time.Minute), Actor: "inside"}}
	for i := range 60 {
		events = append(events, simulator.Event{CreateTime: origin.Add(600 * time.Millisecond), Actor: "behind", Description: string(rune('A' + i))})
	}
	for _, precision := range []string{"none", "ms"} {
		w := newWorld(t, origin.Add(time.Hour), events, simulator.Switches{Reach: 50, MaxRows: 50, BoundPrecision: precision, ExclusiveStart: true}, Config{})
		window := auditlog.NewTimeRange(origin.Add(-time.Hour), origin.Add(500*time.Millisecond))
		got, _, _ := w.ask(t, auditlog.Filter{}, window, cbc.NewestFirst, true)
		require.Len(t, got, 1)
		require.Equal(t, "inside", got[0].Actor)

		empty := auditlog.NewTimeRange(origin.Add(5*time.Millisecond), origin.Add(500*time.Millisecond))
		got, _, cost := newWorld(t, origin.Add(time.Hour), events, simulator.Switches{Reach: 50, MaxRows: 50, BoundPrecision: precision}, Config{}).
			ask(t, auditlog.Filter{}, empty, cbc.NewestFirst, true)
		require.Empty(t, got)
		require.LessOrEqual(t, cost.Calls, 6)
	}
}
