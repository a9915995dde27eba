package bench

import (
	"context"
	"math"
	"slices"
)

// ledgerFigures holds the figures of the queue's store: writing, reading by panels, and the live tail.
type ledgerFigures struct{ write, panels, tail []benchmark }

func (l *lab) ledger(ctx context.Context) (f ledgerFigures, err error) {
	for _, part := range []struct {
		into             *[]benchmark
		room, name, time string
	}{
		{&f.write, "./pkg/store", "Add", "2s"},
		{&f.panels, "./pkg/panel", "LedgerPanel", "5x"},
		{&f.tail, "./pkg/queue", "Tail", "100x"}, // ten seconds: an event arrives every tenth of a second
	} {
		out, err := l.goTest(ctx, part.room, "-run", "^$", "-bench", part.name, "-benchtime", part.time, "-timeout", "20m")
		if err != nil {
			return f, err
		}
		*part.into = parseBenchmarks(out)
	}
	return f, nil
}

// The names of the stores and queries in the benchmarks, with their bounds.
var (
	ledgerStores = []struct {
		name, words string
		write       float64 // maximum microseconds per event
		day         float64 // maximum milliseconds to count 1,000,000 events by actor
	}{
		{"memory", "memory", 20, 500},
		{"postgres", "PostgreSQL", 50, 3000},
	}
	ledgerQuestions = []struct{ name, words string }{
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

func (f ledgerFigures) bounds() (out []bound) {
	for _, s := range ledgerStores {
		out = append(out,
			bound{name: "time, writing an event to the ledger in " + s.words, got: 1e6 / figure(f.write, "Add/"+s.name, "events/s"), max: s.write, unit: " µs", timed: true},
			bound{name: "time, the last hour of 1,000,000 events in " + s.words, got: figure(f.panels, "LedgerPanel/"+s.name+"/hour", "ns/op") / 1e6, max: maxHour, unit: " ms", timed: true},
			bound{name: "time, the count by actor of 1,000,000 events in " + s.words, got: figure(f.panels, "LedgerPanel/"+s.name+"/day", "ns/op") / 1e6, max: s.day, unit: " ms", timed: true},
			bound{name: "time, from the queue to a live tail, one poll of 1 s included, by " + s.words, got: figure(f.tail, "Tail/"+s.name, "longest-ms"), max: maxTail, unit: " ms", timed: true},
		)
	}
	return out
}

func (f ledgerFigures) table() table {
	t := table{
		title: "The queue's ledger",
		text: "Batches of 2,500 events, as the queue gives them, go into an empty ledger; PostgreSQL runs on this machine and writes each to the disk\n" +
			"(`fsync`). The panels are answered from a ledger of 1,000,000 events of 24 hours and 500 actors, which does not know the answer from\n" +
			"before, frames included. The tail's delay is the longest of 100 events, which come at every moment of a poll.",
		header: []string{"", "memory", "PostgreSQL"},
	}
	row := func(words string, of func(store string) string) {
		line := []string{words}
		for _, s := range ledgerStores {
			line = append(line, of(s.name))
		}
		t.rows = append(t.rows, line)
	}
	row("writing, events a second", func(s string) string { return grouped(int64(figure(f.write, "Add/"+s, "events/s"))) })
	for _, q := range ledgerQuestions {
		row(q.words, func(s string) string {
			return short(figure(f.panels, "LedgerPanel/"+s+"/"+q.name, "ns/op")/1e6) + " ms"
		})
	}
	row("from the queue to a live tail, poll of 1 s", func(s string) string { return short(figure(f.tail, "Tail/"+s, "longest-ms")) + " ms" })
	return t
}
