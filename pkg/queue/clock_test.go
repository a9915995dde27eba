package queue

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/store"
)

// A clock that is ahead once costs no event: once it is set back, the queue's events are kept again, and a search finds those that
// were taken from the queue meanwhile.
func TestEventsOfAClockThatWasAhead(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"an hour": time.Hour, "a week": 170 * time.Hour, "a month": 720 * time.Hour, "a century": 876000 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
				ctx := context.Background()
				var off atomic.Int64
				backing := store.NewMemory(store.MemoryConfig{Now: func() time.Time { return time.Now().Add(time.Duration(off.Load())) }})
				q := open(t, w.config(t, memoryStore("memory", backing)))
				defer q.Close()
				touch := func(n int) {
					time.Sleep(2 * time.Minute)
					w.happen(n)
					require.NoError(t, q.Touch(ctx))
				}
				touch(3)
				off.Store(int64(ahead))
				touch(4)
				touch(5)
				off.Store(0)
				touch(2)
				status, err := q.Status(ctx)
				require.NoError(t, err)
				require.NotEmpty(t, status.Gaps)
				touch(1)
				touch(0)
				same(t, w.truth(), queued(t, q))
				status, err = q.Status(ctx)
				require.NoError(t, err)
				require.Empty(t, status.Gaps)
				require.False(t, status.From.After(time.Now().Add(-DefaultLookback)))
				require.False(t, status.Drained.After(time.Now()))
				require.Zero(t, status.Missing, "no other consumer is suspected")
			})
		})
	}
}
