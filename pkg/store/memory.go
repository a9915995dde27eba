package store

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// The default bounds of a store in memory.
const (
	DefaultMemoryAge   = 7*24*time.Hour + time.Hour // covers a panel of seven days
	DefaultMemoryBytes = 256 << 20
)

const (
	maxLog     = 1 << 17 // additions that a cursor can still return
	logShare   = 4       // their part of the store's bytes, once the store itself has deleted them
	maxIDs     = 1024    // batches whose IDs are remembered
	rangeChunk = 1024
)

// MemoryConfig bounds a store in memory.
type MemoryConfig struct {
	Age   time.Duration    // older events are deleted; 0 means DefaultMemoryAge
	Bytes int64            // approximate memory; 0 means DefaultMemoryBytes
	Now   func() time.Time // nil means time.Now
}

// memory is a store that ends with the process. Its slices grow or are replaced and never change in place, so readers need the lock only
// to get them.
type memory struct {
	config MemoryConfig

	mu      sync.Mutex
	state   ReadState
	known   map[auditlog.ID]tally
	sorted  []Entry // ascending
	log     []Entry // in order of addition
	first   Cursor  // of log
	logged  int64   // bytes of log
	batches []string
	bytes   int64
	aged    time.Time     // events up to here are too old; follows the clock, also backwards
	dropped time.Time     // events up to here were deleted to save memory
	changed chan struct{} // closed by the next addition
}

// NewMemory returns an empty store in memory.
func NewMemory(c MemoryConfig) Store {
	if c.Age == 0 {
		c.Age = DefaultMemoryAge
	}
	if c.Bytes == 0 {
		c.Bytes = DefaultMemoryBytes
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &memory{config: c, known: map[auditlog.ID]tally{}, changed: make(chan struct{})}
}

func (*memory) Knows(context.Context, Secret) (bool, Verifier, error) { return true, Verifier{}, nil }

func (*memory) Trust(context.Context, Secret, Verifier) error { return nil }

func (m *memory) Lead(context.Context, time.Duration) (Lease, error) { return memoryLease{m}, nil }

// memoryLease is always granted: a process has one reader per key, and nobody else sees its memory.
type memoryLease struct{ *memory }

func (memoryLease) Release(context.Context) {}

func (m *memory) ReadState(ctx context.Context) (ReadState, error) { return m.Update(ctx, nil) }

func (m *memory) Update(_ context.Context, change func(*ReadState)) (ReadState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.updateState(change)
	state := m.state
	state.Gaps = slices.Clone(state.Gaps)
	return state, nil
}

func (m *memory) updateState(change func(*ReadState)) {
	now := m.config.Now()
	m.state.Now = now.UnixMilli()
	if limit := now.Add(-m.config.Age); limit.Before(m.aged) { // the clock was set back: events that were too old before are accepted
		m.aged = limit
	}
	if change == nil {
		return
	}
	change(&m.state)
	if floor := m.floor(); !floor.IsZero() {
		m.state.forget(floor.UnixMilli(), 0)
	}
}

func (m *memory) Add(_ context.Context, a Addition) (Added, error) {
	items := distinct(a.Events)
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.ID != "" && slices.Contains(m.batches, a.ID) {
		return Added{}, nil
	}
	m.remember(a.ID)
	m.updateState(a.Note)
	m.expire()
	added, fresh := m.merge(items, &a)
	m.state.addRepeatGap(added.Again, a.Late)
	if len(fresh) > 0 {
		m.sorted = insert(m.sorted, fresh)
		m.log = append(m.log, fresh...)
		m.bound()
		close(m.changed)
		m.changed = make(chan struct{})
	}
	return added, nil
}

func (m *memory) remember(id string) {
	if id == "" {
		return
	}
	if m.batches = append(m.batches, id); len(m.batches) > maxIDs {
		m.batches = slices.Clone(m.batches[maxIDs/2:])
	}
}

// merge counts items and returns the copies that are new.
func (m *memory) merge(items []item, a *Addition) (added Added, fresh []Entry) {
	floor := m.floor()
	for _, it := range items {
		if !it.event.CreateTime.After(floor) {
			added.Expired++
			continue
		}
		before := m.known[it.id]
		after := a.merge(before, &it, &added)
		m.known[it.id] = after
		if before.copies() == after.copies() {
			continue
		}
		event := *it.event // a copy, so that it does not keep its whole batch in memory
		for n := before.copies(); n < after.copies(); n++ {
			fresh = append(fresh, Entry{&event, n})
			m.bytes += size(&event)
			m.logged += size(&event)
		}
	}
	added.New = len(fresh)
	return added, fresh
}

// size returns about how much memory an event takes in the store.
func size(e *auditlog.Event) int64 {
	n := 320 + len(e.OrgKey) + len(e.Actor) + len(e.ActorIP) + len(e.RequestURL) + len(e.Description)
	for _, f := range e.Extra {
		n += 48 + len(f.Name) + len(f.Value)
	}
	return int64(n)
}

// insert returns sorted with the entries of more, which are ascending. It does not change what others hold of sorted.
func insert(sorted, more []Entry) []Entry {
	from := sort.Search(len(sorted), func(i int) bool { return compareEntries(sorted[i], more[0]) > 0 })
	if from == len(sorted) {
		return append(sorted, more...)
	}
	merged := make([]Entry, from, len(sorted)+len(more)+len(sorted)/8)
	copy(merged, sorted)
	tail := sorted[from:]
	for len(tail) > 0 && len(more) > 0 {
		if compareEntries(more[0], tail[0]) < 0 {
			merged, more = append(merged, more[0]), more[1:]
		} else {
			merged, tail = append(merged, tail[0]), tail[1:]
		}
	}
	return append(append(merged, tail...), more...)
}

// floor returns the time up to which events were deleted and are no longer accepted.
func (m *memory) floor() time.Time {
	if m.aged.After(m.dropped) {
		return m.aged
	}
	return m.dropped
}

// expire deletes what is too old.
func (m *memory) expire() {
	before := m.floor()
	m.aged = m.config.Now().Add(-m.config.Age)
	if limit := m.floor(); limit.After(before) {
		m.forget(sort.Search(len(m.sorted), func(i int) bool { return m.sorted[i].Event.CreateTime.After(limit) }))
	}
}

// bound deletes the oldest events when there are too many: an eighth at a time, so that it is rarely needed.
func (m *memory) bound() {
	if most := m.config.Bytes / logShare; len(m.log) > maxLog || m.logged > most {
		drop := 0
		for ; len(m.log)-drop > maxLog/2 || m.logged > most/2; drop++ {
			m.logged -= size(m.log[drop].Event)
		}
		m.log, m.first = slices.Clone(m.log[drop:]), m.first+Cursor(drop)
	}
	if m.bytes <= m.config.Bytes {
		return
	}
	n, left, floor := 0, m.bytes, m.floor()
	for n < len(m.sorted) && (left > m.config.Bytes/8*7 || !m.sorted[n].Event.CreateTime.After(floor)) {
		floor = m.sorted[n].Event.CreateTime
		left -= size(m.sorted[n].Event)
		n++
	}
	m.dropped = floor
	m.forget(n)
}

// forget deletes the first n entries, which are those up to the floor. The others move, so that the memory of the deleted ones can be
// freed.
func (m *memory) forget(n int) {
	m.state.forget(m.floor().UnixMilli(), int64(n))
	if n == 0 {
		return
	}
	for _, e := range m.sorted[:n] {
		m.bytes -= size(e.Event)
		if e.Ordinal == 0 {
			delete(m.known, e.Event.ID())
		}
	}
	m.sorted = slices.Clone(m.sorted[n:])
}

func (m *memory) Range(_ context.Context, w auditlog.TimeRange, order cbc.Order, visit func([]Entry) bool) error {
	m.mu.Lock()
	rest := m.sorted
	m.mu.Unlock()
	at := func(ms int64) int {
		return sort.Search(len(rest), func(i int) bool { return rest[i].Event.CreateTime.UnixMilli() >= ms })
	}
	from, to := at(w.From), at(w.To)
	if rest = rest[from:max(from, to)]; order == cbc.OldestFirst {
		for chunk := range slices.Chunk(rest, rangeChunk) {
			if !visit(chunk) {
				return nil
			}
		}
		return nil
	}
	for more := true; more && len(rest) > 0; {
		n := max(len(rest)-rangeChunk, 0)
		chunk := slices.Clone(rest[n:])
		slices.Reverse(chunk)
		more, rest = visit(chunk), rest[:n]
	}
	return nil
}

func (m *memory) After(_ context.Context, from Cursor, limit int) (Changes, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	head := m.first + Cursor(len(m.log))
	from = min(max(from, 0), head)
	c := Changes{Next: from}
	if from < m.first {
		c.Skipped, c.Next = int64(m.first-from), m.first
	}
	start := int(c.Next - m.first)
	c.Entries = slices.Clone(m.log[start:min(start+limit, len(m.log))])
	c.Next += Cursor(len(c.Entries))
	return c, nil
}

func (m *memory) Head(context.Context) (Cursor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.first + Cursor(len(m.log)), nil
}

func (m *memory) Held(context.Context) (Held, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Held{Events: int64(len(m.sorted)), Bytes: m.bytes}, nil
}

func (m *memory) Watch(ctx context.Context, changed func() error) error {
	for {
		m.mu.Lock()
		next := m.changed
		m.mu.Unlock()
		if err := changed(); err != nil {
			return err
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *memory) Trim(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire()
	return nil
}

func (*memory) Close() {}
