package store_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

func TestCheckPostgres(t *testing.T) {
	db := pgtest.New(t)
	ctx := context.Background()
	empty, err := store.CheckPostgres(ctx, db.DSN)
	require.NoError(t, err)
	require.Zero(t, empty.Version, "the check changes nothing")
	require.Positive(t, empty.Wanted)
	require.Empty(t, empty.Missing)

	s, err := store.NewPostgres(store.PostgresConfig{DSN: db.DSN}, cbc.APIKey{URL: "https://a.test", OrgKey: "O", APIID: "A"})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.ReadState(ctx)
	require.NoError(t, err)
	current, err := store.CheckPostgres(ctx, db.DSN)
	require.NoError(t, err)
	require.Equal(t, store.PostgresState{Version: empty.Wanted, Wanted: empty.Wanted}, current)
}

// A user without permissions is told which ones are missing.
func TestCheckPostgresPermissions(t *testing.T) {
	db := pgtest.New(t)
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, db.DSN)
	require.NoError(t, err)
	defer admin.Close(ctx)
	u, err := url.Parse(db.DSN)
	require.NoError(t, err)
	role := "reader_" + u.Path[len(u.Path)-8:]
	exec := func(sql string) {
		_, err := admin.Exec(ctx, sql)
		require.NoError(t, err, sql)
	}
	exec("create role " + role + " login password 'secret'")
	defer exec("drop owned by " + role + "; drop role " + role)
	exec("revoke create on schema public from public")
	u.User = url.UserPassword(role, "secret")

	state, err := store.CheckPostgres(ctx, u.String())
	require.NoError(t, err)
	require.Equal(t, []string{"create in the schema"}, state.Missing)

	s, err := store.NewPostgres(store.PostgresConfig{DSN: db.DSN}, cbc.APIKey{URL: "https://a.test", OrgKey: "O", APIID: "A"})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.ReadState(ctx)
	require.NoError(t, err)
	state, err = store.CheckPostgres(ctx, u.String())
	require.NoError(t, err)
	require.Equal(t, []string{"select on cbc_audit_migration"}, state.Missing)
	exec("grant select on cbc_audit_migration to " + role)
	state, err = store.CheckPostgres(ctx, u.String())
	require.NoError(t, err)
	require.Contains(t, state.Missing, "insert on cbc_audit_ledger")
	require.Contains(t, state.Missing, "select on cbc_audit_ledger")
	exec("grant select, insert, update, delete on all tables in schema public to " + role)
	state, err = store.CheckPostgres(ctx, u.String())
	require.NoError(t, err)
	require.Empty(t, state.Missing)
}

func TestCheckPostgresOutOfReach(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := store.CheckPostgres(ctx, "postgres://user:hunter2@127.0.0.1:1/db")
	require.ErrorContains(t, err, "cannot be reached")
	require.NotContains(t, err.Error(), "hunter2")
	_, err = store.CheckPostgres(ctx, "postgres://user:hun@ter2/x@host/db")
	require.ErrorContains(t, err, "storeDsn")
	require.NotContains(t, err.Error(), "ter2")
}
