package bench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStoreBounds(t *testing.T) {
	one := func(name, unit string, got float64) benchmark { return benchmark{name, map[string]float64{unit: got}} }
	f := storeFigures{
		write: []benchmark{one("Add/memory", "events/s", 50_000), one("Add/postgres", "events/s", 19_000)},
		panels: []benchmark{
			one("QueuePanel/memory/hour", "ns/op", 5e8), one("QueuePanel/memory/day", "ns/op", 5.1e8),
			one("QueuePanel/postgres/hour", "ns/op", 1e8), one("QueuePanel/postgres/day", "ns/op", 3e9),
		},
		tail: []benchmark{one("Tail/memory", "longest-ms", 1100), one("Tail/postgres", "longest-ms", 1101)},
	}
	var verdicts []string
	for _, b := range f.bounds() {
		verdicts = append(verdicts, b.verdict())
	}
	require.Equal(t, []string{"PASS", "PASS", "SLOW", "PASS", "SLOW", "PASS", "PASS", "SLOW"}, verdicts)
	require.Equal(t, []string{"writing, events a second", "50,000", "19,000"}, f.table().rows[0])
	for _, b := range (storeFigures{}).bounds() {
		require.NotEqual(t, "PASS", b.verdict(), "%s was not measured", b.name)
	}
}
