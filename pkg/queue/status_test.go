package queue

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

// switched is a search and a queue that can be switched off, and a search that finds events late.
type switched struct {
	Searcher
	Source
	search, queue error
	lag           time.Duration
}

func (s *switched) SearchAll(ctx context.Context, w auditlog.TimeRange, visit func([]auditlog.Event) error) error {
	if s.search != nil {
		return s.search
	}
	return s.Searcher.SearchAll(ctx, w, func(events []auditlog.Event) error {
		return visit(slices.DeleteFunc(events, func(e auditlog.Event) bool { return time.Since(e.CreateTime) < s.lag }))
	})
}

func (s *switched) Queue(ctx context.Context) (cbc.Batch, error) {
	if s.queue != nil {
		return cbc.Batch{}, s.queue
	}
	return s.Source.Queue(ctx)
}

// openSwitched opens a queue on the world whose sources the test can switch off.
func openSwitched(t *testing.T, w *world) (*Queue, *switched) {
	c := w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{})))
	s := &switched{Searcher: c.Searcher, Source: c.Source}
	c.Searcher, c.Source = s, s
	return open(t, c), s
}

func TestStatusOfAYoungStore(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		q, _ := openSwitched(t, w)
		defer q.Close()
		s := status(t, q)
		require.Zero(t, s.From, "nothing was read yet")
		require.True(t, s.Overdue)
		require.False(t, s.Leading)

		start := time.Now().Truncate(time.Millisecond)
		require.NoError(t, q.Touch(context.Background()))
		s = status(t, q)
		require.True(t, s.Leading)
		require.Equal(t, start.Add(-DefaultLookback).UTC(), s.From)
		require.Len(t, s.Gaps, 1, "what an earlier consumer took may not be found yet")
		require.Empty(t, s.Unsearched, "the search that could be made was made")
		require.False(t, s.Overdue)
		time.Sleep(time.Hour)
		s = status(t, q)
		require.False(t, s.Leading, "nobody asks")
		require.Equal(t, start.Add(-DefaultLookback).UTC(), s.From)
		require.NoError(t, q.Touch(context.Background()))
		require.Empty(t, status(t, q).Gaps)
	})
}

// While no search succeeds it is said that nothing is known of the gap; afterwards what was too young is looked for again.
func TestStatusTellsWhetherAGapWasSearched(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		ctx := context.Background()
		q, off := openSwitched(t, w)
		defer q.Close()
		off.search = errors.New("the search is off")
		require.ErrorIs(t, q.Touch(ctx), off.search)
		s := status(t, q)
		require.Equal(t, s.Gaps, s.Unsearched)
		require.Len(t, s.Gaps, 1)
		time.Sleep(time.Minute)
		off.search = nil
		require.NoError(t, q.Touch(ctx))
		require.Empty(t, status(t, q).Unsearched)
	})
}

func TestStatusIsOverdueWhileTheQueueCannotBeRead(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		ctx := context.Background()
		q, off := openSwitched(t, w)
		defer q.Close()
		require.NoError(t, q.Touch(ctx))
		drained := status(t, q).Drained
		off.queue = &cbc.Error{Kind: cbc.KindServer, Status: 503}
		for range 4 {
			require.False(t, status(t, q).Overdue)
			time.Sleep(37 * time.Second)
		}
		time.Sleep(3 * time.Second)
		require.Error(t, q.Touch(ctx))
		require.True(t, status(t, q).Overdue)
		require.Equal(t, drained, status(t, q).Drained)
		off.queue = nil
		time.Sleep(time.Minute)
		require.NoError(t, q.Touch(ctx))
		require.False(t, status(t, q).Overdue)
	})
}

// An event that a search found only some time after an answer was lost is seen before the gap is closed.
func TestAGapIsSearchedAgainForWhatWasTooYoung(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		ctx := context.Background()
		c := w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{})))
		s := &switched{Searcher: c.Searcher, Source: c.Source, lag: 25 * time.Second}
		c.Searcher, c.Source, c.Poll = s, s, 10*time.Second
		q := open(t, c)
		defer q.Close()
		w.happen(3)
		w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "reset", Endpoint: "queue", Next: 1, AfterWork: true}}})
		require.Error(t, q.Touch(ctx))
		require.Empty(t, queued(t, q), "no search finds them yet")
		for range 3 {
			time.Sleep(10 * time.Second)
			require.NoError(t, q.Touch(ctx))
		}
		require.NotEmpty(t, status(t, q).Gaps)
		require.Equal(t, w.truth(), queued(t, q))
	})
}
