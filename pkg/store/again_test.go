package store

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// What a second batch gives is not counted again, and the read state has a gap there until a search has counted.
func TestStoreOpensAGapForRepeatedEvents(t *testing.T) {
	onEachStore(t, func(t *testing.T, store, other Store) {
		give := func(id string, events ...auditlog.Event) Added {
			added, err := store.Add(context.Background(), Addition{ID: id, Origin: FromQueue, Late: time.Minute, Events: events})
			require.NoError(t, err)
			return added
		}
		gaps := func() []Gap {
			state, err := other.ReadState(context.Background())
			require.NoError(t, err)
			return state.Gaps
		}
		e, f, g := event(1, "e"), event(20, "f"), event(300, "g")
		require.Equal(t, Added{New: 3}, give("1", e, e, f))
		require.Empty(t, gaps(), "two in one batch are two")
		span := auditlog.TimeRange{From: f.CreateTime.UnixMilli(), To: f.CreateTime.UnixMilli() + 1}
		require.Equal(t, Added{New: 1, Again: span}, give("2", f, g))
		require.Equal(t, Added{}, give("2", f, g), "the same batch")
		require.Equal(t, want(e, e, f, g), contents(t, other, everything(), cbc.OldestFirst))
		require.Len(t, gaps(), 1)
		require.Equal(t, span, gaps()[0].TimeRange)
		state, err := other.ReadState(context.Background())
		require.NoError(t, err)
		require.InDelta(t, state.Now+time.Minute.Milliseconds(), gaps()[0].Ready, 30_000)

		span.From = e.CreateTime.UnixMilli()
		require.Equal(t, Added{New: 1, Again: span}, give("3", e, e, e, f), "more than any batch before")
		require.Equal(t, span, gaps()[0].TimeRange)
		require.Equal(t, Added{New: 1}, add(t, other, "", FromRepair, e, e, e, f, f, g), "a search has counted, nobody is blamed")
		require.Equal(t, want(e, e, e, f, f, g), contents(t, store, everything(), cbc.OldestFirst))
	})
}

// A time that a server writes without its fraction stands for a second, in which a search has to look.
func TestTheSpanOfATimeWithoutAFraction(t *testing.T) {
	second := time.Date(2026, 3, 11, 12, 0, 5, 0, time.UTC)
	var a Added
	a.addAgain(second.Add(7500 * time.Millisecond))
	require.Equal(t, auditlog.NewTimeRange(second.Add(7500*time.Millisecond), second.Add(7501*time.Millisecond)), a.Again)
	a.addAgain(second)
	require.Equal(t, auditlog.NewTimeRange(second, second.Add(7501*time.Millisecond)), a.Again)
	a = Added{}
	a.addAgain(second)
	require.Equal(t, auditlog.NewTimeRange(second, second.Add(time.Second)), a.Again)
}
