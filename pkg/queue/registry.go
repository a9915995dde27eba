package queue

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Key is whose queue it is: Carbon Black Cloud keeps one for each API key.
type Key struct{ Host, OrgKey, APIID string }

// Source takes batches out of the queue.
type Source interface {
	Queue(ctx context.Context) (cbc.Batch, error)
}

// Searcher asks Carbon Black Cloud's search, which forgets nothing.
type Searcher interface {
	// SearchAll visits every event of a window, in batches that hold every event of each of their milliseconds. Without an error
	// the whole window was read, as it is now: nothing was cut or taken from an answer that is no longer true.
	SearchAll(ctx context.Context, w auditlog.TimeRange, visit func([]auditlog.Event) error) error
}

// Store opens a ledger for a key. Stores of the same name are the same one.
type Store struct {
	Name string
	Open func(Key) (Ledger, error)
}

// Config describes the queue of a data source.
type Config struct {
	Key        Key
	Source     Source
	Searcher   Searcher
	Store      Store
	Poll       time.Duration // the least time between two reads; 0 means a minute
	Late       time.Duration // how late an event may be found by a search, and how far Carbon Black Cloud's clock may be off
	Lookback   time.Duration // how far back an empty ledger is filled by a search; 0 means 3 days
	AuditEvery time.Duration // how often the ledger is compared with a search; 0 means 15 minutes
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
func (c Config) quiet() time.Duration { return 2*c.Poll + ledgerTime }

func (c Config) policy() policy {
	return policy{late: c.Late.Milliseconds(), lookback: c.Lookback.Milliseconds()}
}

// Readers are the readers of a process: one a key, however many data sources use it.
type Readers struct {
	mu    sync.Mutex
	byKey map[Key]*reader
}

// process are the readers of this process. Grafana replaces a data source's instance at will and lets the old one live on for
// a while: both must share.
var process Readers

// Open returns the process's queue of a key, which must be closed. It sends nothing and starts nothing. Where two data sources
// open the same key, the settings of the one that came last hold for both; when its store is another one, what was opened
// before shows the old ledger, which gets nothing new until the other one is closed.
func Open(c Config) (*Queue, error) { return process.Open(c) }

// Open is the same for readers of one's own.
func (p *Readers) Open(c Config) (*Queue, error) {
	c = c.withDefaults()
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.byKey[c.Key]
	if before == nil || before.store != c.Store.Name {
		ledger, err := c.Store.Open(c.Key)
		if err != nil {
			return nil, err
		}
		if p.byKey == nil {
			p.byKey = map[Key]*reader{}
		}
		p.byKey[c.Key] = newReader(c.Store.Name, ledger, before)
		p.byKey[c.Key].replaced = before
	}
	q := &Queue{readers: p, key: c.Key, config: c}
	q.current.Store(p.byKey[c.Key])
	q.reader().attach(q)
	return q, nil
}

// detach takes a queue from its reader and ends the reader with its last one.
func (p *Readers) detach(q *Queue) {
	p.mu.Lock()
	r := q.reader()
	last := r.detach(q)
	if last && p.byKey[q.key] == r {
		delete(p.byKey, q.key)
		p.restore(q.key, r)
	}
	for used := p.byKey[q.key]; last && used != nil; used = used.replaced {
		used.replaced = used.replaced.inUse() // what nobody uses is not kept
	}
	p.mu.Unlock()
	if last {
		r.end()
	}
}

// restore gives the key back to the data sources with another store from which a reader that has come to its end took it.
func (p *Readers) restore(key Key, ended *reader) {
	old := ended.replaced.inUse()
	if old == nil {
		return
	}
	r := newReader(old.store, old.ledger, ended)
	r.queues, r.replaced, r.away = old.queues, old.replaced, true
	for _, q := range r.queues {
		q.current.Store(r)
	}
	p.byKey[key] = r
}

// inUse is the reader itself, or else the next one before it that has data sources.
func (r *reader) inUse() *reader {
	for r != nil && r.unused {
		r = r.replaced
	}
	return r
}

// Queue is one data source's share in a reader and its ledger. It is safe for concurrent use.
type Queue struct {
	readers *Readers
	key     Key
	current atomic.Pointer[reader]
	config  Config
	closing sync.Once
}

func (q *Queue) reader() *reader { return q.current.Load() }

// Close gives the share back. The last one waits for a read that is under way, and ends the reader and its ledger.
func (q *Queue) Close() {
	q.closing.Do(func() { q.readers.detach(q) })
}

// Touch says that somebody wants to see the queue's events. It returns when the last read is no older than the poll interval,
// with what that read failed with; what the ledger holds can be used all the same. Between two touches nothing is read for
// longer than an interval.
func (q *Queue) Touch(ctx context.Context) error { return q.reader().touch(ctx) }

// Range visits the events of a window, from what the ledger holds, until visit wants no more. A slice is valid during the call only.
func (q *Queue) Range(ctx context.Context, w auditlog.TimeRange, order cbc.Order, visit func([]Entry) (more bool)) error {
	return q.reader().ledger.Range(ctx, w, order, visit)
}

// Head is the cursor behind everything that the ledger holds.
func (q *Queue) Head(ctx context.Context) (Cursor, error) { return q.reader().ledger.Head(ctx) }

// Subscribe hands over everything that is added behind a cursor, each event once and in the order of addition, which is the same
// on every replica, until the context ends or deliver fails. As long as somebody subscribes, the queue is read.
func (q *Queue) Subscribe(ctx context.Context, from Cursor, deliver func(Changes) error) error {
	return q.reader().subscribe(ctx, from, deliver)
}
