package history

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// cache keeps the events that were read, by filter and time range. Its size is bounded; the least recently used part goes first.
type cache struct {
	mu     sync.Mutex
	max    int64
	bytes  int64
	clock  int64 // counts uses
	tracks map[filterKey]*track
}

// filterKey identifies a filter, however large that is.
type filterKey [sha256.Size]byte

// track holds what is known about the events of one filter.
type track struct {
	key       filterKey
	filter    auditlog.Filter
	bytes     int64                      // of the filter
	flights   map[ratelimit.Lane]*flight // an alert rule does not wait for a panel that the rate limit holds back
	extents   []*extent                  // ascending, disjoint
	overflows []overflow
}

// extent is a time range whose events are known.
type extent struct {
	span        auditlog.TimeRange
	events      []auditlog.Event // ascending; readers hold it without a lock, so it is only ever appended to
	requestedAt int64            // in milliseconds
	until       int64            // when it has to be requested again; 0 means never, because it has settled
	bytes       int64
	used        int64
}

// overflow is a time range that held more events than one page.
type overflow struct {
	span  auditlog.TimeRange
	found int
}

func newCache(size int64) *cache { return &cache{max: size, tracks: map[filterKey]*track{}} }

// keyOf returns a key that equal filters share: lists of values are sorted, and no terms equal empty ones.
func keyOf(f auditlog.Filter) filterKey { return sha256.Sum256(canonical(f)) }

// canonical returns the JSON of a filter, the same for equal filters.
func canonical(f auditlog.Filter) []byte {
	if len(f.Criteria) == 0 {
		f.Criteria = nil
	}
	if len(f.Exclusions) == 0 {
		f.Exclusions = nil
	}
	raw, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings and maps of strings always marshal
	}
	return raw
}

func (c *cache) track(f auditlog.Filter) *track {
	raw := canonical(f)
	key := filterKey(sha256.Sum256(raw))
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tracks[key]
	if t == nil {
		t = &track{key: key, filter: f, bytes: trackBytes + 2*int64(len(raw)), flights: map[ratelimit.Lane]*flight{}}
		c.add(t)
		c.evict(t)
	}
	return t
}

func (c *cache) add(t *track) {
	c.tracks[t.key] = t
	c.bytes += t.bytes
}

func (c *cache) remove(t *track) {
	delete(c.tracks, t.key)
	c.bytes -= t.bytes
}

// Bounds of the filters without cached events: they are remembered for what is known about them, but not at the cost of events.
const (
	maxIdleTracks = 1000
	maxIdleBytes  = 1 << 20
)

// removeIdle forgets the filters without cached events, apart from one, when they are too many or too large.
func (c *cache) removeIdle(apart *track) {
	n, bytes := 0, int64(0)
	for _, t := range c.tracks {
		if len(t.extents) == 0 {
			n, bytes = n+1, bytes+t.bytes
		}
	}
	if n <= maxIdleTracks && bytes <= maxIdleBytes {
		return
	}
	for _, t := range c.tracks {
		if len(t.extents) == 0 && t != apart {
			c.remove(t)
		}
	}
}

// flight returns the flight of a track for the caller's lane.
func (c *cache) flight(ctx context.Context, t *track) *flight {
	lane := ratelimit.LaneOf(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.flights[lane] == nil {
		t.flights[lane] = newFlight()
	}
	return t.flights[lane]
}

// valid reports whether the extent may be used at a time.
func (e *extent) valid(now int64) bool { return e.until == 0 || now < e.until }

// at returns the extent that begins (or, backwards, ends) where w does, and the part of w that it covers. Without one it returns the
// gap up to the next extent.
func (c *cache) at(t *track, w auditlog.TimeRange, backwards bool, now int64) (known *extent, part auditlog.TimeRange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	part = w
	for _, e := range t.extents {
		if !e.valid(now) || e.span.To <= w.From || e.span.From >= w.To {
			continue
		}
		if cut := intersect(e.span, w); backwards && cut.To == w.To || !backwards && cut.From == w.From {
			c.clock++
			e.used = c.clock
			copied := *e
			return &copied, cut
		}
		if backwards {
			part.From = max(part.From, e.span.To)
		} else {
			part.To = min(part.To, e.span.From)
		}
	}
	return nil, part
}

// end returns the unsettled end that was read last and overlaps w, even if it has expired.
func (c *cache) end(t *track, w auditlog.TimeRange) *extent {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range slices.Backward(t.extents) {
		if e.until != 0 && e.span.From < w.To && e.span.To > w.From {
			copied := *e
			return &copied
		}
	}
	return nil
}

// covers reports whether all of w is cached.
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

// put caches the events of a time range and replaces what was cached of it.
func (c *cache) put(t *track, fresh *extent) {
	fresh.bytes = size(fresh.events)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.tracks[t.key] {
	case t:
	case nil:
		c.add(t) // it was forgotten while the request ran
	default:
		return // another track has taken its place: an extent added here would never be dropped
	}
	c.clock++
	fresh.used = c.clock
	var kept []*extent
	for _, e := range t.extents {
		kept = append(kept, e.without(fresh.span)...)
		c.bytes -= e.bytes
	}
	for _, e := range kept {
		c.bytes += e.bytes
	}
	c.bytes += fresh.bytes
	t.extents = append(kept, fresh)
	slices.SortFunc(t.extents, func(a, b *extent) int { return cmp.Compare(a.span.From, b.span.From) })
	c.bytes -= t.join()
	c.evict(t)
}

// clear forgets everything.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tracks, c.bytes = map[filterKey]*track{}, 0
}

// without returns what is left of an extent outside a time range.
func (e *extent) without(w auditlog.TimeRange) []*extent {
	if e.span.To <= w.From || e.span.From >= w.To {
		return []*extent{e}
	}
	var left []*extent
	for _, part := range [...]auditlog.TimeRange{{From: e.span.From, To: w.From}, {From: w.To, To: e.span.To}} {
		if part.From < part.To {
			piece := *e
			piece.span = part
			piece.events = slices.Clone(within(e.events, part)) // to free the others
			piece.bytes = size(piece.events)
			left = append(left, &piece)
		}
	}
	return left
}

// maxJoined is the number of events up to which neighbours are joined: small enough to be dropped one by one.
const maxJoined = 8192

// join merges settled neighbours, so that a panel that is refreshed for days does not add an extent each time. It
// returns the bytes saved.
func (t *track) join() (saved int64) {
	out := t.extents[:0]
	for _, e := range t.extents {
		if n := len(out); n > 0 {
			last := out[n-1]
			if last.until == 0 && e.until == 0 && last.span.To == e.span.From && len(last.events)+len(e.events) <= maxJoined {
				whole := *last
				whole.span.To = e.span.To
				whole.events = append(last.events, e.events...)
				whole.bytes += e.bytes - extentBytes
				saved += extentBytes
				whole.used = max(last.used, e.used)
				out[n-1] = &whole
				continue
			}
		}
		out = append(out, e)
	}
	clear(t.extents[len(out):])
	t.extents = out
	return saved
}

// evict drops the least recently used extents until the cache fits its bound, and forgets filters for which nothing is left. It leaves
// the filter that is in use.
func (c *cache) evict(inUse *track) {
	c.removeIdle(inUse)
	for c.bytes > c.max {
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
		if len(of.extents) == 0 && of != inUse {
			c.remove(of)
		}
	}
}

// Status describes the cache.
type Status struct {
	Bytes    int64 `json:"bytes"`    // estimated
	MaxBytes int64 `json:"maxBytes"` // the bound
	Events   int   `json:"events"`
	Windows  int   `json:"windows"`
	Filters  int   `json:"filters"` // with cached time ranges
}

// Status returns the state of the cache.
func (h *History) Status() Status {
	c := h.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Bytes: c.bytes, MaxBytes: c.max}
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

// size estimates the memory of events: the struct, the description, which is rarely shared, and the rest.
func size(events []auditlog.Event) int64 {
	n := int64(extentBytes)
	for i := range events {
		e := &events[i]
		n += eventBytes + int64(len(e.Description)+len(e.RequestURL)+max(len(e.Actor)+len(e.ActorIP)+len(e.OrgKey)-shortBytes, 0))
		for _, f := range e.Extra {
			n += int64(len(f.Name) + len(f.Value) + 48)
		}
	}
	return n
}

const (
	trackBytes  = 1024
	extentBytes = 512
	eventBytes  = 152
	shortBytes  = 128 // of fields that events usually share
)

// maxOverflows bounds how many time ranges of a track are remembered that did not fit a page.
const maxOverflows = 16

// recordOverflow remembers that a time range holds more events than a page.
func (c *cache) recordOverflow(t *track, r auditlog.TimeRange, found int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.overflows = append(t.overflows, overflow{r, found})
	if len(t.overflows) > maxOverflows {
		t.overflows = t.overflows[1:]
	}
}

// exceedsPage reports whether a time range is likely to hold at least a page of events.
func (c *cache) exceedsPage(t *track, r auditlog.TimeRange, page int) bool {
	return c.estimate(t, r) >= page
}

// estimate returns about how many events a time range holds, judged by overflows that overlap it; 0 means unknown.
func (c *cache) estimate(t *track, r auditlog.TimeRange) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := 0.0
	for _, seen := range t.overflows {
		if common := intersect(seen.span, r); common.From < common.To {
			most = max(most, float64(seen.found)*float64(common.To-common.From)/float64(seen.span.To-seen.span.From))
		}
	}
	return int(most)
}
