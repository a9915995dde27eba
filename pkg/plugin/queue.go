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

// verifierIterations make each guess at a secret cost some ten milliseconds for somebody who has read the database. An API secret is long
// and random, so guessing is hopeless anyway.
const verifierIterations = 100_000

// verifierOf derives what a database may store of an API secret.
func verifierOf(secret string) func(salt []byte) []byte {
	return func(salt []byte) []byte {
		derived, err := pbkdf2.Key(sha256.New, secret, salt, verifierIterations, sha256.Size)
		if err != nil { // only for a length that cannot be had
			return nil
		}
		return derived
	}
}

// background sends the requests of the queue's store and of the archive. Their cost is shown to everybody with the same API key.
type background struct {
	client *cbc.Client
	origin ratelimit.Origin
}

// Queue reads one batch, with the reader's priority.
func (b background) Queue(ctx context.Context) (cbc.Batch, error) {
	return b.client.Queue(ratelimit.WithOrigin(ctx, b.origin))
}

// Search sends one search of the archive, after all other requests.
func (b background) Search(ctx context.Context, r cbc.SearchRequest) (cbc.Page, error) {
	return b.client.Search(ratelimit.WithLane(ratelimit.WithOrigin(ctx, b.origin), ratelimit.LaneBackground), r)
}

// SearchAll searches every event of a time range anew, with the reader's priority.
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
