package ratelimit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestStatusAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		defer l.SetLimit(nil, 100)()
		board := WithOrigin(context.Background(), Origin{Dashboard: "board", Panel: "7"})
		rule := WithOrigin(lane(LaneAlert), Origin{Rule: "failed-logins"})
		spend(t, l, board, 3)
		started(t, l, rule).End(Throttled, time.Second)
		grant, err := l.Acquire(rule)
		require.NoError(t, err)
		grant.End(Allowed, 0)
		throttle(t, l, 9*time.Second)
		raw, err := json.Marshal(l.Status(everything))
		require.NoError(t, err)
		require.JSONEq(t, `{
			"budget":{"limit":100,"used":6,"left":94,"windowSeconds":300},"pausedUntil":946684812000,
			"inFlight":0,"waiting":{"alert":0,"panel":0,"background":0},"calls":6,"throttled":2,"waitedMs":2000,
			"origins":[
				{"dashboard":"board","panel":"7","rule":"","calls":3,"waitedMs":0,"throttled":0},
				{"dashboard":"","panel":"","rule":"failed-logins","calls":2,"waitedMs":2000,"throttled":1},
				{"dashboard":"","panel":"","rule":"","calls":1,"waitedMs":0,"throttled":1}]}`, string(raw))
		pass(10 * time.Second)
		raw, err = json.Marshal(l.Status(everything))
		require.NoError(t, err)
		require.Contains(t, string(raw), `"pausedUntil":null`)
	})
}

// everything is a viewer that sees what requests without a tenant have spent.
var everything = Viewer{Accepted: true}

func tenantOf(secret string, org int64) Tenant {
	return Tenant{Identity: secret, OrgID: org}
}

func TestVisibleUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		defer l.SetLimit(nil, 1000)()
		for org, calls := range map[int64]int{0: 1, 1: 2, 2: 4} {
			spend(t, l, WithOrigin(context.Background(), Origin{Tenant: tenantOf("right", org), Dashboard: fmt.Sprint("board of ", org)}), calls)
		}
		spend(t, l, WithOrigin(context.Background(), Origin{Tenant: tenantOf("other key", 1), Dashboard: "board of another key"}), 8)
		seen := func(v Viewer) map[string]int64 {
			s, out := l.Status(v), map[string]int64{}
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

		holding := started(t, l, WithOrigin(context.Background(), Origin{Tenant: tenantOf("right", 1)}))
		require.Equal(t, 1, l.Status(Viewer{Tenant: tenantOf("right", 1)}).InFlight)
		require.Equal(t, 1, l.Status(Viewer{Tenant: tenantOf("right", 2), Accepted: true}).InFlight)
		require.Zero(t, l.Status(Viewer{Tenant: tenantOf("wrong", 1)}).InFlight)
		holding.End(Allowed, 0)
		require.Equal(t, 7, l.Status(Viewer{Limit: 7}).Budget.Limit)
		require.Equal(t, 1000, l.Status(Viewer{Limit: 5000}).Budget.Limit)
	})
}

// Sums stay correct when origins are dropped, and a tenant's origins displace only its own.
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
			own, origins := u.visibleTo(Viewer{Tenant: tenant})
			require.Equal(t, calls, own.calls)
			require.LessOrEqual(t, len(origins), maxOrigins+1)
			all, origins := u.visibleTo(Viewer{Tenant: tenant, Accepted: true})
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
	all, _ := u.visibleTo(Viewer{Tenant: tenantOf("right", 7), Accepted: true})
	require.EqualValues(t, maxTenants+50, all.calls)
}

func TestOneLimiterPerHost(t *testing.T) {
	l, leave := ForHost("https://limiter.example:443")
	same, leaveSame := ForHost("https://limiter.example:443")
	require.Same(t, l, same)
	leaveSame()
	other, leaveOther := ForHost("https://limiter.example:8443")
	require.NotSame(t, l, other)
	leaveOther()
	remove := l.SetLimit(nil, 77)
	limits := func() (found []int) {
		EachBudget(func(host string, b Budget) {
			if host == "https://limiter.example:443" {
				found = append(found, b.Limit)
			}
		})
		return found
	}
	require.Equal(t, []int{77}, limits())
	remove()
	leave()
	leave()
	_, leave = ForHost("https://new.example:443")
	defer leave()
	require.Empty(t, limits(), "a host that nobody uses is dropped")
}

func TestNilLimiterLetsAllStart(t *testing.T) {
	var l *Limiter
	grant, err := l.Acquire(context.Background())
	require.NoError(t, err)
	require.Zero(t, grant.Waited())
	grant.Verify()
	require.Zero(t, grant.End(Throttled, time.Minute))
	grant.Cancel()
}

// A client that was never answered sends ten requests at once, then one every five seconds, within its own limit.
func TestTrial(t *testing.T) {
	var trial Trial
	now := time.Unix(0, 0)
	take := func(limit int) Reason {
		err := trial.Take(limit, now)
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			require.NoError(t, err)
			return Busy
		}
		require.Equal(t, now.Add(refusal.Wait), refusal.ResumesAt)
		require.Positive(t, refusal.Wait)
		return refusal.Reason
	}
	for range trialBurst {
		require.Equal(t, Busy, take(12))
	}
	require.Equal(t, Unverified, take(12))
	now = now.Add(trialPause)
	require.Equal(t, Busy, take(12))
	require.Equal(t, Unverified, take(12))
	now = now.Add(trialPause)
	require.Equal(t, Busy, take(12))
	now = now.Add(trialPause)
	require.Equal(t, OverBudget, take(12))
	now = now.Add(Window)
	require.Equal(t, Busy, take(12))
}
