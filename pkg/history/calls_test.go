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

func fullWorld(t *testing.T, events int) *world {
	return newWorld(t, origin.Add(48*time.Hour), manyEvents(events, 24*time.Hour), simulator.Switches{Reach: 1000, MaxRows: 1000},
		Config{Settle: time.Minute, Fresh: 5 * time.Second})
}

// A question without terms is the unfiltered one, however its filter says so: its pages are not asked for twice.
func TestNoTermsAreNoFilter(t *testing.T) {
	for _, f := range []auditlog.Filter{{}, {Criteria: auditlog.Terms{}, Exclusions: auditlog.Terms{}}} {
		w := fullWorld(t, 1500)
		got, _, cost := w.ask(t, f, day(origin.Add(24*time.Hour)), cbc.NewestFirst, false)
		require.Len(t, got, 1500)
		require.Equal(t, 2, cost.Calls)
	}
}

// Looking whether a page is enough is not done again where it is known that it is not.
func TestFirstPageIsNotReadAgain(t *testing.T) {
	w := fullWorld(t, 5000)
	for _, calls := range []int{1, 0} {
		var cost Cost
		coverage, err := w.history.Scan(context.Background(), Question{Range: day(origin.Add(24 * time.Hour)), Order: cbc.NewestFirst, MaxEvents: 5000, MaxPages: 1}, &cost,
			func(Batch) bool { return true })
		require.NoError(t, err)
		require.False(t, coverage.Complete)
		require.Equal(t, calls, cost.Calls)
	}
}
