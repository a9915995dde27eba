package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// Replicas that claim at the same time get no more than the limit together, know of each other, and keep silent together.
func TestPostgresBudgetIsShared(t *testing.T) {
	ctx := context.Background()
	database := pgtest.New(t)
	for name, dsn := range map[string]string{"direct": database.DSN, "behind a transaction pooler": database.Pooled(t)} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var claims sync.WaitGroup
			total := 0
			for n := range 3 {
				b, err := NewSharedBudget(dsn, name)
				require.NoError(t, err)
				t.Cleanup(b.Close)
				claims.Go(func() {
					for range 20 {
						g, err := b.Claim(ctx, ratelimit.Claim{Process: fmt.Sprint(n), Want: 3, Limit: 100, Reserve: 10})
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						total += g.Requests
						mu.Unlock()
					}
				})
			}
			claims.Wait()
			require.Equal(t, 90, total)
			b, err := NewSharedBudget(dsn, name)
			require.NoError(t, err)
			t.Cleanup(b.Close)
			g, err := b.Claim(ctx, ratelimit.Claim{Process: "rule", Want: 20, Limit: 100})
			require.NoError(t, err)
			require.Equal(t, ratelimit.Share{Requests: 10, Processes: 4}, g)
			require.NoError(t, b.Pause(ctx, time.Minute))
			g, err = b.Claim(ctx, ratelimit.Claim{Process: "rule", Want: 1, Limit: 1000})
			require.NoError(t, err)
			require.Zero(t, g.Requests)
			require.True(t, g.Paused)
			require.Greater(t, g.Next, 30*time.Second)
			elsewhere, err := NewSharedBudget(dsn, name+" elsewhere")
			require.NoError(t, err)
			t.Cleanup(elsewhere.Close)
			g, err = elsewhere.Claim(ctx, ratelimit.Claim{Process: "rule", Want: 1, Limit: 1000})
			require.NoError(t, err)
			require.Equal(t, 1, g.Requests, "each host has its own")
		})
	}
}
