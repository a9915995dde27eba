package ratelimit

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whoever claims when, no window of five minutes ever holds more requests than the limit, nobody gets what is reserved for others,
// nothing is granted in a pause, and what is free is granted.
func TestSharedStateHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 40).Draw(t, "limit")
		reserve := rapid.IntRange(0, limit).Draw(t, "reserve")
		now := time.UnixMilli(1_790_000_000_123)
		type granted struct {
			at time.Time
			n  int
		}
		var log []granted
		var paused time.Time
		unproved := false // a pause is over, and no request was let through since
		var state SharedState
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int64{0, 1, 400, 999, 10_000, 61_000, 299_000, 301_000}).Draw(t, "pass ms")) * time.Millisecond)
			if rapid.IntRange(0, 9).Draw(t, "pause") == 0 {
				wait := time.Duration(rapid.IntRange(0, 120).Draw(t, "wait s")) * time.Second
				state.Pause(now, wait)
				if until := now.Add(wait); until.After(paused) {
					paused = until
				}
				unproved = true
			}
			c := Claim{Process: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "process"), Want: rapid.IntRange(0, 8).Draw(t, "want"), Limit: limit}
			if rapid.Bool().Draw(t, "not an alert rule") {
				c.Reserve = reserve
			}
			inWindow, atMost := 0, 0
			for _, g := range log {
				if age := now.Sub(g.at); age < Window {
					inWindow += g.n
				}
				if age := now.Sub(g.at); age < Window+time.Second {
					atMost += g.n
				}
			}
			g := state.Claim(now, c)
			state = throughJSON(t, state)
			if now.Before(paused) {
				require.Zero(t, g.Requests)
				require.True(t, g.Paused)
				require.InDelta(t, paused.Sub(now), g.Next, float64(time.Millisecond))
				continue
			}
			if unproved {
				require.LessOrEqual(t, g.Requests, 1, "one request tests whether the pause is over")
				if g.Requests == 1 {
					require.True(t, g.Probing)
					again := throughJSON(t, state)
					require.Zero(t, again.Claim(now.Add(probeTime-time.Second), Claim{Process: "z", Want: 1, Limit: 1 << 20}).Requests)
					require.Equal(t, 1, again.Claim(now.Add(probeTime), Claim{Process: "z", Want: 1, Limit: 1 << 20}).Requests, "nothing was heard of it")
					log = append(log, granted{now, 1})
					if rapid.Bool().Draw(t, "let through") {
						state.Resume(now)
						unproved = false
					}
				}
				continue
			}
			require.False(t, g.Paused)
			require.LessOrEqual(t, g.Requests, c.Want)
			require.LessOrEqual(t, g.Requests, max(0, limit-c.Reserve-inWindow), "the limit")
			require.GreaterOrEqual(t, g.Requests, min(c.Want, max(0, limit-c.Reserve-atMost)))
			if c.Want > 0 && g.Next > 0 {
				require.Zero(t, g.Requests)
				later := throughJSON(t, state)
				granted := later.Claim(now.Add(g.Next), Claim{Process: "z", Want: 1, Limit: limit, Reserve: c.Reserve}).Requests
				require.Equal(t, c.Reserve < limit, granted == 1, "the time it gives is true, unless everything is reserved")
			}
			if g.Requests > 0 {
				log = append(log, granted{now, g.Requests})
			}
		}
		require.LessOrEqual(t, len(state.Starts), 301)
	})
}

// throughJSON is how a state gets from one replica to the next.
func throughJSON(t require.TestingT, b SharedState) SharedState {
	text, err := json.Marshal(b)
	require.NoError(t, err)
	var out SharedState
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

// A clock that was ahead does not block anybody when it is right again.
func TestSharedStateOfAClockThatWasAhead(t *testing.T) {
	now := time.UnixMilli(1_790_000_000_000)
	var b SharedState
	require.Equal(t, 5, b.Claim(now.Add(24*time.Hour), Claim{Process: "a", Want: 5, Limit: 5}).Requests)
	require.Equal(t, Share{Requests: 5, Processes: 1}, b.Claim(now, Claim{Process: "b", Want: 5, Limit: 5}))
}
