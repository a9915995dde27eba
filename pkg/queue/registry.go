package queue

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

// Source reads batches from the queue, which removes them there.
type Source interface {
	Queue(ctx context.Context) (cbc.Batch, error)
}

// Searcher searches events, which removes nothing.
type Searcher interface {
	// SearchAll visits every event of a time range, in batches that hold every event of each of their milliseconds. If the error is nil,
	// the whole range was read now: nothing was left out, and nothing came from a stale answer.
	SearchAll(ctx context.Context, r auditlog.TimeRange, visit func([]auditlog.Event) error) error
}

// Prover proves that a data source has the secret of its API key.
type Prover interface {
	// AcceptedAt returns when the last request was sent that was signed with the data source's secret and that Carbon Black Cloud
	// answered, the zero time if there was none.
	AcceptedAt() time.Time
	// Verify sends such a request. Its error says why the secret is not proved.
	Verify(ctx context.Context) error
}

// StoreSettings opens a store for an API key. The same name means the same store.
type StoreSettings struct {
	Name   string
	Shared bool // among processes: it knows secrets that Carbon Black Cloud has accepted in another one
	Open   func(cbc.APIKey) (store.Store, error)
}

// Config describes the queue of a data source.
type Config struct {
	Identity   cbc.Identity
	Owner      string // identifies the data source: a later Config of the same owner replaces this one
	Source     Source
	Searcher   Searcher
	Prover     Prover                   // nil means that the secret needs no proof
	Derive     func(salt []byte) []byte // see Secret
	Store      StoreSettings
	Poll       time.Duration // the least time between two reads; 0 means a minute
	Late       time.Duration // how late an event may be found by a search, and how far Carbon Black Cloud's clock may be off
	Lookback   time.Duration // how far back an empty store is filled by a search; 0 means 3 days
	AuditEvery time.Duration // how often the store is compared with a search; 0 means 15 minutes
	NewID      func() string // of a batch; nil means random
}

// Defaults of a Config.
const (
	DefaultPoll       = time.Minute
	DefaultLookback   = 3*24*time.Hour + time.Hour // so that the first panel of three days shows all of them
	DefaultAuditEvery = 15 * time.Minute
)

func (c Config) withDefaults() Config {
	if c.Poll == 0 {
		c.Poll = DefaultPoll
	}
	if c.Lookback == 0 {
		c.Lookback = DefaultLookback
	}
	if c.AuditEvery == 0 {
		c.AuditEvery = DefaultAuditEvery
	}
	if c.NewID == nil {
		c.NewID = rand.Text
	}
	return c
}

// leaseTime returns how long a lease is valid without being renewed.
func (c Config) leaseTime() time.Duration { return 2*c.Poll + storeTime }

func (c Config) secret() store.Secret {
	return store.Secret{Fingerprint: c.Identity.Fingerprint, Derive: c.Derive}
}

func (c Config) policy() store.Policy {
	return store.Policy{Late: c.Late.Milliseconds(), Lookback: c.Lookback.Milliseconds()}
}

// Readers are the readers of a process: one per API key, however many data sources use it. A data source is admitted once its secret is
// proved; see [Queue.admit].
type Readers struct {
	mu    sync.Mutex
	byKey map[cbc.APIKey]*slot
}

// slot is what a process keeps for one API key. The lock of Readers guards it.
type slot struct {
	open     map[*Queue]bool // every data source with this key, admitted or not
	reader   *reader         // nil until the first data source is admitted
	accepted map[string]bool // fingerprints of the secrets that Carbon Black Cloud accepted and has not rejected since
	rejected map[string]bool // fingerprints of the secrets that it accepted once and has rejected since
	since    time.Time       // when accepted last changed: earlier proofs no longer count
}

// process holds the readers of this process. Grafana may replace a data source's instance at any time and keeps the old one for a while:
// both must share a reader.
var process Readers

// Open returns a data source's share in the process's reader of its API key. The caller must close it. Open sends nothing and starts
// nothing. Events that another data source has read are not shown until the secret is proved. An error is about the store's settings.
func Open(c Config) (*Queue, error) { return process.Open(c) }

// Open is like the function Open, for the readers of p.
func (p *Readers) Open(c Config) (*Queue, error) {
	q := &Queue{readers: p, config: c.withDefaults(), admitting: make(chan struct{}, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := c.Identity.APIKey
	s := p.byKey[key]
	if s == nil {
		s = &slot{open: map[*Queue]bool{}, accepted: map[string]bool{}, rejected: map[string]bool{}}
	}
	if _, err := s.storeFor(q); err != nil {
		return nil, err
	}
	if p.byKey == nil {
		p.byKey = map[cbc.APIKey]*slot{}
	}
	p.byKey[key] = s
	s.open[q] = true
	return q, nil
}

// close removes a queue. The last one of an API key closes its reader. A reader without admitted data sources is kept while one may still
// be admitted, because Grafana disposes an old instance before the new one is queried.
func (p *Readers) close(q *Queue) {
	p.mu.Lock()
	key := q.config.Identity.APIKey
	s := p.byKey[key]
	delete(s.open, q)
	unused := q.retire()
	var ended *reader
	if len(s.open) == 0 {
		ended = s.reader
		delete(p.byKey, key)
	}
	p.mu.Unlock()
	if unused != nil {
		unused.Close()
	}
	if ended != nil {
		ended.close()
	}
}

// report records the result of a poll that used a data source's secret.
func (p *Readers) report(q *Queue, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.byKey[q.config.Identity.APIKey]
	switch {
	case s == nil || !s.open[q]:
	case err == nil:
		s.accept(q)
	case rejected(err) && s.accepted[q.config.Identity.Fingerprint]: // a secret that never worked changes nothing
		delete(s.accepted, q.config.Identity.Fingerprint)
		s.rejected[q.config.Identity.Fingerprint] = true
		s.since = time.Now()
	}
}

// accept records that Carbon Black Cloud has accepted a data source's secret. A secret that is accepted for the first time replaces all
// earlier ones: data sources that use those must prove them again.
func (s *slot) accept(q *Queue) {
	fingerprint := q.config.Identity.Fingerprint
	if s.accepted[fingerprint] {
		return
	}
	s.accepted = map[string]bool{fingerprint: true}
	delete(s.rejected, fingerprint)
	s.since = time.Now()
	for other := range s.open {
		if other.config.Identity.Fingerprint != fingerprint {
			other.revoke()
		}
	}
}

// Queue is one data source's share in a reader and its store. It is safe for concurrent use.
type Queue struct {
	readers   *Readers
	config    Config
	closing   sync.Once
	admitting chan struct{} // holds one: the caller that tries to be admitted
	admitted  atomic.Pointer[admission]
	refusal   atomic.Pointer[error] // of the last attempt to be admitted

	// The lock of Readers guards what follows.
	own     store.Store // opened for an attempt that has not succeeded yet
	retired bool        // closed, or replaced by settings with another store
}

// Close gives the share back. The last one of an API key waits for a read that is running, and closes the reader and its store.
func (q *Queue) Close() {
	q.closing.Do(func() { q.readers.close(q) })
}

// Touch requests the queue's events. It waits until the last poll is no older than the poll interval, and returns that poll's error. The
// store can be used in spite of an error. Without further calls the queue is not read for longer than one interval.
func (q *Queue) Touch(ctx context.Context) error {
	a, err := q.admit(ctx)
	if err != nil {
		return err
	}
	return a.reader.waitForPoll(ctx)
}

// Range visits the stored events of a time range until visit returns false. A slice is valid only during the call.
func (q *Queue) Range(ctx context.Context, r auditlog.TimeRange, order cbc.Order, visit func([]store.Entry) (more bool)) error {
	a, err := q.admit(ctx)
	if err != nil {
		return err
	}
	return a.reader.store.Range(ctx, r, order, visit)
}

// Head returns the cursor after everything that the store holds.
func (q *Queue) Head(ctx context.Context) (store.Cursor, error) {
	a, err := q.admit(ctx)
	if err != nil {
		return 0, err
	}
	return a.reader.store.Head(ctx)
}

// Subscribe delivers everything that is added after a cursor, until the context ends or deliver fails: each event once, in the order of
// addition, which is the same on every replica. While somebody subscribes, the queue is read.
func (q *Queue) Subscribe(ctx context.Context, from store.Cursor, deliver func(store.Changes) error) error {
	a, err := q.admit(ctx)
	if err != nil {
		return err
	}
	subscribed, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	var checking sync.WaitGroup
	checking.Go(func() { q.keepChecking(subscribed, a) })
	defer checking.Wait()
	defer cancel()
	err = a.reader.subscribe(subscribed, from, deliver)
	if a.ctx.Err() != nil && ctx.Err() == nil {
		return q.endError()
	}
	return err
}
