package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

const (
	benchBatch = 2500      // what one read of the queue gives
	benchSize  = 1_000_000 // a store that has been in use
)

// benchEvents are events of a day, the n-th thousandth part of it.
func benchEvents(n, count int) []auditlog.Event {
	list := make([]auditlog.Event, count)
	start := base.Add(-23 * time.Hour).Add(time.Duration(n) * 24 * time.Hour / (benchSize / benchBatch))
	for i := range list {
		list[i] = auditlog.Event{
			CreateTime: start.Add(time.Duration(i) * 34 * time.Millisecond), OrgKey: "ABCD1234", Actor: fmt.Sprint("user", i%500, "@example.com"), ActorIP: fmt.Sprint("192.0.2.", i%250),
			Description: fmt.Sprint("Policy Standard (ID: ", n*count+i, ") was modified"), RequestURL: "/integrationServices/v3/policy/",
		}
	}
	return list
}

// BenchmarkAdd stores batches of the queue that are new, and reports events a second. PostgreSQL writes each to the disk.
func BenchmarkAdd(b *testing.B) {
	for name, open := range durable {
		b.Run(name, func(b *testing.B) {
			store := open(b)
			n := 0
			for b.Loop() {
				b.StopTimer()
				batch := benchEvents(n, benchBatch)
				b.StartTimer()
				added, err := store.Add(context.Background(), Addition{ID: fmt.Sprint(n), Origin: FromQueue, Events: batch})
				require.NoError(b, err)
				require.Equal(b, benchBatch, added.New)
				n++
			}
			b.ReportMetric(float64(n*benchBatch)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// durable are the stores as they are in production.
var durable = map[string]func(b *testing.B) Store{
	"memory": func(*testing.B) Store { return NewMemory(MemoryConfig{}) },
	"postgres": func(b *testing.B) Store {
		database := pgtest.New(b)
		database.Durable(b)
		store, err := NewPostgres(PostgresConfig{DSN: database.DSN}, cbc.APIKey{URL: "h"})
		require.NoError(b, err)
		b.Cleanup(store.Close)
		return store
	},
}

// BenchmarkRange reads from a store of 1,000,000 events: the newest 500, the last hour, and a count by actor over 24 hours.
func BenchmarkRange(b *testing.B) {
	for name, open := range stores {
		b.Run(name, func(b *testing.B) {
			store := open(b)()
			if m, ok := store.(*memory); ok {
				m.config.Bytes = 1 << 30 // the default holds some 600,000 of these events
			}
			for n := range benchSize / benchBatch {
				add(b, store, fmt.Sprint(n), FromQueue, benchEvents(n, benchBatch)...)
			}
			end := base.Add(2 * time.Hour)
			b.Run("newest500", func(b *testing.B) {
				benchRange(b, store, auditlog.NewTimeRange(end.Add(-25*time.Hour), end), 500)
			})
			b.Run("hour", func(b *testing.B) {
				benchRange(b, store, auditlog.NewTimeRange(base, base.Add(time.Hour)), 0)
			})
			b.Run("day", func(b *testing.B) {
				benchRange(b, store, auditlog.NewTimeRange(end.Add(-25*time.Hour), end), 0)
			})
		})
	}
}

func benchRange(b *testing.B, store Store, w auditlog.TimeRange, limit int) {
	read := 0
	for b.Loop() {
		actors := map[string]int{}
		read = 0
		require.NoError(b, store.Range(context.Background(), w, cbc.NewestFirst, func(entries []Entry) bool {
			for _, e := range entries {
				actors[e.Event.Actor]++
			}
			read += len(entries)
			return limit == 0 || read < limit
		}))
	}
	b.ReportMetric(float64(read), "events")
}
