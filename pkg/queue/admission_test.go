package queue

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

// lock is the part of the cloud that checks secrets.
type lock struct {
	mu     sync.Mutex
	secret string
	fault  error // instead of any answer
}

func (l *lock) set(secret string, fault error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secret, l.fault = secret, fault
}

func (l *lock) check(secret string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.fault != nil:
		return l.fault
	case secret != l.secret:
		return &cbc.Error{Kind: cbc.KindKey, Status: http.StatusUnauthorized}
	}
	return nil
}

// holder asks the cloud with a secret.
type holder struct {
	lock     *lock
	secret   string
	source   Source
	broken   atomic.Bool // nothing comes through, as with a wrong proxy
	accepted atomic.Pointer[time.Time]
	verified atomic.Int32 // requests sent by Verify
	reads    atomic.Int32
}

var errProxy = &cbc.Error{Kind: cbc.KindHost}

func (h *holder) check() error {
	if h.broken.Load() {
		return errProxy
	}
	sent := time.Now()
	err := h.lock.check(h.secret)
	if err == nil {
		h.accepted.Store(&sent)
	}
	return err
}

func (h *holder) AcceptedAt() time.Time {
	if at := h.accepted.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

func (h *holder) Verify(context.Context) error {
	h.verified.Add(1)
	return h.check()
}

func (h *holder) Queue(ctx context.Context) (cbc.Batch, error) {
	h.reads.Add(1)
	if err := h.check(); err != nil {
		return cbc.Batch{}, err
	}
	return h.source.Queue(ctx)
}

type lockedSearcher struct {
	Searcher
	*holder
}

func (s lockedSearcher) SearchAll(ctx context.Context, w auditlog.TimeRange, visit func([]auditlog.Event) error) error {
	if err := s.check(); err != nil {
		return err
	}
	return s.Searcher.SearchAll(ctx, w, visit)
}

// shop is a process whose data sources ask one locked cloud.
type shop struct {
	*world
	lock    *lock
	readers Readers
}

func newShop(w *world) *shop { return &shop{world: w, lock: &lock{secret: "right"}} }

func (s *shop) configure(t testing.TB, owner, secret string, store StoreSettings) (Config, *holder) {
	c := s.config(t, store)
	h := &holder{lock: s.lock, secret: secret, source: c.Source}
	c.Identity.Fingerprint = "print of " + secret
	c.Derive = func(salt []byte) []byte {
		sum := sha256.Sum256(append([]byte(secret), salt...))
		return sum[:]
	}
	c.Owner, c.Source, c.Searcher, c.Prover = owner, h, lockedSearcher{c.Searcher, h}, h
	return c, h
}

func (s *shop) open(t testing.TB, owner, secret string) (*Queue, *holder) {
	c, h := s.configure(t, owner, secret, StoreSettings{Name: "memory", Open: func(cbc.APIKey) (store.Store, error) { return store.NewMemory(store.MemoryConfig{}), nil }})
	q, err := s.readers.Open(c)
	require.NoError(t, err)
	return q, h
}

// see makes events happen, and wants a data source to see everything that has happened.
func (s *shop) see(t testing.TB, q *Queue) {
	t.Helper()
	s.happen(3)
	time.Sleep(time.Hour)
	require.NoError(t, q.Touch(context.Background()))
	require.Equal(t, s.truth(), queued(t, q))
}

// shut wants every door to be closed for a data source.
func shut(t testing.TB, q *Queue, want error) {
	t.Helper()
	ctx := context.Background()
	is := func(err error) {
		t.Helper()
		require.Error(t, err)
		if want != nil {
			require.ErrorIs(t, err, want)
			return
		}
		require.True(t, rejected(err), "%v", err)
	}
	is(q.Touch(ctx))
	is(q.Range(ctx, all(), cbc.OldestFirst, func([]store.Entry) bool { t.Error("an event was shown"); return true }))
	_, err := q.Head(ctx)
	is(err)
	is(q.Subscribe(ctx, 0, func(store.Changes) error { t.Error("an event was delivered"); return nil }))
	state, err := q.Status(ctx)
	require.Error(t, err)
	require.Empty(t, state)
	held, err := q.Held(ctx)
	require.Error(t, err)
	require.Empty(t, held)
}

func inShop(t *testing.T, test func(t *testing.T, s *shop)) {
	bubble(t, simulator.Switches{}, func(t *testing.T, w *world) { test(t, newShop(w)) })
}

func TestAWrongSecretSeesAndChangesNothing(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		first, reading := s.open(t, "first", "right")
		defer first.Close()
		s.see(t, first)
		stranger, trying := s.open(t, "stranger", "wrong")
		for range 3 {
			shut(t, stranger, nil)
			before := reading.reads.Load()
			s.see(t, first)
			require.Greater(t, reading.reads.Load(), before)
			require.Zero(t, trying.reads.Load(), "the reader never uses the wrong secret")
		}
		stranger.Close()
		s.see(t, first)
	})
}

func TestAWrongSecretThatComesFirstGivesWay(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		s.happen(2)
		stranger, _ := s.open(t, "stranger", "wrong")
		defer stranger.Close()
		require.True(t, rejected(stranger.Touch(context.Background())))
		require.Empty(t, queued(t, stranger), "an empty store of its own")
		first, _ := s.open(t, "first", "right")
		defer first.Close()
		s.see(t, first)
		shut(t, stranger, nil)
		s.see(t, first)
	})
}

func TestASharedSecretNeedsNoSecondQueue(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		first, one := s.open(t, "first", "right")
		defer first.Close()
		s.see(t, first)
		second, two := s.open(t, "second", "right")
		defer second.Close()
		s.see(t, second)
		s.see(t, first)
		require.Zero(t, one.verified.Load(), "its first read proves the secret of a data source that is alone")
		require.EqualValues(t, 1, two.verified.Load())
		first.Close()
		s.see(t, second)
	})
}

func TestARotatedSecretKeepsTheStore(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		ctx := context.Background()
		old, _ := s.open(t, "here", "right")
		elsewhere, _ := s.open(t, "elsewhere", "right")
		defer old.Close()
		defer elsewhere.Close()
		s.see(t, old)
		s.see(t, elsewhere)
		subscribed := make(chan error, 1)
		go func() { subscribed <- elsewhere.Subscribe(ctx, 0, func(store.Changes) error { return nil }) }()
		synctest.Wait()

		renewed, _ := s.open(t, "here", "renewed")
		defer renewed.Close()
		shut(t, renewed, nil)
		require.NotEmpty(t, queued(t, old), "the new secret is not accepted yet")
		s.lock.set("renewed", nil)
		s.see(t, renewed)
		require.Zero(t, status(t, renewed).LastForeignRead)
		require.ErrorIs(t, <-subscribed, errReplaced)
		shut(t, elsewhere, nil)
		old.Close()
		s.see(t, renewed)
	})
}

func TestSecretsThatBothWorkShare(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		one, h := s.open(t, "one", "right")
		two, _ := s.open(t, "two", "also right")
		defer one.Close()
		defer two.Close()
		s.see(t, one)
		s.lock.set("also right", nil)
		s.see(t, two)
		s.lock.set("right", nil)
		s.see(t, one)
		verified := h.verified.Load()
		s.lock.set("also right", nil)
		s.see(t, two)
		require.Zero(t, status(t, two).LastForeignRead, "one reader for both")
		require.LessOrEqual(t, h.verified.Load(), verified+1)
	})
}

func TestNewSettingsTakePartOnlyAfterTheyWorked(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		elsewhere, _ := s.open(t, "elsewhere", "right")
		defer elsewhere.Close()
		s.see(t, elsewhere)
		broken, h := s.open(t, "here", "right")
		defer broken.Close()
		h.broken.Store(true)
		require.NoError(t, broken.Touch(context.Background()), "its secret was accepted before, only its way is broken")
		s.see(t, elsewhere)
		s.see(t, broken)
		require.Zero(t, h.reads.Load(), "its settings are not in force")
		elsewhere.Close()
		s.happen(1)
		time.Sleep(time.Hour)
		require.ErrorIs(t, broken.Touch(context.Background()), errProxy)
		h.broken.Store(false)
		s.see(t, broken)
	})
}

func TestSettingsThatStopWorkingGiveWay(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		first, _ := s.open(t, "first", "right")
		second, h := s.open(t, "second", "right")
		defer first.Close()
		defer second.Close()
		s.see(t, first)
		s.see(t, second)
		h.broken.Store(true)
		time.Sleep(time.Hour)
		s.see(t, first)
		require.NoError(t, second.Touch(context.Background()))
		h.broken.Store(false)
		first.Close()
		s.see(t, second)
		require.Zero(t, status(t, second).LastForeignRead)
	})
}

func TestAnOutageShutsNobodyOut(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		outage := &cbc.Error{Kind: cbc.KindServer, Status: http.StatusServiceUnavailable}
		old, _ := s.open(t, "here", "right")
		s.see(t, old)
		renewed, _ := s.open(t, "here", "right")
		stranger, _ := s.open(t, "there", "wrong")
		defer renewed.Close()
		defer stranger.Close()
		s.lock.set("right", outage)
		old.Close()
		require.Equal(t, s.truth(), queued(t, renewed))
		shut(t, stranger, outage)
		s.lock.set("right", nil)
		s.see(t, renewed)
	})
}

func TestARevokedKeyAdmitsNobodyElse(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		first, _ := s.open(t, "first", "right")
		defer first.Close()
		s.see(t, first)
		s.lock.set("none", nil)
		time.Sleep(time.Hour)
		require.True(t, rejected(first.Touch(context.Background())))
		require.Equal(t, s.truth(), queued(t, first), "what it has read itself")
		later, _ := s.open(t, "later", "right")
		defer later.Close()
		shut(t, later, nil)
	})
}

// Grafana disposes the old instance before the new one is asked for events.
func TestAStoreIsKeptForTheNextInstance(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		old, _ := s.open(t, "here", "right")
		s.see(t, old)
		stranger, _ := s.open(t, "there", "wrong")
		renewed, _ := s.open(t, "here", "right")
		old.Close()
		shut(t, stranger, nil)
		require.False(t, status(t, renewed).Drained.IsZero(), "its secret was accepted before")
		s.see(t, renewed)
		require.Empty(t, status(t, renewed).Gaps)
		renewed.Close()
		shut(t, stranger, nil)
		stranger.Close()
		require.Empty(t, s.readers.byKey)
	})
}

func TestTwoStoresForOneKey(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		first, _ := s.open(t, "first", "right")
		defer first.Close()
		s.see(t, first)
		open := func(owner, secret string) *Queue {
			c, _ := s.configure(t, owner, secret, memoryStore("another", store.NewMemory(store.MemoryConfig{})))
			q, err := s.readers.Open(c)
			require.NoError(t, err)
			return q
		}
		second := open("second", "right")
		defer second.Close()
		shut(t, second, errOtherStore)
		wrong := open("first", "wrong")
		defer wrong.Close()
		shut(t, wrong, nil)
		s.see(t, first)

		successor := open("first", "right")
		defer successor.Close()
		s.see(t, successor)
		shut(t, first, errEnded)
		s.see(t, second)
		require.Zero(t, status(t, second).LastForeignRead)
	})
}

func TestPostgresKnowsTheSecret(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	w := newWorld(simulator.Switches{}, time.Minute)
	here, there := newShop(w), newShop(w) // two processes
	there.lock = here.lock
	start := func(s *shop, owner, secret string) (*Queue, *holder) {
		c, h := s.configure(t, owner, secret, StoreSettings{Name: "postgres", Shared: true, Open: func(key cbc.APIKey) (store.Store, error) {
			return store.NewPostgres(store.PostgresConfig{DSN: database.DSN}, key)
		}})
		q, err := s.readers.Open(c)
		require.NoError(t, err)
		t.Cleanup(q.Close)
		return q, h
	}
	w.happen(3)
	ctx := context.Background()
	first, h := start(here, "first", "right")
	require.NoError(t, first.Touch(ctx))
	require.EqualValues(t, 1, h.verified.Load(), "a new row knows nobody")
	require.Equal(t, w.truth(), queued(t, first))

	stranger, _ := start(there, "stranger", "wrong")
	shut(t, stranger, nil)
	replica, h := start(there, "first", "right")
	require.Equal(t, w.truth(), queued(t, replica))
	require.Zero(t, h.verified.Load(), "the row knows the secret")
	shut(t, stranger, nil)

	here.lock.set("renewed", nil)
	renewed, _ := start(there, "first", "renewed")
	require.Equal(t, w.truth(), queued(t, renewed), "the store stays")
	shut(t, replica, nil)
	first.admitted.Load().checked.Store(new(time.Time)) // a minute later
	shut(t, first, nil)
	here.lock.set("renewed", errors.New("an outage"))
	again, _ := start(here, "first", "renewed")
	require.Equal(t, w.truth(), queued(t, again))
}

// forgetful is a store that another process can open with another secret.
type forgetful struct {
	store.Store
	forgotten atomic.Bool
}

func (f *forgetful) Knows(context.Context, store.Secret) (bool, store.Verifier, error) {
	return !f.forgotten.Load(), store.Verifier{}, nil
}

// Another process opens the store with a new secret: within a minute the old one's subscription ends and its status is shut, although
// nobody here asks for anything else.
func TestASubscriptionEndsWithItsSecret(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		shared := &forgetful{Store: store.NewMemory(store.MemoryConfig{})}
		settings := memoryStore("shared", shared)
		settings.Shared = true
		c, _ := s.configure(t, "here", "right", settings)
		q, err := s.readers.Open(c)
		require.NoError(t, err)
		defer q.Close()
		ended := make(chan error, 1)
		go func() { ended <- q.Subscribe(context.Background(), 0, func(store.Changes) error { return nil }) }()
		synctest.Wait()
		time.Sleep(10 * time.Minute)
		require.Empty(t, ended, "its secret is known")
		s.lock.set("renewed", nil)
		shared.forgotten.Store(true)
		time.Sleep(recheckEvery + time.Second)
		synctest.Wait()
		require.Len(t, ended, 1)
		require.Error(t, <-ended)
		shut(t, q, nil)
	})
}

func TestStatusIsShutWhenTheStoreForgetsTheSecret(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		shared := &forgetful{Store: store.NewMemory(store.MemoryConfig{})}
		settings := memoryStore("shared", shared)
		settings.Shared = true
		c, _ := s.configure(t, "here", "right", settings)
		q, err := s.readers.Open(c)
		require.NoError(t, err)
		defer q.Close()
		s.see(t, q)
		shared.forgotten.Store(true)
		time.Sleep(recheckEvery + time.Second)
		_, err = q.Status(context.Background())
		require.ErrorIs(t, err, ErrUnproved)
		_, err = q.Held(context.Background())
		require.ErrorIs(t, err, ErrUnproved)
	})
}

// TestAdmissionHolds lets data sources with right, old and wrong secrets come and go while the secret is rotated: who never held a
// right secret sees nothing, and who holds the right one sees everything.
func TestAdmissionHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 25).Draw(rt, "steps")
		chosen := rapid.SliceOfN(rapid.IntRange(0, 3), len(steps), len(steps)).Draw(rt, "chosen")
		bubble(t, simulator.Switches{}, func(t *testing.T, w *world) {
			s := newShop(w)
			version := 0
			secret := func(v int) string { return fmt.Sprint("secret ", v) }
			s.lock.set(secret(0), nil)
			var queues []*Queue
			var versions []int // -1 is a secret that was never right
			for i, step := range steps {
				switch {
				case step == 0: // the secret is rotated in the cloud
					version++
					s.lock.set(secret(version), nil)
				case step <= 2: // a data source with the right, an older or a wrong secret
					v := version - chosen[i]%3
					if chosen[i] == 3 || v < 0 {
						v = -1
					}
					q, _ := s.open(t, fmt.Sprint(chosen[i]), secret(v))
					queues, versions = append(queues, q), append(versions, v)
				case len(queues) == 0:
				case step == 3:
					k := chosen[i] % len(queues)
					queues[k].Close()
					queues, versions = append(queues[:k:k], queues[k+1:]...), append(versions[:k:k], versions[k+1:]...)
				default:
					s.look(t, queues, versions, chosen[i]%len(queues), version)
				}
			}
			for _, q := range queues {
				q.Close()
			}
			require.Empty(t, s.readers.byKey)
		})
	})
}

func (s *shop) look(t *testing.T, queues []*Queue, versions []int, k, version int) {
	s.happen(2)
	time.Sleep(time.Hour)
	err := queues[k].Touch(context.Background())
	switch versions[k] {
	case version:
		if err != nil { // the reader found out that it uses an old secret
			time.Sleep(time.Hour)
			err = queues[k].Touch(context.Background())
		}
		require.NoError(t, err)
		require.Equal(t, s.truth(), queued(t, queues[k]))
	case -1:
		require.Error(t, err)
		shown := 0
		_ = queues[k].Range(context.Background(), all(), cbc.OldestFirst, func(part []store.Entry) bool { shown += len(part); return true })
		require.Zero(t, shown)
	}
}
