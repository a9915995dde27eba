package archive

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

// A database that hangs in the middle of an answer leaves time for searches.
func TestHungDatabaseLeavesTimeToSearch(t *testing.T) {
	database := pgtest.New(t)
	r := auditlog.NewTimeRange(time.Now().Add(-time.Hour), time.Now())
	for name, ask := range map[string]func(context.Context, *Archive) error{
		"group": func(ctx context.Context, a *Archive) error {
			_, err := a.Group(ctx, store.Grouping{Range: r}, func(store.Grouped) {}, nil)
			return err
		},
		"read": func(ctx context.Context, a *Archive) error {
			return a.Read(ctx, auditlog.Filter{}, r, cbc.NewestFirst, func([]*auditlog.Event) bool { return true })
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := sharing(t, database, 1)[0]
			lease, err := a.config.Store.Lead(context.Background())
			require.NoError(t, err)
			_, err = lease.Add(context.Background(), store.Fill{Range: r, Class: func(*auditlog.Event) auditlog.Class { return auditlog.Class{} }})
			require.NoError(t, err)
			lease.Release(context.Background())
			require.NoError(t, ask(context.Background(), a))

			unlock := lock(t, database, "cbc_audit_archived, cbc_audit_block")
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			require.ErrorIs(t, ask(ctx, a), errSlow)
			require.NoError(t, ctx.Err(), "time is left")
			require.ErrorIs(t, ask(context.Background(), a), errSlow, "the next one does not wait")
			unlock()
		})
	}
}

// lock makes whoever uses tables wait.
func lock(t *testing.T, database *pgtest.Database, tables string) (unlock func()) {
	conn, err := pgx.Connect(context.Background(), database.DSN)
	require.NoError(t, err)
	_, err = conn.Exec(context.Background(), "begin; lock table "+tables+" in access exclusive mode")
	require.NoError(t, err)
	return func() { require.NoError(t, conn.Close(context.Background())) }
}

// Nor does a database hold up answers that hangs while the end of the log is read.
func TestHungDatabaseHoldsUpNoEnd(t *testing.T) {
	database := pgtest.New(t)
	replicas := sharing(t, database, 2)
	now := time.Now().UTC()
	r, log := auditlog.NewTimeRange(now.Add(-time.Minute), now), []auditlog.Event{{CreateTime: now.Add(-time.Second)}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	unlock := func() {}
	end := replicas[0].End(ctx, r, time.Hour, func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool) {
		unlock = lock(t, database, "cbc_audit_end")
		return log, true
	})
	require.Equal(t, log, end.Events)
	require.NoError(t, ctx.Err(), "time is left")
	waiting, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	require.Nil(t, replicas[1].End(waiting, r, time.Hour, nil))
	require.NoError(t, waiting.Err(), "time is left")
	unlock()
}

// countAll counts the archived events of all time by account.
func countAll(a *store.Archive, catalog string, key auditlog.Key) (map[string]int64, error) {
	counts := map[string]int64{}
	g := store.Grouping{Range: auditlog.TimeRange{From: 0, To: 1 << 43}, Keys: []auditlog.Key{key}, Catalog: catalog}
	_, err := a.Group(context.Background(), g, func(g store.Grouped) { counts[g.Values[0]] += g.Count }, nil)
	return counts, err
}

// PostgreSQL dies while it is filled and while it answers. What it confirmed is there, and the rest is filled when it is back.
func TestFillerSurvivesACrashOfPostgreSQL(t *testing.T) {
	database := pgtest.NewServer(t)
	c := &cloud{reach: 100}
	w := newWorld(t, database, "A", c)
	c.events = logs(w.now.Add(-2*time.Minute), 1000)
	f, a := w.replica(t)
	defer a.Close()
	restore := func() {}
	c.before = func(call int) error {
		if call == 4 {
			restore = database.Interrupt(t)
		}
		return nil
	}
	var confirmed int64
	for err := error(nil); err == nil; {
		state, _ := a.State(context.Background())
		confirmed = max(confirmed, state.Events)
		_, err = f.step(context.Background())
	}
	_, err := countAll(a, "1", auditlog.KeyActor)
	require.Error(t, err)
	restore()
	require.Eventually(t, func() bool { _, err = a.State(context.Background()); return err == nil }, time.Minute, 10*time.Millisecond)
	state, err := a.State(context.Background())
	require.NoError(t, err)
	require.Equal(t, confirmed, state.Events)
	require.NotZero(t, confirmed)

	f.fillAll(t)
	w.check(t, a, 0)

	answered := make(chan error, 1)
	go func() {
		for {
			counts, err := countAll(a, "1", auditlog.KeyActor)
			sum := int64(0)
			for _, n := range counts {
				sum += n
			}
			if err == nil && sum != 1000 {
				err = fmt.Errorf("%d events", sum)
			}
			if err != nil {
				answered <- err
				return
			}
		}
	}()
	restore = database.Interrupt(t)
	require.ErrorContains(t, <-answered, "PostgreSQL")
	restore()
	require.Eventually(t, func() bool { _, err = a.State(context.Background()); return err == nil }, time.Minute, 10*time.Millisecond)
	w.check(t, a, 0)
}

// A full disk stops filling with an error in words. What is archived is answered, and filling goes on where there is space again.
func TestFillerSurvivesAFullDisk(t *testing.T) {
	database := pgtest.New(t)
	c := &cloud{reach: 40}
	w := newWorld(t, database, "A", c)
	w.config.Days = 5
	for i := range 200 {
		c.events = append(c.events, auditlog.Event{CreateTime: w.now.Add(-time.Duration(i+1) * 30 * time.Minute), Actor: fmt.Sprint("user", i%5)})
	}
	f, a := w.replica(t)
	defer a.Close()
	for range 2 {
		_, err := f.step(context.Background())
		require.NoError(t, err)
	}
	held, err := a.State(context.Background())
	require.NoError(t, err)
	require.NotZero(t, held.Events)
	for _, table := range []string{"cbc_audit_archived", "cbc_audit_block"} {
		execute(t, database.DSN, `create or replace function full_disk() returns trigger language plpgsql as
			$$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`)
		execute(t, database.DSN, `create trigger full_disk after insert on `+table+` for each statement execute function full_disk()`)
		if _, err = f.step(context.Background()); err == nil {
			_, err = f.lease.Pack(context.Background())
		}
		require.ErrorContains(t, err, "No space left on device")
		state, err := a.State(context.Background())
		require.NoError(t, err)
		counts, err := countAll(a, "1", auditlog.KeyActor)
		require.NoError(t, err)
		sum := int64(0)
		for _, n := range counts {
			sum += n
		}
		require.Equal(t, state.Events, sum, "what is covered is there")
		execute(t, database.DSN, `drop trigger full_disk on `+table)
	}
	f.fillAll(t)
	w.check(t, a, 0)
}

// A replica whose clock is off by an hour archives nothing too early, and misses nothing.
func TestFillersWithClocksThatAreOffMissNothing(t *testing.T) {
	database := pgtest.New(t)
	c := &cloud{reach: 100}
	w := newWorld(t, database, "A", c)
	at := w.now
	c.events = logs(at.Add(-3*time.Minute), 300)
	late := auditlog.Event{CreateTime: at.Add(-100 * time.Second), Actor: "late"}
	w.config.Settle = 2 * time.Minute
	for _, off := range []time.Duration{time.Hour, -time.Hour, 0} {
		w.now = at.Add(off)
		f, a := w.replica(t)
		f.fillAll(t)
		f.lease.Release(context.Background())
		state, err := a.State(context.Background())
		require.NoError(t, err)
		for _, r := range state.Covered {
			require.False(t, r.Contains(late.CreateTime))
		}
		a.Close()
	}
	c.events = append(c.events, late)
	w.config.Settle = time.Second // the database's clock stands still in this test
	f, a := w.replica(t)
	defer a.Close()
	f.fillAll(t)
	w.check(t, a, 0)
}

// Replicas with other catalog rules fill in turn. In the end the classes are those of the last one.
func TestCatalogRulesChangeWhileFilling(t *testing.T) {
	database := pgtest.New(t)
	c := &cloud{reach: 50}
	w := newWorld(t, database, "A", c)
	c.events = logs(w.now.Add(-2*time.Minute), 400)
	want := map[string]int64{}
	for _, e := range c.events {
		want["2"+e.Actor]++
	}
	for i, catalog := range []string{"1", "2", "1", "2"} {
		w.config.Catalog = catalog
		w.config.Class = func(e *auditlog.Event) auditlog.Class { return auditlog.Class{Category: catalog + e.Actor} }
		f, a := w.replica(t)
		for range 3 {
			_, err := f.step(context.Background())
			require.NoError(t, err)
		}
		if i == 3 {
			f.fillAll(t)
			w.check(t, a, 0)
			got, err := countAll(a, "2", auditlog.KeyCategory)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		f.lease.Release(context.Background())
		a.Close()
	}
}

// Events that appear or disappear while their time range is read are all there in the end, or not at all.
func TestFillerFollowsACountThatChanges(t *testing.T) {
	c := &cloud{reach: 40}
	w := newWorld(t, pgtest.New(t), "A", c)
	c.events = logs(w.now.Add(-2*time.Minute), 400)
	oldest := c.events[len(c.events)-1].CreateTime
	c.before = func(call int) error {
		switch { // the first calls have not come so far
		case call > 8:
		case call%3 == 2:
			c.events = c.events[:len(c.events)-1]
		default:
			c.events = append(c.events, auditlog.Event{CreateTime: oldest.Add(-time.Duration(call%7) * time.Second), Description: fmt.Sprint("new ", call)})
		}
		return nil
	}
	c.short = func(call int) bool { return call%4 == 1 }
	f, a := w.replica(t)
	defer a.Close()
	for range 30 { // a page that lacks events may be an error
		_, _ = f.step(context.Background())
	}
	c.before, c.short = nil, nil
	f.fillAll(t)
	w.check(t, a, 0)
}

// Two API keys of one organization have an archive each.
func TestTwoKeysOfAnOrganizationHaveArchivesOfTheirOwn(t *testing.T) {
	database := pgtest.New(t)
	var fillers []*filler
	var archives []*store.Archive
	var worlds []*world
	for i := range 2 {
		c := &cloud{reach: 50}
		w := newWorld(t, database, fmt.Sprint("KEY", i), c)
		c.events = logs(w.now.Add(-2*time.Minute), 200+i*100) // one sees more than the other
		f, a := w.replica(t)
		defer a.Close()
		worlds, fillers, archives = append(worlds, w), append(fillers, f), append(archives, a)
	}
	for range 5 {
		for _, f := range fillers {
			_, err := f.step(context.Background())
			require.NoError(t, err)
		}
	}
	for i, f := range fillers {
		f.fillAll(t)
		worlds[i].check(t, archives[i], 0)
	}
	worlds[0].check(t, archives[0], 0)
}

// An archive that was off for a day fills that day only, and one that is to keep more, what is older.
func TestArchiveIsSwitchedOffAndOn(t *testing.T) {
	database := pgtest.New(t)
	c := &cloud{reach: 500}
	w := newWorld(t, database, "A", c)
	for i := range 4 * 24 * 60 {
		c.events = append(c.events, auditlog.Event{CreateTime: w.now.Add(-time.Duration(i+2) * time.Minute), Description: fmt.Sprint(i)})
	}
	w.config.Settle = 24 * time.Hour // it was switched off a day ago
	f, a := w.replica(t)
	f.fillAll(t)
	f.lease.Release(context.Background())
	a.Close()

	calls := c.calls
	w.config.Settle, w.config.Days = time.Minute, 5
	f, a = w.replica(t)
	defer a.Close()
	f.fillAll(t)
	w.check(t, a, 0)
	require.LessOrEqual(t, c.calls-calls, 14, "a day before, two days after, and the proof of the horizon")
}
