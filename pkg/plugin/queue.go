package plugin

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
	"carbonblack-auditlog-datasource/pkg/store"
)

// openQueue opens the queue of the data source's credential. It sends nothing: the queue is read when somebody needs its events.
func openQueue(s settings, id cbc.Identity, owner, secret string, client *cbc.Client) (*queue.Queue, error) {
	store, err := queueStore(s)
	if err != nil {
		return nil, err
	}
	cloud := background{client, ratelimit.Origin{Tenant: ratelimit.Tenant{Identity: id}}}
	return queue.Open(queue.Config{
		Identity: id,
		Owner:    owner,
		Source:   cloud,
		Searcher: cloud,
		Prover:   client,
		Derive:   verifierOf(secret),
		Store:    store,
		Poll:     s.queuePoll,
		Late:     max(s.settle, time.Minute),
	})
}

func queueStore(s settings) (queue.StoreSettings, error) {
	if s.store != "postgres" {
		return queue.StoreSettings{Name: "memory", Open: func(cbc.APIKey) (store.Store, error) { return store.NewMemory(store.MemoryConfig{}), nil }}, nil
	}
	if s.storeDSN == "" {
		return queue.StoreSettings{}, errors.New("storeDsn is missing: store postgres needs the address of a database, such as postgres://user:password@host/name")
	}
	return queue.StoreSettings{Name: "postgres " + s.storeDSN, Shared: true, Open: func(key cbc.APIKey) (store.Store, error) {
		return store.NewPostgres(store.PostgresConfig{DSN: s.storeDSN}, key)
	}}, nil
}

// verifierIterations make a guess at a secret cost some ten milliseconds for whoever has read the database. An API secret is long and
// random, so that guesses are hopeless anyway.
const verifierIterations = 100_000

// verifierOf derives what a database may keep of an API secret.
func verifierOf(secret string) func(salt []byte) []byte {
	return func(salt []byte) []byte {
		derived, err := pbkdf2.Key(sha256.New, secret, salt, verifierIterations, sha256.Size)
		if err != nil { // only for a length that cannot be had
			return nil
		}
		return derived
	}
}

// background asks Carbon Black Cloud for the ledger's sake. What it spends is shown to everybody with the same API key.
type background struct {
	client *cbc.Client
	origin ratelimit.Origin
}

// Queue takes one batch. The reader says how urgent it is.
func (b background) Queue(ctx context.Context) (cbc.Batch, error) {
	return b.client.Queue(ratelimit.WithOrigin(ctx, b.origin))
}

// SearchAll visits every event of a window, asked for anew. The reader says how urgent it is.
func (b background) SearchAll(ctx context.Context, w auditlog.TimeRange, visit func([]auditlog.Event) error) error {
	var coverage history.Coverage
	var cost history.Cost
	past := history.New(history.Config{Searcher: b.client, Settle: time.Minute})
	question := history.Question{Range: w, Order: cbc.OldestFirst, MaxEvents: math.MaxInt}
	ctx = ratelimit.WithOrigin(ctx, b.origin)
	for batch, err := range past.Read(ctx, question, &coverage, &cost) {
		if err != nil {
			return err
		}
		var events []auditlog.Event
		for e := range batch {
			events = append(events, *e)
		}
		if err := visit(events); err != nil {
			return err
		}
	}
	if !coverage.Complete || !coverage.StaleSince.IsZero() { // another search would meet the same bad records
		return fmt.Errorf("the search of %s is not complete", w)
	}
	return nil
}

// queueStatus is what GET status says of the queue. Times are milliseconds since 1970; null is never.
type queueStatus struct {
	Store string `json:"store"`
	// Leader is "here" or "elsewhere", as far as this process knows, and null where nobody asks for the queue's events.
	Leader   *string   `json:"leader"`
	LastPoll *lastPoll `json:"lastPoll"` // of this process
	From     *int64    `json:"from"`
	Since    *int64    `json:"since"`
	Drained  *int64    `json:"drained"`
	Gaps     []openGap `json:"gaps"`
	// SecondConsumer is null as long as no audit has found one.
	SecondConsumer *secondConsumer `json:"secondConsumer"`
	Events         *int64          `json:"events"`
	Bytes          *int64          `json:"bytes"`
	Error          *string         `json:"error"` // what the ledger cannot be read for
}

type lastPoll struct {
	Begun  int64   `json:"begun"`
	Ended  int64   `json:"ended"`
	Events int     `json:"events"`
	Error  *string `json:"error"`
}

type openGap struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

type secondConsumer struct {
	Since   int64 `json:"since"`
	Last    int64 `json:"last"`
	Missing int   `json:"missing"`
}

// statusTime is how long a status waits for the ledger.
const statusTime = 5 * time.Second

// queueStatus tells how the queue is, without reading it; nil when it is off.
func (d *Instance) queueStatus(ctx context.Context) *queueStatus {
	if d.queue == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	s, err := d.queue.Status(ctx)
	out := &queueStatus{Store: d.settings.store, Gaps: []openGap{}, LastPoll: pollStatus(s.Last)}
	switch {
	case s.Leading:
		out.Leader = some("here")
	case s.Last.Following:
		out.Leader = some("elsewhere")
	}
	var held store.Held
	if err == nil {
		held, err = d.queue.Held(ctx)
	}
	if err != nil {
		out.Error = some(err.Error())
		return out
	}
	out.From, out.Since, out.Drained = when(s.From), when(s.Since), when(s.Drained)
	for _, g := range s.Gaps {
		out.Gaps = append(out.Gaps, openGap{g.From, g.To})
	}
	if !s.LastForeignRead.IsZero() {
		out.SecondConsumer = &secondConsumer{Since: s.FirstForeignRead.UnixMilli(), Last: s.LastForeignRead.UnixMilli(), Missing: s.Missing}
	}
	out.Events = &held.Events
	if held.Bytes > 0 || held.Events == 0 {
		out.Bytes = &held.Bytes
	}
	return out
}

func pollStatus(p queue.Poll) *lastPoll {
	if p.Begun.IsZero() {
		return nil
	}
	out := &lastPoll{Begun: p.Begun.UnixMilli(), Ended: p.Ended.UnixMilli(), Events: p.Read}
	if p.Err != nil {
		out.Error = some(p.Err.Error())
	}
	return out
}

func some[T any](value T) *T { return &value }

func when(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return some(t.UnixMilli())
}
