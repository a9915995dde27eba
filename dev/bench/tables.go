package bench

import (
	"fmt"
	"strconv"
	"time"
)

const introduction = `# Benchmarks

Written by ` + "`go tool mage bench`" + `, which measures everything, prints these tables and replaces this page. It needs Go
and the npm packages, which include PostgreSQL, and takes some minutes. It fails if an answer is wrong, or exceeds a bound on calls or
bytes. Bounds on time depend on the machine; a missed one is marked SLOW.

Measured on %d cores, %s/%s, %s.

The plugin runs in the measuring process and is called as Grafana calls it. The simulated Carbon Black Cloud is another process on the
loopback interface and delays each answer by 150 ms. It counts *calls*. *Bytes* are what it sent, headers included. *Heap* is the maximum
growth of the measuring process's heap, garbage included, sampled every 2 ms.

Times are the median of three runs, everything else is the worst of them. Long runs are repeated less often. Each cold run has a new
instance with an empty cache. The rate limit is too high to delay anything.

The *naive client* queries like a simple data source: one request per panel, pages of 10,000 events by offset as far as a search reaches,
` + "`encoding/json`" + `, no cache.
`

const boundsText = `The bounds that must hold. The share is the measured value, divided by the bound.`

const sizesText = `Every answer was compared with a count of the simulated events. An answer that would have to read more than ` + "`maxEvents`" + `
(100,000 unless raised) uses the newest ones and says so. Buckets of the series are 12 hours wide. Each line has a new instance, which
tests the bounds of a search once before it trusts a count: one call.`

func boundsOf(f figures) []bound {
	b := f.board
	out := []bound{
		{name: "calls, board over 24 h, cold", got: float64(b.cold.calls), max: 2},
		{name: "time, the same, against one bare full page", got: b.cold.took.Seconds() / b.page.took.Seconds(), max: 1.5, unit: " x", timed: true},
		{name: "calls, the board's refresh", got: float64(b.warm.calls), max: 1},
		{name: "calls, five viewers at once, cold: those of one", got: float64(b.coldCrowd.calls), max: float64(b.cold.calls)},
		{name: "calls, five viewers' refresh: those of one", got: float64(b.warmCrowd.calls), max: float64(max(b.warm.calls, 1))},
	}
	for _, size := range f.sizes {
		if size.events >= largest {
			out = append(out, largeBounds(size)...)
		} else {
			name := fmt.Sprintf("calls, reading %s events", grouped(size.events))
			out = append(out, bound{name: name, got: float64(size.of(shapes[2].name).calls), max: readBound(size.events)})
		}
	}
	c := f.cache
	out = append(out,
		bound{name: "heap an event in the cache", got: c.bytesAnEvent, max: 250, unit: " B"},
		bound{name: "calls, grouping them once more", got: float64(c.calls), max: 0},
		bound{name: fmt.Sprintf("time, grouping %s cached events by actor and hour", grouped(c.events)), got: ms(c.group), max: 100, unit: " ms", timed: true},
	)
	for _, b := range f.tests.classify {
		limit := 1000.0
		if b.name == "ClassifyWithRules" { // 500 rules that start with a placeholder are tried one after the other
			limit = 20_000
		}
		out = append(out, bound{name: "time, classifying an event (" + b.name + ")", got: b.figures["ns/op"], max: limit, unit: " ns", timed: true})
	}
	out = append(out, f.store.bounds()...)
	out = append(out, f.export.bounds()...)
	return append(out, pageBounds(f.tests)...)
}

func largeBounds(size sizeFigures) []bound {
	n := grouped(size.events)
	counted := size.of(count)
	return []bound{
		{name: "calls, count of " + n + " events", got: float64(counted.calls), max: 3},
		{name: "heap, the same", got: mib(counted.heap), max: 64, unit: " MiB"},
		{name: "calls, series of 60 buckets over " + n + " events", got: float64(size.of(series).calls), max: 64},
		{name: "calls, reading " + n + " events", got: float64(size.of(readAll.name).calls), max: readBound(size.events)},
	}
}

// readBound returns the maximum number of calls for reading events.
func readBound(events int64) float64 {
	pages := (events + reach - 1) / reach
	return float64(int64(1.3*float64(pages))) + 2
}

// pageBounds compares decoding with encoding/json of the same run.
func pageBounds(f goFigures) []bound {
	var ours, plain benchmark
	for _, b := range f.page {
		if b.name == "Page/stream" {
			ours = b
		} else {
			plain = b
		}
	}
	return []bound{
		{name: "time, a full page to frames, against encoding/json", got: ours.figures["ns/event"] / plain.figures["ns/event"], max: 0.5, unit: " x", timed: true},
		{name: "allocations an event, a full page to frames", got: ours.figures["allocs/event"], max: 6},
	}
}

var sampleHeader = []string{"", "Calls", "Bytes", "Seconds", "Heap", "Naive calls", "Naive seconds", "Fewer calls", "Faster"}

// against returns the row of a sample and the naive client's.
func against(name string, s, naive sample) []string {
	fewer := "no call"
	if s.calls > 0 {
		fewer = short(float64(naive.calls)/float64(s.calls)) + " x"
	}
	return append(append([]string{name}, plainRow(s)...),
		strconv.Itoa(naive.calls), seconds(naive.took), fewer, short(naive.took.Seconds()/s.took.Seconds())+" x")
}

func plainRow(s sample) []string {
	return []string{strconv.Itoa(s.calls), kib(s.bytes), seconds(s.took), short(mib(s.heap)) + " MiB"}
}

func boardTable(f boardFigures) table {
	t := table{
		title: fmt.Sprintf("The bundled board, %d panels over 24 hours", f.panels),
		text: fmt.Sprintf("About %s events. *Refresh* is 6 seconds after the last look, when the end of the log has to be asked for again. The five\n"+
			"viewers start 40 ms apart, each with their own time range.", grouped(boardEvents)),
		header: sampleHeader,
	}
	t.rows = [][]string{
		append(append([]string{"one bare full page, not even decoded"}, plainRow(f.page)...), "", "", "", ""),
		against("cold", f.cold, f.naiveOne),
		against("refresh", f.warm, f.naiveOne),
		against("five viewers, cold", f.coldCrowd, f.naiveCrowd),
		against("five viewers, refresh", f.warmCrowd, f.naiveCrowd),
	}
	return t
}

func alertTable(f boardFigures) table {
	return table{
		title:  "An alert rule",
		text:   "The count of failed logins of the last hour, evaluated on its own.",
		header: sampleHeader,
		rows: [][]string{
			against("cold", f.alertCold, f.alertNaive),
			against("again at once", f.alertAgain, f.alertNaive),
			against("again after 6 s", f.alertLater, f.alertNaive),
		},
	}
}

func sizeTables(all []sizeFigures) (tables []table) {
	for i, f := range all {
		t := table{
			title:  fmt.Sprintf("%s events in 30 days", grouped(f.events)),
			header: []string{"", "Calls", "Bytes", "Seconds", "Heap", "Answer"},
		}
		if i == 0 {
			t.text = sizesText
		}
		for _, s := range f.shapes {
			t.rows = append(t.rows, append(append([]string{s.name}, plainRow(s.sample)...), s.verdict))
		}
		answer := exact
		if int64(f.got) < f.events {
			answer = fmt.Sprintf("%s of %s events: wrong, but for the newest 500", grouped(int64(f.got)), grouped(f.events))
		}
		t.rows = append(t.rows, append(append([]string{"naive client, any of these"}, plainRow(f.naive)...), answer))
		tables = append(tables, t)
	}
	return tables
}

func cacheTable(c cacheFigures) table {
	return table{
		title:  grouped(c.events) + " events in the cache",
		text:   "With a cache that is large enough for all events (an instance keeps 64 MiB). Grouping goes from the cache to frames, with one series per actor.",
		header: []string{"What", "Figure"},
		rows: [][]string{
			{"reading them all", seconds(c.fill) + " s"},
			{"heap that stays, an event", short(c.bytesAnEvent) + " B"},
			{fmt.Sprintf("grouping by actor and hour, median of %d", c.groupRepeated), short(ms(c.group)) + " ms"},
		},
	}
}

func pageTable(f goFigures) table {
	t := table{
		title:  "Decoding and classifying",
		text:   "*Page* goes from 10,000 events on the wire to a log frame, compared with `encoding/json` and a plain frame. *Classify* is the catalog.",
		header: []string{"Benchmark", "ns an event", "Bytes an event", "Allocations an event"},
	}
	for _, b := range f.page {
		t.rows = append(t.rows, []string{b.name, short(b.figures["ns/event"]), short(b.figures["B/event"]), short(b.figures["allocs/event"])})
	}
	for _, b := range f.classify {
		t.rows = append(t.rows, []string{b.name, short(b.figures["ns/op"]), short(b.figures["B/op"]), short(b.figures["allocs/op"])})
	}
	return t
}

func crowdTable(f goFigures) table {
	t := table{
		title: "Many viewers under a rate limit",
		text: "Twelve panels every 5 s and 20 alert rules every 10 s, for ten simulated minutes with a limit of 60 calls per minute. *Within*: queries\n" +
			"that share what is read. *Beyond*: queries that only the cloud can answer, more than the limit allows, by the format of Retry-After.\n" +
			"No call was sent during a penalty. Queries without an answer got the time when requests resume.",
		header: []string{"Test", "Result"},
	}
	for _, line := range f.crowd {
		t.rows = append(t.rows, []string{line.test, line.result})
	}
	return t
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func kib(n int64) string { return grouped((n+1023)/1024) + " KiB" }

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// grouped formats a number with commas.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
