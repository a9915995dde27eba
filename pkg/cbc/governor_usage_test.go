package cbc

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
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
		raw, err := json.Marshal(g.Status(everything))
		require.NoError(t, err)
		require.JSONEq(t, `{
			"budget":{"limit":100,"used":6,"left":94,"windowSeconds":300},"pausedUntil":946684812000,
			"inFlight":0,"waiting":{"alert":0,"panel":0,"background":0},"calls":6,"throttled":2,"waitedMs":2000,
			"origins":[
				{"dashboard":"board","panel":"7","rule":"","calls":3,"waitedMs":0,"throttled":0},
				{"dashboard":"","panel":"","rule":"failed-logins","calls":2,"waitedMs":2000,"throttled":1},
				{"dashboard":"","panel":"","rule":"","calls":1,"waitedMs":0,"throttled":1}]}`, string(raw))
		pass(10 * time.Second)
		raw, err = json.Marshal(g.Status(everything))
		require.NoError(t, err)
		require.Contains(t, string(raw), `"pausedUntil":null`)
	})
}

// everything is a viewer who sees all that one has spent who names no tenant.
var everything = Viewer{Accepted: true}

func tenantOf(secret string, org int64) Tenant {
	return Tenant{Identity: Identity{APIKey: APIKey{URL: "https://cbc.test:443"}, Fingerprint: secret}, OrgID: org}
}

func TestWhoSeesWhatWasSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGovernor(GovernorConfig{})
		defer g.Attach(1000)()
		for org, calls := range map[int64]int{0: 1, 1: 2, 2: 4} {
			spend(t, g, WithOrigin(context.Background(), Origin{Tenant: tenantOf("right", org), Dashboard: fmt.Sprint("board of ", org)}), calls)
		}
		spend(t, g, WithOrigin(context.Background(), Origin{Tenant: tenantOf("other key", 1), Dashboard: "board of another key"}), 8)
		seen := func(v Viewer) map[string]int64 {
			s, out := g.Status(v), map[string]int64{}
			sum := int64(0)
			for _, o := range s.Origins {
				out[o.Dashboard] += o.Calls
				sum += o.Calls
			}
			require.Equal(t, s.Calls, sum, "the rows add up")
			require.Equal(t, 15, s.Budget.Used)
			return out
		}
		require.Equal(t, map[string]int64{"board of 0": 1, "board of 1": 2, "other": 12}, seen(Viewer{Tenant: tenantOf("right", 1), Accepted: true}))
		require.Equal(t, map[string]int64{"board of 0": 1, "board of 2": 4, "other": 10}, seen(Viewer{Tenant: tenantOf("right", 2), Accepted: true}))
		require.Equal(t, map[string]int64{"board of 1": 2}, seen(Viewer{Tenant: tenantOf("right", 1)}), "its key is not accepted")
		require.Empty(t, seen(Viewer{Tenant: tenantOf("wrong", 1)}))
		require.Equal(t, map[string]int64{"other": 15}, seen(Viewer{Tenant: tenantOf("new", 1), Accepted: true}))

		holding := started(t, g, WithOrigin(context.Background(), Origin{Tenant: tenantOf("right", 1)}))
		require.Equal(t, 1, g.Status(Viewer{Tenant: tenantOf("right", 1)}).InFlight)
		require.Equal(t, 1, g.Status(Viewer{Tenant: tenantOf("right", 2), Accepted: true}).InFlight)
		require.Zero(t, g.Status(Viewer{Tenant: tenantOf("wrong", 1)}).InFlight)
		g.release(holding, nil)
		require.Equal(t, 7, g.Status(Viewer{Limit: 7}).Budget.Limit)
		require.Equal(t, 1000, g.Status(Viewer{Limit: 5000}).Budget.Limit)
	})
}

// Whatever is dropped, the sums stay right, and a tenant's origins push out its own only.
func TestUsageIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := newUsage()
		truth, total := map[Tenant]int64{}, int64(0)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			tenant := tenantOf(fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "secret")), rapid.Int64Range(0, 2).Draw(t, "org"))
			first := rapid.IntRange(0, 2000).Draw(t, "first")
			for i := range rapid.SampledFrom([]int{1, 10, maxOrigins + 50}).Draw(t, "origins") {
				u.count(Origin{Tenant: tenant, Panel: fmt.Sprint(first + i)}, spent{calls: 1})
				truth[tenant]++
				total++
			}
		}
		for tenant, calls := range truth {
			own, origins := u.seenBy(Viewer{Tenant: tenant})
			require.Equal(t, calls, own.calls)
			require.LessOrEqual(t, len(origins), maxOrigins+1)
			all, origins := u.seenBy(Viewer{Tenant: tenant, Accepted: true})
			require.Equal(t, total, all.calls)
			sum := int64(0)
			for _, o := range origins {
				sum += o.Calls
				mine := o.Tenant == tenant || o.Tenant == Tenant{Identity: tenant.Identity}
				require.True(t, mine || o.Origin == otherOrigins, "%+v", o.Origin)
			}
			require.Equal(t, total, sum)
		}
	})
}

func TestTenantsAreBounded(t *testing.T) {
	u := newUsage()
	for i := range int64(maxTenants + 50) {
		u.count(Origin{Tenant: tenantOf("right", i), Dashboard: "board"}, spent{calls: 1})
	}
	require.Equal(t, maxTenants, u.tenants.Len())
	all, _ := u.seenBy(Viewer{Tenant: tenantOf("right", 7), Accepted: true})
	require.EqualValues(t, maxTenants+50, all.calls)
}

func TestOneGovernorPerHost(t *testing.T) {
	g, leave := GovernorFor("https://Governor.example/")
	for _, same := range []string{"https://governor.example", " https://governor.example.:443/path?x=y "} {
		other, leaveToo := GovernorFor(same)
		require.Same(t, g, other, same)
		leaveToo()
	}
	for _, different := range []string{"http://governor.example", "https://governor.example:8443", "https://other.example", "governor.example"} {
		other, leaveToo := GovernorFor(different)
		require.NotSame(t, g, other, different)
		leaveToo()
	}
	detach := g.Attach(77)
	found := func() (limits []int) {
		EachBudget(func(host string, b Budget) {
			if host == "https://governor.example:443" {
				limits = append(limits, b.Limit)
			}
		})
		return limits
	}
	require.Equal(t, []int{77}, found())
	detach()
	leave()
	leave()
	_, leave = GovernorFor("https://a-new-host.example")
	defer leave()
	require.Empty(t, found(), "a host that nobody uses is dropped")
}
