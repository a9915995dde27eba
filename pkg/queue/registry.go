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

// Source takes batches out of the queue.
type Source interface {
	Queue(ctx context.Context) (cbc.Batch, error)
}

// Searcher asks Carbon Black Cloud's search, which forgets nothing.
type Searcher interface {
	// SearchAll visits every event of a time range, in batches that hold every event of each of their milliseconds. Without an error
	// the whole range was read, as it is now: nothing was cut or taken from an answer that is no longer true.
	SearchAll(ctx context.Context, w auditlog.TimeRange, visit func([]auditlog.Event) error) error
}

// Prover shows whether a data source holds the secret of the API key that it names.
type Prover interface {
	// AcceptedAt is when the last request was sent that was signed with the data source's secret and that Carbon Black Cloud has
	// answered; zero: none was.
	AcceptedAt() time.Time
	// Verify sends such a request. Its error says why the secret is not proved.
	Verify(ctx context.Context) error
}

// StoreSettings opens a store for an API key. Stores of the same name are the same one.
type StoreSettings struct {
	Name   string
	Shared bool // among processes, and so it knows secrets that Carbon Black Cloud has accepted elsewhere
	Open   func(cbc.APIKey) (store.Store, error)
}

// Config describes the queue of a data source.
type Config struct {
	Identity   cbc.Identity
	Owner      string // the data source, whatever its settings: the next Config of the same owner replaces this one
	Source     Source
	Searcher   Searcher
	Prover     Prover                   // nil: the secret needs no proof
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
	DefaultLookback   = 3*24*time.Hour + time.Hour // a panel of three days that asks first finds all of them
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

// quiet is how long nothing may be heard of a leader that reads the queue.
func (c Config) quiet() time.Duration { return 2*c.Poll + storeTime }

func (c Config) secret() store.Secret {
	return store.Secret{Fingerprint: c.Identity.Fingerprint, Derive: c.Derive}
}

func (c Config) policy() store.Policy {
	return store.Policy{Late: c.Late.Milliseconds(), Lookback: c.Lookback.Milliseconds()}
}

// Readers are the readers of a process: one per API key, however many data sources use it. A data source takes part once its secret
// is proved; see [Queue.admit].
type Readers struct {
	mu    sync.Mutex
	byKey map[cbc.APIKey]*slot
}

// slot is what a process keeps for one API key. The lock of Readers guards it.
type slot struct {
	open     map[*Queue]bool // every data source with this key, admitted or not
	reader   *reader         // nil until the first data source is admitted
	accepted map[string]bool // fingerprints of the secrets that Carbon Black Cloud accepted and has not rejected since
	rejected map[string]bool // fingerprints of those that it accepted once and has rejected since
	since    time.Time       // when accepted last changed: proofs from before do not count any more
}

// process are the readers of this process. Grafana replaces a data source's instance at will and lets the old one live on for
// a while: both must share.
var process Readers

// Open returns the process's queue of an API key for a data source. It must be closed. It sends nothing, starts nothing, and shows
// nothing that another data source has filled until the secret is proved. The error is one of the store's settings.
func Open(c Config) (*Queue, error) { return process.Open(c) }

// Open is the same among the readers of p.
func (p *Readers) Open(c Config) (*Queue, error) {
	q := &Queue{readers: p, config: c.withDefaults(), admitting: make(chan struct{}, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := c.Identity.APIKey
	s := p.byKey[key]
	if s == nil {
		s = &slot{open: map[*Queue]bool{}, accepted: map[string]bool{}, rejected: map[string]bool{}}
	}
	if _, err := s.ledgerFor(q); err != nil {
		return nil, err
	}
	if p.byKey == nil {
		p.byKey = map[cbc.APIKey]*slot{}
	}
	p.byKey[key] = s
	s.open[q] = true
	return q, nil
}

// close takes a queue out. With the last data source of an API key its reader ends. A reader without admitted data sources is kept
// as long as one waits for its admission: Grafana disposes an old instance before the new one is asked for events.
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
		ended.end()
	}
}

// report takes a poll into account that was made with a data source's secret.
func (p *Readers) report(q *Queue, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.byKey[q.config.Identity.APIKey]
	switch {
	case s == nil || !s.open[q]:
	case err == nil:
		s.accept(q)
	case rejected(err) && s.accepted[q.config.Identity.Fingerprint]: // the word on a secret that never worked is no news
		delete(s.accepted, q.config.Identity.Fingerprint)
		s.rejected[q.config.Identity.Fingerprint] = true
		s.since = time.Now()
	}
}

// accept notes that Carbon Black Cloud has accepted a data source's secret. A secret that is accepted for the first time has replaced
// those before it: whoever still uses one of them must prove it anew.
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
			other.expel()
		}
	}
}

// Queue is one data source's share in a reader and its store. It is safe for concurrent use.
type Queue struct {
	readers   *Readers
	config    Config
	closing   sync.Once
	admitting chan struct{} // taken by the one caller who sees to the admission
	admitted  atomic.Pointer[admission]
	refusal   atomic.Pointer[error] // of the last try to be admitted

	// The lock of Readers guards what follows.
	own     store.Store // opened for an admission that has not succeeded yet
	retired bool        // closed, or replaced by settings with another store
}

// Close gives the share back. The last one waits for a read that is under way, and ends the reader and its store.
func (q *Queue) Close() {
	q.closing.Do(func() { q.readers.close(q) })
}

// Touch says that somebody wants to see the queue's events. It returns when the last read is no older than the poll interval,
// with what that read failed with; what the store holds can be used all the same. Between two touches nothing is read for
// longer than an interval.
func (q *Queue) Touch(ctx context.Context) error {
	a, err := q.admit(ctx)
	if err != nil {
		return err
	}
	return a.reader.touch(ctx)
}

// Range visits the events of a time range, from what the store holds, until visit wants no more. A slice is valid during the call
// only.
func (q *Queue) Range(ctx context.Context, w auditlog.TimeRange, order cbc.Order, visit func([]store.Entry) (more bool)) error {
	a, err := q.admit(ctx)
	if err != nil {
		return err
	}
	return a.reader.store.Range(ctx, w, order, visit)
}

// Head is the cursor behind everything that the store holds.
func (q *Queue) Head(ctx context.Context) (store.Cursor, error) {
	a, err := q.admit(ctx)
	if err != nil {
		return 0, err
	}
	return a.reader.store.Head(ctx)
}

// Subscribe hands over everything that is added behind a cursor, each event once and in the order of addition, which is the same
// on every replica, until the context ends or deliver fails. As long as somebody subscribes, the queue is read.
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
