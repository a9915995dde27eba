package auditlog

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzParseTime makes sure that what is read as a time can be written, and is read the same again.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{
		"2024-04-17T19:18:37.480Z", "2024-04-17 19:18:37,480 +02:00", "20240417T191837Z", "2024-04-17T24:00:00Z", "2016-12-31T23:59:60Z", "2024-04-17",
		"0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T24:00", "2024-02-30T00:00:00Z", "", "T24:00T24:00T24:00", ":60:60:59:60",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseTime(text)
		if err != nil {
			require.ErrorIs(t, err, ErrTime)
			return
		}
		require.Equal(t, time.UTC, at.Location())
		again, err := ParseTime(at.Format(time.RFC3339Nano))
		require.NoError(t, err)
		require.True(t, at.Equal(again), "%q is read as %v and then as %v", text, at, again)
		if want, err := time.Parse(time.RFC3339Nano, text); err == nil {
			require.True(t, want.Equal(at))
		}
	})
}
