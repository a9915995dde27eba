package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PostgresState is the result of checking a database.
type PostgresState struct {
	Version int      // of the schema; 0 if it has none yet
	Wanted  int      // by this version of the plugin
	Missing []string // permissions that the user lacks, such as "insert on cbc_audit_ledger"
}

// CheckPostgres connects to a database and checks its schema and the permissions of its user. It changes nothing.
func CheckPostgres(ctx context.Context, dsn string) (PostgresState, error) {
	state := PostgresState{}
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		return state, fmt.Errorf("store: %w", err)
	}
	state.Wanted = len(entries)
	pool, err := newPool(dsn)
	if err != nil {
		return state, err
	}
	defer pool.Close()
	if err := pool.Ping(ctx); err != nil {
		return state, failed(err)
	}
	err = pool.QueryRow(ctx, `select coalesce(max(version), 0) from cbc_audit_migration`).Scan(&state.Version)
	if err != nil && !isUndefinedTable(err) && !isForbidden(err) {
		return state, failed(err)
	}
	if isForbidden(err) {
		state.Missing = []string{"select on cbc_audit_migration"}
		return state, nil
	}
	state.Missing, err = missingPermissions(ctx, pool, state.Version < state.Wanted)
	return state, failed(err)
}

// missingPermissions lists what the user may not do: read and write the tables that exist, and change the schema if it is out of date.
func missingPermissions(ctx context.Context, pool *pgxpool.Pool, migrates bool) ([]string, error) {
	var missing []string
	if migrates {
		var allowed bool
		const question = `select coalesce(has_schema_privilege(current_schema(), 'create'), false)`
		if err := pool.QueryRow(ctx, question).Scan(&allowed); err != nil {
			return nil, err
		}
		if !allowed {
			missing = append(missing, "create in the schema")
		}
	}
	rows, err := pool.Query(ctx, `
		select c.relname, p.name
		from pg_class c
		join pg_namespace n on n.oid = c.relnamespace
		cross join (values ('select'), ('insert'), ('update'), ('delete')) as p (name)
		where n.nspname = current_schema() and c.relkind in ('r', 'p') and c.relname like 'cbc\_audit\_%'
			and not has_table_privilege(c.oid, p.name)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var table, permission string
		if err := rows.Scan(&table, &permission); err != nil {
			return nil, err
		}
		if table == "cbc_audit_migration" && permission != "select" && !migrates {
			continue
		}
		missing = append(missing, permission+" on "+table)
	}
	slices.SortFunc(missing, strings.Compare)
	return missing, rows.Err()
}
