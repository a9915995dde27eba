package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Archive keeps the events of an API key in PostgreSQL that searches have found, with columns that the database filters and groups by. It
// is safe for concurrent use, also by other replicas. All times are the database's, except those of events.
type Archive struct {
	*postgres
	classes            sync.Map // numbers by class
	minBlock, maxLoose int      // see the constants
}

// NewArchive returns the archive of an API key. It does not connect.
func NewArchive(dsn string, key cbc.APIKey) (*Archive, error) {
	s, err := NewPostgres(PostgresConfig{DSN: dsn}, key)
	if err != nil {
		return nil, err
	}
	return &Archive{postgres: s.(*postgres), minBlock: minBlock, maxLoose: maxLoose}, nil
}

// ArchiveState says what an archive holds.
type ArchiveState struct {
	Now        int64                `json:"-"`
	Covered    []auditlog.TimeRange `json:"covered,omitempty"`    // holds every event, apart from each other, ascending
	Catalog    string               `json:"catalog,omitempty"`    // fingerprint of the catalog that made the classes of Classified
	Classified []auditlog.TimeRange `json:"classified,omitempty"` // of Covered; elsewhere the classes say nothing
	Blocks     []auditlog.TimeRange `json:"blocks,omitempty"`     // have the events of Covered by column, too
	Events     int64                `json:"events,omitempty"`     // in Covered
	Floor      int64                `json:"floor,omitempty"`      // older events are not kept
	DropAfter  int64                `json:"dropAfter,omitempty"`  // no partition is deleted before, because somebody may be reading it
	Holes      []auditlog.TimeRange `json:"holes,omitempty"`      // not covered, because they have records that cannot be read, or too many
	CloudFrom  int64                `json:"cloudFrom,omitempty"`  // Carbon Black Cloud no longer has older events; 0: it has all of Covered
	Probed     int64                `json:"probed,omitempty"`     // when that was found out
	Fill       FillProgress         `json:"fill,omitzero"`
}

// FillProgress is how the last fills went.
type FillProgress struct {
	At            int64   `json:"at,omitempty"` // of the last success
	RatePerSecond float64 `json:"rate,omitempty"`
	Error         string  `json:"error,omitempty"` // of the last attempt
}

// State returns what the archive holds.
func (a *Archive) State(ctx context.Context) (ArchiveState, error) {
	keyID, err := a.id(ctx)
	if err != nil {
		return ArchiveState{}, err
	}
	state, _, err := readArchiveRow(ctx, a.pool, keyID, "")
	return state, failed(err)
}

// querier is a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// archiveLease is the lease in the row of an archive.
type archiveLease struct{ generation, until int64 }

// readArchiveRow returns an empty state if there is no row.
func readArchiveRow(ctx context.Context, q querier, keyID int32, lock string) (ArchiveState, archiveLease, error) {
	var text string
	var state ArchiveState
	var lease archiveLease
	err := q.QueryRow(ctx, `select generation, leased_until, state, (extract(epoch from clock_timestamp()) * 1000)::bigint
		from cbc_audit_archive where ledger = $1`+lock, keyID).Scan(&lease.generation, &lease.until, &text, &state.Now)
	if errors.Is(err, pgx.ErrNoRows) {
		return ArchiveState{}, archiveLease{}, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &state)
	}
	return state, lease, err
}

// change runs a transaction that owns the row of the archive.
func (a *Archive) change(ctx context.Context, do func(tx pgx.Tx, keyID int32, state *ArchiveState, lease *archiveLease) error) error {
	keyID, err := a.id(ctx)
	if err != nil {
		return err
	}
	err = inTransaction(ctx, a.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into cbc_audit_archive (ledger) values ($1) on conflict do nothing`, keyID); err != nil {
			return err
		}
		state, lease, err := readArchiveRow(ctx, tx, keyID, ` for update`)
		if err != nil {
			return err
		}
		if err := do(tx, keyID, &state, &lease); err != nil {
			return err
		}
		text, err := json.Marshal(state)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update cbc_audit_archive set generation = $2, leased_until = $3, state = $4 where ledger = $1`,
			keyID, lease.generation, lease.until, string(text))
		return err
	})
	if errors.Is(err, ErrHeld) || errors.Is(err, ErrNotLeading) {
		return err
	}
	return failed(err)
}

// FillLease is the right to fill an archive. Every use renews it.
type FillLease struct {
	archive    *Archive
	generation int64
}

// fillTime is how long the lease holds after its last use: longer than a search waits.
const fillTime = time.Minute

// Lead takes the lease. The error is ErrHeld while another replica holds it.
func (a *Archive) Lead(ctx context.Context) (*FillLease, error) {
	l := &FillLease{archive: a}
	err := a.change(ctx, func(_ pgx.Tx, _ int32, state *ArchiveState, lease *archiveLease) error {
		if lease.until > state.Now {
			return ErrHeld
		}
		lease.generation++
		lease.until = state.Now + fillTime.Milliseconds()
		l.generation = lease.generation
		return nil
	})
	return l, err
}

// Update changes the state. After ErrNotLeading, nothing was changed.
func (l *FillLease) Update(ctx context.Context, change func(*ArchiveState)) (ArchiveState, error) {
	return l.use(ctx, func(_ pgx.Tx, _ int32, state *ArchiveState) error {
		change(state)
		return nil
	})
}

func (l *FillLease) use(ctx context.Context, do func(pgx.Tx, int32, *ArchiveState) error) (after ArchiveState, err error) {
	err = l.archive.change(ctx, func(tx pgx.Tx, keyID int32, state *ArchiveState, lease *archiveLease) error {
		if lease.generation != l.generation {
			return ErrNotLeading
		}
		lease.until = state.Now + fillTime.Milliseconds()
		if err := do(tx, keyID, state); err != nil {
			return err
		}
		after = *state
		return nil
	})
	return after, err
}

// Release gives the lease back. It does not fail: if the database cannot be reached, the lease expires.
func (l *FillLease) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	_ = l.archive.change(ctx, func(_ pgx.Tx, _ int32, _ *ArchiveState, lease *archiveLease) error {
		if lease.generation == l.generation {
			lease.until = 0
		}
		return nil
	})
}

// partition is a month of events.
type partition struct{ from, to time.Time }

func monthOf(t time.Time) partition {
	from := time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	return partition{from, from.AddDate(0, 1, 0)}
}

func (p partition) name() string { return "cbc_audit_archived_" + p.from.Format("2006_01") }

func (p partition) create() string {
	return fmt.Sprintf(`create table if not exists %s partition of cbc_audit_archived for values from (%d) to (%d)`, p.name(), p.from.UnixNano(), p.to.UnixNano())
}
