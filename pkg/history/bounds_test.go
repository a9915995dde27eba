package history

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func TestBounds(t *testing.T) {
	const second = int64(1_700_000_000_000)
	format := func(at time.Time) string { return at.UTC().Format("05.000000") }
	for name, test := range map[string]struct {
		bounds     bounds
		from, to   int64 // after second
		start, end string
	}{
		"wide, whole seconds":        {Wide, 0, 1000, "19.999999", "21.000000"},
		"wide, rounded up":           {Wide, 500, 1001, "20.499999", "22.000000"},
		"closest":                    {closest, 500, 1001, "20.499999", "21.001000"},
		"narrow":                     {Narrow, 500, 1001, "20.499999", "21.000999"},
		"narrow, one millisecond":    {Narrow, 0, 1, "19.999999", "20.000999"},
		"coarse times need narrow":   {boundsFor(true), 0, 1000, "19.999999", "20.999999"},
		"fine times are trimmed":     {boundsFor(false), 1, 999, "20.000999", "21.000000"},
		"wide at the start of 1 sec": {Wide, 1000, 1001, "20.999999", "22.000000"},
	} {
		t.Run(name, func(t *testing.T) {
			start, end := test.bounds(auditlog.TimeRange{From: second + test.from, To: second + test.to})
			require.Equal(t, test.start, format(start))
			require.Equal(t, test.end, format(end))
		})
	}
}

// Wide bounds hold every event of the range on any server: bounds inclusive or exclusive, and rounded down to milliseconds or seconds.
func TestWideBoundsHoldTheRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int64Range(-1<<40, 1<<42).Draw(t, "from")
		r := auditlog.TimeRange{From: from, To: from + rapid.Int64Range(1, 1<<32).Draw(t, "length")}
		event := time.UnixMilli(rapid.Int64Range(r.From, r.To-1).Draw(t, "ms")).Add(time.Duration(rapid.IntRange(0, 999_999).Draw(t, "ns")))
		precision := rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Second}).Draw(t, "precision")
		start, end := Wide(r)
		start, end = roundDown(start, precision), roundDown(end, precision)
		require.True(t, start.Before(event), "even if the start is exclusive")
		require.True(t, end.After(event), "even if the end is exclusive")
		startExact, endExact := Narrow(r)
		require.True(t, startExact.Before(r.Start()) && endExact.Before(r.End()))
	})
}

// roundDown rounds towards the past, also before 1970.
func roundDown(t time.Time, d time.Duration) time.Time {
	n := t.UnixNano()
	return time.Unix(0, n-((n%int64(d))+int64(d))%int64(d))
}

func TestStartRounding(t *testing.T) {
	for _, test := range []struct {
		length time.Duration
		want   int64
	}{{time.Second, 1000}, {time.Hour - 1, 1000}, {time.Hour, 10_000}, {24 * time.Hour, 10_000}} {
		require.Equal(t, test.want, startRounding(auditlog.NewTimeRange(origin, origin.Add(test.length))), test.length)
	}
}

func TestCheckRange(t *testing.T) {
	sample := func(ms ...int64) (events []auditlog.Event) {
		for _, at := range ms {
			events = append(events, auditlog.Event{CreateTime: time.UnixMilli(at)})
		}
		return events
	}
	for name, test := range map[string]struct {
		sample []auditlog.Event
		want   auditlog.TimeRange
		events int
	}{
		"too few":                       {sample(5, 10), auditlog.TimeRange{}, 0},
		"newest first":                  {sample(30, 20, 10), auditlog.TimeRange{From: 21, To: 31}, 1},
		"equal times":                   {sample(30, 30, 20, 20, 10), auditlog.TimeRange{From: 21, To: 31}, 2},
		"all in the first millisecond":  {sample(10, 10, 10), auditlog.TimeRange{}, 0},
		"bounds would be whole seconds": {sample(40, 30, 999, 10), auditlog.TimeRange{From: 31, To: 41}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r, events := checkRange(test.sample)
			require.Equal(t, test.want, r)
			require.Len(t, events, test.events)
		})
	}
}
