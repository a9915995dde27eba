package answer_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

// The store that panels are measured on: events of a day, with as many actors as a large organization has administrators.
const (
	benchEvents = 1_000_000
	benchBatch  = 2500
	benchActors = 500
)

// noQueue is a queue that is empty, and a search that finds nothing.
type noQueue struct{}

func (noQueue) Queue(context.Context) (cbc.Batch, error) { return cbc.Batch{}, nil }

func (noQueue) SearchAll(context.Context, auditlog.TimeRange, func([]auditlog.Event) error) error {
	return nil
}

// BenchmarkQueuePanel answers panels from a store of 1,000,000 events of the last 24 hours, frames included.
func BenchmarkQueuePanel(b *testing.B) {
	for name, open := range map[string]func() (store.Store, error){
		"memory": func() (store.Store, error) { return store.NewMemory(store.MemoryConfig{Bytes: 1 << 30}), nil }, // the default holds some 600,000 of them
		"postgres": func() (store.Store, error) {
			return store.NewPostgres(store.PostgresConfig{DSN: pgtest.New(b).DSN}, cbc.APIKey{URL: "h"})
		},
	} {
		b.Run(name, func(b *testing.B) {
			backing, err := open()
			require.NoError(b, err)
			end := time.Now().Truncate(time.Millisecond)
			fill(b, backing, end.Add(-24*time.Hour))
			q, err := new(queue.Readers).Open(queue.Config{
				Source: noQueue{}, Searcher: noQueue{}, Store: queue.StoreSettings{Open: func(cbc.APIKey) (store.Store, error) { return backing, nil }}, Late: time.Minute,
			})
			require.NoError(b, err)
			defer q.Close()
			const anHour = benchEvents / 24
			b.Run("newest500", func(b *testing.B) {
				rows := benchPanel(b, q, `{"source":"queue","format":"table"}`, auditlog.NewTimeRange(end.Add(-24*time.Hour), end))
				require.Equal(b, 500, rows)
			})
			b.Run("hour", func(b *testing.B) {
				rows := benchPanel(b, q, `{"source":"queue","format":"table","limit":100000}`, auditlog.NewTimeRange(end.Add(-time.Hour), end))
				require.InDelta(b, anHour, rows, anHour/100)
			})
			b.Run("day", func(b *testing.B) {
				rows := benchPanel(b, q, `{"source":"queue","queryType":"top","groupBy":["actor"],"limit":1000}`, auditlog.NewTimeRange(end.Add(-24*time.Hour), end))
				require.Equal(b, benchActors, rows)
			})
		})
	}
}

// fill adds the events of a day.
func fill(b *testing.B, backing store.Store, start time.Time) {
	b.Helper()
	const apart = 24 * time.Hour / benchEvents
	for n := 0; n < benchEvents; n += benchBatch {
		batch := make([]auditlog.Event, benchBatch)
		for i := range batch {
			batch[i] = auditlog.Event{
				CreateTime: start.Add(time.Duration(n+i) * apart).UTC(), OrgKey: "ABCD1234", Actor: fmt.Sprint("user", (n+i)%benchActors, "@example.com"),
				ActorIP: fmt.Sprint("192.0.2.", i%250), Description: fmt.Sprint("Policy Standard (ID: ", n+i, ") was modified"), RequestURL: "/integrationServices/v3/policy/",
			}
		}
		_, err := backing.Add(context.Background(), store.Addition{ID: fmt.Sprint(n), Events: batch})
		require.NoError(b, err)
	}
}

// benchPanel answers a query and returns the rows of its frame.
func benchPanel(b *testing.B, q *queue.Queue, text string, w auditlog.TimeRange) (rows int) {
	classifier := catalog.Default()
	query, err := query.Parse([]byte(text), classifier, 100_000)
	require.NoError(b, err)
	p := &answer.Answerer{History: history.New(history.Config{}), Classifier: classifier, Queue: q, MaxEvents: 100_000}
	for b.Loop() {
		frames, err := p.Answer(context.Background(), answer.Request{Query: query, Range: w})
		require.NoError(b, err)
		rows = frames[0].Rows()
	}
	return rows
}
