package queue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/store"
)

// inProcess sends a client's requests to a handler without a network, so that a test's own time can pass meanwhile.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	recorder := httptest.NewRecorder()
	defer func() {
		if recover() != nil { // the handler has cut the connection
			resp, err = nil, errors.New("connection reset by peer")
		}
	}()
	t.handler.ServeHTTP(recorder, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}

// world is a simulated cloud and what one process asks it with.
type world struct {
	sim  *simulator.Server
	key  cbc.APIKey
	late time.Duration
}

func newWorld(sw simulator.Switches, late time.Duration) *world {
	return newWorldAt(sw, late, time.Now)
}

// newWorldAt makes a world in which the cloud has a clock of its own.
func newWorldAt(sw simulator.Switches, late time.Duration, now func() time.Time) *world {
	sim := simulator.New(simulator.Config{Events: []simulator.Event{}, Switches: sw, Now: now})
	return &world{sim: sim, key: cbc.APIKey{URL: "https://cbc.test:443", OrgKey: sim.OrgKey(), APIID: sim.Keys()[0].APIID}, late: late}
}

func (w *world) client(t testing.TB) *cbc.Client {
	t.Helper()
	key := w.sim.Keys()[0]
	client, err := cbc.New(cbc.Config{URL: "https://cbc.test", OrgKey: w.sim.OrgKey(), APIID: key.APIID, APISecret: key.APISecret}, &http.Client{Transport: inProcess{w.sim}})
	require.NoError(t, err)
	return client
}

// searcher reads by a History that has kept nothing.
type searcher struct {
	client *cbc.Client
	settle time.Duration
	reach  int              // the most events that one search reaches; 0 is the vendor's
	now    func() time.Time // nil is time.Now
}

func (s searcher) SearchAll(ctx context.Context, w auditlog.TimeRange, visit func([]auditlog.Event) error) error {
	h := history.New(history.Config{Searcher: s.client, Settle: s.settle, Reach: s.reach, Now: s.now})
	q := history.Question{Range: w, Order: cbc.OldestFirst, MaxEvents: 1 << 30}
	var coverage history.Coverage
	for batch, err := range h.Read(ctx, q, &coverage, &history.Cost{}) {
		if err != nil {
			return err
		}
		var events []auditlog.Event
		for e := range batch {
			events = append(events, *e)
		}
		if err := visit(events); err != nil {
			return err
		}
	}
	if coverage.Bad != nil {
		return coverage.Bad
	}
	if !coverage.Complete || !coverage.StaleSince.IsZero() {
		return errors.New("the search was cut")
	}
	return nil
}

// config describes a queue on the world with its store in a store.
func (w *world) config(t testing.TB, store StoreSettings) Config {
	client := w.client(t)
	return Config{
		Identity: cbc.Identity{APIKey: w.key}, Source: breaker{client, new(atomic.Pointer[fragile])}, Searcher: searcher{client: client, settle: w.late}, Store: store,
		Poll: time.Minute, Late: w.late, AuditEvery: 5 * time.Minute,
	}
}

// memoryStore opens the one store each time.
func memoryStore(name string, backing store.Store) StoreSettings {
	return StoreSettings{Name: name, Open: func(cbc.APIKey) (store.Store, error) { return backing, nil }}
}

var serial atomic.Int64

// happen makes n events happen now, two of which are equal.
func (w *world) happen(n int) {
	at := time.Now().UTC().Truncate(time.Millisecond)
	events := make([]simulator.Event, 0, n)
	for range n {
		events = append(events, simulator.Event{CreateTime: at, Arrives: at, Actor: "a@example.com", Description: fmt.Sprint("event ", serial.Add(1))})
	}
	if n > 1 {
		events[1].Description = events[0].Description
	}
	w.sim.Add(events...)
}

// reads is how often the queue was asked.
func (w *world) reads() int { return w.sim.State().Endpoints["queue"].Calls }

// truth are the row ids of everything that has happened.
func (w *world) truth() []string { return want(fromSimulator(w.sim.Events())...) }

func fromSimulator(list []simulator.Event) []auditlog.Event {
	events := make([]auditlog.Event, len(list))
	for i, s := range list {
		events[i] = auditlog.Event{
			CreateTime: s.CreateTime, OrgKey: s.OrgKey, Actor: s.Actor, ActorIP: s.ActorIP, RequestURL: s.RequestURL,
			Description: s.Description, Flagged: s.Flagged, Verbose: s.Verbose,
		}
	}
	return events
}

// steal takes a batch out of the queue, as another consumer with the same key does.
func (w *world) steal(t testing.TB) int {
	t.Helper()
	batch, err := w.client(t).Queue(context.Background())
	require.NoError(t, err)
	return len(batch.Events)
}

// same compares long lists of row ids and tells how they differ.
func same(t testing.TB, want, got []string) {
	t.Helper()
	count := map[string]int{}
	for _, id := range want {
		count[id]++
	}
	for _, id := range got {
		count[id]--
	}
	var lost, doubled []string
	for id, n := range count {
		switch {
		case n > 0:
			lost = append(lost, id)
		case n < 0:
			doubled = append(doubled, id)
		}
	}
	require.False(t, len(lost)+len(doubled) > 0, "of %d events %d are lost: %.5s; %d too many: %.5s", len(want), len(lost), lost, len(doubled), doubled)
	require.Equal(t, want, got, "the same events in another order")
}

func all() auditlog.TimeRange { return auditlog.TimeRange{From: 0, To: 1 << 45} }

// queued are the row ids that a queue shows.
func queued(t testing.TB, q *Queue) []string {
	t.Helper()
	list := []string{}
	require.NoError(t, q.Range(context.Background(), all(), cbc.OldestFirst, func(entries []store.Entry) bool {
		list = append(list, rowIDs(entries)...)
		return true
	}))
	return list
}

var errBroken = errors.New("the store is broken")

// fragile is a store that can be broken, and a process that can be killed: a dead one changes nothing any more.
type fragile struct {
	store.Store
	broken atomic.Bool
	mute   atomic.Int32 // so many additions are done and reported as failed
}

func (f *fragile) Add(ctx context.Context, a store.Addition) (store.Added, error) {
	if f.broken.Load() {
		return store.Added{}, errBroken
	}
	added, err := f.Store.Add(ctx, a)
	if a.Origin == store.FromQueue && f.mute.Add(-1) >= 0 {
		return store.Added{}, errBroken
	}
	return added, err
}

func (f *fragile) Update(ctx context.Context, change func(*store.ReadState)) (store.ReadState, error) {
	if f.broken.Load() {
		return store.ReadState{}, errBroken
	}
	return f.Store.Update(ctx, change)
}

func (f *fragile) Lead(ctx context.Context, quiet time.Duration) (store.Lease, error) {
	if f.broken.Load() {
		return nil, errBroken
	}
	lead, err := f.Store.Lead(ctx, quiet)
	return fragileLead{lead, f}, err
}

type fragileLead struct {
	store.Lease
	store *fragile
}

func (l fragileLead) Update(ctx context.Context, change func(*store.ReadState)) (store.ReadState, error) {
	if l.store.broken.Load() {
		return store.ReadState{}, errBroken
	}
	return l.Lease.Update(ctx, change)
}

// tail collects what a subscriber gets.
type tail struct {
	mu  sync.Mutex
	got []string
}

func (l *tail) deliver(c store.Changes) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, rowIDs(c.Entries)...)
	return nil
}

func (l *tail) sorted() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.Clone(l.got)
	slices.Sort(list)
	return list
}

// nothingFound is a search that is of no help.
type nothingFound struct{}

func (nothingFound) SearchAll(context.Context, auditlog.TimeRange, func([]auditlog.Event) error) error {
	return nil
}

// breaker is a source that can break a store as soon as it has read.
type breaker struct {
	*cbc.Client
	store *atomic.Pointer[fragile]
}

func (b breaker) breakAfterRead(f *fragile) { b.store.Store(f) }

func (b breaker) Queue(ctx context.Context) (cbc.Batch, error) {
	batch, err := b.Client.Queue(ctx)
	if f := b.store.Swap(nil); f != nil {
		f.broken.Store(true)
	}
	return batch, err
}

// contents reads a time range and returns the row ids of its events in the order in which they came.
func contents(t testing.TB, s store.Store, w auditlog.TimeRange, order cbc.Order) []string {
	t.Helper()
	list := []string{}
	require.NoError(t, s.Range(context.Background(), w, order, func(entries []store.Entry) bool {
		list = append(list, rowIDs(entries)...)
		return true
	}))
	return list
}

func rowIDs(entries []store.Entry) []string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = fmt.Sprint(e.Event.ID(), "-", e.Ordinal)
	}
	return list
}

// want are the row ids of events, which may be equal, in ascending order.
func want(events ...auditlog.Event) []string {
	slices.SortFunc(events, func(a, b auditlog.Event) int { return auditlog.Compare(&a, &b) })
	list, ordinal := []string{}, 0
	for i := range events {
		if ordinal++; i == 0 || auditlog.Compare(&events[i-1], &events[i]) != 0 {
			ordinal = 0
		}
		list = append(list, fmt.Sprint(events[i].ID(), "-", ordinal))
	}
	return list
}
