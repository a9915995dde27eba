package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Batches, replays of them, searches and repairs of any windows, in any order, come to the same events: those that happened, as
// long as each was either given by the queue or lies in a window that was searched completely.
func TestAnyOrderOfAdditionsComesToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var happened []auditlog.Event
		for range rapid.IntRange(0, 30).Draw(t, "events") {
			happened = append(happened, event(rapid.IntRange(0, 5).Draw(t, "time"), fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "text"))))
		}
		// The queue gives each event in one batch, and some batches are lost.
		batches, lost := map[int][]auditlog.Event{}, map[int]bool{}
		var additions []Addition
		for _, e := range happened {
			n := rapid.IntRange(0, 4).Draw(t, "batch")
			batches[n] = append(batches[n], e)
		}
		found := func(from, to int) (inside []auditlog.Event) {
			for _, e := range happened {
				if ms := int(e.CreateTime.Sub(base).Milliseconds()); ms >= from && ms < to {
					inside = append(inside, e)
				}
			}
			return inside
		}
		for n, events := range batches {
			if lost[n] = rapid.Bool().Draw(t, "lost"); lost[n] {
				additions = append(additions, Addition{Origin: FromRepair, Events: found(0, 6)})
				continue
			}
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				additions = append(additions, Addition{ID: fmt.Sprint(n), Origin: FromQueue, Events: events, Late: time.Second})
			}
		}
		for n := range rapid.IntRange(0, 2).Draw(t, "grants") { // all of the past is given again, in batches cut elsewhere
			cut := rapid.IntRange(0, len(happened)).Draw(t, "cut")
			for i, events := range [][]auditlog.Event{happened[:cut], happened[cut:]} {
				additions = append(additions, Addition{ID: fmt.Sprint("grant ", n, i), Origin: FromQueue, Events: events, Late: time.Second})
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "searches") {
			from := rapid.IntRange(0, 6).Draw(t, "from")
			origin := rapid.SampledFrom([]Provenance{FromSearch, FromRepair}).Draw(t, "origin")
			additions = append(additions, Addition{Origin: origin, Events: found(from, rapid.IntRange(from, 6).Draw(t, "to"))})
		}
		store := NewMemory(MemoryConfig{})
		for _, a := range rapid.Permutation(additions).Draw(t, "order") {
			_, err := store.Add(context.Background(), a)
			require.NoError(t, err)
		}
		state, err := store.ReadState(context.Background())
		require.NoError(t, err)
		for _, gap := range state.Gaps {
			_, err := store.Add(context.Background(), Addition{Origin: FromRepair, Events: within(gap.TimeRange, happened)})
			require.NoError(t, err)
		}
		got := []string{}
		require.NoError(t, store.Range(context.Background(), everything(), cbc.OldestFirst, func(entries []Entry) bool {
			got = append(got, rowIDs(entries)...)
			return true
		}))
		require.Equal(t, want(happened...), got)
		changes, err := store.After(context.Background(), 0, 1<<20)
		require.NoError(t, err)
		once := rowIDs(changes.Entries)
		slices.Sort(once)
		slices.Sort(got)
		require.Equal(t, got, once, "a tail gets each of them once")
	})
}

func within(w auditlog.TimeRange, events []auditlog.Event) (inside []auditlog.Event) {
	for _, e := range events {
		if w.Contains(e.CreateTime) {
			inside = append(inside, e)
		}
	}
	return inside
}

func TestTalliesJoinInAnyOrder(t *testing.T) {
	count := rapid.IntRange(0, 3)
	tallies := rapid.SliceOf(rapid.Custom(func(t *rapid.T) tally {
		return tally{count.Draw(t, "queued"), count.Draw(t, "searched"), count.Draw(t, "excused")}
	}))
	join := func(list []tally) (sum tally) {
		for _, x := range list {
			sum = sum.plus(x)
		}
		return sum
	}
	rapid.Check(t, func(t *rapid.T) {
		list := tallies.Draw(t, "list")
		cut := rapid.IntRange(0, len(list)).Draw(t, "cut")
		require.Equal(t, join(list), join(list[:cut]).plus(join(list[cut:])))
		require.Equal(t, join(list), join(rapid.Permutation(list).Draw(t, "order")))
	})
	require.Equal(t, 3, tally{queued: 2, searched: 3}.copies())
	require.Equal(t, 1, tally{queued: 2, searched: 3, explainedByGap: 1}.missing())
	require.Zero(t, tally{queued: 1, searched: 3, explainedByGap: 3}.missing())
	require.Zero(t, tally{queued: 4, searched: 3}.missing())
}
