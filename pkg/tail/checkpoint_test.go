package tail

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// A reduced checkpoint holds little, and the tail that continues there shows no event twice and says what it left out.
func TestReducedCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const settle = 30 * time.Second
		w := &world{reach: 10_000}
		for i := range 3000 { // older than the current second, and all within settle
			w.happen(time.Now().Add(-time.Duration(2000+i)*time.Millisecond), time.Now(), fmt.Sprint(i))
		}
		var s screen
		stop := startAt(w.tail(w.history(settle, 0), settle, auditlog.Filter{}), Checkpoint{}, s.deliver)
		time.Sleep(10 * time.Millisecond)
		whole, _ := stop()
		require.Greater(t, whole.Size(), int64(3000*knownBytes))
		shown := s.ids()

		reduced := whole.Reduce(1 << 20)
		require.Less(t, reduced.Size(), int64(200<<10))
		require.Equal(t, maxWaiting, len(whole.waiting), "the original is unchanged")
		w.happen(time.Now(), time.Now(), "new")
		stop = startAt(w.tail(w.history(settle, 0), settle, auditlog.Filter{}), reduced, s.deliver)
		time.Sleep(time.Minute)
		_, _ = stop()
		require.Equal(t, len(shown)+1, len(s.ids()), "only the new event")
		require.Contains(t, s.notices(), "2500 events are not shown here")
		require.Contains(t, s.notices(), reducedNotice)
	})
}

func TestCheckpointThatCannotBeReducedStartsANewTail(t *testing.T) {
	m := newDedupWindow(0)
	for i := range 1000 {
		m.add(&auditlog.Event{CreateTime: time.UnixMilli(1), Actor: fmt.Sprint(i)})
	}
	c := Checkpoint{dedup: m, skipped: 7}.Reduce(1000 * knownBytes / 2)
	require.Equal(t, Checkpoint{skipped: 7, reduced: true}, c)
	require.Equal(t, int64(checkpointBytes), c.Size())
}
