package history

import (
	"context"
	"errors"
	"math/bits"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// ErrUncountable means that a millisecond holds more events than Carbon Black Cloud counts, ErrManyCounts that counting takes too many
// requests, as no count exceeds the reach of a search.
var (
	ErrUncountable = errors.New("a single millisecond holds more events than can be counted")
	ErrManyCounts  = errors.New("there are more events than can be counted: choose a shorter time range or a narrower filter")
)

// maxCountRequests bounds the requests that one count takes.
const maxCountRequests = 1000

// ErrWithheld means that a search counts events but gives none of them.
var ErrWithheld = errors.New("Carbon Black Cloud counts events but gives none of them")

// counts caches the numbers of events of time ranges.
type counts struct {
	cached  *lru.Cache[countKey, countValue]
	mu      sync.Mutex
	flights map[countFlight]*flight // of the counts that are being requested
}

type countKey struct {
	filter filterKey
	span   auditlog.TimeRange
}

// countFlight identifies the requests of one lane for a count.
type countFlight struct {
	countKey
	lane ratelimit.Lane
}

type countValue struct {
	n     int
	until int64 // when it has to be requested again; 0 means never
}

// maxCounts bounds the cached counts, some 100 bytes each.
const maxCounts = 20_000

func newCounts() *counts {
	cached, err := lru.New[countKey, countValue](maxCounts)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &counts{cached: cached, flights: map[countFlight]*flight{}}
}

func (c *counts) get(key countKey, now int64) (int, bool) {
	v, ok := c.cached.Get(key)
	return v.n, ok && (v.until == 0 || now < v.until)
}

// acquire waits until no other caller of the same lane requests the count.
func (c *counts) acquire(ctx context.Context, count countKey) (release func(error), err error) {
	key := countFlight{count, ratelimit.LaneOf(ctx)}
	c.mu.Lock()
	f := c.flights[key]
	if f == nil {
		f = newFlight()
		c.flights[key] = f
	}
	c.mu.Unlock()
	done, err := f.acquire(ctx, count.span.From)
	if err != nil {
		return nil, err
	}
	return func(err error) {
		c.mu.Lock()
		delete(c.flights, key) // whoever waits holds the flight; whoever comes now finds the count
		c.mu.Unlock()
		done(err)
	}, nil
}

// Count returns how many events of a time range Carbon Black Cloud finds for a filter, without reading them. A count of exactly the
// reach may be capped and is verified by parts.
func (h *History) Count(ctx context.Context, f auditlog.Filter, r auditlog.TimeRange, cost *Cost) (n int, err error) {
	key, requestedAt := countKey{keyOf(f), r}, h.now()
	if n, ok := h.counts.get(key, requestedAt); ok {
		return n, nil
	}
	release, err := h.counts.acquire(ctx, key)
	if err != nil {
		return 0, err
	}
	defer func() { release(err) }()
	now := h.now()
	if n, ok := h.counts.get(key, requestedAt); ok { // as good as it was then, however long the wait
		return n, nil
	}
	n, err = h.count(ctx, f, r, cost)
	if err != nil {
		return n, err
	}
	switch {
	case h.now() < now: // the clock was set back meanwhile
	case r.To <= now-h.config.Settle.Milliseconds():
		h.counts.cached.Add(key, countValue{n: n})
	case h.config.Fresh > 0:
		h.counts.cached.Add(key, countValue{n: n, until: now + h.config.Fresh.Milliseconds()})
	}
	return n, nil
}

func (h *History) count(ctx context.Context, f auditlog.Filter, r auditlog.TimeRange, cost *Cost) (int, error) {
	if cost.counts++; cost.counts > maxCountRequests {
		return 0, ErrManyCounts
	}
	start, end := Narrow(r)
	page, err := h.search(ctx, cbc.SearchRequest{Filter: f, Start: start, End: end, Order: cbc.NewestFirst, Rows: h.sample()}, cost)
	if err != nil {
		return 0, err
	}
	if err := h.checkBounds(ctx, f, page.Events, cost); err != nil {
		return 0, err
	}
	if page.Found != h.config.Reach {
		return page.Found, nil
	}
	if r.To-r.From < 2 {
		return page.Found, ErrUncountable
	}
	middle := splitAt(r)
	n, err := h.Count(ctx, f, auditlog.TimeRange{From: r.From, To: middle}, cost)
	if err != nil {
		return n, err
	}
	m, err := h.Count(ctx, f, auditlog.TimeRange{From: middle, To: r.To}, cost)
	return n + m, err
}

// splitAt returns the roundest instant inside a time range, by powers of two since the epoch. Overlapping ranges are split at the same
// instants, so that a moving range finds most of its counts cached.
func splitAt(r auditlog.TimeRange) int64 {
	step := int64(1) << (bits.Len64(uint64(r.To-r.From)) - 1)
	for {
		if at := (r.From + step) &^ (step - 1); at < r.To {
			return at
		}
		step >>= 1
	}
}
