package tail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

// replica follows a store that several share.
type replica struct {
	store.Store
	mu     sync.Mutex
	status queue.Status
	failed error // of Head
}

func (r *replica) Subscribe(ctx context.Context, from store.Cursor, deliver func(store.Changes) error) error {
	return r.Watch(ctx, func() error {
		for {
			changes, err := r.After(ctx, from, 7)
			if err != nil || len(changes.Entries) == 0 {
				return err
			}
			if err := deliver(changes); err != nil {
				return err
			}
			from = changes.Next
		}
	})
}

func (r *replica) Head(ctx context.Context) (store.Cursor, error) {
	r.mu.Lock()
	failed := r.failed
	r.mu.Unlock()
	if failed != nil {
		return 0, failed
	}
	return r.Store.Head(ctx)
}

func (r *replica) Status(context.Context) (queue.Status, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status, nil
}

func (r *replica) tell(s queue.Status, failed error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.failed = s, failed
}

func (r *replica) tail(f auditlog.Filter) Store {
	return Store{Queue: r, Classifier: catalog.Default(), Filter: f, Settle: time.Minute}
}

func add(t require.TestingT, l store.Store, origin store.Provenance, events ...auditlog.Event) {
	_, err := l.Add(context.Background(), store.Addition{Origin: origin, Events: events})
	require.NoError(t, err)
}

func login(at time.Time, actor string) auditlog.Event {
	return auditlog.Event{CreateTime: at.UTC().Truncate(time.Millisecond), Actor: actor, Description: "User logged in"}
}

// Replicas of one store show the same events, each once, in the same order: the one in which they were added.
func TestReplicasShowTheSame(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		bubble(t, func() {
			backing := store.NewMemory(store.MemoryConfig{})
			one, two := &replica{Store: backing}, &replica{Store: backing}
			var screens [2]screen
			for i, each := range []*replica{one, two} {
				stop := start(each.tail(byActor("ann")), screens[i].deliver)
				defer stop()
			}
			synctest.Wait()
			var want []string
			counts := map[auditlog.ID]int{}
			for range rapid.IntRange(1, 10).Draw(r, "batches") {
				var batch []auditlog.Event
				for range rapid.IntRange(0, 20).Draw(r, "events") {
					at := time.Now().Add(-time.Duration(rapid.IntRange(0, 50).Draw(r, "age")) * time.Second)
					batch = append(batch, login(at, rapid.SampledFrom([]string{"ann", "bob"}).Draw(r, "actor")))
				}
				add(r, backing, store.FromQueue, batch...)
				for _, e := range batch {
					if e.Actor == "ann" {
						want = append(want, e.ID().Row(counts[e.ID()]))
						counts[e.ID()]++
					}
				}
				time.Sleep(time.Duration(rapid.IntRange(0, 9).Draw(r, "pass")) * time.Second)
			}
			synctest.Wait()
			require.Equal(r, screens[0].sequence(), screens[1].sequence())
			require.ElementsMatch(r, want, screens[0].sequence())
		})
	})
}

// The tail begins a minute before it was opened; what a search makes good long after it happened is counted only.
func TestStoreShowsThePresent(t *testing.T) {
	bubble(t, func() {
		backing := store.NewMemory(store.MemoryConfig{})
		r := &replica{Store: backing}
		now := time.Now()
		add(t, backing, store.FromSearch, login(now.Add(-2*time.Hour), "history"))
		add(t, backing, store.FromQueue, login(now.Add(-30*time.Second), "just now"), login(now.Add(-90*time.Second), "before"))
		var s screen
		stop := start(r.tail(auditlog.Filter{}), s.deliver)
		defer stop()
		synctest.Wait()
		require.Equal(t, []string{"just now"}, actors(s.rows()))

		time.Sleep(20 * time.Minute)
		add(t, backing, store.FromSearch, login(now.Add(time.Minute), "repaired"), login(now.Add(-time.Hour), "history"))
		synctest.Wait()
		require.Equal(t, []string{"just now"}, actors(s.rows()))
		require.Contains(t, s.notices(), "1 events arrived too late to be shown here")
		add(t, backing, store.FromQueue, login(time.Now(), "new"))
		synctest.Wait()
		require.Equal(t, []string{"just now", "new"}, actors(s.rows()))
	})
}

// The viewer is told when the queue or the store cannot be read, and when that is over; the tail goes on.
func TestStoreFailuresAreTold(t *testing.T) {
	bubble(t, func() {
		r := &replica{Store: store.NewMemory(store.MemoryConfig{})}
		r.tell(queue.Status{}, errors.New("no route to the database"))
		var s screen
		stop := start(r.tail(auditlog.Filter{}), s.deliver)
		defer stop()
		synctest.Wait()
		require.Contains(t, s.notices(), "no route to the database")
		r.tell(queue.Status{Last: queue.Poll{Err: errors.New("wait 5m0s")}, LastForeignRead: time.Now(), Missing: 3}, nil)
		time.Sleep(2 * checkEvery)
		require.Contains(t, s.notices(), "wait 5m0s")
		require.Contains(t, s.notices(), "3 events that the queue never delivered")
		r.tell(queue.Status{}, nil)
		time.Sleep(2 * checkEvery)
		require.Equal(t, "[]", s.notices())
		add(t, r.Store, store.FromQueue, login(time.Now(), "ann"))
		synctest.Wait()
		require.Len(t, s.rows(), 1)
	})
}

// Events that were not kept for the cursor are counted, but not those before the tail was opened.
func TestSkippedEventsAreCounted(t *testing.T) {
	var s screen
	f := &follower{Store: (&replica{}).tail(auditlog.Filter{}), viewer: &viewer{deliver: s.deliver}, since: time.Now().Add(-Lead)}
	e := login(time.Now(), "ann")
	require.NoError(t, f.show(store.Changes{Skipped: 5, Entries: []store.Entry{{Event: &e}}}))
	require.Equal(t, "[]", s.notices())
	require.NoError(t, f.show(store.Changes{Skipped: 7, Entries: []store.Entry{{Event: &e, Ordinal: 1}}}))
	require.Contains(t, s.notices(), "7 events are not shown here")
	require.Equal(t, []string{e.ID().Row(0), e.ID().Row(1)}, s.sequence())
}

// A panic ends one tail, not the process.
func TestPanicEndsOneTail(t *testing.T) {
	bubble(t, func() {
		r := &replica{Store: store.NewMemory(store.MemoryConfig{})}
		add(t, r.Store, store.FromQueue, login(time.Now(), "ann"))
		_, err := r.tail(auditlog.Filter{}).Run(context.Background(), Checkpoint{}, func([]frame.Row, []frame.Notice) error { panic("boom") })
		require.ErrorContains(t, err, "boom")
	})
}

func actors(rows []frame.Row) (out []string) {
	for _, r := range rows {
		out = append(out, fmt.Sprint(r.Event.Actor))
	}
	return slices.Clip(out)
}
