package store

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

var days = Policy{Late: time.Minute.Milliseconds(), Lookback: (73 * time.Hour).Milliseconds()}

// poll is what a reader does: it notes a read, and adds its batch.
func poll(t testing.TB, l Store, id string, events ...auditlog.Event) Added {
	t.Helper()
	_, err := l.Update(context.Background(), func(b *ReadState) { b.Begin(id, days) })
	require.NoError(t, err)
	added, err := l.Add(context.Background(), Addition{ID: id, Origin: FromQueue, Events: events, Late: time.Minute, Note: func(b *ReadState) { b.Finish(id, true) }})
	require.NoError(t, err)
	return added
}

// After a clock that was ahead is set back, the events of the present are taken again, and a search looks for those that were not.
func TestMemoryFollowsTheClockBack(t *testing.T) {
	for name, c := range map[string]struct {
		ahead   time.Duration
		atFirst bool // the clock was ahead when the store was opened
	}{
		"an hour":            {time.Hour, false},
		"two days":           {48 * time.Hour, false},
		"eight days":         {192 * time.Hour, false},
		"thirty days":        {720 * time.Hour, false},
		"three years":        {26280 * time.Hour, false},
		"a day at first":     {24 * time.Hour, true},
		"a month at first":   {720 * time.Hour, true},
		"a century at first": {876000 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			real, ahead := base, time.Duration(0)
			store := NewMemory(MemoryConfig{Now: func() time.Time { return real.Add(ahead) }})
			now := func(description string) auditlog.Event {
				return auditlog.Event{CreateTime: real.Add(-time.Second), Description: description}
			}
			if !c.atFirst {
				poll(t, store, "before", now("before"))
				real = real.Add(time.Hour)
			}
			ahead = c.ahead
			poll(t, store, "ahead", now("ahead"))
			real, ahead = real.Add(time.Minute), 0
			require.Equal(t, 1, poll(t, store, "back", now("back")).New)
			real = real.Add(time.Minute)
			require.Equal(t, 1, poll(t, store, "later", now("later")).New)

			state, err := store.ReadState(context.Background())
			require.NoError(t, err)
			nowMS := real.UnixMilli()
			require.LessOrEqual(t, state.From, nowMS-days.Lookback+2*time.Hour.Milliseconds(), "the store claims to hold the present")
			require.Len(t, state.Gaps, 1)
			gap := state.Gaps[0]
			require.LessOrEqual(t, gap.From, nowMS-days.Lookback)
			require.LessOrEqual(t, gap.Ready, nowMS+days.Late, "and it closes soon")
			require.GreaterOrEqual(t, gap.To, real.Add(-time.Minute).UnixMilli())
			for _, ms := range []int64{state.Opened, state.Since, state.Drained, state.Audited} {
				require.LessOrEqual(t, ms, nowMS)
			}
			found := []auditlog.Event{{CreateTime: real.Add(-3*time.Minute - time.Second), Description: "lost"}}
			require.Equal(t, 1, add(t, store, "", FromRepair, found...).New)
			_, err = store.Update(context.Background(), func(b *ReadState) { b.CloseGaps(gap.TimeRange, gap.Ready) })
			require.NoError(t, err)
			state, err = store.ReadState(context.Background())
			require.NoError(t, err)
			require.Empty(t, state.Gaps)
			require.Contains(t, contents(t, store, everything(), cbc.OldestFirst), want(found...)[0])
		})
	}
}

// What was forgotten for want of memory stays forgotten, and the store does not say that it holds it.
func TestClockSetBackAndAFullMemory(t *testing.T) {
	one := event(0, "0000")
	now := base.Add(time.Minute)
	store := NewMemory(MemoryConfig{Bytes: 100 * size(&one), Now: func() time.Time { return now }}).(*memory)
	poll(t, store, "1", events(0, 500)...)
	dropped := store.dropped
	require.False(t, dropped.IsZero())
	now = now.Add(720 * time.Hour)
	poll(t, store, "2")
	now = base.Add(2 * time.Minute)
	poll(t, store, "3")
	state, err := store.ReadState(context.Background())
	require.NoError(t, err)
	require.Equal(t, dropped.UnixMilli()+1, state.From)
	require.Equal(t, 1, add(t, store, "", FromRepair, events(0, 1)...).Expired)
}

// Wherever the clock jumps, once it is right again a poll takes the present, and all times lie in the past.
func TestReadStateAfterAnyJumps(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		real, off := base, time.Duration(0)
		store := NewMemory(MemoryConfig{Now: func() time.Time { return real.Add(off) }})
		for i := range rapid.IntRange(1, 12).Draw(r, "polls") {
			real = real.Add(time.Duration(rapid.IntRange(1, 7200).Draw(r, "seconds")) * time.Second)
			off = time.Duration(rapid.IntRange(-40, 40).Draw(r, "hours")) * time.Duration(rapid.SampledFrom([]int{0, 1, 24}).Draw(r, "unit")) * time.Hour
			id := string(rune('a' + i))
			_, err := store.Update(context.Background(), func(b *ReadState) { b.Begin(id, days) })
			require.NoError(r, err)
			if rapid.Bool().Draw(r, "lost") {
				_, err = store.Update(context.Background(), func(b *ReadState) { b.Lose(id, b.Drained, days) })
				require.NoError(r, err)
			}
		}
		real, off = real.Add(time.Minute), 0
		present := auditlog.Event{CreateTime: real.Add(-time.Second), Description: "present"}
		require.Equal(r, 1, poll(t, store, "present", present).New)
		state, err := store.ReadState(context.Background())
		require.NoError(r, err)
		now := state.Now
		require.LessOrEqual(r, max(state.Opened, state.Since, state.Drained, state.From, state.LastForeignRead), now+days.Late)
		for i, g := range state.Gaps {
			require.Less(r, g.From, g.To)
			require.LessOrEqual(r, g.Ready, now+days.Late)
			require.True(r, i == 0 || state.Gaps[i-1].To < g.From)
		}
	})
}
