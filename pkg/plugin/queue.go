package plugin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/queue"
)

// openQueue opens the queue of the data source's API key. It sends nothing: the queue is read when somebody asks for it.
func openQueue(s settings, client *cbc.Client) (*queue.Queue, error) {
	store := queue.Store{Name: "memory", Open: func(queue.Key) (queue.Ledger, error) { return queue.NewMemory(queue.MemoryConfig{}), nil }}
	if s.store == "postgres" {
		if s.storeDSN == "" {
			return nil, errors.New("storeDsn is missing: store postgres needs the address of a database, such as postgres://user:password@host/name")
		}
		store = queue.Store{Name: "postgres " + s.storeDSN, Open: func(k queue.Key) (queue.Ledger, error) {
			return queue.NewPostgres(queue.PostgresConfig{DSN: s.storeDSN}, k)
		}}
	}
	return queue.Open(queue.Config{
		Key:      queue.Key{Host: strings.ToLower(s.url), OrgKey: s.orgKey, APIID: s.apiID},
		Source:   background{client},
		Searcher: background{client},
		Store:    store,
		Poll:     s.queuePoll,
		Late:     max(s.settle, time.Minute),
	})
}

// background asks Carbon Black Cloud for the ledger's sake.
type background struct{ client *cbc.Client }

// Queue takes one batch. Panels and alert rules wait for it, so it does not queue up behind what nobody waits for.
func (b background) Queue(ctx context.Context) (cbc.Batch, error) {
	return b.client.Queue(cbc.WithLane(ctx, cbc.LanePanel))
}

// SearchAll visits every event of a window, asked for anew.
func (b background) SearchAll(ctx context.Context, w auditlog.Window, visit func([]auditlog.Event) error) error {
	var failed error
	var cost history.Cost
	past := history.New(history.Config{Searcher: b.client, Settle: time.Minute})
	question := history.Question{Window: w, Order: cbc.OldestFirst, Max: math.MaxInt}
	coverage, err := past.Scan(cbc.WithLane(ctx, cbc.LaneBackground), question, &cost, func(batch history.Batch) bool {
		events := make([]auditlog.Event, 0, batch.Len())
		for e := range batch.All() {
			events = append(events, *e)
		}
		failed = visit(events)
		return failed == nil
	})
	switch {
	case failed != nil:
		return failed
	case err != nil:
		return err
	case !coverage.Complete || !coverage.Stale.IsZero():
		return fmt.Errorf("the search of %s is not complete", w)
	}
	return nil
}
