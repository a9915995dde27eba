package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// DefaultRetention is the default of PostgresConfig.Retention.
const DefaultRetention = 400*24*time.Hour + time.Hour // covers a panel of 400 days

const (
	maxConnections = 4
	connectTimeout = 5 * time.Second
	maxAttempts    = 5 // at a transaction that the database aborts because of others
	channel        = "cbc_audit_ledger"
)

// PostgresConfig configures a store in PostgreSQL.
type PostgresConfig struct {
	DSN       string
	Retention time.Duration // events older than this are deleted; 0 means DefaultRetention
}

// postgres is a store that replicas share. Its clock is the database's.
type postgres struct {
	config PostgresConfig
	key    cbc.APIKey
	pool   *pgxpool.Pool

	preparing chan struct{} // held by the caller that prepares the schema
	keyID     atomic.Int32  // id of the key's row; 0 until the schema is prepared
	known     atomic.Pointer[knownSecret]

	life  context.Context // ends with Close
	close context.CancelFunc

	grown, analyzed atomic.Int64 // events that were added here since the statistics were refreshed, and until then
}

// NewPostgres returns the store of an API key in PostgreSQL. It does not connect: a database that cannot be reached fails each use until
// it is back.
func NewPostgres(c PostgresConfig, key cbc.APIKey) (Store, error) {
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	pool, err := newPool(c.DSN)
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	return &postgres{config: c, key: key, pool: pool, preparing: make(chan struct{}, 1), life: life, close: end}, nil
}

// serverOwned are parameters that name files of the Grafana server, or override the URL.
var serverOwned = []string{"passfile", "service", "servicefile", "host", "hostaddr", "user", "password"}

// newPool returns connections to a database. It makes none yet.
func newPool(dsn string) (*pgxpool.Pool, error) {
	// The parsers' errors may contain parts of the DSN, such as the password.
	malformed := errors.New("storeDsn is not a PostgreSQL connection URL: expected one like postgres://user:password@host:5432/database")
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Hostname() == "" || u.User.Username() == "" {
		return nil, malformed
	}
	for key := range u.Query() {
		if slices.Contains(serverOwned, key) {
			return nil, fmt.Errorf("storeDsn must not have the parameter %s: write host, user and password into the URL", key)
		}
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, malformed
	}
	config.ConnConfig.Password, _ = u.User.Password() // never from the server's environment or files
	if strings.Contains(config.ConnConfig.Host+config.ConnConfig.Database, "@") {
		// Part of the password was parsed as something else, which errors would show.
		return nil, errors.New("storeDsn holds a password with a character that ends it: write @ as %40, / as %2F, : as %3A")
	}
	config.MaxConns = maxConnections
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // no prepared statements: a transaction pooler does not support them
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return pool, nil
}

func (p *postgres) Close() {
	p.close()
	p.pool.Close()
}

// id prepares the schema and returns the id of the key's row.
func (p *postgres) id(ctx context.Context) (int32, error) {
	if keyID := p.keyID.Load(); keyID != 0 {
		return keyID, nil
	}
	select {
	case p.preparing <- struct{}{}:
		defer func() { <-p.preparing }()
	case <-ctx.Done():
		return 0, failed(ctx.Err())
	}
	if keyID := p.keyID.Load(); keyID != 0 {
		return keyID, nil
	}
	if err := migrate(ctx, p.pool); err != nil {
		return 0, err
	}
	_, err := p.pool.Exec(ctx, `insert into cbc_audit_ledger (host, org_key, api_id) values ($1, $2, $3) on conflict do nothing`,
		p.key.URL, p.key.OrgKey, p.key.APIID)
	if err != nil {
		return 0, failed(err)
	}
	var keyID int32
	err = p.pool.QueryRow(ctx, `select id from cbc_audit_ledger where host = $1 and org_key = $2 and api_id = $3`,
		p.key.URL, p.key.OrgKey, p.key.APIID).Scan(&keyID)
	p.keyID.Store(keyID)
	return keyID, failed(err)
}

// failed says in an error that it comes from PostgreSQL.
func failed(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return fmt.Errorf("PostgreSQL cannot be reached: %w", err)
	}
	return fmt.Errorf("PostgreSQL failed: %w", err)
}

// keyRow is the row of an API key, locked.
type keyRow struct {
	generation, seq int64
	leasedUntil     int64 // milliseconds since the Unix epoch
	state           ReadState
}

// write runs a transaction that owns the key's row.
func (p *postgres) write(ctx context.Context, do func(tx pgx.Tx, keyID int32, row *keyRow) error) (ReadState, error) {
	keyID, err := p.id(ctx)
	if err != nil {
		return ReadState{}, err
	}
	var row keyRow
	err = inTransaction(ctx, p.pool, func(tx pgx.Tx) error {
		row = keyRow{}
		if err := row.read(tx.QueryRow(ctx, readKeyRow+` for update`, keyID)); err != nil {
			return err
		}
		if err := do(tx, keyID, &row); err != nil {
			return err
		}
		state, err := json.Marshal(row.state)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update cbc_audit_ledger set book = $2, seq = $3, generation = $4, leased_until = $5 where id = $1`,
			keyID, string(state), row.seq, row.generation, row.leasedUntil)
		return err
	})
	switch {
	case errors.Is(err, ErrNotLeading), errors.Is(err, ErrHeld):
		return row.state, err
	case err != nil:
		return ReadState{}, failed(err)
	}
	return row.state, nil
}

// inTransaction runs a transaction. It repeats one that the database aborted because of another transaction: a deadlock, or a conflict on
// an engine that does not wait for locks.
func inTransaction(ctx context.Context, pool *pgxpool.Pool, do func(pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := pgx.BeginFunc(ctx, pool, do)
		var failure *pgconn.PgError
		if attempt == maxAttempts || !errors.As(err, &failure) || failure.Code != "40001" && failure.Code != "40P01" {
			return err
		}
	}
}

const readKeyRow = `select generation, seq, leased_until, book, (extract(epoch from clock_timestamp()) * 1000)::bigint from cbc_audit_ledger where id = $1`

func (r *keyRow) read(row pgx.Row) error {
	var state string
	if err := row.Scan(&r.generation, &r.seq, &r.leasedUntil, &state, &r.state.Now); err != nil {
		return err
	}
	return json.Unmarshal([]byte(state), &r.state)
}

func (p *postgres) Update(ctx context.Context, change func(*ReadState)) (ReadState, error) {
	return p.write(ctx, func(_ pgx.Tx, _ int32, row *keyRow) error {
		change(&row.state)
		return nil
	})
}

func (p *postgres) ReadState(ctx context.Context) (ReadState, error) {
	keyID, err := p.id(ctx)
	if err != nil {
		return ReadState{}, err
	}
	var row keyRow
	err = row.read(p.pool.QueryRow(ctx, readKeyRow, keyID))
	return row.state, failed(err)
}
