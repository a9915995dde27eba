package simulator

import (
	"slices"
	"sort"
	"sync"
	"time"
)

// store holds every event. Its slices are extended or replaced, never changed in place, so readers of a snapshot need no lock.
type store struct {
	mu       sync.Mutex
	sorted   []*Event // visible, ascending by CreateTime; equal times in order of arrival
	arrivals []*Event // the same, in order of arrival
	pending  []*Event // not visible yet, in order of arrival
	live     *generator
	cache    filterCache
}

// snapshot holds the events that are visible at one moment.
type snapshot struct {
	sorted   []*Event
	arrivals []*Event
}

func (st *store) at(now time.Time) snapshot {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.live != nil {
		st.addPending(st.live.until(now))
	}
	due := sort.Search(len(st.pending), func(i int) bool { return st.pending[i].arrives().After(now) })
	if due > 0 {
		arrived := st.pending[:due]
		st.pending = st.pending[due:]
		st.arrivals = append(st.arrivals, arrived...)
		st.sorted = insert(st.sorted, arrived)
	}
	return snapshot{st.sorted, st.arrivals}
}

func (st *store) add(events []Event) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.addPending(events)
}

// addPending adds events that have not arrived yet.
func (st *store) addPending(events []Event) {
	if len(events) == 0 {
		return
	}
	waiting := make([]*Event, 0, len(st.pending)+len(events))
	waiting = append(waiting, st.pending...)
	for i := range events {
		waiting = append(waiting, &events[i])
	}
	slices.SortStableFunc(waiting, func(a, b *Event) int { return a.arrives().Compare(b.arrives()) })
	st.pending = waiting
}

func (st *store) waiting() []*Event {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.pending
}

// insert returns sorted with more added, without changing the slices of other readers.
func insert(sorted, more []*Event) []*Event {
	if len(more) == 0 {
		return sorted
	}
	more = slices.Clone(more)
	slices.SortStableFunc(more, byTime)
	from := firstAt(sorted, more[0].CreateTime, true)
	if from == len(sorted) {
		return append(sorted, more...)
	}
	tail := sorted[from:]
	merged := make([]*Event, from, len(sorted)+len(more)+len(sorted)/8)
	copy(merged, sorted)
	for len(tail) > 0 && len(more) > 0 {
		if more[0].CreateTime.Before(tail[0].CreateTime) {
			merged, more = append(merged, more[0]), more[1:]
		} else {
			merged, tail = append(merged, tail[0]), tail[1:]
		}
	}
	return append(append(merged, tail...), more...)
}

func byTime(a, b *Event) int { return a.CreateTime.Compare(b.CreateTime) }

// firstAt returns the index of the first event at or after t, or after t if after is set.
func firstAt(sorted []*Event, t time.Time, after bool) int {
	return sort.Search(len(sorted), func(i int) bool {
		if after {
			return sorted[i].CreateTime.After(t)
		}
		return !sorted[i].CreateTime.Before(t)
	})
}

const (
	scanLimit  = 20_000 // up to this many events, a filter is evaluated on each
	cacheLimit = 64     // cached filters
)

// filterCache caches the events that a filter matches, so that counting many windows by one filter takes one
// pass.
type filterCache struct {
	mu      sync.Mutex
	entries map[string]*filtered
	uses    uint64
}

type filtered struct {
	mu      sync.Mutex
	matched []*Event // ascending by CreateTime
	seen    int      // arrivals considered
	used    uint64
}

// events returns all visible events that match.
func (c *filterCache) events(key string, match matcher, now snapshot) []*Event {
	entry := c.entry(key)
	entry.mu.Lock()
	defer entry.mu.Unlock()
	if entry.seen < len(now.arrivals) {
		entry.matched = insert(entry.matched, keep(now.arrivals[entry.seen:], match))
		entry.seen = len(now.arrivals)
	}
	return entry.matched
}

func (c *filterCache) entry(key string) *filtered {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[string]*filtered{}
	}
	entry := c.entries[key]
	if entry == nil {
		if len(c.entries) >= cacheLimit {
			c.forget()
		}
		entry = &filtered{}
		c.entries[key] = entry
	}
	c.uses++
	entry.used = c.uses
	return entry
}

func (c *filterCache) forget() {
	oldest := ""
	for key, entry := range c.entries {
		if oldest == "" || entry.used < c.entries[oldest].used {
			oldest = key
		}
	}
	delete(c.entries, oldest)
}

func keep(events []*Event, match matcher) []*Event {
	var kept []*Event
	for _, e := range events {
		if match(e) {
			kept = append(kept, e)
		}
	}
	return kept
}
