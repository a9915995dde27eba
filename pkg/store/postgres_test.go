package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"net/url"
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
	store, err := NewPostgres(PostgresConfig{DSN: dsn}, key)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store.(*postgres)
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

// A leader of which nothing is heard is replaced when its time is over, whether its process was killed or hangs, and cannot begin a read
// then. Losing its connections alone does not cost it the lease.
func TestPostgresReplacesALeader(t *testing.T) {
	ctx := context.Background()
	p := Policy{Late: 1, Lookback: 1}
	for name, kill := range map[string]bool{"killed": true, "hanging": false} {
		t.Run(name, func(t *testing.T) {
			database := pgtest.New(t)
			a, b := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"}), openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
			old, err := a.Lead(ctx, 2*time.Second)
			require.NoError(t, err)
			defer old.Release(ctx)
			database.Sever(t)
			_, err = old.Update(ctx, func(b *ReadState) { b.Begin("old", p) })
			if err != nil { // the pool had not noticed yet
				_, err = old.Update(ctx, func(b *ReadState) { b.Begin("old", p) })
			}
			require.NoError(t, err)
			if kill {
				old.(*postgresLease).stop()
			}
			var next Lease
			require.Eventually(t, func() bool {
				next, err = b.Lead(ctx, quiet)
				return err == nil
			}, 20*time.Second, 20*time.Millisecond)
			defer next.Release(ctx)
			_, err = old.Update(ctx, func(b *ReadState) { b.Begin("older", p) })
			require.ErrorIs(t, err, ErrNotLeading)
			state, err := b.ReadState(ctx)
			require.NoError(t, err)
			require.Equal(t, "old", state.Reading)
			old.Release(ctx)
			_, err = a.Lead(ctx, quiet)
			require.ErrorIs(t, err, ErrHeld, "the release of an old lease does not end the new one")
		})
	}
}

// A leader that goes on keeps its lease, though each of its terms is short.
func TestPostgresRenewsALease(t *testing.T) {
	ctx := context.Background()
	database := pgtest.New(t)
	a, b := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"}), openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
	lead, err := a.Lead(ctx, time.Hour)
	require.NoError(t, err)
	defer lead.Release(ctx)
	_, err = b.write(ctx, func(_ pgx.Tx, _ int32, row *keyRow) error {
		require.Greater(t, row.leasedUntil, row.state.Now)
		row.leasedUntil = row.state.Now - 1 // it has missed its renewals
		return nil
	})
	require.NoError(t, err)
	require.True(t, lead.(*postgresLease).extend(ctx), "nobody else has taken it")
	_, err = b.Lead(ctx, quiet)
	require.ErrorIs(t, err, ErrHeld)
}

// An earlier version of the plugin that leads raises the generation only. It fences this one off all the same.
func TestPostgresFencesALeaderOfThePast(t *testing.T) {
	ctx := context.Background()
	store := openPostgres(t, pgtest.New(t).DSN, cbc.APIKey{URL: "h"})
	lead, err := store.Lead(ctx, quiet)
	require.NoError(t, err)
	defer lead.Release(ctx)
	_, err = store.write(ctx, func(_ pgx.Tx, _ int32, row *keyRow) error { row.generation++; return nil })
	require.NoError(t, err)
	_, err = lead.Update(ctx, func(b *ReadState) { b.Begin("1", Policy{}) })
	require.ErrorIs(t, err, ErrNotLeading)
	require.False(t, lead.(*postgresLease).extend(ctx))
	require.Equal(t, Added{New: 1}, add(t, store, "1", FromQueue, event(1, "read all the same")), "what it has read is still stored")
}

// Behind a transaction pooler, which gives each transaction another session, a lease holds, events are stored and read, and those that
// watch see each addition.
func TestPostgresBehindATransactionPooler(t *testing.T) {
	ctx := context.Background()
	database := pgtest.New(t)
	pooled := database.Pooled(t)
	a, b := openPostgres(t, pooled, cbc.APIKey{URL: "h"}), openPostgres(t, pooled, cbc.APIKey{URL: "h"})
	lead, err := a.Lead(ctx, quiet)
	require.NoError(t, err)
	for n := range 5 {
		_, err = b.Lead(ctx, quiet)
		require.ErrorIs(t, err, ErrHeld)
		_, err = lead.Update(ctx, func(s *ReadState) { s.Begin(strconv.Itoa(n), Policy{Late: 1, Lookback: 1}) })
		require.NoError(t, err)
		add(t, a, strconv.Itoa(n), FromQueue, events(n*100, n*100+100)...)
	}
	require.Equal(t, want(events(0, 500)...), contents(t, b, everything(), cbc.OldestFirst))
	watching, stop := context.WithCancel(ctx)
	seen := make(chan Cursor, 10)
	watched := make(chan error, 1)
	go func() {
		watched <- b.Watch(watching, func() error {
			head, err := b.Head(ctx)
			seen <- head
			return err
		})
	}()
	require.Equal(t, Cursor(500), <-seen)
	add(t, a, "next", FromQueue, events(500, 501)...)
	require.Equal(t, Cursor(501), <-seen)
	stop()
	require.ErrorIs(t, <-watched, context.Canceled)
	lead.Release(ctx)
	next, err := b.Lead(ctx, quiet)
	require.NoError(t, err)
	next.Release(ctx)
}

// A role that may not change the schema can use one that is up to date.
func TestPostgresNeedsNoRightToChangeTheSchema(t *testing.T) {
	ctx := context.Background()
	database := pgtest.New(t)
	owner := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
	add(t, owner, "1", FromQueue, event(1, "made by the owner"))
	role := "cbc_test_" + strings.ToLower(rand.Text()[:12])
	for _, statement := range []string{
		"create role " + role + " login password 'geheim'",
		"grant select, insert, update, delete on all tables in schema public to " + role,
	} {
		_, err := owner.pool.Exec(ctx, statement)
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		_, err := owner.pool.Exec(ctx, "drop owned by "+role)
		require.NoError(t, err)
		_, err = owner.pool.Exec(ctx, "drop role "+role)
		require.NoError(t, err)
	})
	u, err := url.Parse(database.DSN)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "geheim")
	user := openPostgres(t, u.String(), cbc.APIKey{URL: "another"})
	lead, err := user.Lead(ctx, quiet)
	require.NoError(t, err)
	lead.Release(ctx)
	require.Equal(t, Added{New: 2000}, add(t, user, "1", FromQueue, events(0, 2000)...))
	require.NoError(t, user.Trim(ctx))
}

// Replicas that start together on an empty database make one schema, and each event is added once.
func TestPostgresReplicasAddTogether(t *testing.T) {
	database := pgtest.New(t)
	var adding sync.WaitGroup
	for range 4 {
		store := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
		adding.Go(func() {
			for n := range 20 {
				_, err := store.Add(context.Background(), Addition{Origin: FromSearch, Events: events(n*5, n*5+20)})
				require.NoError(t, err)
			}
		})
	}
	adding.Wait()
	store := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
	require.Equal(t, want(events(0, 115)...), contents(t, store, everything(), cbc.OldestFirst))
	changes, err := store.After(context.Background(), 0, 1000)
	require.NoError(t, err)
	require.Len(t, changes.Entries, 115)
	require.Equal(t, Cursor(115), changes.Next, "the order of additions has no holes")
}

func TestPostgresComesBack(t *testing.T) {
	ctx := context.Background()
	database := pgtest.New(t)
	store := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
	add(t, store, "1", FromQueue, event(1, "before"))
	restore := database.Interrupt(t)
	_, _ = store.Add(ctx, Addition{ID: "2", Events: events(1, 2)}) // a server that is not the test's own only loses its connections
	restore()
	require.Eventually(t, func() bool {
		_, err := store.Add(ctx, Addition{ID: "2", Events: events(1, 2)})
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, want(append(events(1, 2), event(1, "before"))...), contents(t, store, everything(), cbc.OldestFirst))
}

func TestPostgresTellsNoPassword(t *testing.T) {
	for _, dsn := range []string{"postgres://u:geheim@127.0.0.1:1/db", "host=127.0.0.1 port=1 user=u password=geheim", "postgres://u:geheim@[", "password=geheim port=x"} {
		store, err := NewPostgres(PostgresConfig{DSN: dsn}, cbc.APIKey{})
		if err == nil {
			_, err = store.Head(context.Background())
			store.Close()
		}
		require.Error(t, err)
		require.NotContains(t, err.Error(), "geheim")
	}
}

// A table that was never analyzed, or has grown since, is read by its index: a sort would read all that is left of a window for
// every page.
func TestPostgresReadsByTheIndex(t *testing.T) {
	ctx := context.Background()
	store := openPostgres(t, pgtest.New(t).DSN, cbc.APIKey{URL: "h"})
	for n := range 10 {
		add(t, store, strconv.Itoa(n), FromQueue, events(n*1000, n*1000+1000)...)
	}
	id, err := store.id(ctx)
	require.NoError(t, err)
	for _, query := range []string{ascending, descending} {
		rows, err := store.pool.Query(ctx, "explain "+query, id, base.UnixMicro(), []byte{}, int32(0), base.Add(time.Hour).UnixMicro(), maxPage)
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
	_, err = other.Exec(ctx, `create table cbc_audit_migration (version integer primary key); begin; insert into cbc_audit_migration values (0)`)
	require.NoError(t, err)

	store := openPostgres(t, database.DSN, cbc.APIKey{URL: "h"})
	first := make(chan error, 1)
	go func() {
		_, err := store.ReadState(ctx)
		first <- err
	}()
	time.Sleep(200 * time.Millisecond)
	hasty, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	second := make(chan error, 1)
	go func() {
		_, err := store.ReadState(hasty)
		second <- err
	}()
	select {
	case err := <-second:
		require.ErrorIs(t, err, context.DeadlineExceeded)
	case <-time.After(5 * time.Second):
		t.Error("it outlives its deadline")
	}
	_, err = other.Exec(ctx, `commit`)
	require.NoError(t, err)
	require.NoError(t, <-first)
}

// A password with a character that has a meaning in an address is never taken for a host or a database, which errors name.
func TestPostgresTellsNoPartOfAPassword(t *testing.T) {
	for _, dsn := range []string{
		"postgres://user:part@geheim@127.0.0.1:1/db", "postgres://user:12/geheim@127.0.0.1:1/db", "postgres://user:/geheim@127.0.0.1:1/db",
		"postgres://user:geheim@127.0.0.1:1/db", "postgres://user:pa%40geheim@127.0.0.1:1/db", "postgres:geheim",
	} {
		store, err := NewPostgres(PostgresConfig{DSN: dsn}, cbc.APIKey{URL: "h"})
		if err == nil {
			_, err = store.ReadState(context.Background())
			store.Close()
		}
		require.Error(t, err)
		require.NotContains(t, err.Error(), "geheim")
	}
}

// A URL without a password sends none: not the one of the server's environment to a host that the settings name.
func TestTheServersOwnPasswordIsNotSent(t *testing.T) {
	t.Setenv("PGPASSWORD", "geheim")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		var n [4]byte
		_, _ = io.ReadFull(c, n[:])
		rest := make([]byte, binary.BigEndian.Uint32(n[:])-4)
		_, _ = io.ReadFull(c, rest)
		_, _ = c.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3}) // cleartext password
		buf := make([]byte, 200)
		k, _ := c.Read(buf)
		got <- string(buf[5:k])
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, _ = CheckPostgres(ctx, "postgres://stranger@"+l.Addr().String()+"/x?sslmode=disable")
	select {
	case password := <-got:
		require.NotContains(t, password, "geheim")
	case <-ctx.Done():
		t.Error("nobody connected")
	}
}

// A URL names no files of the server, and nothing that replaces what stands in it.
func TestPostgresURL(t *testing.T) {
	for _, refused := range []string{
		"host=127.0.0.1 user=u password=geheim", "postgres:///db?host=/tmp", "postgres://u@/db", "postgres://127.0.0.1/db", "mysql://u:geheim@127.0.0.1/db",
		"postgres://u:geheim@127.0.0.1/db?passfile=/etc/passwd", "postgres://u:geheim@127.0.0.1/db?service=x", "postgres://u:geheim@127.0.0.1/db?host=%2Ftmp",
	} {
		_, err := NewPostgres(PostgresConfig{DSN: refused}, cbc.APIKey{})
		require.ErrorContains(t, err, "storeDsn", refused)
		require.NotContains(t, err.Error(), "geheim")
	}
	for _, allowed := range []string{
		"postgres://u:geheim@a.example:5432,b.example:5433/db?target_session_attrs=read-write", "postgresql://u@[::1]:5432/db?sslmode=verify-full&application_name=x",
	} {
		s, err := NewPostgres(PostgresConfig{DSN: allowed}, cbc.APIKey{})
		require.NoError(t, err, allowed)
		s.Close()
	}
}
