package store

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// A lease is short, so that another replica soon takes the place of one that was killed. Its holder renews it.
const (
	leaseTime  = 15 * time.Second
	renewEvery = leaseTime / 3
)

// Lead takes the lease in the key's row. The lease needs no session of its own, so it works behind a transaction pooler, and all
// times are the database's, so replicas with wrong clocks agree about it.
func (p *postgres) Lead(ctx context.Context, quiet time.Duration) (Lease, error) {
	l := &postgresLease{postgres: p, quiet: quiet}
	_, err := p.write(ctx, func(_ pgx.Tx, _ int32, row *keyRow) error {
		if row.leasedUntil > row.book.Now {
			return ErrHeld
		}
		row.generation++
		l.generation = row.generation
		row.leasedUntil = row.book.Now + l.term().Milliseconds()
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.heard = time.Now()
	renewing, stop := context.WithCancel(p.life)
	l.stop = stop
	l.renewals.Go(func() { l.renew(renewing) })
	return l, nil
}

// postgresLease is the right to read the queue. The generation fences it: once another replica has taken the lease, nothing can be
// changed under this one.
type postgresLease struct {
	*postgres
	generation int64
	quiet      time.Duration
	stop       context.CancelFunc
	renewals   sync.WaitGroup

	mu    sync.Mutex
	heard time.Time // when the holder last used the lease
}

// term is how long the lease holds without a renewal.
func (l *postgresLease) term() time.Duration { return min(leaseTime, l.quiet) }

// renew extends the lease until ctx ends, the lease is lost, or the holder has not used it for quiet.
func (l *postgresLease) renew(ctx context.Context) {
	ticker := time.NewTicker(min(renewEvery, max(l.quiet/3, time.Millisecond)))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if l.isQuiet() || !l.extend(ctx) {
			return
		}
	}
}

func (l *postgresLease) isQuiet() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.heard) >= l.quiet
}

// extend reports whether the lease may still be renewed. A database that cannot be reached does not end it: perhaps nobody else can
// reach it either.
func (l *postgresLease) extend(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	tag, err := l.pool.Exec(ctx, `update cbc_audit_ledger set leased_until = (extract(epoch from clock_timestamp()) * 1000)::bigint + $3
		where id = $1 and generation = $2`, l.ledger.Load(), l.generation, l.term().Milliseconds())
	return err != nil || tag.RowsAffected() > 0
}

func (l *postgresLease) Update(ctx context.Context, change func(*ReadState)) (ReadState, error) {
	l.mu.Lock()
	l.heard = time.Now()
	l.mu.Unlock()
	return l.write(ctx, func(_ pgx.Tx, _ int32, row *keyRow) error {
		if row.generation != l.generation {
			return ErrNotLeading
		}
		row.leasedUntil = row.book.Now + l.term().Milliseconds()
		change(&row.book)
		return nil
	})
}

func (l *postgresLease) Release(ctx context.Context) {
	l.stop()
	l.renewals.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	_, _ = l.pool.Exec(ctx, `update cbc_audit_ledger set leased_until = 0 where id = $1 and generation = $2`, l.ledger.Load(), l.generation)
}
