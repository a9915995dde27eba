package tail

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/store"
)

// manyRows are rows with descriptions of a size.
func manyRows(n, size int) []frame.Row {
	rows, text := make([]frame.Row, n), strings.Repeat("x", size)
	for i := range rows {
		rows[i] = frame.Row{Event: &auditlog.Event{Description: text}, ID: fmt.Sprint(i)}
	}
	return rows
}

// watching runs a viewer in a bubble.
func watching(t *testing.T, test func(v *viewer, s *screen)) {
	synctest.Test(t, func(t *testing.T) {
		var s screen
		v := &viewer{deliver: s.deliver}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- v.run(ctx) }()
		test(v, &s)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

// Rows come in pushes of a bounded size, one a second.
func TestRowsArePaced(t *testing.T) {
	watching(t, func(v *viewer, s *screen) {
		v.setNotice("a", true, "one")
		begun := time.Now()
		require.NoError(t, v.show(manyRows(2*maxRows+1, 10)))
		time.Sleep(time.Minute)
		require.NoError(t, v.show(nil))
		sizes := []int{}
		for i, d := range s.all() {
			sizes = append(sizes, len(d.rows))
			require.Equal(t, []frame.Notice{{Warning: true, Text: "one"}}, d.notices)
			require.GreaterOrEqual(t, d.at.Sub(begun), time.Duration(i)*pushEvery)
		}
		require.Equal(t, []int{maxRows, maxRows, 1}, sizes)
		v.setNotice("a", true, "")
		require.NoError(t, v.show(nil))
		require.Equal(t, "[]", s.notices())
	})
}

// Of more events than can be shown the newest are, and every other one is counted.
func TestBurstsAreBoundedAndCounted(t *testing.T) {
	for name, c := range map[string]struct{ events, size int }{
		"20,000 events of 500 bytes":  {20_000, 500},
		"30,000 short events":         {30_000, 1},
		"3,000 events of 10 kB":       {3000, 10_000},
		"200 events of 200 kB":        {200, 200_000},
		"one event of a megabyte":     {1, 1_000_000},
		"ten events of two megabytes": {10, 2_000_000},
		"control characters":          {5000, -500},
	} {
		t.Run(name, func(t *testing.T) {
			watching(t, func(v *viewer, s *screen) {
				rows := manyRows(c.events, max(c.size, 0))
				if c.size < 0 {
					for i := range rows {
						rows[i].Event.Description = strings.Repeat("\x01", -c.size)
					}
				}
				for from := 0; from < len(rows); from += 1000 {
					require.NoError(t, v.show(rows[from:min(from+1000, len(rows))]))
				}
				time.Sleep(time.Minute)
				shown := s.rows()
				requirePaced(t, s)
				require.LessOrEqual(t, len(shown), (maxPushes+1)*maxRows)
				require.Contains(t, s.notices(), fmt.Sprintf("{true %d events are not shown here", c.events-len(shown)))
				if sizeOf(rows[0]).bytes <= maxBytes {
					require.Equal(t, rows[len(rows)-1].ID, shown[len(shown)-1].ID, "the newest is shown")
				}
				require.NoError(t, v.show(manyRows(1, 10)))
				require.Len(t, s.rows(), len(shown)+1, "after the burst all is as before")
			})
		})
	}
}

func requirePaced(t require.TestingT, s *screen) {
	var last time.Time
	rows, bytes := 0, 0
	for _, d := range s.all() {
		if len(d.rows) > 0 && d.at.Sub(last) >= pushEvery {
			last, rows, bytes = d.at, 0, 0
		}
		for _, r := range d.rows {
			rows, bytes = rows+1, bytes+sizeOf(r).bytes
		}
		require.LessOrEqual(t, rows, maxRows)
		require.LessOrEqual(t, bytes, maxBytes)
	}
}

// However rows come, each is shown once and in order, or counted.
func TestEveryRowIsShownOrCounted(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		bubble(t, func() {
			var s screen
			v := &viewer{deliver: s.deliver}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- v.run(ctx) }()
			next := 0
			for range rapid.IntRange(1, 8).Draw(r, "shows") {
				rows := manyRows(rapid.SampledFrom([]int{0, 1, 20, 499, 500, 501, 2600}).Draw(r, "rows"), rapid.SampledFrom([]int{1, 300, 9000, 60_000}).Draw(r, "size"))
				for i := range rows {
					rows[i].ID = fmt.Sprintf("%07d", next)
					next++
				}
				require.NoError(r, v.show(rows))
				require.LessOrEqual(r, len(v.save(Checkpoint{}, nil).waiting), maxWaiting)
				time.Sleep(time.Duration(rapid.IntRange(0, 3000).Draw(r, "pass")) * time.Millisecond)
			}
			time.Sleep(time.Minute)
			cancel()
			<-ended
			requirePaced(r, &s)
			ids := s.sequence()
			require.IsIncreasing(r, append([]string{""}, ids...))
			require.Equal(r, int64(next-len(ids)), v.skipped)
		})
	})
}

// What waits when a tail ends is shown by the one that goes on.
func TestRowsThatWaitOutliveTheirTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{reach: 1000}
		for range 3 * maxRows / 2 {
			w.happen(time.Now().Add(-time.Second), time.Now(), "ann")
		}
		var s screen
		stop := startAt(w.tail(w.history(0, 0), 0, auditlog.Filter{}), Checkpoint{}, s.deliver)
		time.Sleep(10 * time.Millisecond)
		place, err := stop()
		require.ErrorIs(t, err, context.Canceled)
		require.Len(t, s.rows(), maxRows)
		stop = startAt(w.tail(w.history(0, 0), 0, auditlog.Filter{}), place, s.deliver)
		time.Sleep(time.Minute)
		_, _ = stop()
		require.Equal(t, w.want(time.Time{}, ""), s.ids())
	})
}

// A burst becomes visible at once: the viewer gets a bounded part of it and is told of the rest, from either source.
func TestBurstsOfBothSources(t *testing.T) {
	const events = 20_000
	check := func(t *testing.T, s *screen) {
		time.Sleep(time.Minute)
		requirePaced(t, s)
		shown := len(s.rows())
		require.GreaterOrEqual(t, shown, 50)
		require.Contains(t, s.notices(), fmt.Sprintf("%d events are not shown here", events-shown))
	}
	t.Run("search", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := &world{reach: 10_000}
			var s screen
			stop := start(w.tail(w.history(time.Minute, fresh), time.Minute, auditlog.Filter{}), s.deliver)
			time.Sleep(time.Minute)
			for i := range events {
				w.happen(time.Now().Add(-time.Duration(i/1000)*time.Second), time.Now(), fmt.Sprint(i, strings.Repeat("x", 500)))
			}
			check(t, &s)
			require.ErrorIs(t, stop(), context.Canceled)
		})
	})
	t.Run("queue", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := &replica{Store: store.NewMemory(store.MemoryConfig{})}
			var s screen
			stop := start(r.tail(auditlog.Filter{}), s.deliver)
			synctest.Wait()
			batch := make([]auditlog.Event, events)
			for i := range batch {
				batch[i] = login(time.Now(), fmt.Sprint(i, strings.Repeat("x", 500)))
			}
			add(t, r.Store, store.FromQueue, batch...)
			check(t, &s)
			require.ErrorIs(t, stop(), context.Canceled)
		})
	})
}

// The margin of a tail of very many events stays bounded, and nothing is shown twice.
func TestMarginIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{reach: 10_000}
		var s screen
		search := w.tail(w.history(0, 0), time.Minute, auditlog.Filter{})
		p := &poller{Search: search, viewer: &viewer{deliver: s.deliver}, dedup: newDedupWindow(time.Now().Add(-Lead).UnixMilli())}
		for i := range 3 * maxKnown {
			w.happen(time.Now().Add(-time.Duration(i+1)*time.Millisecond), time.Now(), fmt.Sprint(i))
		}
		fresh := 0
		for range 5 {
			_, err := p.poll(context.Background())
			require.NoError(t, err)
			require.LessOrEqual(t, len(p.dedup.known), maxKnown)
			require.NoError(t, p.viewer.show(nil))
			fresh = len(s.rows()) + len(p.viewer.save(Checkpoint{}, nil).waiting) + int(p.viewer.skipped)
			require.Equal(t, 3*maxKnown, fresh)
		}
		require.Contains(t, fmt.Sprint(p.viewer.notices), "may be missing here")
	})
}

// A tail goes on when a clock that was ahead is set back, and says so.
func TestTailsFollowTheClockBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{reach: 1000}
		var s screen
		ahead := Checkpoint{dedup: newDedupWindow(time.Now().Add(720 * time.Hour).UnixMilli())}
		stop := startAt(w.tail(w.history(0, fresh), 0, auditlog.Filter{}), ahead, s.deliver)
		time.Sleep(fresh)
		w.happen(time.Now(), time.Now(), "ann")
		time.Sleep(2 * fresh)
		require.Equal(t, w.want(time.Time{}, ""), s.ids())
		require.Contains(t, s.notices(), "was set back")
		_, _ = stop()

		r := &replica{Store: store.NewMemory(store.MemoryConfig{})}
		var l screen
		stop = startAt(r.tail(auditlog.Filter{}), Checkpoint{since: time.Now().Add(math.MaxInt64 / 2)}, l.deliver)
		synctest.Wait()
		add(t, r.Store, store.FromQueue, login(time.Now(), "ann"))
		synctest.Wait()
		require.Len(t, l.rows(), 1)
		_, _ = stop()
	})
}
