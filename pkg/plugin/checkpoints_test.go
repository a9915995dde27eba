package plugin

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
	"carbonblack-auditlog-datasource/pkg/tail"
)

// burstQueue is a queue that delivers many large events at once.
type burstQueue struct{}

func (burstQueue) Head(context.Context) (store.Cursor, error) { return 0, nil }

func (burstQueue) Status(context.Context) (queue.Status, error) { return queue.Status{}, nil }

func (burstQueue) Subscribe(ctx context.Context, _ store.Cursor, deliver func(store.Changes) error) error {
	changes := store.Changes{Next: 2000}
	for i := range changes.Next {
		event := &auditlog.Event{CreateTime: time.Now(), Actor: strconv.Itoa(int(i)), Description: strings.Repeat("x", 300)}
		changes.Entries = append(changes.Entries, store.Entry{Event: event})
	}
	if err := deliver(changes); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// largeCheckpoint returns the checkpoint of a tail that ended while many events waited.
func largeCheckpoint(t *testing.T) tail.Checkpoint {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	deliver := func([]frame.Row, []frame.Notice) error { cancel(); return nil }
	c, err := tail.Store{Queue: burstQueue{}, Classifier: catalog.Default()}.Run(ctx, tail.Checkpoint{}, deliver)
	require.ErrorIs(t, err, context.Canceled)
	require.Greater(t, c.Size(), int64(1<<20))
	return c
}

func TestCheckpointsAreBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s checkpointStore
		large := largeCheckpoint(t)
		for i := range 100 {
			s.put(checkpointKey{path: strconv.Itoa(i)}, large, time.Now())
			s.put(checkpointKey{path: strconv.Itoa(i)}, large, time.Now())
			require.LessOrEqual(t, s.bytes, int64(maxCheckpointBytes))
		}
		require.Len(t, s.byKey, 100)
		require.Equal(t, large.Size(), s.take(checkpointKey{path: "0"}, time.Now()).Size())
		require.Less(t, s.take(checkpointKey{path: "99"}, time.Now()).Size(), int64(10_000), "reduced")
		require.NotEqual(t, tail.Checkpoint{}, s.take(checkpointKey{path: "98"}, time.Now()), "the position is kept")
		for i := range 98 {
			s.take(checkpointKey{path: strconv.Itoa(i)}, time.Now())
		}
		require.Empty(t, s.byKey)
		require.Zero(t, s.bytes)
	})
}

// Nobody has to open another tail for the memory to be released.
func TestCheckpointsExpireByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s checkpointStore
		s.put(checkpointKey{path: "a"}, largeCheckpoint(t), time.Now())
		time.Sleep(checkpointAge + 2*time.Second)
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Empty(t, s.byKey)
		require.Zero(t, s.bytes)
	})
}
