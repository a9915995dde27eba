package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// migrations are the steps of the schema. A released step is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Replicas that start together wait for each other. A role without the right to change the
// schema can use one that is up to date.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	var have int
	err = pool.QueryRow(ctx, `select coalesce(max(version), 0) from cbc_audit_migration`).Scan(&have)
	if err == nil && have >= len(entries) {
		return nil
	}
	if isUndefinedTable(err) {
		err = createMigrationTable(ctx, pool)
	}
	if err != nil {
		return failed(err)
	}
	return failed(inTransaction(ctx, pool, func(tx pgx.Tx) error {
		// Row 0 is the lock of those who change the schema.
		if _, err := tx.Exec(ctx, `insert into cbc_audit_migration (version) values (0) on conflict do nothing`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `select version from cbc_audit_migration where version = 0 for update`); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `select max(version) from cbc_audit_migration`).Scan(&have); err != nil {
			return err
		}
		for _, step := range entries { // by name, which begins with the version
			if err := apply(ctx, tx, step.Name(), have); err != nil {
				return fmt.Errorf("%s: %w", step.Name(), err)
			}
		}
		return nil
	}))
}

// createMigrationTable tolerates that another replica creates the table at the same time, which "if not exists" does not.
func createMigrationTable(ctx context.Context, pool *pgxpool.Pool) error {
	const create = `create table if not exists cbc_audit_migration (version integer primary key)`
	_, err := pool.Exec(ctx, create)
	if isCreatedMeanwhile(err) {
		_, err = pool.Exec(ctx, create)
	}
	return err
}

// isCreatedMeanwhile reports whether a table could not be created because somebody else just did: PostgreSQL notices it by the table, by
// its type, or by a row of its own catalog.
func isCreatedMeanwhile(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && slices.Contains([]string{"23505", "42710", "42P07"}, failure.Code)
}

func isUndefinedTable(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && failure.Code == "42P01"
}

func isForbidden(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && failure.Code == "42501"
}

func apply(ctx context.Context, tx pgx.Tx, name string, have int) error {
	number, _, _ := strings.Cut(name, "_")
	version, err := strconv.Atoi(number)
	if err != nil || version <= have {
		return err
	}
	statements, err := migrations.ReadFile(path.Join("migrations", name))
	if err != nil {
		return err
	}
	if _, err := tx.Conn().PgConn().Exec(ctx, string(statements)).ReadAll(); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into cbc_audit_migration (version) values ($1)`, version)
	return err
}
