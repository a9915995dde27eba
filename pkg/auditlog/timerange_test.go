package auditlog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// milliseconds draws instants around the epoch and around today.
func milliseconds() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(-20, 20), rapid.Int64Range(-1e13, 1e13))
}

// instant draws a time in one of the milliseconds around the given ones.
func instant(t *rapid.T, around ...int64) time.Time {
	ms := rapid.SampledFrom(around).Draw(t, "around") + rapid.Int64Range(-2, 2).Draw(t, "milliseconds off")
	return time.UnixMilli(ms).Add(time.Duration(rapid.SampledFrom([]int64{0, 1, 999, 500_000, 999_999}).Draw(t, "nanoseconds")))
}

// Adjacent time ranges share no instant and lose none, also before 1970 and between milliseconds.
func TestAdjacentTimeRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, middle, to := ordered(t)
		whole, older, newer := auditlog.TimeRange{From: from, To: to}, auditlog.TimeRange{From: from, To: middle}, auditlog.TimeRange{From: middle, To: to}
		at := instant(t, from, middle, to)
		parts := 0
		for _, r := range []auditlog.TimeRange{older, newer} {
			if r.Contains(at) {
				parts++
			}
		}
		inside := !at.Before(whole.Start()) && at.Before(whole.End())
		require.Equal(t, inside, whole.Contains(at))
		require.Equal(t, inside, parts == 1, "%s lies in %d of the parts of %s", at, parts, whole)
		require.LessOrEqual(t, parts, 1)
	})
}

func ordered(t *rapid.T) (from, middle, to int64) {
	from = milliseconds().Draw(t, "from")
	middle = from + rapid.Int64Range(0, 1000).Draw(t, "to the middle")
	return from, middle, middle + rapid.Int64Range(0, 1000).Draw(t, "to the end")
}

func TestHalves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := milliseconds().Draw(t, "from")
		r := auditlog.TimeRange{From: from, To: from + rapid.Int64Range(2, 1e12).Draw(t, "length")}
		older, newer := r.Halves()
		require.NoError(t, older.Validate())
		require.NoError(t, newer.Validate())
		require.Equal(t, []int64{r.From, older.To, r.To}, []int64{older.From, newer.From, newer.To})
		require.InDelta(t, older.Duration(), newer.Duration(), float64(time.Millisecond))
		require.Equal(t, r.Duration(), older.Duration()+newer.Duration())
	})
}

func TestTimeRangeValidate(t *testing.T) {
	require.NoError(t, auditlog.TimeRange{From: -1, To: 0}.Validate())
	require.EqualError(t, auditlog.TimeRange{From: 5, To: 5}.Validate(),
		"the time range is empty: it starts and ends at 1970-01-01T00:00:00.005Z")
	require.EqualError(t, auditlog.TimeRange{From: 0, To: -1}.Validate(),
		"the time range is inverted: it starts at 1970-01-01T00:00:00.000Z and ends before that, at 1969-12-31T23:59:59.999Z")
}

func TestNewTimeRange(t *testing.T) {
	auckland := time.FixedZone("Pacific/Auckland", 13*3600)
	r := auditlog.NewTimeRange(time.Date(2024, 3, 1, 13, 0, 0, 1_999_999, auckland), time.Unix(0, -1))
	require.Equal(t, auditlog.TimeRange{From: 1709251200001, To: -1}, r)
	require.Equal(t, time.Date(2024, 3, 1, 0, 0, 0, 1_000_000, time.UTC), r.Start())
	require.Equal(t, time.Date(1969, 12, 31, 23, 59, 59, 999_000_000, time.UTC), r.End())
	require.Equal(t, "2024-03-01T00:00:00.001Z to 1969-12-31T23:59:59.999Z", r.String())
}
