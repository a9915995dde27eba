package queue

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

// durable are the stores as they are in production.
var durable = map[string]func(b *testing.B) store.Store{
	"memory": func(*testing.B) store.Store { return store.NewMemory(store.MemoryConfig{}) },
	"postgres": func(b *testing.B) store.Store {
		database := pgtest.New(b)
		database.Durable(b)
		backing, err := store.NewPostgres(store.PostgresConfig{DSN: database.DSN}, cbc.APIKey{URL: "h"})
		require.NoError(b, err)
		b.Cleanup(backing.Close)
		return backing
	},
}

// feed is a queue that gives what was put into it.
type feed struct{ events chan auditlog.Event }

func (f feed) Queue(context.Context) (cbc.Batch, error) {
	var batch cbc.Batch
	for {
		select {
		case e := <-f.events:
			batch.Events = append(batch.Events, e)
		default:
			return batch, nil
		}
	}
}

// tailPoll is the interval of the reads that a tail's delay is measured with.
const tailPoll = time.Second

// BenchmarkTail measures how long after it is in the queue an event is at the subscriber: the longest of all, an event a tenth of
// a second, so that they come at every moment of an interval.
func BenchmarkTail(b *testing.B) {
	for name, open := range durable {
		b.Run(name, func(b *testing.B) {
			backing := open(b)
			source := feed{make(chan auditlog.Event, 1000)}
			q, err := new(Readers).Open(Config{
				Source: source, Searcher: nothingFound{}, Store: StoreSettings{Open: func(cbc.APIKey) (store.Store, error) { return backing, nil }}, Poll: tailPoll, Late: time.Minute,
			})
			require.NoError(b, err)
			defer q.Close()
			require.NoError(b, q.Touch(context.Background()))
			ctx, cancel := context.WithCancel(context.Background())
			got := make(chan time.Duration, 1000)
			var tailing sync.WaitGroup
			tailing.Go(func() {
				_ = q.Subscribe(ctx, 0, func(c store.Changes) error {
					for _, e := range c.Entries {
						got <- time.Since(e.Event.CreateTime)
					}
					return nil
				})
			})
			longest, n := time.Duration(0), 0
			for b.Loop() {
				source.events <- auditlog.Event{CreateTime: time.Now(), Description: fmt.Sprint(n)}
				n++
				time.Sleep(tailPoll / 10) // the moment is what is measured
			}
			for range n {
				longest = max(longest, <-got)
			}
			cancel()
			tailing.Wait()
			b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")
		})
	}
}
