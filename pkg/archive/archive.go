// Package archive keeps what searches have found in the operator's PostgreSQL, and answers from it.
//
// One replica fills the archive, newest events first, and follows the settled end of the log. A range is covered once a search has
// returned all events of it that it counted.
package archive

import (
	"context"
	"errors"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/clock"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/store"
)

// Prover reports whether Carbon Black Cloud accepts the credential.
type Prover interface {
	// AcceptedAt returns when the last request was sent that was answered.
	AcceptedAt() time.Time
	// Rejected reports whether the credential was rejected and not accepted since.
	Rejected() bool
	// Verify sends a request to find out.
	Verify(ctx context.Context) error
}

// Config describes an Archive.
type Config struct {
	Store    *store.Archive
	Searcher history.Searcher // fills the archive
	Prover   Prover
	Secret   store.Secret
	Days     int           // how long events are kept
	Settle   time.Duration // how late an event may become visible: older events no longer change
	Calls    int           // maximum searches in five minutes
	Catalog  string        // fingerprint of the catalog
	Class    func(*auditlog.Event) auditlog.Class
	Now      func() time.Time // nil means time.Now
	// Wait waits, and returns an error once ctx is done; nil means the real one.
	Wait func(ctx context.Context, d time.Duration) error
}

// Archive is the archive of one credential, filled in the background until Close. It is safe for concurrent use.
type Archive struct {
	config Config
	life   context.Context
	end    context.CancelFunc
	filler sync.WaitGroup
	past   *history.History // for the filler alone: it learns how precise the times are

	last lastEnd

	mu       sync.Mutex
	provedAt time.Time // when it was last made sure that the store knows the secret
	failedAt time.Time // when the store last failed
	failure  error
}

// Open begins to fill an archive.
func Open(c Config) *Archive {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Wait == nil {
		c.Wait = clock.Sleep
	}
	a := &Archive{config: c, past: history.New(history.Config{Searcher: c.Searcher, Settle: c.Settle, CacheBytes: 1, Now: c.Now})}
	a.life, a.end = context.WithCancel(context.Background())
	a.filler.Go(func() { a.fill(a.life) })
	return a
}

// Close ends filling and closes the store.
func (a *Archive) Close() {
	a.end()
	a.filler.Wait()
	a.config.Store.Close()
}

// proofTime is how long a proof is taken as valid: another process may see another secret accepted.
const proofTime = time.Minute

// proved makes sure that the store was opened with this secret, or opens it with it after Carbon Black Cloud has accepted it now. send
// permits to ask. Nobody waits for another caller's request.
func (a *Archive) proved(ctx context.Context, send bool) error {
	if !send && a.config.Prover.Rejected() { // the store may not know yet that the secret was revoked
		return store.ErrUnproved
	}
	began := time.Now()
	if a.provedSince(began.Add(-proofTime)) {
		return nil
	}
	known, kept, err := a.config.Store.Knows(ctx, a.config.Secret)
	if err != nil {
		return err
	}
	if !known {
		if !send || a.config.Prover.AcceptedAt().IsZero() {
			return store.ErrUnproved
		}
		if err := a.config.Prover.Verify(ctx); err != nil { // another secret may have been accepted since
			return err
		}
		if err := a.config.Store.Trust(ctx, a.config.Secret, kept); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.provedAt = began
	return nil
}

func (a *Archive) provedSince(t time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.provedAt.After(t)
}

// stateTime bounds how long an answer waits for a database that does not answer.
const stateTime = 3 * time.Second

// quietTime is how long a database that failed is not asked again: answers are not held up by it.
const quietTime = 10 * time.Second

// State returns what the archive holds.
func (a *Archive) State(ctx context.Context) (state store.ArchiveState, err error) {
	if err := a.lastFailure(); err != nil {
		return store.ArchiveState{}, err
	}
	asking, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	if err = a.proved(asking, false); err == nil {
		state, err = a.config.Store.State(asking)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrUnproved) {
		a.noteFailure(err)
	}
	return state, err
}

func (a *Archive) noteFailure(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failedAt, a.failure = time.Now(), err
}

func (a *Archive) lastFailure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failure != nil && time.Since(a.failedAt) < quietTime {
		return a.failure
	}
	return nil
}

// answerTime bounds how long the database may take for an answer that has no deadline.
const answerTime = time.Minute

// errSlow is returned for a database that takes too long.
var errSlow = errors.New("PostgreSQL did not answer in time")

// inTime asks the database for at most half of the time that is left to answer: if it hangs, searches need the rest.
func (a *Archive) inTime(ctx context.Context, ask func(context.Context) error) error {
	if err := a.lastFailure(); err != nil {
		return err
	}
	limit := answerTime
	if deadline, bounded := ctx.Deadline(); bounded {
		limit = min(limit, time.Until(deadline)/2)
	}
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := a.proved(asking, false)
	if err == nil {
		err = ask(asking)
	}
	if err != nil && asking.Err() != nil && ctx.Err() == nil {
		err = errSlow
		a.noteFailure(err)
	}
	return err
}

// Read is [store.Archive.Read].
func (a *Archive) Read(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, order cbc.Order, visit func([]*auditlog.Event) (more bool)) error {
	return a.inTime(ctx, func(ctx context.Context) error { return a.config.Store.Read(ctx, f, w, order, visit) })
}

// Group is [store.Archive.Group] with the classes of this archive's catalog.
func (a *Archive) Group(ctx context.Context, g store.Grouping, take func(store.Grouped), single func(*auditlog.Event)) (held []auditlog.TimeRange, err error) {
	g.Catalog = a.config.Catalog
	err = a.inTime(ctx, func(ctx context.Context) error {
		held, err = a.config.Store.Group(ctx, g, take, single)
		return err
	})
	return held, err
}
