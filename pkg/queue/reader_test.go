package queue

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
	"carbonblack-auditlog-datasource/pkg/store"
)

// bubble runs a test in which time passes only while everybody waits.
func bubble(t *testing.T, sw simulator.Switches, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(sw, time.Minute)) })
}

// open opens a queue in a process of its own.
func open(t testing.TB, c Config) *Queue {
	t.Helper()
	q, err := new(Readers).Open(c)
	require.NoError(t, err)
	return q
}

func TestTouchReadsOnceAnInterval(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		ctx := context.Background()
		var readers Readers
		c := w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{})))
		q, err := readers.Open(c)
		require.NoError(t, err)
		other, err := readers.Open(c)
		require.NoError(t, err)
		require.Zero(t, w.reads(), "to open reads nothing")

		w.happen(3)
		var touching sync.WaitGroup
		for range 20 {
			touching.Go(func() { require.NoError(t, q.Touch(ctx)) })
			touching.Go(func() { require.NoError(t, other.Touch(ctx)) })
		}
		touching.Wait()
		require.Equal(t, 2, w.reads(), "a batch, and the empty one that shows it was all")
		require.Equal(t, w.truth(), queued(t, other))

		time.Sleep(30 * time.Second)
		w.happen(1)
		require.NoError(t, q.Touch(ctx))
		require.Equal(t, 2, w.reads(), "half an interval later the answer is young enough")
		time.Sleep(31 * time.Second)
		require.Equal(t, 3, w.reads(), "somebody wanted events: the next interval is read")
		require.Equal(t, w.truth(), queued(t, q))
		time.Sleep(time.Hour)
		require.Equal(t, 3, w.reads(), "nobody wanted events: nothing is read")
		w.happen(2)
		require.NoError(t, q.Touch(ctx))
		require.Equal(t, w.truth(), queued(t, q))

		q.Close()
		q.Close()
		time.Sleep(time.Hour)
		require.NoError(t, other.Touch(ctx), "the other goes on")
		other.Close()
		require.ErrorIs(t, other.Touch(ctx), errEnded)
	})
}

func TestAReadDrainsTheQueue(t *testing.T) {
	bubble(t, simulator.Switches{QueueBatch: 100, QueueSeedDays: -1}, func(t *testing.T, w *world) {
		q := open(t, w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{}))))
		defer q.Close()
		require.NoError(t, q.Touch(context.Background()))
		for _, n := range []int{250, 300, 30, 100, 0} {
			w.happen(n)
			before := w.reads()
			time.Sleep(time.Hour)
			require.NoError(t, q.Touch(context.Background()))
			require.Equal(t, n/100+1, w.reads()-before, "%d events", n)
			require.Equal(t, w.truth(), queued(t, q))
			require.Zero(t, w.sim.QueueLength(w.key.APIID))
		}
	})
}

func TestAStoreThatFailsStopsReading(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		backing := &fragile{Store: store.NewMemory(store.MemoryConfig{})}
		c := w.config(t, memoryStore("memory", backing))
		c.Searcher = nothingFound{}
		q := open(t, c)
		defer q.Close()
		ctx := context.Background()
		require.NoError(t, q.Touch(ctx))
		w.happen(5)
		time.Sleep(time.Hour)
		c.Source.(breaker).breakAfterRead(backing)
		require.ErrorIs(t, q.Touch(ctx), errBroken)
		reads := w.reads()
		w.happen(5)
		for range 10 {
			time.Sleep(time.Minute)
			require.ErrorContains(t, q.Touch(ctx), "5 events that were read are kept in memory")
		}
		require.Equal(t, reads, w.reads(), "nothing more is read meanwhile")
		backing.broken.Store(false)
		time.Sleep(time.Minute)
		require.NoError(t, q.Touch(ctx))
		require.Equal(t, w.truth(), queued(t, q), "the batch was kept, no search has helped")
	})
}

// The store has stored a batch and the answer that says so is lost: the batch is stored once.
func TestABatchIsStoredOnce(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		backing := &fragile{Store: store.NewMemory(store.MemoryConfig{})}
		q := open(t, w.config(t, memoryStore("memory", backing)))
		defer q.Close()
		w.happen(5)
		backing.mute.Store(3)
		for range 3 {
			require.ErrorIs(t, q.Touch(context.Background()), errBroken)
			time.Sleep(time.Hour)
		}
		require.NoError(t, q.Touch(context.Background()))
		require.Equal(t, w.truth(), queued(t, q))
	})
}

// A failed read is no reason to send a subscriber away, nor to call it back at once.
func TestSubscribersSurviveAFailedRead(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		q := open(t, w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{}))))
		defer q.Close()
		w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "status", Endpoint: "queue", Next: 2}}})
		require.Error(t, q.Touch(context.Background()))
		ctx, cancel := context.WithCancel(context.Background())
		var got tail
		var subscribing sync.WaitGroup
		subscribing.Go(func() { require.ErrorIs(t, q.Subscribe(ctx, 0, got.deliver), context.Canceled) })
		w.happen(3)
		time.Sleep(3 * time.Minute)
		truth := w.truth()
		slices.Sort(truth)
		require.Equal(t, truth, got.sorted())
		cancel()
		subscribing.Wait()
	})
}

func TestALostAnswerIsMadeGoodBySearch(t *testing.T) {
	for _, fault := range []simulator.Fault{
		{Kind: "reset"}, {Kind: "truncate"}, {Kind: "status", Status: 502, AfterWork: true}, {Kind: "html", AfterWork: true},
		{Kind: "text", AfterWork: true}, {Kind: "errorMessage", AfterWork: true},
	} {
		t.Run(fault.Kind, func(t *testing.T) {
			bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
				q := open(t, w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{}))))
				defer q.Close()
				ctx := context.Background()
				require.NoError(t, q.Touch(ctx))
				time.Sleep(time.Hour)
				require.NoError(t, q.Touch(ctx))
				require.Empty(t, status(t, q).Gaps, "the one of the start is closed")
				time.Sleep(time.Hour)

				w.happen(10)
				fault.Endpoint, fault.Next = "queue", 1
				w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{fault}})
				require.Error(t, q.Touch(ctx))
				require.Zero(t, w.sim.QueueLength(w.key.APIID), "they are gone")
				require.Equal(t, w.truth(), queued(t, q), "and there all the same")
				require.Len(t, status(t, q).Gaps, 1)
				for range 3 {
					time.Sleep(time.Minute)
					require.NoError(t, q.Touch(ctx))
				}
				s := status(t, q)
				require.Empty(t, s.Gaps)
				require.Equal(t, w.truth(), queued(t, q))
				time.Sleep(time.Hour)
				require.NoError(t, q.Touch(ctx))
				require.Zero(t, status(t, q).LastForeignRead, "nobody else is blamed")
			})
		})
	}
}

// waiting is a search that gets no turn.
type waiting struct {
	Searcher
	turn chan struct{}
}

func (s waiting) SearchAll(ctx context.Context, w auditlog.TimeRange, visit func([]auditlog.Event) error) error {
	select {
	case <-s.turn:
		return s.Searcher.SearchAll(ctx, w, visit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A search may wait long for its turn: an audit, or what closes a gap. The queue is read meanwhile, and nobody waits for it.
func TestTheQueueIsReadWhileASearchWaits(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		c := w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{})))
		s := waiting{c.Searcher, make(chan struct{}, 1)}
		c.Searcher = s
		q := open(t, c)
		defer q.Close()
		ctx := context.Background()
		s.turn <- struct{}{}
		require.NoError(t, q.Touch(ctx))
		require.Empty(t, status(t, q).Unsearched)
		for range 10 {
			time.Sleep(2 * time.Minute)
			w.happen(3)
			start := time.Now()
			require.NoError(t, q.Touch(ctx))
			require.LessOrEqual(t, time.Since(start), 5*time.Second)
			require.Equal(t, w.truth(), queued(t, q))
		}
		require.Len(t, status(t, q).Gaps, 1)
		close(s.turn)
		time.Sleep(2 * time.Minute)
		require.NoError(t, q.Touch(ctx))
		require.Empty(t, status(t, q).Gaps)
		require.Equal(t, w.truth(), queued(t, q))
	})
}

func TestARefusalLosesNothing(t *testing.T) {
	for _, code := range []int{401, 403, 429} {
		bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
			q := open(t, w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{}))))
			defer q.Close()
			ctx := context.Background()
			require.NoError(t, q.Touch(ctx))
			time.Sleep(time.Hour)
			require.NoError(t, q.Touch(ctx))
			w.happen(4)
			w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "status", Status: code, Endpoint: "queue", Next: 1}}})
			time.Sleep(time.Hour)
			require.Error(t, q.Touch(ctx))
			require.Empty(t, status(t, q).Gaps)
			time.Sleep(time.Minute)
			require.NoError(t, q.Touch(ctx))
			require.Equal(t, w.truth(), queued(t, q))
		})
	}
}

// A process that dies between the read and the store leaves a note behind: its successor searches the span.
func TestADeadReaderLeavesANote(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		shared := store.NewMemory(store.MemoryConfig{})
		ctx := context.Background()
		dying := &fragile{Store: shared}
		c := w.config(t, memoryStore("memory", dying))
		q := open(t, c)
		require.NoError(t, q.Touch(ctx))
		time.Sleep(time.Hour)
		require.NoError(t, q.Touch(ctx))
		time.Sleep(time.Hour)
		w.happen(7)
		c.Source.(breaker).breakAfterRead(dying)
		require.Error(t, q.Touch(ctx))
		q.Close()

		successor := open(t, w.config(t, memoryStore("memory", shared)))
		defer successor.Close()
		require.Empty(t, queued(t, successor))
		require.NoError(t, successor.Touch(ctx))
		require.Equal(t, w.truth(), queued(t, successor))
		require.Len(t, status(t, successor).Gaps, 1)
	})
}

func TestAnEmptyStoreIsFilledBySearch(t *testing.T) {
	bubble(t, simulator.Switches{QueueSeedDays: -1}, func(t *testing.T, w *world) {
		w.happen(3)
		time.Sleep(4 * 24 * time.Hour)
		recent := time.Now().UnixMilli()
		w.happen(5)
		time.Sleep(2 * 24 * time.Hour)
		w.steal(t)
		q := open(t, w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{}))))
		defer q.Close()
		require.NoError(t, q.Touch(context.Background()))
		var young []simulator.Event
		for _, e := range w.sim.Events() {
			if e.CreateTime.UnixMilli() >= recent {
				young = append(young, e)
			}
		}
		require.Len(t, young, 5)
		require.Equal(t, want(fromSimulator(young)...), queued(t, q))
	})
}

func TestAnotherConsumerIsFoundOut(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		q := open(t, w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{}))))
		defer q.Close()
		ctx := context.Background()
		listening, stop := context.WithCancel(ctx)
		var subscribing sync.WaitGroup
		subscribing.Go(func() { _ = q.Subscribe(listening, 0, func(store.Changes) error { return nil }) })
		for range 60 {
			time.Sleep(time.Minute)
			w.happen(2)
		}
		time.Sleep(time.Hour + 30*time.Second) // between two reads
		s := status(t, q)
		require.Zero(t, s.Missing)
		require.Zero(t, s.LastForeignRead)
		require.NotZero(t, s.Drained)

		w.happen(6)
		require.Equal(t, 6, w.steal(t))
		time.Sleep(20 * time.Minute)
		s = status(t, q)
		require.Equal(t, 6, s.Missing)
		require.NotZero(t, s.LastForeignRead)
		require.Equal(t, w.truth(), queued(t, q), "what was stolen is there all the same")
		time.Sleep(3 * time.Hour)
		later := status(t, q)
		require.Less(t, later.LastForeignRead.Sub(s.LastForeignRead), 2*store.AuditOverlap, "an old theft is not found for ever")
		require.Equal(t, s.FirstForeignRead, later.FirstForeignRead, "since when it is known")
		stop()
		subscribing.Wait()
	})
}

// While nobody asked for longer than an empty store looks back, the queue may have lost events: a key that gets its permission
// anew is given the last days only. The vendor's advice is to search.
func TestALongPauseIsAudited(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		q := open(t, w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{Age: 100 * 24 * time.Hour}))))
		defer q.Close()
		ctx := context.Background()
		for range 5 {
			require.NoError(t, q.Touch(ctx))
			time.Sleep(time.Hour)
		}
		w.happen(6)
		require.Equal(t, 6, w.steal(t))
		time.Sleep(10 * 24 * time.Hour)
		w.happen(3)
		for range 6 {
			time.Sleep(time.Minute)
			require.NoError(t, q.Touch(ctx))
		}
		require.Equal(t, w.truth(), queued(t, q))
	})
}

func TestSubscribersGetEachEventOnceAndInOrder(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		q := open(t, w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{}))))
		ctx, cancel := context.WithCancel(context.Background())
		var tails [3]tail
		var subscribing sync.WaitGroup
		for i := range tails {
			subscribing.Go(func() {
				require.ErrorIs(t, q.Subscribe(ctx, 0, tails[i].deliver), context.Canceled)
			})
		}
		for range 20 {
			w.happen(30)
			time.Sleep(20 * time.Second)
		}
		time.Sleep(2 * time.Minute)
		all := w.truth()
		slices.Sort(all)
		for i := range tails {
			require.Equal(t, all, tails[i].sorted())
			require.Equal(t, tails[0].got, tails[i].got, "the same order for all")
		}
		require.LessOrEqual(t, w.reads(), 2*10, "they share the reads")

		enough := errors.New("enough")
		require.ErrorIs(t, q.Subscribe(ctx, 0, func(store.Changes) error { return enough }), enough)
		cancel()
		subscribing.Wait()
		subscribing.Go(func() {
			require.ErrorIs(t, q.Subscribe(context.Background(), 0, func(store.Changes) error { return nil }), errEnded)
		})
		synctest.Wait()
		q.Close()
		subscribing.Wait()
	})
}

// New settings with another store: the old reader reads no more, and what it could not store goes to the new store.
func TestAnotherStoreTakesOver(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		ctx := context.Background()
		var readers Readers
		backing := &fragile{Store: store.NewMemory(store.MemoryConfig{})}
		c := w.config(t, memoryStore("old", backing))
		c.Searcher = nothingFound{}
		before, err := readers.Open(c)
		require.NoError(t, err)
		require.NoError(t, before.Touch(ctx))
		time.Sleep(time.Hour)
		w.happen(5)
		c.Source.(breaker).breakAfterRead(backing)
		require.Error(t, before.Touch(ctx))
		w.happen(5)

		c = w.config(t, memoryStore("new", store.NewMemory(store.MemoryConfig{})))
		c.Searcher = nothingFound{}
		after, err := readers.Open(c)
		require.NoError(t, err)
		require.NoError(t, after.Touch(ctx))
		require.ErrorIs(t, before.Touch(ctx), errEnded)
		require.Equal(t, w.truth(), queued(t, after))
		before.Close()
		w.happen(5)
		time.Sleep(time.Hour)
		require.NoError(t, after.Touch(ctx))
		require.Equal(t, w.truth(), queued(t, after))
		after.Close()
	})
}

// A read that is under way when the last user leaves is waited for.
func TestCloseWaitsForARead(t *testing.T) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
		backing := store.NewMemory(store.MemoryConfig{})
		q := open(t, w.config(t, memoryStore("memory", backing)))
		w.happen(3)
		w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "delay", Endpoint: "queue", DelayMS: 5000}}})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, q.Touch(ctx), context.DeadlineExceeded)
		q.Close()
		require.Equal(t, w.truth(), contents(t, backing, all(), "ASC"))
		require.Equal(t, 1, w.reads())
	})
}

func status(t testing.TB, q *Queue) Status {
	t.Helper()
	s, err := q.Status(context.Background())
	require.NoError(t, err)
	return s
}

// urgent notes how urgent the reads are.
type urgent struct {
	Source
	lanes []ratelimit.Lane
}

func (u *urgent) Queue(ctx context.Context) (cbc.Batch, error) {
	u.lanes = append(u.lanes, ratelimit.LaneOf(ctx))
	return u.Source.Queue(ctx)
}

// An alert rule on the queue does not wait behind panels: the first read of a poll is as urgent as its own requests would be.
func TestTheFirstReadOfAPollIsUrgent(t *testing.T) {
	bubble(t, simulator.Switches{QueueBatch: 10}, func(t *testing.T, w *world) {
		c := w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{})))
		u := &urgent{Source: c.Source}
		c.Source = u
		q := open(t, c)
		defer q.Close()
		w.happen(25)
		require.NoError(t, q.Touch(context.Background()))
		require.Equal(t, []ratelimit.Lane{ratelimit.LaneAlert, ratelimit.LanePanel, ratelimit.LanePanel}, u.lanes)
	})
}

// A key that gets its permission anew gives the last days once more: they have come again, not happened again. Equal events that
// two batches gave have happened as often as a search says.
func TestWhatComesAgainIsNotCountedAgain(t *testing.T) {
	bubble(t, simulator.Switches{QueueBatch: 10}, func(t *testing.T, w *world) {
		ctx := context.Background()
		q := open(t, w.config(t, memoryStore("memory", store.NewMemory(store.MemoryConfig{}))))
		defer q.Close()
		for range 30 {
			w.happen(7)
			time.Sleep(10 * time.Minute)
			require.NoError(t, q.Touch(ctx))
			require.Equal(t, w.truth(), queued(t, q))
		}
		w.sim.Grant(w.key.APIID)
		twin := w.sim.Events()[200]
		w.sim.Add(twin)
		require.Greater(t, w.sim.QueueLength(w.key.APIID), 200)
		time.Sleep(10 * time.Minute)
		require.NoError(t, q.Touch(ctx))
		require.Equal(t, w.truth(), queued(t, q), "a search has decided")
		require.NotEmpty(t, status(t, q).Gaps)
		time.Sleep(10 * time.Minute)
		require.NoError(t, q.Touch(ctx))
		require.Empty(t, status(t, q).Gaps)
		require.Zero(t, status(t, q).LastForeignRead, "nobody else is blamed")
	})
}
