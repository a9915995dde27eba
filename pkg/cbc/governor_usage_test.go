package cbc

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStatusAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		defer g.Attach(100)()
		board := WithOrigin(context.Background(), Origin{Dashboard: "board", Panel: "7"})
		rule := WithOrigin(lane(LaneAlert), Origin{Rule: "failed-logins"})
		spend(t, g, board, 3)
		g.release(started(t, g, rule), &Error{Kind: KindThrottled, Status: 429, RetryAfter: time.Second})
		ticket, err := g.acquire(rule)
		require.NoError(t, err)
		g.release(ticket, nil)
		throttle(t, g, 9*time.Second)
		raw, err := json.Marshal(g.Status())
		require.NoError(t, err)
		require.JSONEq(t, `{
			"budget":{"limit":100,"used":6,"left":94,"windowSeconds":300},"pausedUntil":946684812000,
			"inFlight":0,"waiting":{"alert":0,"panel":0,"background":0},"calls":6,"throttled":2,"waitedMs":2000,
			"origins":[
				{"dashboard":"board","panel":"7","rule":"","calls":3,"waitedMs":0,"throttled":0},
				{"dashboard":"","panel":"","rule":"failed-logins","calls":2,"waitedMs":2000,"throttled":1},
				{"dashboard":"","panel":"","rule":"","calls":1,"waitedMs":0,"throttled":1}]}`, string(raw))
		pass(10 * time.Second)
		raw, err = json.Marshal(g.Status())
		require.NoError(t, err)
		require.Contains(t, string(raw), `"pausedUntil":null`)
	})
}

func TestOriginsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		defer g.Attach(10_000)()
		for i := range mostOrigins + 25 {
			spend(t, g, WithOrigin(context.Background(), Origin{Panel: fmt.Sprint(i)}), 1)
		}
		origins := g.Status().Origins
		require.Len(t, origins, mostOrigins+1)
		require.Equal(t, OriginUsage{Origin: Origin{Dashboard: "other"}, Calls: 25}, origins[0])
	})
}

func TestOneGovernorAHost(t *testing.T) {
	g := GovernorFor("https://Governor.example/")
	for _, same := range []string{"https://governor.example", " https://governor.example:443/path?x=y "} {
		require.Same(t, g, GovernorFor(same), same)
	}
	for _, other := range []string{"http://governor.example", "https://governor.example:8443", "https://other.example", "governor.example"} {
		require.NotSame(t, g, GovernorFor(other), other)
	}
	defer g.Attach(77)()
	told := 0
	EachStatus(func(host string, s Status) {
		if host == "https://governor.example:443" {
			told++
			require.Equal(t, 77, s.Budget.Limit)
		}
	})
	require.Equal(t, 1, told)
}
