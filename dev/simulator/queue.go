package simulator

import (
	"slices"
	"sync"
	"time"
)

// keyQueue holds the events that an API key has not read. Reading removes them.
type keyQueue struct {
	mu      sync.Mutex
	seeded  bool
	backlog []*Event // oldest arrival first
	next    int      // index of the first arrival that was not considered
}

// seed adds the events of the last days, once.
func (q *keyQueue) seed(now snapshot, at time.Time, sw *Switches) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seeded {
		return
	}
	q.seeded = true
	q.next = len(now.arrivals)
	if sw.QueueSeedDays > 0 {
		from := firstAt(now.sorted, at.AddDate(0, 0, -sw.QueueSeedDays), false)
		q.backlog = slices.Clone(now.sorted[from:])
	}
}

// take removes up to size events and returns how many remain.
func (q *keyQueue) take(now snapshot, size int) (batch []*Event, left int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fill(now)
	size = min(size, len(q.backlog))
	batch, q.backlog = slices.Clone(q.backlog[:size]), q.backlog[size:]
	return batch, len(q.backlog)
}

func (q *keyQueue) fill(now snapshot) {
	if q.next < len(now.arrivals) {
		q.backlog = append(q.backlog, now.arrivals[q.next:]...)
		q.next = len(now.arrivals)
	}
}

func (q *keyQueue) length(now snapshot) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seeded {
		q.fill(now)
	}
	return len(q.backlog)
}

// Grant renews a key's permission for audit logs, which adds the last days to its queue again, apart from events that
// wait there already. An unknown key is ignored.
func (s *Server) Grant(apiID string) {
	if key := s.keys.find(apiID); key != nil {
		now := s.now()
		key.queue.reseed(s.store.at(now), now, s.switches.Load())
	}
}

func (q *keyQueue) reseed(now snapshot, at time.Time, sw *Switches) {
	q.seed(now, at, sw)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fill(now)
	if sw.QueueSeedDays < 0 {
		return
	}
	waiting := map[*Event]bool{}
	for _, e := range q.backlog {
		waiting[e] = true
	}
	from := firstAt(now.sorted, at.AddDate(0, 0, -sw.QueueSeedDays), false)
	for _, e := range now.sorted[from:] {
		if !waiting[e] {
			q.backlog = append(q.backlog, e)
		}
	}
}

// QueueLength returns the number of events in the queue of a key, and 0 for an unknown key.
func (s *Server) QueueLength(apiID string) int {
	key := s.keys.find(apiID)
	if key == nil {
		return 0
	}
	return key.queue.length(s.store.at(s.now()))
}

func (c *call) queue() {
	now := c.store.at(c.now)
	c.key.queue.seed(now, c.now, c.sw)
	batch, left := c.key.queue.take(now, c.sw.QueueBatch)
	switch c.sw.QueueOrder {
	case "shuffled":
		shuffle(batch, c.chance())
	default:
		slices.SortStableFunc(batch, byTime)
		if c.sw.QueueOrder == "descending" {
			slices.Reverse(batch)
		}
	}
	found := len(batch)
	if c.sw.QueueNumFound == "backlog" {
		found += left
	}
	available := found
	if c.sw.NumAvailable == "absent" {
		available = -1
	}
	c.sendEvents(answer{rows: batch, found: found, available: available})
}
