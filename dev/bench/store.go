package bench

import (
	"context"
	"math"
	"slices"
)

// storeFigures holds the figures of the queue's store: writing, reading by panels, and the live tail.
type storeFigures struct{ write, panels, tail []benchmark }

func (l *lab) store(ctx context.Context) (f storeFigures, err error) {
	for _, part := range []struct {
		into            *[]benchmark
		pkg, name, time string
	}{
		{&f.write, "./pkg/store", "Add", "2s"},
		{&f.panels, "./pkg/answer", "QueuePanel", "5x"},
		{&f.tail, "./pkg/queue", "Tail", "100x"}, // ten seconds: an event arrives every tenth of a second
	} {
		out, err := l.goTest(ctx, part.pkg, "-run", "^$", "-bench", part.name, "-benchtime", part.time, "-timeout", "20m")
		if err != nil {
			return f, err
		}
		*part.into = parseBenchmarks(out)
	}
	return f, nil
}

// The names of the stores and queries in the benchmarks, with their bounds.
var (
	stores = []struct {
		name, words string
		write       float64 // maximum microseconds per event
		day         float64 // maximum milliseconds to count 1,000,000 events by actor
	}{
		{"memory", "memory", 20, 500},
		{"postgres", "PostgreSQL", 50, 3000},
	}
	storeQueries = []struct{ name, words string }{
		{"newest500", "events, newest 500 of 24 h"}, {"hour", "events, the last hour's 41,667"}, {"day", "count by actor over 24 h"},
	}
)

const (
	maxHour = 500  // milliseconds to list an hour
	maxTail = 1100 // milliseconds: a poll of one second, and a tenth
)

// figure returns the figure of a benchmark by name, or NaN if it was not measured.
func figure(list []benchmark, name, unit string) float64 {
	i := slices.IndexFunc(list, func(b benchmark) bool { return b.name == name })
	if i < 0 {
		return math.NaN()
	}
	return list[i].figures[unit]
}

func (f storeFigures) bounds() (out []bound) {
	for _, s := range stores {
		out = append(out,
			bound{name: "time, writing an event to the store in " + s.words, got: 1e6 / figure(f.write, "Add/"+s.name, "events/s"), max: s.write, unit: " µs", timed: true},
			bound{name: "time, the last hour of 1,000,000 events in " + s.words, got: figure(f.panels, "QueuePanel/"+s.name+"/hour", "ns/op") / 1e6, max: maxHour, unit: " ms", timed: true},
			bound{name: "time, the count by actor of 1,000,000 events in " + s.words, got: figure(f.panels, "QueuePanel/"+s.name+"/day", "ns/op") / 1e6, max: s.day, unit: " ms", timed: true},
			bound{name: "time, from the queue to a live tail, one poll of 1 s included, by " + s.words, got: figure(f.tail, "Tail/"+s.name, "longest-ms"), max: maxTail, unit: " ms", timed: true},
		)
	}
	return out
}

func (f storeFigures) table() table {
	t := table{
		title: "The queue's store",
		text: "Batches of 2,500 events, as from the queue, are written to an empty store. PostgreSQL runs on this machine and writes each to disk\n" +
			"(`fsync`). Panels are answered from a store of 1,000,000 events in 24 hours by 500 actors, without a cached answer and including\n" +
			"frames. The delay of the live tail is the longest of 100 events, which arrive at every moment of a poll.",
		header: []string{"", "memory", "PostgreSQL"},
	}
	row := func(words string, of func(store string) string) {
		line := []string{words}
		for _, s := range stores {
			line = append(line, of(s.name))
		}
		t.rows = append(t.rows, line)
	}
	row("writing, events a second", func(s string) string { return grouped(int64(figure(f.write, "Add/"+s, "events/s"))) })
	for _, q := range storeQueries {
		row(q.words, func(s string) string {
			return short(figure(f.panels, "QueuePanel/"+s+"/"+q.name, "ns/op")/1e6) + " ms"
		})
	}
	row("from the queue to a live tail, poll of 1 s", func(s string) string { return short(figure(f.tail, "Tail/"+s, "longest-ms")) + " ms" })
	return t
}
