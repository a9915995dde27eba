package history

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func at(ms int64) auditlog.Event {
	return auditlog.Event{CreateTime: time.UnixMilli(ms).UTC(), Actor: fmt.Sprint(ms)}
}

// cell is what the cache should know about one millisecond.
type cell struct {
	version int   // of the put that wrote it; 0 is unknown
	until   int64 // when it expires; 0 means never
}

// The cache returns what was put last for every millisecond, or nothing.
func TestCacheReturnsWhatWasPutLast(t *testing.T) {
	const length = 60
	rapid.Check(t, func(t *rapid.T) {
		c := newCache(1 << 30)
		track := c.track(auditlog.Filter{})
		var model [length]cell
		drawRange := func(name string) auditlog.TimeRange {
			from := rapid.Int64Range(0, length-1).Draw(t, name+" from")
			return auditlog.TimeRange{From: from, To: rapid.Int64Range(from+1, length).Draw(t, name+" to")}
		}
		puts := rapid.IntRange(1, 15).Draw(t, "puts")
		for version := 1; version <= puts; version++ {
			span := drawRange("put")
			until := rapid.SampledFrom([]int64{0, 0, 50, 150}).Draw(t, "until")
			var events []auditlog.Event
			for ms := span.From; ms < span.To; ms++ {
				event := at(ms)
				event.Description = fmt.Sprint(version)
				events = append(events, event)
				model[ms] = cell{version, until}
			}
			c.put(track, &extent{span: span, events: events, until: until})
		}
		now := rapid.SampledFrom([]int64{0, 100, 200}).Draw(t, "now")
		asked, backwards := drawRange("asked"), rapid.Bool().Draw(t, "backwards")
		covered := true
		for w := asked; w.From < w.To; {
			known, part := c.at(track, w, backwards, now)
			require.Less(t, part.From, part.To, "every step moves on")
			if backwards {
				require.Equal(t, w.To, part.To)
				w.To = part.From
			} else {
				require.Equal(t, w.From, part.From)
				w.From = part.To
			}
			for ms := part.From; ms < part.To; ms++ {
				want := model[ms]
				valid := want.version > 0 && (want.until == 0 || now < want.until)
				require.Equal(t, valid, known != nil, "millisecond %d", ms)
				if covered = covered && valid; valid {
					found := within(known.events, auditlog.TimeRange{From: ms, To: ms + 1})
					require.Len(t, found, 1)
					require.Equal(t, fmt.Sprint(want.version), found[0].Description)
				}
			}
		}
		require.Equal(t, covered, c.covers(track, asked, now))
		require.Equal(t, sizeOf(c), c.bytes)
	})
}

func sizeOf(c *cache) (bytes int64) {
	for _, t := range c.tracks {
		bytes += t.bytes
		for _, e := range t.extents {
			bytes += e.bytes
		}
	}
	return bytes
}

// The cache never exceeds its bound, and drops what was not used for longest.
func TestCacheEvictsTheLeastRecentlyUsed(t *testing.T) {
	one := size([]auditlog.Event{at(0)})
	c := newCache(0)
	track := c.track(auditlog.Filter{})
	c.max = track.bytes + 3*one
	put := func(ms int64) {
		c.put(track, &extent{span: auditlog.TimeRange{From: ms, To: ms + 1}, events: []auditlog.Event{at(ms)}, until: 1000})
	}
	known := func(ms int64) bool {
		return slices.ContainsFunc(track.extents, func(e *extent) bool { return e.span.From == ms })
	}
	put(0)
	put(10)
	put(20)
	c.at(track, auditlog.TimeRange{From: 0, To: 1}, false, 0) // used
	put(30)
	require.True(t, known(0))
	require.False(t, known(10))
	require.True(t, known(20))
	require.True(t, known(30))
	require.LessOrEqual(t, c.bytes, c.max)
}

func TestEstimate(t *testing.T) {
	c := newCache(1 << 20)
	track := c.track(auditlog.Filter{})
	require.Zero(t, c.estimate(track, auditlog.TimeRange{From: 0, To: 100}))
	c.recordOverflow(track, auditlog.TimeRange{From: 0, To: 100}, 1000)
	for _, test := range []struct {
		from, to int64
		want     int
	}{{0, 100, 1000}, {0, 50, 500}, {50, 150, 500}, {100, 200, 0}, {-10, 110, 1000}} {
		require.Equal(t, test.want, c.estimate(track, auditlog.TimeRange{From: test.from, To: test.to}), "%d to %d", test.from, test.to)
	}
	require.True(t, c.exceedsPage(track, auditlog.TimeRange{From: 0, To: 50}, 500))
	require.False(t, c.exceedsPage(track, auditlog.TimeRange{From: 0, To: 50}, 501))
	for i := range 2 * maxOverflows {
		c.recordOverflow(track, auditlog.TimeRange{From: int64(i), To: int64(i) + 1}, 1)
	}
	require.Len(t, track.overflows, maxOverflows)
}

// Equal filters share a track, however they are written.
func TestKeyOf(t *testing.T) {
	actor := auditlog.Terms{auditlog.KeyActor: {"a", "b"}}
	require.Equal(t, keyOf(auditlog.Filter{}), keyOf(auditlog.Filter{Criteria: auditlog.Terms{}, Exclusions: auditlog.Terms{}}))
	different := []auditlog.Filter{{}, {Criteria: actor}, {Exclusions: actor}, {Query: "a"}, {Query: "b"}, {Criteria: auditlog.Terms{auditlog.KeyActor: {"a,b"}}}}
	for i, a := range different {
		for j, b := range different {
			require.Equal(t, i == j, keyOf(a) == keyOf(b), "%d, %d", i, j)
		}
	}
}

// Whatever a viewer sends is counted: hundreds of filters of the largest size leave no more behind than the bound.
func TestFiltersAreCountedInBytes(t *testing.T) {
	values := make([]string, 20)
	for i := range values {
		values[i] = strings.Repeat("v", 4000) + fmt.Sprint(i)
	}
	for name, filter := range map[string]func(i int) auditlog.Filter{
		"Lucene": func(i int) auditlog.Filter { return auditlog.Filter{Query: fmt.Sprint(i, strings.Repeat("x", 32<<10))} },
		"values": func(i int) auditlog.Filter {
			return auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: append([]string{fmt.Sprint(i)}, values...)}}
		},
	} {
		for _, cached := range []bool{true, false} {
			c := newCache(2 << 20)
			lengths := map[filterKey]int64{}
			for i := range 300 {
				track := c.track(filter(i))
				lengths[track.key] = int64(len(canonical(track.filter)))
				if cached {
					c.put(track, &extent{span: auditlog.TimeRange{From: 0, To: 10}, events: []auditlog.Event{at(1)}})
				}
				require.LessOrEqual(t, c.bytes, c.max+track.bytes, name)
				held := int64(0)
				for key := range c.tracks {
					held += lengths[key]
				}
				require.LessOrEqual(t, held, c.max+track.bytes, name)
				require.Equal(t, sizeOf(c), c.bytes)
			}
			require.LessOrEqual(t, len(c.tracks), 150, name)
		}
	}
}
