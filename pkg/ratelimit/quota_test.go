package ratelimit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func of(identity string, l Lane) context.Context { return WithIdentity(lane(l), identity) }

// A small limit holds for its own API key: requests of others neither wait behind it nor are refused.
func TestALimitBoundsItsOwnKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		defer l.SetLimit("other", 600)()
		defer l.SetLimit("slow", 2)()
		spend(t, l, of("slow", LaneAlert), 2)
		require.Equal(t, 2, refused(t, l, of("slow", LaneAlert)).Limit)
		var order []string
		waiting, cancel := context.WithCancel(of("slow", LaneBackground))
		defer cancel()
		for range 5 {
			queue(t, l, waiting, "slow", &order, 0)
		}
		spend(t, l, of("other", LaneBackground), 200)
		spend(t, l, of("other", LaneAlert), 398)
		require.Empty(t, order)
		require.Equal(t, 600, refused(t, l, of("other", LaneAlert)).Limit, "the host's limit still holds")
		pass(Window)
		require.Len(t, order, 1, "of those that wait, at the pace of their own limit")
	})
}

// The limit of a key is the smallest that its data sources set; another one's makes no difference.
func TestTheSmallestLimitOfAKeyApplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		defer l.SetLimit("a", 600)()
		defer l.SetLimit("b", 5)()
		remove := l.SetLimit("a", 3)
		spend(t, l, of("a", LaneAlert), 3)
		require.Equal(t, 3, refused(t, l, of("a", LaneAlert)).Limit)
		remove()
		spend(t, l, of("a", LaneAlert), 10)
		a := l.Status(Viewer{Tenant: Tenant{Identity: "a"}, Accepted: true, Limit: 600}).Budget
		require.Equal(t, Budget{Limit: 600, Used: 13, Left: 587, WindowSeconds: 300}, a)
		b := l.Status(Viewer{Tenant: Tenant{Identity: "b"}, Accepted: true, Limit: 5}).Budget
		require.Equal(t, Budget{Limit: 5, Used: 0, Left: 5, WindowSeconds: 300}, b)
	})
}

// The host takes the largest limit, but exceeds the default only as far as all keys permit: else one could spend the address's budget.
func TestTheLimitOfTheHost(t *testing.T) {
	for name, c := range map[string]struct {
		limits []int
		want   int
	}{
		"none":                       {nil, DefaultLimit},
		"a small one":                {[]int{2}, 2},
		"a large one":                {[]int{5000}, 5000},
		"small ones":                 {[]int{50, 100}, 100},
		"a small one and a default":  {[]int{2, 600}, 600},
		"a default and a huge one":   {[]int{600, 1_000_000}, 600},
		"a small one and a huge one": {[]int{2, 1_000_000}, 600},
		"large ones":                 {[]int{1000, 5000}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			l := New(Config{})
			for i, limit := range c.limits {
				l.SetLimit(i, limit)
			}
			require.Equal(t, c.want, l.Budget().Limit)
		})
	}
}

// A request that was not sent costs its key nothing, and what no key needs any more is dropped.
func TestQuotasEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{})
		remove := l.SetLimit("a", 1)
		started(t, l, of("a", LaneAlert)).Cancel()
		spend(t, l, of("a", LaneAlert), 1)
		refused(t, l, of("a", LaneAlert))
		remove()
		time.Sleep(Window)
		spend(t, l, of("b", LaneAlert), 1)
		require.Len(t, l.quotas, 1)
	})
}
