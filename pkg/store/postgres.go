package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// DefaultRetention is how long PostgreSQL keeps events when nobody says otherwise.
const DefaultRetention = 400*24*time.Hour + time.Hour // a panel of 400 days finds all of them

const (
	maxConnections = 4
	connectTimeout = 5 * time.Second
	lockClass      = 0x63626361 // the first half of the advisory locks of this plugin: "cbca"
	channel        = "cbc_audit_ledger"
)

// PostgresConfig describes a ledger in PostgreSQL.
type PostgresConfig struct {
	DSN       string
	Retention time.Duration // events older than this are forgotten; 0 means DefaultRetention
}

// postgres is a ledger that replicas share. Its clock is the database's.
type postgres struct {
	config PostgresConfig
	key    cbc.APIKey
	pool   *pgxpool.Pool

	turn   chan struct{} // of the one who looks at the schema
	ledger atomic.Int32  // id of the key's row; 0 while the schema was not looked at
	known  atomic.Pointer[knownSecret]
}

// NewPostgres returns a ledger of a key in PostgreSQL. It does not connect: a database that cannot be reached shows when the
// ledger is used, and one that comes back is used again.
func NewPostgres(c PostgresConfig, key cbc.APIKey) (Store, error) {
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	config, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		// The parser's own words may hold parts of the DSN, and so the password.
		return nil, errors.New("storeDsn is not a PostgreSQL connection string: expected one like postgres://user:password@host:5432/database")
	}
	if strings.Contains(config.ConnConfig.Host+config.ConnConfig.Database, "@") {
		// Part of the password was taken for something else, which errors name.
		return nil, errors.New("storeDsn holds a password with a character that ends it: write @ as %40, / as %2F, : as %3A")
	}
	config.MaxConns = maxConnections
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.AfterConnect = steer
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return &postgres{config: c, key: key, pool: pool, turn: make(chan struct{}, 1)}, nil
}

// steer keeps the planner to the indexes. Of a table that grew since it was last analyzed it thinks little, and would sort all that
// is left of a window for every page. An engine that knows none of this plans on its own.
func steer(ctx context.Context, conn *pgx.Conn) error {
	_, _ = conn.Exec(ctx, `select set_config('enable_bitmapscan', 'off', false), set_config('enable_seqscan', 'off', false), set_config('enable_sort', 'off', false)`)
	return nil
}

func (p *postgres) Close() { p.pool.Close() }

// id makes sure of the schema and returns the id of the key's row.
func (p *postgres) id(ctx context.Context) (int32, error) {
	if ledger := p.ledger.Load(); ledger != 0 {
		return ledger, nil
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return 0, failed(ctx.Err())
	}
	if ledger := p.ledger.Load(); ledger != 0 {
		return ledger, nil
	}
	if err := migrate(ctx, p.pool); err != nil {
		return 0, err
	}
	_, err := p.pool.Exec(ctx, `insert into cbc_audit_ledger (host, org_key, api_id) values ($1, $2, $3) on conflict do nothing`,
		p.key.URL, p.key.OrgKey, p.key.APIID)
	if err != nil {
		return 0, failed(err)
	}
	var ledger int32
	err = p.pool.QueryRow(ctx, `select id from cbc_audit_ledger where host = $1 and org_key = $2 and api_id = $3`,
		p.key.URL, p.key.OrgKey, p.key.APIID).Scan(&ledger)
	p.ledger.Store(ledger)
	return ledger, failed(err)
}

// failed says where an error comes from.
func failed(err error) error {
	if err == nil {
		return nil
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return fmt.Errorf("the ledger's PostgreSQL cannot be reached: %w", err)
	}
	return fmt.Errorf("the ledger's PostgreSQL failed: %w", err)
}

// page is the key's row, locked.
type page struct {
	generation, seq int64
	book            ReadState
}

// starter is a connection or a pool of them.
type starter interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// write runs a transaction that owns the key's row.
func (p *postgres) write(ctx context.Context, on starter, do func(tx pgx.Tx, ledger int32, row *page) error) (ReadState, error) {
	ledger, err := p.id(ctx)
	if err != nil {
		return ReadState{}, err
	}
	var row page
	err = pgx.BeginFunc(ctx, on, func(tx pgx.Tx) error {
		row = page{}
		if err := row.read(tx.QueryRow(ctx, readPage+` for update`, ledger)); err != nil {
			return err
		}
		if err := do(tx, ledger, &row); err != nil {
			return err
		}
		book, err := json.Marshal(row.book)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update cbc_audit_ledger set book = $2, seq = $3, generation = $4 where id = $1`, ledger, string(book), row.seq, row.generation)
		return err
	})
	if err != nil && !errors.Is(err, ErrNotLeading) {
		return ReadState{}, failed(err)
	}
	return row.book, err
}

const readPage = `select generation, seq, book, (extract(epoch from clock_timestamp()) * 1000)::bigint from cbc_audit_ledger where id = $1`

func (r *page) read(row pgx.Row) error {
	var book string
	if err := row.Scan(&r.generation, &r.seq, &book, &r.book.Now); err != nil {
		return err
	}
	return json.Unmarshal([]byte(book), &r.book)
}

func (p *postgres) Update(ctx context.Context, change func(*ReadState)) (ReadState, error) {
	return p.write(ctx, p.pool, func(_ pgx.Tx, _ int32, row *page) error {
		change(&row.book)
		return nil
	})
}

func (p *postgres) Book(ctx context.Context) (ReadState, error) {
	ledger, err := p.id(ctx)
	if err != nil {
		return ReadState{}, err
	}
	var row page
	err = row.read(p.pool.QueryRow(ctx, readPage, ledger))
	return row.book, failed(err)
}

// Lead takes an advisory lock on a connection of its own: the lock ends with the connection, and so with the process.
func (p *postgres) Lead(ctx context.Context, quiet time.Duration) (Lease, error) {
	ledger, err := p.id(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, p.pool.Config().ConnConfig)
	if err != nil {
		return nil, failed(err)
	}
	lead := &postgresLead{postgres: p, conn: conn}
	if err := lead.take(ctx, ledger, quiet); err != nil {
		lead.Release(ctx)
		return nil, err
	}
	return lead, nil
}

// postgresLead is a leadership. Its generation guards it where an engine has no advisory locks.
type postgresLead struct {
	*postgres
	conn       *pgx.Conn
	generation int64
}

func (l *postgresLead) take(ctx context.Context, ledger int32, quiet time.Duration) error {
	var granted bool
	if err := l.conn.QueryRow(ctx, `select pg_try_advisory_lock($1, $2)`, int32(lockClass), ledger).Scan(&granted); err != nil {
		return failed(err)
	}
	if !granted {
		return ErrHeld
	}
	l.limit(ctx, quiet)
	_, err := l.write(ctx, l.conn, func(_ pgx.Tx, _ int32, row *page) error {
		row.generation++
		l.generation = row.generation
		return nil
	})
	return err
}

// limit makes the server give up a leader that hangs or cannot be reached. An engine that knows none of this keeps it longer.
func (l *postgresLead) limit(ctx context.Context, quiet time.Duration) {
	ms := strconv.FormatInt(quiet.Milliseconds(), 10)
	for name, value := range map[string]string{
		"idle_session_timeout": ms, "idle_in_transaction_session_timeout": ms, "tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
	} {
		_, _ = l.conn.Exec(ctx, `select set_config($1, $2, false)`, name, value)
	}
}

func (l *postgresLead) Update(ctx context.Context, change func(*ReadState)) (ReadState, error) {
	return l.write(ctx, l.conn, func(_ pgx.Tx, _ int32, row *page) error {
		if row.generation != l.generation {
			return ErrNotLeading
		}
		change(&row.book)
		return nil
	})
}

func (l *postgresLead) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	_ = l.conn.Close(ctx) // the lock ends with the connection, however it ends
}
