package auditlog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func TestParseTime(t *testing.T) {
	second := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-11-01T10:00:00Z":            second,
		"2026-11-01T10:00:00.000Z":        second,
		"2026-11-01T10:00:00.000+0000":    second,
		"2026-11-01T10:00:00+00:00":       second,
		"2026-11-01T10:00:00+00":          second,
		"2026-11-01T10:00:00-0000":        second,
		"2026-11-01T15:30:00+0530":        second,
		"2026-11-01T05:00:00.000-05":      second,
		"2026-11-01T05:00:00.000\u221205": second,
		"2026-11-01T10:00:00":             second,
		"2026-11-01T10:00:00,000Z":        second,
		"2026-11-01T10:00:00,25Z":         second.Add(250 * time.Millisecond),
		"2026-11-01T10:00:00.123456789Z":  second.Add(123456789),
		"2026-11-01 10:00:00Z":            second,
		"2026-11-01 10:00:00.000 +0000":   second,
		"2026-11-01t10:00:00z":            second,
		"2026-11-01T10:00Z":               second,
		"2026-11-01T10:00+0000":           second,
		"2026-11-01T10:00":                second,
		"20261101T100000Z":                second,
		"20261101T100000.500Z":            second.Add(500 * time.Millisecond),
		"20261101T120000+0200":            second,
		"20261101T1000Z":                  second,
		"2026-10-31T24:00:00Z":            second.Add(-10 * time.Hour),
		"2026-10-31T24:00:00.000+00:00":   second.Add(-10 * time.Hour),
		"2016-12-31T23:59:60Z":            time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC),
		"0001-01-01T00:00:00Z":            {},
		"9999-12-31T23:59:59Z":            time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		got, err := auditlog.ParseTime(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		require.Equal(t, time.UTC, got.Location(), text)
	}
}

func TestParseTimeRejects(t *testing.T) {
	for _, text := range []string{
		"", " ", "yesterday", "2026-11-01", "20261101", "10:00:00Z", "1793527200000", "2026-02-30T00:00:00Z", "2026-11-01T25:00:00Z",
		"2026-11-01T24:00:01Z", "2026-11-01T24:30:00Z", "2026-11-01T10:60:00Z", "2026-11-01T10:00:61Z", "2026-11-01T10:00:60Z", "2026-11-01T10:00:00Zz",
		"2026-11-01T10:00:00+", "2026-11-01T10:00:00.Z", "2026-13-01T10:00:00Z", "26-11-01T10:00:00Z", "2026-11-01TT10:00:00Z",
		"9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+01:00", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-W44-7T10:00:00Z",
		strings.Repeat("2", 1<<20), "2026-10-31T24:00" + strings.Repeat("0", 1<<20),
	} {
		_, err := auditlog.ParseTime(text)
		require.ErrorIs(t, err, auditlog.ErrTime, "%.40q", text)
	}
}

// Whatever is written of a time is read as the same time, in each form that has the digits.
func TestParseTimeReadsWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "minutes"))
		want := time.Unix(rapid.Int64Range(-1e10, 2e11).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond"))
		layout := rapid.SampledFrom([]string{
			"2006-01-02T15:04:05.000000000Z07:00", "2006-01-02T15:04:05.000000000Z0700", "2006-01-02 15:04:05.000000000-0700",
			"2006-01-02t15:04:05,000000000-07:00", "20060102T150405.000000000Z0700",
		}).Draw(t, "layout")
		got, err := auditlog.ParseTime(want.In(zone).Format(layout))
		require.NoError(t, err)
		require.True(t, got.Equal(want), "%s, not %s", got, want)
	})
}
