package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// SharedBudget is the budget of a host that the replicas of a database share. It is safe for concurrent use. Its clock is the
// database's.
type SharedBudget struct {
	pool *pgxpool.Pool
	host string
}

var _ ratelimit.SharedBudget = (*SharedBudget)(nil)

// NewSharedBudget returns the budget of a host in a database. It does not connect.
func NewSharedBudget(dsn, host string) (*SharedBudget, error) {
	pool, err := newPool(dsn)
	if err != nil {
		return nil, err
	}
	return &SharedBudget{pool: pool, host: host}, nil
}

// Close ends the connections.
func (s *SharedBudget) Close() { s.pool.Close() }

// Claim implements [ratelimit.SharedBudget].
func (s *SharedBudget) Claim(ctx context.Context, c ratelimit.Claim) (ratelimit.Share, error) {
	var share ratelimit.Share
	err := s.change(ctx, func(state *ratelimit.SharedState, now time.Time) { share = state.Claim(now, c) })
	return share, err
}

// Pause implements [ratelimit.SharedBudget].
func (s *SharedBudget) Pause(ctx context.Context, wait time.Duration) error {
	return s.change(ctx, func(state *ratelimit.SharedState, now time.Time) { state.Pause(now, wait) })
}

// Resume implements [ratelimit.SharedBudget].
func (s *SharedBudget) Resume(ctx context.Context) error {
	return s.change(ctx, func(state *ratelimit.SharedState, now time.Time) { state.Resume(now) })
}

func (s *SharedBudget) change(ctx context.Context, change func(*ratelimit.SharedState, time.Time)) error {
	err := s.changeRow(ctx, change)
	if isUndefinedTable(err) { // the database is new, or was used by an earlier version only
		if err := migrate(ctx, s.pool); err != nil {
			return err
		}
		err = s.changeRow(ctx, change)
	}
	return failed(err)
}

func (s *SharedBudget) changeRow(ctx context.Context, change func(*ratelimit.SharedState, time.Time)) error {
	return inTransaction(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into cbc_audit_budget (host) values ($1) on conflict do nothing`, s.host); err != nil {
			return err
		}
		var state string
		var now int64
		row := tx.QueryRow(ctx, `select state, (extract(epoch from clock_timestamp()) * 1000)::bigint from cbc_audit_budget where host = $1 for update`, s.host)
		if err := row.Scan(&state, &now); err != nil {
			return err
		}
		var shared ratelimit.SharedState
		if err := json.Unmarshal([]byte(state), &shared); err != nil {
			return err
		}
		change(&shared, time.UnixMilli(now))
		changed, err := json.Marshal(shared)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update cbc_audit_budget set state = $2 where host = $1`, s.host, string(changed))
		return err
	})
}
