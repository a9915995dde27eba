package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// packAll packs until nothing is left.
func packAll(t testing.TB, l *FillLease) {
	t.Helper()
	for more := true; more; {
		var err error
		more, err = l.Pack(context.Background())
		require.NoError(t, err)
	}
}

// someEvents makes n events from an instant on, one a minute.
func someEvents(from time.Time, n int) []auditlog.Event {
	events := make([]auditlog.Event, n)
	for i := range events {
		events[i] = auditlog.Event{CreateTime: from.Add(time.Duration(i) * time.Minute), Actor: fmt.Sprint("user", i%3), Description: fmt.Sprint("a", i)}
	}
	return events
}

// countByAccount counts archived events.
func countByAccount(t testing.TB, a *Archive, r auditlog.TimeRange) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	_, err := a.Group(context.Background(), Grouping{Range: r, Keys: []auditlog.Key{auditlog.KeyAccount}}, func(g Grouped) { counts[g.Values[0]] += g.Count }, nil)
	require.NoError(t, err)
	return counts
}

// Groups come from blocks where there are some: here the rows are lost.
func TestGroupsAreMadeOfBlocks(t *testing.T) {
	database := pgtest.New(t)
	a := newArchive(t, database.DSN, archiveKey)
	l := leadArchive(t, a)
	w := auditlog.NewTimeRange(archiveStart, archiveStart.AddDate(0, 0, 2))
	_, err := l.Add(context.Background(), Fill{Range: w, Events: someEvents(archiveStart, 2879), Class: classByPrefix("1")})
	require.NoError(t, err)
	execute(t, database.DSN, `delete from cbc_audit_archived`)
	all := map[string]int64{"user0": 960, "user1": 960, "user2": 959}
	require.Equal(t, all, countByAccount(t, a, w))
	w.To--
	require.Equal(t, all, countByAccount(t, a, w))
	w.From++
	require.Equal(t, map[string]int64{"user0": 959, "user1": 960, "user2": 959}, countByAccount(t, a, w))
}

// A version of the plugin that does not know blocks writes events and drops the field of the state that it does not know.
func TestBlocksDoNotOutliveAnOlderVersion(t *testing.T) {
	database := pgtest.New(t)
	a := newArchive(t, database.DSN, archiveKey)
	l := leadArchive(t, a)
	w := auditlog.NewTimeRange(archiveStart, archiveStart.AddDate(0, 0, 2))
	_, err := l.Add(context.Background(), Fill{Range: w, Events: someEvents(archiveStart, 2400), Class: classByPrefix("1")})
	require.NoError(t, err)
	execute(t, database.DSN, `delete from cbc_audit_archived where actor = 'user0'`)
	execute(t, database.DSN, `update cbc_audit_archive set state = (state::jsonb - 'blocks')::text`)
	want := map[string]int64{"user1": 800, "user2": 800}
	require.Equal(t, want, countByAccount(t, a, w))
	packAll(t, l)
	require.Equal(t, want, countByAccount(t, a, w))
	execute(t, database.DSN, `delete from cbc_audit_archived`)
	require.Equal(t, want, countByAccount(t, a, w), "they are blocks again")
}

// The newest events are collected until they make a block that is worth while.
func TestNewestEventsWaitForABlock(t *testing.T) {
	a := newArchive(t, pgtest.New(t).DSN, archiveKey)
	a.maxLoose = 100
	l := leadArchive(t, a)
	add := func(from time.Time, n int) ArchiveState {
		w := auditlog.NewTimeRange(from, from.Add(time.Duration(n)*time.Minute))
		_, err := l.Add(context.Background(), Fill{Range: w, Events: someEvents(from, n), Class: classByPrefix("1")})
		require.NoError(t, err)
		packAll(t, l)
		state, err := a.State(context.Background())
		require.NoError(t, err)
		return state
	}
	require.Empty(t, add(archiveStart, 60).Blocks)
	full := add(archiveStart.Add(time.Hour), 60)
	require.Equal(t, full.Covered, full.Blocks, "120 events are many")
	require.Equal(t, full.Blocks, add(archiveStart.Add(2*time.Hour), 60).Blocks)
	old := add(archiveStart.Add(3*time.Hour), 60)
	require.Equal(t, old.Covered, old.Blocks)

	require.NoError(t, l.Trim(context.Background(), old.Blocks[0].To))
	state, err := a.State(context.Background())
	require.NoError(t, err)
	require.Empty(t, state.Blocks)
	var left int
	require.NoError(t, a.pool.QueryRow(context.Background(), `select count(*) from cbc_audit_block`).Scan(&left))
	require.Zero(t, left)
}

// Whatever a block holds, it is decoded or rejected.
func TestDamagedBlocksAreRejected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := make([]*auditlog.Event, rapid.IntRange(0, 20).Draw(t, "events"))
		var want []string
		for i := range events {
			events[i] = &auditlog.Event{Actor: rapid.StringN(0, 3, -1).Draw(t, "actor")}
			want = append(want, events[i].Actor)
		}
		data := encodeColumn(events, func(e *auditlog.Event) string { return e.Actor })
		var c column
		require.NoError(t, c.decode(data, len(events)))
		var got []string
		for _, i := range c.of {
			got = append(got, c.names[i])
		}
		require.Equal(t, want, got)

		damaged := slices.Concat(data[:rapid.IntRange(0, len(data)).Draw(t, "cut")], rapid.SliceOf(rapid.Byte()).Draw(t, "more"))
		if err := c.decode(damaged, len(events)+rapid.IntRange(0, 5).Draw(t, "n")); err != nil {
			require.ErrorIs(t, err, errBlock)
		}
	})
}

// Blocks have the classes of new catalog rules as soon as these are said to be classified.
func TestBlocksFollowTheCatalog(t *testing.T) {
	a := newArchive(t, pgtest.New(t).DSN, archiveKey)
	l := leadArchive(t, a)
	w := auditlog.NewTimeRange(archiveStart, archiveStart.AddDate(0, 0, 2))
	_, err := l.Add(context.Background(), Fill{Range: w, Events: someEvents(archiveStart, 2400), Catalog: "1", Class: classByPrefix("1")})
	require.NoError(t, err)
	check := func(version string) {
		held, err := a.Group(context.Background(), Grouping{Range: w, Catalog: version, Keys: []auditlog.Key{auditlog.KeyCode}}, func(g Grouped) {
			require.Equal(t, []string{version + "a"}, g.Values)
		}, nil)
		require.NoError(t, err)
		require.Equal(t, []auditlog.TimeRange{w}, held)
	}
	check("1")
	for more := true; more; {
		more, err = l.Classify(context.Background(), "2", classByPrefix("2"))
		require.NoError(t, err)
	}
	check("2")
	packAll(t, l)
	check("2")
}
