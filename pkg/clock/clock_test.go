package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSetBack(t *testing.T) {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		steps []time.Duration // between two calls
		want  []bool
	}{
		"time passes":             {[]time.Duration{0, time.Second, time.Hour, 365 * 24 * time.Hour}, []bool{false, false, false, false}},
		"a small correction":      {[]time.Duration{-slack, -slack}, []bool{false, false}},
		"back by two seconds":     {[]time.Duration{-2 * time.Second, 0}, []bool{true, false}},
		"ahead by 30 days, back":  {[]time.Duration{720 * time.Hour, -720 * time.Hour, time.Minute}, []bool{false, true, false}},
		"back twice":              {[]time.Duration{-time.Minute, -time.Minute}, []bool{true, true}},
		"ahead by a year, back":   {[]time.Duration{8760 * time.Hour, -8759 * time.Hour}, []bool{false, true}},
		"before 1970 and forward": {[]time.Duration{-600_000 * time.Hour, 600_000 * time.Hour}, []bool{true, false}},
	} {
		var w Watch
		require.False(t, w.SetBack(start), name)
		now := start
		for i, step := range c.steps {
			now = now.Add(step)
			require.Equal(t, c.want[i], w.SetBack(now), "%s, step %d", name, i)
		}
	}
}

// Two who read the clock at the same time may report it in another order.
func TestReadingsOutOfOrder(t *testing.T) {
	var w Watch
	first := time.Now()
	second := time.Now()
	require.False(t, w.SetBack(second))
	require.False(t, w.SetBack(first))
}
