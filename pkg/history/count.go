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

// ErrUncountable says that a millisecond holds more events than Carbon Black Cloud counts.
var ErrUncountable = errors.New("a single millisecond holds more events than can be counted")

// ErrWithheld says that a search counts events but gives none of them.
var ErrWithheld = errors.New("Carbon Black Cloud counts events but gives none of them")

// counts keeps the numbers of events of windows.
type counts struct {
	known *lru.Cache[countKey, countValue]
	mu    sync.Mutex
	turns map[countTurn]*turns // of the numbers that are being asked for
}

type countKey struct {
	filter string
	window auditlog.TimeRange
}

// countTurn is the turn of one lane to ask for a number.
type countTurn struct {
	countKey
	lane ratelimit.Lane
}

type countValue struct {
	n     int
	until int64 // when it has to be asked again; 0 is never
}

// maxCounts bounds how many numbers are kept, some 100 bytes each.
const maxCounts = 20_000

func newCounts() *counts {
	known, err := lru.New[countKey, countValue](maxCounts)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &counts{known: known, turns: map[countTurn]*turns{}}
}

func (c *counts) get(key countKey, now int64) (int, bool) {
	v, ok := c.known.Get(key)
	return v.n, ok && (v.until == 0 || now < v.until)
}

// turn waits until nobody else asks for the number.
func (c *counts) turn(ctx context.Context, number countKey) (release func(error), err error) {
	key := countTurn{number, ratelimit.LaneOf(ctx)}
	c.mu.Lock()
	t := c.turns[key]
	if t == nil {
		t = newTurns()
		c.turns[key] = t
	}
	c.mu.Unlock()
	done, err := t.take(ctx, number.window.From)
	if err != nil {
		return nil, err
	}
	return func(err error) {
		c.mu.Lock()
		delete(c.turns, key) // whoever waits holds the channel; whoever comes now finds the number
		c.mu.Unlock()
		done(err)
	}, nil
}

// Count returns how many events of the window Carbon Black Cloud finds for the filter, without reading them. A count of
// exactly the reach may be a capped one and is verified by halves.
func (h *History) Count(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, cost *Cost) (n int, err error) {
	key, came := countKey{keyOf(f), w}, h.now()
	if n, ok := h.counts.get(key, came); ok {
		return n, nil
	}
	release, err := h.counts.turn(ctx, key)
	if err != nil {
		return 0, err
	}
	defer func() { release(err) }()
	asked := h.now()
	if n, ok := h.counts.get(key, came); ok { // as good as it was then, however long the wait
		return n, nil
	}
	n, err = h.count(ctx, f, w, cost)
	if err != nil {
		return n, err
	}
	switch {
	case h.now() < asked: // the clock was set back meanwhile
	case w.To <= asked-h.config.Settle.Milliseconds():
		h.counts.known.Add(key, countValue{n: n})
	case h.config.Fresh > 0:
		h.counts.known.Add(key, countValue{n: n, until: asked + h.config.Fresh.Milliseconds()})
	}
	return n, nil
}

func (h *History) count(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, cost *Cost) (int, error) {
	start, end := narrow(w)
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
	if w.To-w.From < 2 {
		return page.Found, ErrUncountable
	}
	middle := splitAt(w)
	n, err := h.Count(ctx, f, auditlog.TimeRange{From: w.From, To: middle}, cost)
	if err != nil {
		return n, err
	}
	m, err := h.Count(ctx, f, auditlog.TimeRange{From: middle, To: w.To}, cost)
	return n + m, err
}

// splitAt is the roundest instant inside a window, by powers of two since the epoch. Windows that overlap are split at the same
// instants, so that a range that moves on finds most of its numbers known.
func splitAt(w auditlog.TimeRange) int64 {
	step := int64(1) << (bits.Len64(uint64(w.To-w.From)) - 1)
	for {
		if at := (w.From + step) &^ (step - 1); at < w.To {
			return at
		}
		step >>= 1
	}
}
