package store

import (
	"context"
	"embed"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// migrations are the steps of the schema. One that was released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Replicas that start together wait for each other.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	steps, err := migrations.ReadDir("migrations")
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1, 0)`, int32(lockClass)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `create table if not exists cbc_audit_migration (version integer primary key)`); err != nil {
			return err
		}
		var have int
		if err := tx.QueryRow(ctx, `select coalesce(max(version), 0) from cbc_audit_migration`).Scan(&have); err != nil {
			return err
		}
		for _, step := range steps { // by name, which begins with the version
			if err := apply(ctx, tx, step.Name(), have); err != nil {
				return fmt.Errorf("%s: %w", step.Name(), err)
			}
		}
		return nil
	})
	return failed(err)
}

func apply(ctx context.Context, tx pgx.Tx, name string, have int) error {
	number, _, _ := strings.Cut(name, "_")
	version, err := strconv.Atoi(number)
	if err != nil || version <= have {
		return err
	}
	text, err := migrations.ReadFile(path.Join("migrations", name))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, string(text)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into cbc_audit_migration (version) values ($1)`, version)
	return err
}
