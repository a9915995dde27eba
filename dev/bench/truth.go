package bench

import (
	"time"

	"carbonblack-auditlog-datasource/dev/simulator"
)

const (
	bucketWidth = 12 * time.Hour // of the measured series: 60 of them are the 30 days
	shownEvents = 500            // of the measured lists
)

// truth is the content of a window, counted event by event without the plugin.
type truth struct {
	window  window
	total   int64
	buckets map[int64]int64            // events by the start of their bucket, in milliseconds
	actors  map[string]int64           // by actor
	byActor map[string]map[int64]int64 // by both
	newest  []time.Time                // of the newest events, newest first
}

// generated returns the history of a cloud of the same size, which depends only on the seed.
func generated(size simulator.Generate) []simulator.Event {
	return simulator.New(simulator.Config{Seed: seed, Generate: size}).Events()
}

func truthOf(events []simulator.Event, w window) *truth {
	t := &truth{window: w, buckets: map[int64]int64{}, actors: map[string]int64{}, byActor: map[string]map[int64]int64{}}
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		if e.CreateTime.Before(w.from) || !e.CreateTime.Before(w.to) {
			continue
		}
		bucket := e.CreateTime.Truncate(bucketWidth).UnixMilli()
		t.total++
		t.buckets[bucket]++
		t.actors[e.Actor]++
		if t.byActor[e.Actor] == nil {
			t.byActor[e.Actor] = map[int64]int64{}
		}
		t.byActor[e.Actor][bucket]++
		if len(t.newest) < shownEvents {
			t.newest = append(t.newest, e.CreateTime)
		}
	}
	return t
}

// rateFor returns the number of events per day with which a window has about events. Working hours and weekends make it differ
// between windows.
func rateFor(events int, w window, days int) int {
	trial := min(max(events, 9_000), 60_000) * int(24*time.Hour/time.Minute) / int(w.to.Sub(w.from)/time.Minute)
	found := truthOf(generated(simulator.Generate{Days: days, PerDay: trial, LivePerDay: -1}), w).total
	return int(float64(trial) * float64(events) / float64(found))
}
