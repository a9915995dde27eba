package store

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

var archived = flag.Int("archived", 1_000_000, "events in the archive of the benchmark")

// BenchmarkArchive answers from an archive of 100 days, from blocks and, for comparison, from rows, and reports how many bytes of the disk
// an event takes.
func BenchmarkArchive(b *testing.B) {
	database := pgtest.New(b)
	a := newArchive(b, database.DSN, archiveKey)
	l := leadArchive(b, a)
	end := archiveStart
	began := time.Now()
	for n := range 100 {
		w := auditlog.NewTimeRange(end.AddDate(0, 0, -n-1), end.AddDate(0, 0, -n))
		_, err := l.Add(context.Background(), Fill{Range: w, Events: archiveDay(w, *archived/100), Catalog: "1", Class: classByPrefix("1")})
		require.NoError(b, err)
	}
	b.Logf("filled in %s", time.Since(began))
	var bytes int64
	require.NoError(b, a.pool.QueryRow(context.Background(), `select pg_total_relation_size('cbc_audit_block') + sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = 'cbc_audit_archived'::regclass`).Scan(&bytes))
	all, edges := auditlog.NewTimeRange(end.AddDate(0, 0, -100), end), make([]int64, 60)
	for i := range edges {
		edges[i] = all.From + (all.To-all.From)*int64(i)/60
	}
	groupings := map[string]Grouping{
		"countByActor":     {Keys: []auditlog.Key{auditlog.KeyActor}},
		"topByAddress":     {Keys: []auditlog.Key{auditlog.KeyAddress}},
		"seriesByCategory": {Keys: []auditlog.Key{auditlog.KeyCategory}, Edges: edges},
	}
	group := func(from string) {
		for name, g := range groupings {
			b.Run(name+"/"+from, func(b *testing.B) {
				g.Range, g.Catalog = all, "1"
				for b.Loop() {
					var sum int64
					_, err := a.Group(context.Background(), g, func(group Grouped) { sum += group.Count }, nil)
					require.NoError(b, err)
					require.EqualValues(b, *archived, sum)
				}
				b.ReportMetric(float64(bytes)/float64(*archived), "bytes/event")
			})
		}
	}
	group("blocks")
	b.Run("newest500", func(b *testing.B) {
		for b.Loop() {
			n := 0
			require.NoError(b, a.Read(context.Background(), auditlog.Filter{}, all, cbc.NewestFirst, func(events []*auditlog.Event) bool {
				n += len(events)
				return n < 500
			}))
		}
	})
	execute(b, database.DSN, `update cbc_audit_archive set state = (state::jsonb - 'blocks')::text`)
	group("rows")
}

func archiveDay(w auditlog.TimeRange, n int) []auditlog.Event {
	list := make([]auditlog.Event, n)
	for i := range list {
		list[i] = auditlog.Event{
			CreateTime: w.Start().Add(time.Duration(i) * w.Duration() / time.Duration(n)), OrgKey: "ABCD1234", Actor: fmt.Sprint("user", i%500, "@example.com"),
			ActorIP: fmt.Sprint("192.0.2.", i%250), Description: fmt.Sprintf("%c Policy Standard (ID: %d) was modified", 'a'+i%15, i), RequestURL: "/integrationServices/v3/policy/",
		}
	}
	return list
}
