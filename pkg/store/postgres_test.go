package store

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

func openPostgres(t *testing.T, dsn string, key cbc.APIKey) *postgres {
	t.Helper()
	ledger, err := NewPostgres(PostgresConfig{DSN: dsn}, key)
	require.NoError(t, err)
	t.Cleanup(ledger.Close)
	return ledger.(*postgres)
}

func TestPostgresHasOneLeader(t *testing.T) {
	ctx := context.Background()
	database := pgtest.New(t)
	a, b := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"}), openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
	first, err := a.Lead(ctx, quiet)
	require.NoError(t, err)
	_, err = b.Lead(ctx, quiet)
	require.ErrorIs(t, err, ErrHeld)
	elsewhere, err := openPostgres(t, database.DSN, cbc.APIKey{URL: "h", APIID: "another"}).Lead(ctx, quiet)
	require.NoError(t, err, "another key has a leader of its own")
	elsewhere.Release(ctx)
	first.Release(ctx)
	second, err := b.Lead(ctx, quiet)
	require.NoError(t, err)
	second.Release(ctx)
}

// A leader whose process has gone is replaced at once, one that hangs when its time is over, and neither can begin a read then.
func TestPostgresReplacesALeader(t *testing.T) {
	ctx := context.Background()
	p := Policy{Late: 1, Lookback: 1}
	for name, end := range map[string]func(*pgtest.Database){
		"cut off": func(d *pgtest.Database) { d.Sever(t) },
		"hanging": func(*pgtest.Database) { time.Sleep(600 * time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			database := pgtest.New(t)
			a, b := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"}), openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
			old, err := a.Lead(ctx, 300*time.Millisecond)
			require.NoError(t, err)
			defer old.Release(ctx)
			_, err = old.Update(ctx, func(b *ReadState) { b.Begin("old", p) })
			require.NoError(t, err)
			end(database)
			next, err := b.Lead(ctx, quiet)
			require.NoError(t, err)
			defer next.Release(ctx)
			_, err = old.Update(ctx, func(b *ReadState) { b.Begin("older", p) })
			require.Error(t, err)
			book, err := b.Book(ctx)
			require.NoError(t, err)
			require.Equal(t, "old", book.Reading)
		})
	}
}

// Where an engine grants the lock to two, the generation decides.
func TestPostgresFencesALeaderOfThePast(t *testing.T) {
	ctx := context.Background()
	ledger := openPostgres(t, pgtest.New(t).DSN, cbc.APIKey{URL: "h"})
	lead, err := ledger.Lead(ctx, quiet)
	require.NoError(t, err)
	defer lead.Release(ctx)
	_, err = ledger.write(ctx, ledger.pool, func(_ pgx.Tx, _ int32, row *page) error { row.generation++; return nil })
	require.NoError(t, err)
	_, err = lead.Update(ctx, func(b *ReadState) { b.Begin("1", Policy{}) })
	require.ErrorIs(t, err, ErrNotLeading)
	require.Equal(t, Added{New: 1}, add(t, ledger, "1", FromQueue, event(1, "read all the same")), "what it has read is still stored")
}

// Replicas that start together on an empty database make one schema, and each event is added once.
func TestPostgresReplicasAddTogether(t *testing.T) {
	database := pgtest.New(t)
	var adding sync.WaitGroup
	for range 4 {
		ledger := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
		adding.Go(func() {
			for n := range 20 {
				_, err := ledger.Add(context.Background(), Addition{Origin: FromSearch, Events: events(n*5, n*5+20)})
				require.NoError(t, err)
			}
		})
	}
	adding.Wait()
	ledger := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
	require.Equal(t, want(events(0, 115)...), contents(t, ledger, everything(), cbc.OldestFirst))
	changes, err := ledger.After(context.Background(), 0, 1000)
	require.NoError(t, err)
	require.Len(t, changes.Entries, 115)
	require.Equal(t, Cursor(115), changes.Next, "the order of additions has no holes")
}

func TestPostgresComesBack(t *testing.T) {
	ctx := context.Background()
	database := pgtest.New(t)
	ledger := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
	add(t, ledger, "1", FromQueue, event(1, "before"))
	restore := database.Interrupt(t)
	_, _ = ledger.Add(ctx, Addition{ID: "2", Events: events(1, 2)}) // a server that is not the test's own only loses its connections
	restore()
	require.Eventually(t, func() bool {
		_, err := ledger.Add(ctx, Addition{ID: "2", Events: events(1, 2)})
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, want(append(events(1, 2), event(1, "before"))...), contents(t, ledger, everything(), cbc.OldestFirst))
}

func TestPostgresTellsNoPassword(t *testing.T) {
	for _, dsn := range []string{"postgres://u:geheim@127.0.0.1:1/db", "host=127.0.0.1 port=1 user=u password=geheim", "postgres://u:geheim@[", "password=geheim port=x"} {
		ledger, err := NewPostgres(PostgresConfig{DSN: dsn}, cbc.APIKey{})
		if err == nil {
			_, err = ledger.Head(context.Background())
			ledger.Close()
		}
		require.Error(t, err)
		require.NotContains(t, err.Error(), "geheim")
	}
}

// A table that was never analyzed, or has grown since, is read by its index: a sort would read all that is left of a window for
// every page.
func TestPostgresReadsByTheIndex(t *testing.T) {
	ctx := context.Background()
	ledger := openPostgres(t, pgtest.New(t).DSN, cbc.APIKey{URL: "h"})
	for n := range 10 {
		add(t, ledger, strconv.Itoa(n), FromQueue, events(n*1000, n*1000+1000)...)
	}
	id, err := ledger.id(ctx)
	require.NoError(t, err)
	for _, query := range []string{ascending, descending} {
		rows, err := ledger.pool.Query(ctx, "explain "+query, id, base.UnixMicro(), []byte{}, int32(0), base.Add(time.Hour).UnixMicro(), maxPage)
		require.NoError(t, err)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Contains(t, strings.Join(plan, "\n"), "using cbc_audit_event_pkey")
		require.NotContains(t, strings.Join(plan, "\n"), "Sort")
	}
}

// While one waits for the schema, which may be long, others wait no longer than they have time.
func TestPostgresSchemaIsWaitedForInTime(t *testing.T) {
	ctx := context.Background()
	database := pgtest.New(t)
	other, err := pgx.Connect(ctx, database.DSN)
	require.NoError(t, err)
	defer func() { _ = other.Close(ctx) }()
	_, err = other.Exec(ctx, `select pg_advisory_lock($1, 0)`, int32(lockClass))
	require.NoError(t, err)

	ledger := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
	first := make(chan error, 1)
	go func() {
		_, err := ledger.Book(ctx)
		first <- err
	}()
	time.Sleep(200 * time.Millisecond)
	hasty, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	second := make(chan error, 1)
	go func() {
		_, err := ledger.Book(hasty)
		second <- err
	}()
	select {
	case err := <-second:
		require.ErrorIs(t, err, context.DeadlineExceeded)
	case <-time.After(5 * time.Second):
		t.Error("it outlives its deadline")
	}
	_, err = other.Exec(ctx, `select pg_advisory_unlock($1, 0)`, int32(lockClass))
	require.NoError(t, err)
	require.NoError(t, <-first)
}

// A password with a character that has a meaning in an address is never taken for a host or a database, which errors name.
func TestPostgresTellsNoPartOfAPassword(t *testing.T) {
	for _, dsn := range []string{
		"postgres://user:part@geheim@127.0.0.1:1/db", "postgres://user:12/geheim@127.0.0.1:1/db", "postgres://user:/geheim@127.0.0.1:1/db",
		"postgres://user:geheim@127.0.0.1:1/db", "postgres://user:pa%40geheim@127.0.0.1:1/db", "postgres:geheim",
	} {
		ledger, err := NewPostgres(PostgresConfig{DSN: dsn}, cbc.APIKey{URL: "h"})
		if err == nil {
			_, err = ledger.Book(context.Background())
			ledger.Close()
		}
		require.Error(t, err)
		require.NotContains(t, err.Error(), "geheim")
	}
}
