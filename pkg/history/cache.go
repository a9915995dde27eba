package history

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// cache keeps what was read, by filter and window. It is bounded in bytes; what was not used for longest goes first.
type cache struct {
	mu     sync.Mutex
	most   int64
	bytes  int64
	clock  int64 // counts uses
	tracks map[string]*track
}

// track is what is known of the events that one filter selects.
type track struct {
	key     string
	filter  auditlog.Filter
	turns   map[ratelimit.Lane]*turns // an alert rule does not wait for a panel that is held back by the rate limit
	extents []*extent                 // ascending, disjoint
	crowded []crowd
}

// extent is a window whose events are known.
type extent struct {
	window auditlog.TimeRange
	events []auditlog.Event // ascending; readers hold it without a lock, so it is only ever appended to
	asked  int64            // when it was asked, in milliseconds
	until  int64            // when it has to be asked again; 0 is never, because it has settled
	bytes  int64
	used   int64
}

// crowd is a window that held more events than one page.
type crowd struct {
	window auditlog.TimeRange
	found  int
}

func newCache(most int64) *cache { return &cache{most: most, tracks: map[string]*track{}} }

// keyOf names a filter. Equal filters have equal names: lists of values come sorted, and no terms are the same as empty ones.
func keyOf(f auditlog.Filter) string {
	if len(f.Criteria) == 0 {
		f.Criteria = nil
	}
	if len(f.Exclusions) == 0 {
		f.Exclusions = nil
	}
	raw, err := json.Marshal(f)
	if err != nil {
		panic(err) // texts and maps of texts always marshal
	}
	return string(raw)
}

func (c *cache) track(f auditlog.Filter) *track {
	key := keyOf(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tracks[key]
	if t == nil {
		if len(c.tracks) >= maxTracks {
			maps.DeleteFunc(c.tracks, func(_ string, t *track) bool { return len(t.extents) == 0 })
		}
		t = &track{key: key, filter: f, turns: map[ratelimit.Lane]*turns{}}
		c.tracks[key] = t
	}
	return t
}

// maxTracks is how many filters are remembered before those of which nothing is kept are forgotten.
const maxTracks = 1000

// turn waits until nobody else of the asker's lane reads the track.
func (c *cache) turn(ctx context.Context, t *track, w auditlog.TimeRange) (release func(error), err error) {
	lane := ratelimit.LaneOf(ctx)
	c.mu.Lock()
	if t.turns[lane] == nil {
		t.turns[lane] = newTurns()
	}
	mine := t.turns[lane]
	c.mu.Unlock()
	return mine.take(ctx, w.From)
}

// valid reports whether the extent can answer at a time.
func (e *extent) valid(now int64) bool { return e.until == 0 || now < e.until }

// at returns what is known of the part of w that begins (or, backwards, ends) where w does: its window cut to w, and its
// events. Without any, it returns the gap that has to be read.
func (c *cache) at(t *track, w auditlog.TimeRange, backwards bool, now int64) (known *extent, part auditlog.TimeRange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	part = w
	for _, e := range t.extents {
		if !e.valid(now) || e.window.To <= w.From || e.window.From >= w.To {
			continue
		}
		if cut := intersect(e.window, w); backwards && cut.To == w.To || !backwards && cut.From == w.From {
			c.clock++
			e.used = c.clock
			copied := *e
			return &copied, cut
		}
		if backwards {
			part.From = max(part.From, e.window.To)
		} else {
			part.To = min(part.To, e.window.From)
		}
	}
	return nil, part
}

// end returns the unsettled end that was last read and overlaps w, even if it has to be asked again.
func (c *cache) end(t *track, w auditlog.TimeRange) *extent {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range slices.Backward(t.extents) {
		if e.until != 0 && e.window.From < w.To && e.window.To > w.From {
			copied := *e
			return &copied
		}
	}
	return nil
}

// covers reports whether everything of w is known.
func (c *cache) covers(t *track, w auditlog.TimeRange, now int64) bool {
	for w.From < w.To {
		known, part := c.at(t, w, false, now)
		if known == nil {
			return false
		}
		w.From = part.To
	}
	return true
}

// put keeps the events of a window, in place of whatever was known of it.
func (c *cache) put(t *track, fresh *extent) {
	fresh.bytes = size(fresh.events)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.tracks[t.key] {
	case t:
	case nil:
		c.tracks[t.key] = t // it was forgotten while it was being read
	default:
		return // and another has taken its place: what is kept there would never be dropped
	}
	c.clock++
	fresh.used = c.clock
	var kept []*extent
	for _, e := range t.extents {
		kept = append(kept, e.without(fresh.window)...)
		c.bytes -= e.bytes
	}
	for _, e := range kept {
		c.bytes += e.bytes
	}
	c.bytes += fresh.bytes
	t.extents = append(kept, fresh)
	slices.SortFunc(t.extents, func(a, b *extent) int { return cmp.Compare(a.window.From, b.window.From) })
	t.join()
	c.evict()
}

// clear forgets everything that was read.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tracks {
		t.extents, t.crowded = nil, nil
	}
	c.bytes = 0
}

// without is what is left of an extent outside a window.
func (e *extent) without(w auditlog.TimeRange) []*extent {
	if e.window.To <= w.From || e.window.From >= w.To {
		return []*extent{e}
	}
	var left []*extent
	for _, part := range [...]auditlog.TimeRange{{From: e.window.From, To: w.From}, {From: w.To, To: e.window.To}} {
		if part.From < part.To {
			piece := *e
			piece.window = part
			piece.events = slices.Clone(within(e.events, part)) // not to hold the rest
			piece.bytes = size(piece.events)
			left = append(left, &piece)
		}
	}
	return left
}

// joined is the size up to which neighbours are joined, in events: small enough to be dropped one by one.
const joined = 8192

// join makes one of neighbours that have settled, so that a panel that is refreshed for days does not leave a crumb each time.
func (t *track) join() {
	out := t.extents[:0]
	for _, e := range t.extents {
		if n := len(out); n > 0 {
			last := out[n-1]
			if last.until == 0 && e.until == 0 && last.window.To == e.window.From && len(last.events)+len(e.events) <= joined {
				whole := *last
				whole.window.To = e.window.To
				whole.events = append(last.events, e.events...)
				whole.bytes += e.bytes - extentBytes
				whole.used = max(last.used, e.used)
				out[n-1] = &whole
				continue
			}
		}
		out = append(out, e)
	}
	clear(t.extents[len(out):])
	t.extents = out
}

// evict drops what was not used for longest until the rest fits.
func (c *cache) evict() {
	for c.bytes > c.most {
		var oldest *extent
		var of *track
		for _, t := range c.tracks {
			for _, e := range t.extents {
				if oldest == nil || e.used < oldest.used {
					oldest, of = e, t
				}
			}
		}
		if oldest == nil {
			return
		}
		of.extents = slices.DeleteFunc(of.extents, func(e *extent) bool { return e == oldest })
		c.bytes -= oldest.bytes
	}
}

// Status is what is kept of the past.
type Status struct {
	Bytes     int64 `json:"bytes"`     // estimated
	MostBytes int64 `json:"mostBytes"` // the bound
	Events    int   `json:"events"`
	Windows   int   `json:"windows"`
	Filters   int   `json:"filters"` // that windows are kept for
}

// Status tells what is kept.
func (h *History) Status() Status {
	c := h.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Bytes: c.bytes, MostBytes: c.most}
	for _, t := range c.tracks {
		if len(t.extents) > 0 {
			s.Filters++
		}
		s.Windows += len(t.extents)
		for _, e := range t.extents {
			s.Events += len(e.events)
		}
	}
	return s
}

// size estimates the memory that events take: the struct, the text of the description, which is rarely shared, and the rest.
func size(events []auditlog.Event) int64 {
	n := int64(extentBytes)
	for i := range events {
		e := &events[i]
		n += eventBytes + int64(len(e.Description)+len(e.RequestURL))
		for _, f := range e.Extra {
			n += int64(len(f.Name) + len(f.Value) + 48)
		}
	}
	return n
}

const (
	extentBytes = 512 // and its filter's name, roughly
	eventBytes  = 152
)

// maxCrowds bounds what is remembered of crowded windows.
const maxCrowds = 16

// noteCrowd remembers that a window holds more than a page.
func (c *cache) noteCrowd(t *track, w auditlog.TimeRange, found int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.crowded = append(t.crowded, crowd{w, found})
	if len(t.crowded) > maxCrowds {
		t.crowded = t.crowded[1:]
	}
}

// crowdedAt reports whether a window is likely to hold more than a page, by what was seen of windows that overlap it.
func (c *cache) crowdedAt(t *track, w auditlog.TimeRange, page int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, seen := range t.crowded {
		common := intersect(seen.window, w)
		if common.From < common.To && float64(seen.found)*float64(common.To-common.From) >= float64(page)*float64(seen.window.To-seen.window.From) {
			return true
		}
	}
	return false
}

// crowd is how many events a window holds about, by what was seen of windows that overlap it; 0 is not known.
func (c *cache) crowd(t *track, w auditlog.TimeRange) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := 0.0
	for _, seen := range t.crowded {
		if common := intersect(seen.window, w); common.From < common.To {
			most = max(most, float64(seen.found)*float64(common.To-common.From)/float64(seen.window.To-seen.window.From))
		}
	}
	return int(most)
}

func intersect(a, b auditlog.TimeRange) auditlog.TimeRange {
	return auditlog.TimeRange{From: max(a.From, b.From), To: min(a.To, b.To)}
}
