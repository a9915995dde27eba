package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

const quiet = time.Minute

// stores are what every store is tested with. open makes another replica's view of the same store, where there can be one.
var stores = map[string]func(t testing.TB) (open func() Store){
	"memory": func(testing.TB) func() Store {
		store := NewMemory(MemoryConfig{})
		return func() Store { return store }
	},
	"postgres": func(t testing.TB) func() Store {
		database := pgtest.New(t)
		return func() Store {
			store, err := NewPostgres(PostgresConfig{DSN: database.DSN}, cbc.APIKey{URL: "https://cbc.test:443", OrgKey: "ABCD1234", APIID: "P3KEDZJRI8"})
			require.NoError(t, err)
			t.Cleanup(store.Close)
			return store
		}
	},
}

// onEachStore runs a test on two replicas of a store, which are one where the store knows no replicas.
func onEachStore(t *testing.T, test func(t *testing.T, store, other Store)) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			open := store(t)
			test(t, open(), open())
		})
	}
}

var base = time.Now().UTC().Add(-time.Hour).Truncate(time.Millisecond)

// event is one that happened so many milliseconds after the base.
func event(ms int, description string) auditlog.Event {
	return auditlog.Event{CreateTime: base.Add(time.Duration(ms) * time.Millisecond), OrgKey: "ABCD1234", Actor: "a@example.com", Description: description}
}

// events are those from one number to before another.
func events(from, to int) []auditlog.Event {
	list := make([]auditlog.Event, 0, to-from)
	for n := from; n < to; n++ {
		list = append(list, event(n, fmt.Sprint(n)))
	}
	return list
}

// strange is an event that is hard to keep.
func strange() auditlog.Event {
	return auditlog.Event{
		CreateTime: base.Add(123_456_789 * time.Nanosecond), OrgKey: "ÄÖ", Actor: "nul \x00 and \u2028", ActorIP: `quote " and \ backslash`,
		RequestURL: "/a?<b>&c", Description: "line\nend\r\n\ttab \U0001F600", Flagged: true, Verbose: true,
		Extra: []auditlog.Field{{Name: "a\"b", Value: []byte(`{ "x": [1,  2.50, "<&>"] }`)}, {Name: "z", Value: []byte(`1e400`)}},
	}
}

func add(t testing.TB, l Store, id string, origin Provenance, events ...auditlog.Event) Added {
	t.Helper()
	added, err := l.Add(context.Background(), Addition{ID: id, Origin: origin, Events: events})
	require.NoError(t, err)
	return added
}

// everything is a window that holds all events of the tests.
func everything() auditlog.TimeRange {
	return auditlog.NewTimeRange(base.Add(-1000*time.Hour), base.Add(1000*time.Hour))
}

// contents reads a window and returns the ids of its events, and their ordinals, in the order in which they came.
func contents(t testing.TB, l Store, w auditlog.TimeRange, order cbc.Order) []string {
	t.Helper()
	list := []string{}
	require.NoError(t, l.Range(context.Background(), w, order, func(entries []Entry) bool {
		list = append(list, rowIDs(entries)...)
		return true
	}))
	return list
}

func rowIDs(entries []Entry) []string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = fmt.Sprint(e.Event.ID(), "-", e.Ordinal)
	}
	return list
}

// want are the row ids of events, which may be equal, in ascending order.
func want(events ...auditlog.Event) []string {
	list := []string{}
	for _, it := range distinct(events) {
		for n := range it.n {
			list = append(list, fmt.Sprint(it.id, "-", n))
		}
	}
	return list
}

func TestStoreKeepsEveryField(t *testing.T) {
	onEachStore(t, func(t *testing.T, store, other Store) {
		plain := event(0, "plain")
		add(t, store, "1", FromQueue, strange(), plain)
		var got []auditlog.Event
		require.NoError(t, other.Range(context.Background(), everything(), cbc.OldestFirst, func(entries []Entry) bool {
			for _, e := range entries {
				got = append(got, *e.Event)
			}
			return true
		}))
		require.Equal(t, []auditlog.Event{plain, strange()}, got)
	})
}

func TestStoreCountsCopies(t *testing.T) {
	onEachStore(t, func(t *testing.T, store, other Store) {
		e, f := event(1, "e"), event(2, "f")
		require.Equal(t, Added{New: 2}, add(t, store, "1", FromQueue, e, f))
		require.Equal(t, Added{}, add(t, other, "1", FromQueue, e, f), "the same batch again")
		require.Equal(t, Added{New: 1}, add(t, store, "2", FromQueue, e), "another batch: it happened again")
		require.Equal(t, Added{}, add(t, other, "", FromSearch, e, f), "a search that finds less")
		require.Equal(t, Added{New: 1, Missing: 1}, add(t, store, "", FromSearch, e, e, e), "a search that finds more")
		require.Equal(t, Added{Missing: 1}, add(t, store, "", FromSearch, e, e, e), "the same search")
		require.Equal(t, Added{}, add(t, other, "3", FromQueue, e), "the queue gives it after all")
		require.Equal(t, Added{}, add(t, other, "", FromSearch, e, e, e))
		require.Equal(t, want(e, e, e, f), contents(t, other, everything(), cbc.OldestFirst))
	})
}

func TestStoreExplainsMissingEventsByGaps(t *testing.T) {
	onEachStore(t, func(t *testing.T, store, other Store) {
		lost, stolen := event(1, "lost"), event(2, "stolen")
		require.Equal(t, Added{New: 1}, add(t, store, "", FromRepair, lost))
		require.Equal(t, Added{New: 1, Missing: 1}, add(t, other, "", FromSearch, lost, stolen))
		require.Equal(t, want(lost, stolen), contents(t, store, everything(), cbc.OldestFirst))
	})
}

func TestStoreRange(t *testing.T) {
	onEachStore(t, func(t *testing.T, store, other Store) {
		var events []auditlog.Event
		for i := range 5000 { // more than one page, with runs of equal times across the page's edge, and with copies
			events = append(events, event(i/700, fmt.Sprint("event ", i%690)))
		}
		for _, i := range rand.Perm(5)[:5] {
			add(t, store, fmt.Sprint(i), FromQueue, events[i*1000:(i+1)*1000]...)
		}
		all := want(events...)
		require.Equal(t, all, contents(t, other, everything(), cbc.OldestFirst))
		slices.Reverse(all)
		require.Equal(t, all, contents(t, other, everything(), cbc.NewestFirst))
		edge := auditlog.NewTimeRange(events[700].CreateTime, events[2100].CreateTime)
		require.Equal(t, want(events[700:2100]...), contents(t, other, edge, cbc.OldestFirst), "half-open")
		require.Empty(t, contents(t, other, auditlog.TimeRange{From: edge.To, To: edge.From}, cbc.OldestFirst))

		seen := 0
		require.NoError(t, other.Range(context.Background(), everything(), cbc.NewestFirst, func(entries []Entry) bool {
			seen += len(entries)
			return false
		}))
		require.Positive(t, seen)
		require.LessOrEqual(t, seen, 1400, "who wants the newest few does not pay for all")
	})
}

func TestStoreCursor(t *testing.T) {
	onEachStore(t, func(t *testing.T, store, other Store) {
		ctx := context.Background()
		a, b, c := event(3, "a"), event(1, "b"), event(2, "c")
		add(t, store, "1", FromQueue, a)
		head, err := other.Head(ctx)
		require.NoError(t, err)
		add(t, store, "2", FromQueue, a, b)
		add(t, other, "", FromSearch, a, b, c)
		changes, err := other.After(ctx, head, 2)
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprint(b.ID(), "-0"), fmt.Sprint(a.ID(), "-1")}, rowIDs(changes.Entries))
		changes, err = store.After(ctx, changes.Next, 2)
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprint(c.ID(), "-0")}, rowIDs(changes.Entries))
		end, err := store.Head(ctx)
		require.NoError(t, err)
		require.Equal(t, end, changes.Next)
		changes, err = store.After(ctx, end, 2)
		require.NoError(t, err)
		require.Empty(t, changes.Entries)
		require.Equal(t, end, changes.Next)
		require.Zero(t, changes.Skipped)
	})
}

func TestStoreWatch(t *testing.T) {
	onEachStore(t, func(t *testing.T, store, other Store) {
		enough, calls := errors.New("enough"), make(chan struct{}, 10)
		var watching sync.WaitGroup
		watching.Go(func() {
			n := 0
			require.ErrorIs(t, other.Watch(context.Background(), func() error {
				calls <- struct{}{}
				if n++; n == 3 {
					return enough
				}
				return nil
			}), enough)
		})
		<-calls // at once
		add(t, store, "1", FromQueue, event(1, "a"))
		<-calls
		add(t, store, "1", FromQueue, event(1, "a")) // nothing new
		add(t, store, "2", FromQueue, event(1, "a"))
		<-calls
		watching.Wait()

		ctx, cancel := context.WithCancel(context.Background())
		watching.Go(func() {
			require.ErrorIs(t, other.Watch(ctx, func() error { cancel(); return nil }), context.Canceled)
		})
		watching.Wait()
	})
}

func TestStoreReadState(t *testing.T) {
	onEachStore(t, func(t *testing.T, store, other Store) {
		ctx := context.Background()
		lead, err := store.Lead(ctx, quiet)
		require.NoError(t, err)
		defer lead.Release(ctx)
		p := Policy{Late: 1000, Lookback: 60_000}
		_, err = lead.Update(ctx, func(b *ReadState) { b.Begin("1", p) })
		require.NoError(t, err)
		_, err = store.Add(ctx, Addition{ID: "1", Events: []auditlog.Event{event(1, "a")}, Note: func(b *ReadState) { b.Finish("1", true) }})
		require.NoError(t, err)
		_, err = other.Update(ctx, func(b *ReadState) { b.Lose("2", b.Drained, p) })
		require.NoError(t, err)
		state, err := other.ReadState(ctx)
		require.NoError(t, err)
		require.InDelta(t, time.Now().UnixMilli(), state.Now, 60_000)
		require.Equal(t, state.Opened, state.Drained)
		require.Equal(t, state.Drained, state.Since)
		require.Empty(t, state.Reading)
		require.Len(t, state.Gaps, 1, "those of the start and of the loss overlap")
		require.Equal(t, state.Opened-60_000, state.Gaps[0].From)
		_, err = other.Update(ctx, func(b *ReadState) { b.CloseGaps(b.Gaps[0].TimeRange, b.Gaps[0].Ready) })
		require.NoError(t, err)
		state, err = store.ReadState(ctx)
		require.NoError(t, err)
		require.Empty(t, state.Gaps)
	})
}

func TestStoreDeletesWhatIsOld(t *testing.T) {
	opens := map[string]func(t *testing.T) Store{
		"memory": func(*testing.T) Store { return NewMemory(MemoryConfig{Age: 30 * time.Minute}) },
		"postgres": func(t *testing.T) Store {
			store, err := NewPostgres(PostgresConfig{DSN: pgtest.New(t).DSN, Retention: 30 * time.Minute}, cbc.APIKey{URL: "h"})
			require.NoError(t, err)
			return store
		},
	}
	for name, open := range opens {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			defer store.Close()
			old, young := event(0, "old"), event(0, "young")
			young.CreateTime = time.Now().UTC().Truncate(time.Millisecond) // however long the tests before took
			ctx := context.Background()
			floor := time.Now().Add(-30 * time.Minute).UnixMilli()
			require.Equal(t, Added{New: 1, Expired: 1}, add(t, store, "1", FromQueue, old, young))
			state, err := store.ReadState(ctx)
			require.NoError(t, err)
			require.GreaterOrEqual(t, state.From, floor, "what was left out is not vouched for")
			require.NoError(t, store.Trim(ctx))
			require.Equal(t, want(young), contents(t, store, everything(), cbc.OldestFirst))
			again, err := store.ReadState(ctx)
			require.NoError(t, err)
			require.GreaterOrEqual(t, again.From, state.From)
			require.Zero(t, again.Forgotten, "it was never held")
		})
	}
}

// What a store holds is known without counting, and so is where it begins, also after it has forgotten.
func TestStoreReportsWhatItHolds(t *testing.T) {
	const span = time.Hour
	opens := map[string]func(t *testing.T) (long, short Store){
		"memory": func(*testing.T) (long, short Store) {
			now := time.Now()
			store := NewMemory(MemoryConfig{Age: 2 * span, Now: func() time.Time { return now }}).(*memory)
			return store, later{store, func() { now = now.Add(span) }}
		},
		"postgres": func(t *testing.T) (long, short Store) {
			database := pgtest.New(t)
			long, err := NewPostgres(PostgresConfig{DSN: database.DSN}, cbc.APIKey{URL: "h"})
			require.NoError(t, err)
			short, err = NewPostgres(PostgresConfig{DSN: database.DSN, Retention: span}, cbc.APIKey{URL: "h"})
			require.NoError(t, err)
			t.Cleanup(long.Close)
			return long, short
		},
	}
	for name, open := range opens {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			long, short := open(t)
			defer short.Close()
			held, err := long.Held(ctx)
			require.NoError(t, err)
			require.Zero(t, held.Events)
			_, err = long.Update(ctx, func(b *ReadState) { b.Begin("1", Policy{Late: 1, Lookback: (2 * span).Milliseconds()}) })
			require.NoError(t, err)
			old, young := event(-60_000, "old"), event(int((30*time.Minute)/time.Millisecond), "young")
			add(t, long, "1", FromQueue, old, old, young)
			add(t, long, "", FromSearch, old, old, young)
			held, err = long.Held(ctx)
			require.NoError(t, err)
			require.Equal(t, int64(3), held.Events)
			require.Positive(t, held.Bytes)
			state, err := long.ReadState(ctx)
			require.NoError(t, err)
			require.InDelta(t, state.Opened-(2*span).Milliseconds(), state.From, 1)

			require.NoError(t, short.Trim(ctx))
			held, err = short.Held(ctx)
			require.NoError(t, err)
			require.Equal(t, int64(1), held.Events)
			state, err = short.ReadState(ctx)
			require.NoError(t, err)
			require.Equal(t, int64(2), state.Forgotten)
			require.Greater(t, state.From, old.CreateTime.UnixMilli())
			require.LessOrEqual(t, state.From, young.CreateTime.UnixMilli())
		})
	}
}

// later is a store that ages before it forgets.
type later struct {
	Store
	age func()
}

func (l later) Trim(ctx context.Context) error {
	l.age()
	return l.Store.Trim(ctx)
}

// An event between two milliseconds belongs to the earlier one.
func TestStoreRangeBetweenMilliseconds(t *testing.T) {
	onEachStore(t, func(t *testing.T, store, other Store) {
		early, late := event(9, "early"), event(10, "late")
		early.CreateTime, late.CreateTime = early.CreateTime.Add(999*time.Microsecond), late.CreateTime.Add(time.Microsecond)
		add(t, store, "1", FromQueue, early, late)
		edge := base.Add(10 * time.Millisecond)
		for _, order := range []cbc.Order{cbc.OldestFirst, cbc.NewestFirst} {
			require.Equal(t, want(late), contents(t, other, auditlog.NewTimeRange(edge, edge.Add(time.Millisecond)), order))
			require.Equal(t, want(early), contents(t, other, auditlog.NewTimeRange(edge.Add(-time.Millisecond), edge), order))
		}
	})
}
