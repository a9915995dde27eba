package simulator

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

func (c *call) search() {
	q, failed := parseSearch(c.body, c.sw, c.now)
	if failed != nil {
		c.refuse(failed)
		return
	}
	found, failed := c.find(q)
	if failed != nil {
		c.refuse(failed)
		return
	}
	page := c.page(found, q)
	a := answer{rows: page, found: len(found), available: c.available(len(found), len(page))}
	if c.sw.CapNumFound {
		a.found = min(a.found, c.sw.Reach)
	}
	c.sendEvents(a)
}

// available returns num_available, or -1 if it is left out.
func (c *call) available(found, page int) int {
	switch c.sw.NumAvailable {
	case "found":
		return found
	case "page":
		return page
	case "absent":
		return -1
	}
	return min(found, c.sw.Reach)
}

// find returns all matching events that are searchable now, ascending by time.
func (c *call) find(q *searchRequest) ([]*Event, *apiError) {
	found, failed := c.match(q)
	if failed != nil || c.sw.SearchLagMS <= 0 {
		return found, failed
	}
	indexed := c.now.Add(-time.Duration(c.sw.SearchLagMS) * time.Millisecond)
	return keep(found, func(e *Event) bool { return !e.arrives().After(indexed) }), nil
}

func (c *call) match(q *searchRequest) ([]*Event, *apiError) {
	f, failed := q.filter(c.sw)
	if failed != nil {
		return nil, failed
	}
	now := c.store.at(c.now)
	inWindow := q.criteria.time.cut(now.sorted, c.sw)
	switch {
	case f.match == nil:
		return inWindow, nil
	case f.key == "" || len(inWindow) <= scanLimit:
		return keep(inWindow, f.match), nil
	}
	return q.criteria.time.cut(c.store.cache.events(f.key, f.match, now), c.sw), nil
}

// page returns the rows from start, in the requested order.
func (c *call) page(found []*Event, q *searchRequest) []*Event {
	rows := q.rows
	if c.sw.ShortPages > 0 {
		rows = min(rows, c.sw.ShortPages)
	}
	from := min(q.start, len(found))
	to := min(from+rows, len(found), max(c.sw.Reach, from))
	if q.start >= c.sw.Reach || (c.sw.EmptyFrom > 0 && q.start >= c.sw.EmptyFrom) {
		return nil
	}
	var chance *rand.Rand
	if c.sw.Ties == "shuffled" {
		chance = c.chance()
	}
	return ordered(found, q.order(c.sw), from, to, chance)
}

// order returns the request's sort order, or the default.
func (q *searchRequest) order(sw *Switches) []sortKey {
	if len(q.sort) > 0 {
		return q.sort
	}
	return []sortKey{{"create_time", sw.DefaultSort == "newest"}}
}

// ordered returns a page of ascending events in the requested order.
func ordered(found []*Event, order []sortKey, from, to int, chance *rand.Rand) []*Event {
	if len(order) == 1 && order[0].field == "create_time" {
		return timePage(found, from, to, order[0].descending, chance)
	}
	return sorted(found, order, chance)[from:to]
}

// timePage returns a page of ascending events without sorting all of them.
func timePage(found []*Event, from, to int, descending bool, chance *rand.Rand) []*Event {
	if from == to {
		return nil
	}
	if descending {
		from, to = len(found)-to, len(found)-from
	}
	lo, hi := from, to
	if chance != nil { // equal events are chosen for the page at random, too
		for lo > 0 && found[lo-1].CreateTime.Equal(found[from].CreateTime) {
			lo--
		}
		for hi < len(found) && found[hi].CreateTime.Equal(found[to-1].CreateTime) {
			hi++
		}
	}
	part := slices.Clone(found[lo:hi])
	if chance != nil {
		shuffleTies(part, chance)
	}
	page := part[from-lo : to-lo]
	if descending {
		slices.Reverse(page)
	}
	return page
}

func shuffleTies(events []*Event, chance *rand.Rand) {
	for from := 0; from < len(events); {
		to := from + 1
		for to < len(events) && events[to].CreateTime.Equal(events[from].CreateTime) {
			to++
		}
		shuffle(events[from:to], chance)
		from = to
	}
}

func shuffle(events []*Event, chance *rand.Rand) {
	chance.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
}

// sorted returns a copy of events, sorted by several keys.
func sorted(events []*Event, order []sortKey, chance *rand.Rand) []*Event {
	events = slices.Clone(events)
	if chance != nil {
		shuffle(events, chance)
	}
	slices.SortStableFunc(events, func(a, b *Event) int {
		for _, key := range order {
			if result := key.compare(a, b); result != 0 {
				return result
			}
		}
		return 0
	})
	return events
}

func (k sortKey) compare(a, b *Event) int {
	result := 0
	if k.field == "create_time" {
		result = byTime(a, b)
	} else {
		field := textField(k.field)
		result = cmp.Compare(field(a), field(b))
	}
	if k.descending {
		return -result
	}
	return result
}

// answer is the response of _search and _queue.
type answer struct {
	rows             []*Event
	found, available int // available -1 is left out
}

func (c *call) sendEvents(a answer) {
	c.entry.set(func(r *Request) { r.Rows = len(a.rows) })
	if len(a.rows) == 0 && c.sw.Empty204 {
		c.send(http.StatusNoContent, "", nil)
		return
	}
	c.send(http.StatusOK, "application/json", c.encodeAnswer(a))
}
