package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

func TestMemoryIsBounded(t *testing.T) {
	one := event(0, "0000")
	store := NewMemory(MemoryConfig{Bytes: 800 * size(&one)}).(*memory)
	var events []auditlog.Event
	for i := range 5000 {
		events = append(events, event(i, fmt.Sprintf("%04d", i)))
	}
	for i := 0; i < 5000; i += 100 {
		require.Equal(t, 100, add(t, store, fmt.Sprint(i), FromQueue, events[i:i+100]...).New)
		require.LessOrEqual(t, store.bytes, store.config.Bytes)
	}
	kept := contents(t, store, everything(), cbc.OldestFirst)
	require.GreaterOrEqual(t, len(kept), 700)
	require.Equal(t, want(events[5000-len(kept):]...), kept, "the oldest go first")
	require.Len(t, store.known, len(kept))
	state, err := store.ReadState(context.Background())
	require.NoError(t, err)
	require.Equal(t, events[5000-len(kept)].CreateTime.UnixMilli(), state.From, "a millisecond after the last that was dropped")
	require.Equal(t, int64(5000-len(kept)), state.Forgotten)

	added := add(t, store, "", FromSearch, events...)
	require.Zero(t, added.New, "what was forgotten does not come again")
	require.Equal(t, 5000-len(kept), added.Expired)
}

// What cursors can still ask for does not keep alive what the store has forgotten for its size.
func TestMemoryOfLargeEventsIsBounded(t *testing.T) {
	const most = 1 << 20
	store := NewMemory(MemoryConfig{Bytes: most}).(*memory)
	for i := range 500 {
		add(t, store, fmt.Sprint(i), FromQueue, event(i, strings.Repeat("x", 10_000)))
	}
	kept := map[*auditlog.Event]bool{}
	held := int64(0)
	for _, e := range append(slices.Clone(store.log), store.sorted...) {
		if !kept[e.Event] {
			kept[e.Event] = true
			held += size(e.Event)
		}
	}
	require.LessOrEqual(t, held, int64(most+most/logShare))
}

func TestMemoryForgetsWithTime(t *testing.T) {
	now := base
	store := NewMemory(MemoryConfig{Age: time.Hour, Now: func() time.Time { return now }}).(*memory)
	old, young := event(-3_000_000, "old"), event(0, "young")
	add(t, store, "1", FromQueue, old, old, young)
	now = now.Add(15 * time.Minute)
	require.NoError(t, store.Trim(context.Background()))
	require.Equal(t, want(young), contents(t, store, everything(), cbc.OldestFirst))
	require.Equal(t, size(&young), store.bytes)
}

func TestMemoryCursorTellsWhatItSkips(t *testing.T) {
	store := NewMemory(MemoryConfig{})
	events := make([]auditlog.Event, 0, maxLog/4)
	for batch := range 5 {
		events = events[:0]
		for i := range maxLog / 4 {
			events = append(events, event(batch, fmt.Sprint(i)))
		}
		add(t, store, fmt.Sprint(batch), FromQueue, events...)
	}
	changes, err := store.After(context.Background(), 10, 5)
	require.NoError(t, err)
	require.Len(t, changes.Entries, 5)
	require.Positive(t, changes.Skipped)
	require.Equal(t, Cursor(10+changes.Skipped+5), changes.Next)
}

func TestEventsSurviveTheirEncoding(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "plain", "\x00", "\u2028", `\`, `"`, "<&>", "\n"}))
	value := rapid.SampledFrom([]string{`1`, `-1.50e+3`, `"a"`, `[1, 2 ,3]`, `{ "b" : null }`, `"\u00e9<"`, `true`})
	rapid.Check(t, func(t *rapid.T) {
		e := auditlog.Event{
			CreateTime: time.Unix(rapid.Int64Range(-2e9, 9e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
			OrgKey:     text.Draw(t, "org"), Actor: text.Draw(t, "actor"), ActorIP: text.Draw(t, "ip"), RequestURL: text.Draw(t, "url"),
			Description: text.Draw(t, "description"), Flagged: rapid.Bool().Draw(t, "flagged"), Verbose: rapid.Bool().Draw(t, "verbose"),
		}
		if rapid.Bool().Draw(t, "extra") {
			e.Extra = []auditlog.Field{{Name: "x" + text.Draw(t, "name"), Value: []byte(value.Draw(t, "value"))}}
		}
		var got auditlog.Event
		require.NoError(t, cbc.NewEventDecoder().Decode(e.AppendJSON(nil), &got))
		require.Equal(t, e, got)
		require.Equal(t, e.ID(), got.ID())
	})
}
