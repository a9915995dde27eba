package store

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// A lease is short, so that another replica soon replaces one that was killed. Its holder renews it.
const (
	leaseTime  = 15 * time.Second
	renewEvery = leaseTime / 3
)

// Lead takes the lease in the key's row. The lease needs no session of its own, so it works behind a transaction pooler. All times are the
// database's, so replicas with wrong clocks agree about it.
func (p *postgres) Lead(ctx context.Context, maxIdle time.Duration) (Lease, error) {
	l := &postgresLease{postgres: p, maxIdle: maxIdle}
	_, err := p.write(ctx, func(_ pgx.Tx, _ int32, row *keyRow) error {
		if row.leasedUntil > row.state.Now {
			return ErrHeld
		}
		row.generation++
		l.generation = row.generation
		row.leasedUntil = row.state.Now + l.duration().Milliseconds()
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.usedAt = time.Now()
	renewing, stop := context.WithCancel(p.life)
	l.stop = stop
	l.renewals.Go(func() { l.renew(renewing) })
	return l, nil
}

// postgresLease is the right to read the queue. The generation fences it: once another replica has taken the lease, this one can change
// nothing.
type postgresLease struct {
	*postgres
	generation int64
	maxIdle    time.Duration
	stop       context.CancelFunc
	renewals   sync.WaitGroup

	mu     sync.Mutex
	usedAt time.Time // when the holder last used the lease
}

// duration returns how long the lease is valid without a renewal.
func (l *postgresLease) duration() time.Duration { return min(leaseTime, l.maxIdle) }

// renew extends the lease until ctx ends, the lease is lost, or its holder has not used it for maxIdle.
func (l *postgresLease) renew(ctx context.Context) {
	ticker := time.NewTicker(min(renewEvery, max(l.maxIdle/3, time.Millisecond)))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if l.isIdle() || !l.extend(ctx) {
			return
		}
	}
}

func (l *postgresLease) isIdle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.usedAt) >= l.maxIdle
}

// extend reports whether the lease may still be renewed. A database that cannot be reached does not end it: perhaps nobody else can
// reach it either.
func (l *postgresLease) extend(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	tag, err := l.pool.Exec(ctx, `update cbc_audit_ledger set leased_until = (extract(epoch from clock_timestamp()) * 1000)::bigint + $3
		where id = $1 and generation = $2`, l.keyID.Load(), l.generation, l.duration().Milliseconds())
	return err != nil || tag.RowsAffected() > 0
}

func (l *postgresLease) Update(ctx context.Context, change func(*ReadState)) (ReadState, error) {
	l.mu.Lock()
	l.usedAt = time.Now()
	l.mu.Unlock()
	return l.write(ctx, func(_ pgx.Tx, _ int32, row *keyRow) error {
		if row.generation != l.generation {
			return ErrNotLeading
		}
		row.leasedUntil = row.state.Now + l.duration().Milliseconds()
		change(&row.state)
		return nil
	})
}

func (l *postgresLease) Release(ctx context.Context) {
	l.stop()
	l.renewals.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	_, _ = l.pool.Exec(ctx, `update cbc_audit_ledger set leased_until = 0 where id = $1 and generation = $2`, l.keyID.Load(), l.generation)
}
