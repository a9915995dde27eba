package answer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// origin is where the tests' events lie, well before the simulator's present.
var origin = time.Date(2026, 3, 10, 9, 59, 59, 0, time.UTC)

// inProcess sends a client's requests to a handler without a network.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	t.handler.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// reachFor is a small reach, so that windows take many pages, yet one that the fullest millisecond fits in.
func reachFor(events []simulator.Event) int {
	perMillisecond, fullest := map[int64]int{}, 0
	for _, e := range events {
		ms := e.CreateTime.UnixMilli()
		perMillisecond[ms]++
		fullest = max(fullest, perMillisecond[ms])
	}
	return max(40, 2*fullest+1)
}

// newPanel returns a panel on a simulated cloud of the events.
func newPanel(t require.TestingT, events []simulator.Event, switches simulator.Switches) (*answer.Answerer, *simulator.Server) {
	now := func() time.Time { return origin.Add(24 * time.Hour) }
	sim := simulator.New(simulator.Config{
		Now:      now,
		Events:   events,
		Switches: switches,
	})
	key := sim.Keys()[0]
	client, err := cbc.New(cbc.Config{URL: "https://cbc.test", OrgKey: sim.OrgKey(), APIID: key.APIID, APISecret: key.APISecret},
		&http.Client{Transport: inProcess{sim}})
	require.NoError(t, err)
	return &answer.Answerer{
		History:    history.New(history.Config{Searcher: client, Reach: switches.Reach, Now: now}),
		Classifier: catalog.Default(),
		SearchPath: client.SearchPath(),
		MaxEvents:  100_000,
	}, sim
}

// drawEvents draws events in bursts around a few instants, many of them in the same millisecond, some of them equal.
func drawEvents(t *rapid.T, fine bool) []simulator.Event {
	descriptions := []string{
		"Logged in successfully", "Login failed", "Password did not match for the specified login",
		"Connector P3KEDZJRI8 logged in successfully", "Policy Standard (ID: 7) was modified", "something that nobody knows",
	}
	n := rapid.IntRange(0, 150).Draw(t, "events")
	events := make([]simulator.Event, 0, n+1)
	for range n {
		at := time.Duration(rapid.IntRange(0, 4).Draw(t, "burst")) * 700 * time.Millisecond
		at += time.Duration(rapid.IntRange(0, 12).Draw(t, "ms")) * time.Millisecond
		if fine {
			at += time.Duration(rapid.SampledFrom([]int{0, 1, 499, 999_000, 999_999}).Draw(t, "ns"))
		}
		events = append(events, simulator.Event{
			CreateTime:  origin.Add(at),
			Actor:       rapid.SampledFrom([]string{"", "a@example.org", "b@example.org", `c"d\e`}).Draw(t, "actor"),
			ActorIP:     rapid.SampledFrom([]string{"", "192.0.2.1", "2001:db8::1"}).Draw(t, "ip"),
			Description: rapid.SampledFrom(descriptions).Draw(t, "description"),
			RequestURL:  rapid.SampledFrom([]string{"", "/access/v2/orgs/ABCD1234/grants"}).Draw(t, "url"),
			Flagged:     rapid.Bool().Draw(t, "flagged"),
			Verbose:     rapid.Bool().Draw(t, "verbose"),
		})
		if rapid.IntRange(0, 9).Draw(t, "twin") == 0 {
			events = append(events, events[len(events)-1])
		}
	}
	return events
}

func drawSwitches(t *rapid.T, reach int, digits string) simulator.Switches {
	pick := func(name string, words ...string) string { return rapid.SampledFrom(words).Draw(t, name) }
	flip := func(name string) bool { return rapid.Bool().Draw(t, name) }
	precision := pick("boundPrecision", "none", "ms", "s")
	if digits == "trim" {
		precision = "none" // events of whole seconds look like a server that writes no fractions, and whose bounds have to be trusted
	}
	if precision == "s" {
		reach = 1000 // a whole second must fit, since no part of one can be asked for
	}
	ties := pick("ties", "stable", "shuffled")
	shortPages := 0
	if ties == "stable" && digits != "trim" && digits != "9" && precision == "none" {
		// A short page may end in the middle of a millisecond, which only a stable order lets a client read on; and a short page
		// of whole seconds looks like a server that writes no fractions. What is more than a page is counted, and a
		// number is not trimmed: it needs bounds that are taken to the microsecond, and times no finer than that.
		shortPages = rapid.SampledFrom([]int{0, 0, 7}).Draw(t, "shortPages")
	}
	emptyFrom := 0
	if shortPages == 0 {
		emptyFrom = rapid.SampledFrom([]int{0, 1}).Draw(t, "emptyFrom") // every page but the first is empty
	}
	return simulator.Switches{
		Reach: reach, MaxRows: reach, EmptyFrom: emptyFrom,
		CapNumFound:    flip("capNumFound"),
		NumAvailable:   pick("numAvailable", "reach", "found", "page", "absent"),
		ShortPages:     shortPages,
		Ties:           ties,
		Empty204:       flip("empty204"),
		NoResultsKey:   flip("noResultsKey"),
		ExclusiveStart: flip("exclusiveStart"),
		ExclusiveEnd:   flip("exclusiveEnd"),
		TimeDigits:     digits,
		BoundPrecision: precision,
		OmitFalse:      flip("omitFalse"),
		EmptyText:      pick("emptyText", "null", "empty", "absent", "mixed"),
		ExtraKeys:      flip("extraKeys"),
		CriteriaCase:   pick("criteriaCase", "sensitive", "insensitive"),
		EmptyList:      pick("emptyList", "everything", "nothing"),
	}
}

// drawFilter draws criteria and exclusions over every key whose meaning is the plugin's to decide.
func drawFilter(t *rapid.T) auditlog.Filter {
	values := map[auditlog.Key][]string{
		auditlog.KeyActor:    {"", "a@example.org", "b@example.org", `c"d\e`, "A@EXAMPLE.ORG"},
		auditlog.KeyActorIP:  {"", "192.0.2.1", "2001:db8::1"},
		auditlog.KeyCategory: {"authentication", "policy", "other"},
		auditlog.KeyAction:   {"login", "unknown"},
		auditlog.KeyOutcome:  {"success", "failure", "unknown"},
	}
	draw := func(name string) auditlog.Terms {
		terms := auditlog.Terms{}
		for _, key := range []auditlog.Key{auditlog.KeyActor, auditlog.KeyActorIP, auditlog.KeyCategory, auditlog.KeyAction, auditlog.KeyOutcome} {
			if rapid.IntRange(0, 4).Draw(t, name+string(key)) == 0 {
				terms[key] = rapid.SliceOfNDistinct(rapid.SampledFrom(values[key]), 1, 2, rapid.ID[string]).Draw(t, "values")
			}
		}
		if rapid.IntRange(0, 4).Draw(t, name+"flagged") == 0 {
			terms[auditlog.KeyFlagged] = []string{rapid.SampledFrom([]string{"true", "false"}).Draw(t, "flag")}
		}
		return terms
	}
	return auditlog.Filter{Criteria: draw("criteria"), Exclusions: draw("exclusions")}
}

func drawWindow(t *rapid.T) auditlog.TimeRange {
	from := origin.UnixMilli() + int64(rapid.IntRange(-3, 2900).Draw(t, "from"))
	return auditlog.TimeRange{From: from, To: from + int64(rapid.IntRange(1, 3000).Draw(t, "span"))}
}

// truth is the brute-force answer: the events of the window that the filter selects, in order of time.
func truth(sim *simulator.Server, f auditlog.Filter, w auditlog.TimeRange) []auditlog.Event {
	classifier := catalog.Default()
	selects := func(terms auditlog.Terms, e *auditlog.Event) (all, any bool) {
		all = true
		for key, values := range terms {
			hit := slices.Contains(values, key.Value(e, classifier.ClassifyEvent(e)))
			all, any = all && hit, any || hit
		}
		return all, any
	}
	var out []auditlog.Event
	for _, s := range sim.Events() {
		e := auditlog.Event{CreateTime: s.CreateTime, OrgKey: s.OrgKey, Actor: s.Actor, ActorIP: s.ActorIP, RequestURL: s.RequestURL,
			Description: s.Description, Flagged: s.Flagged, Verbose: s.Verbose}
		all, _ := selects(f.Criteria, &e)
		_, any := selects(f.Exclusions, &e)
		if ms := e.CreateTime.UnixNano(); ms >= w.From*1e6 && ms < w.To*1e6 && all && !any {
			out = append(out, e)
		}
	}
	return out
}

func TestAnswersEqualBruteForce(t *testing.T) {
	checkAnswers(t, func(*rapid.T, *answer.Answerer, *simulator.Server) {})
}

// checkAnswers compares answers with brute force. prepare may change where they come from.
func checkAnswers(t *testing.T, prepare func(*rapid.T, *answer.Answerer, *simulator.Server)) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.SampledFrom([]string{"3", "6", "9", "trim"}).Draw(t, "timeDigits")
		events := drawEvents(t, digits == "9")
		switches := drawSwitches(t, reachFor(events), digits)
		p, sim := newPanel(t, events, switches)
		prepare(t, p, sim)
		filter, window := drawFilter(t), drawWindow(t)
		want := truth(sim, filter, window)

		ask := func(q query.Query) frame.Frames {
			if rapid.Bool().Draw(t, "cold") {
				archive := p.Archive
				p, _ = newPanel(t, events, switches)
				p.Archive = archive
			}
			q.Filter, q.Source, q.Oldest = filter, query.SourceSearch, rapid.Bool().Draw(t, "oldest")
			frames, err := p.Answer(context.Background(), answer.Request{Query: q, Range: window, Interval: 100 * time.Millisecond, MaxDataPoints: 50})
			require.NoError(t, err)
			require.Empty(t, warnings(frames))
			return frames
		}

		count := ask(query.Query{Type: query.TypeCount, Limit: 10})
		require.Equal(t, int64(len(want)), count[0].Fields[0].At(0))

		keys := rapid.SliceOfNDistinct(rapid.SampledFrom(auditlog.Keys()), 1, 3, rapid.ID[auditlog.Key]).Draw(t, "groupBy")
		wantGroups := map[string]int64{}
		for i := range want {
			wantGroups[groupName(keys, &want[i])]++
		}
		require.Equal(t, wantGroups, labelled(keys, ask(query.Query{Type: query.TypeCount, GroupBy: keys, Limit: 1000})))
		require.Equal(t, wantGroups, tabled(keys, ask(query.Query{Type: query.TypeTop, GroupBy: keys, Limit: 1000})[0]))

		limit := rapid.IntRange(1, 6).Draw(t, "series limit")
		total := int64(0)
		for _, f := range ask(query.Query{Type: query.TypeSeries, GroupBy: keys, Limit: limit}) {
			for i := range f.Rows() {
				total += f.Fields[1].At(i).(int64)
			}
		}
		require.Equal(t, int64(len(want)), total, "the sum of the series is the whole")
		checkSeries(t, want, ask(query.Query{Type: query.TypeSeries, Limit: 10}))

		checkEvents(t, want, ask, rapid.IntRange(1, 200).Draw(t, "limit"))
	})
}

// checkEvents compares a list with the newest or the oldest events. Among equal times at the cut any event will do.
func checkEvents(t *rapid.T, want []auditlog.Event, ask func(query.Query) frame.Frames, limit int) {
	f := ask(query.Query{Type: query.TypeEvents, Format: query.FormatTable, Limit: limit})[0]
	require.Equal(t, min(limit, len(want)), f.Rows())
	times, ids := []time.Time{}, map[string]bool{}
	for i := range f.Rows() {
		times = append(times, f.Fields[0].At(i).(time.Time))
		ids[f.Fields[11].At(i).(string)] = true
	}
	require.Len(t, ids, f.Rows(), "row ids are unique")
	if len(times) == 0 {
		return
	}
	wantTimes := make([]time.Time, len(want))
	for i, e := range want {
		wantTimes[i] = e.CreateTime
	}
	if len(times) > 1 && times[0].Before(times[len(times)-1]) || times[0].Equal(wantTimes[0]) && !times[0].Equal(wantTimes[len(want)-1]) {
		require.Equal(t, wantTimes[:len(times)], times)
		return
	}
	newest := slices.Clone(wantTimes[len(want)-len(times):])
	slices.Reverse(newest)
	require.Equal(t, newest, times)
}

func checkSeries(t *rapid.T, want []auditlog.Event, frames frame.Frames) {
	got := map[int64]int64{}
	for i := range frames[0].Rows() {
		if n := frames[0].Fields[1].At(i).(int64); n > 0 {
			got[frames[0].Fields[0].At(i).(time.Time).UnixMilli()] = n
		}
	}
	width := int64(100)
	if frames[0].Rows() > 1 {
		width = frames[0].Fields[0].At(1).(time.Time).Sub(frames[0].Fields[0].At(0).(time.Time)).Milliseconds()
	}
	expected := map[int64]int64{}
	for _, e := range want {
		expected[e.CreateTime.UnixMilli()/width*width]++
	}
	require.Equal(t, expected, got)
}

func warnings(frames frame.Frames) []string {
	var out []string
	for _, f := range frames {
		for _, n := range f.Meta.Notices {
			if n.Severity == data.NoticeSeverityWarning {
				out = append(out, n.Text)
			}
		}
	}
	return out
}

func groupName(keys []auditlog.Key, e *auditlog.Event) string {
	class := catalog.Default().ClassifyEvent(e)
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s=%q", k, k.Value(e, class))
	}
	sort.Strings(parts)
	return strings.Join(parts, " ")
}

func labelled(keys []auditlog.Key, frames frame.Frames) map[string]int64 {
	out := map[string]int64{}
	for _, f := range frames {
		if f.Fields[0].Labels == nil {
			continue // the zero of an empty answer
		}
		parts := make([]string, len(keys))
		for i, k := range keys {
			parts[i] = fmt.Sprintf("%s=%q", k, f.Fields[0].Labels[string(k)])
		}
		sort.Strings(parts)
		out[strings.Join(parts, " ")] += f.Fields[0].At(0).(int64)
	}
	return out
}

func tabled(keys []auditlog.Key, f *data.Frame) map[string]int64 {
	out := map[string]int64{}
	for row := range f.Rows() {
		parts := make([]string, len(keys))
		for i, k := range keys {
			parts[i] = fmt.Sprintf("%s=%q", k, f.Fields[i].At(row))
		}
		sort.Strings(parts)
		out[strings.Join(parts, " ")] += f.Fields[len(keys)].At(row).(int64)
	}
	return out
}

// A server that writes whole seconds hides where in its second an event lies: its own choice is all there is, and it is exact.
func TestCountsAreExactWithoutFractions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, false)
		p, sim := newPanel(t, events, simulator.Switches{
			Reach: 1000, TimeDigits: "0",
			ExclusiveStart: rapid.Bool().Draw(t, "exclusiveStart"), ExclusiveEnd: rapid.Bool().Draw(t, "exclusiveEnd"),
		})
		window := drawWindow(t)
		frames, err := p.Answer(context.Background(), answer.Request{Query: query.Query{Type: query.TypeCount, Limit: 1}, Range: window})
		require.NoError(t, err)
		require.Equal(t, int64(len(truth(sim, auditlog.Filter{}, window))), frames[0].Fields[0].At(0))
	})
}

// What one answer may read is less than there is: a total is still exact, and everything else says what is missing.
func TestAnswersBeyondMaxEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, false)
		p, sim := newPanel(t, events, simulator.Switches{Reach: reachFor(events), MaxRows: reachFor(events), CapNumFound: rapid.Bool().Draw(t, "capNumFound")})
		p.MaxEvents = rapid.IntRange(1, 60).Draw(t, "maxEvents")
		window := drawWindow(t)
		want := truth(sim, auditlog.Filter{}, window)
		ask := func(q query.Query) frame.Frames {
			frames, err := p.Answer(context.Background(), answer.Request{Query: q, Range: window, Interval: 100 * time.Millisecond})
			require.NoError(t, err)
			return frames
		}
		total := ask(query.Query{Type: query.TypeCount, Limit: 1})
		require.Equal(t, int64(len(want)), total[0].Fields[0].At(0))
		require.Empty(t, warnings(total))

		checkCutTop(t, want, p.MaxEvents, ask(query.Query{Type: query.TypeTop, GroupBy: []auditlog.Key{auditlog.KeyActor}, Limit: 1000}))

		series := ask(query.Query{Type: query.TypeSeries, Limit: 1})
		require.Empty(t, warnings(series), "a series without groups is exact at any size")
		checkSeries(t, want, series)
	})
}

// checkCutTop wants every group that is shown to be whole, or the answer to say that it is not; and none to be missing unsaid.
func checkCutTop(t *rapid.T, want []auditlog.Event, maxEvents int, top frame.Frames) {
	keys, shown, all := []auditlog.Key{auditlog.KeyActor}, int64(0), map[string]int64{}
	for i := range want {
		all[groupName(keys, &want[i])]++
	}
	groups := tabled(keys, top[0])
	for _, n := range groups {
		shown += n
	}
	said := warnings(top)
	switch {
	case len(said) == 0:
		require.Equal(t, all, groups)
	case strings.Contains(said[len(said)-1], "Rarer groups"):
		for name, n := range groups {
			if name == `actor=""` {
				require.LessOrEqual(t, n, all[name])
				require.Contains(t, said[0], "without a value")
			} else {
				require.Equal(t, all[name], n, name)
			}
		}
	default:
		require.Len(t, said, 1)
		require.Contains(t, said[0], fmt.Sprintf("of %d events found", len(want)))
		require.LessOrEqual(t, shown, int64(maxEvents))
	}
}

// A time without a fraction can lie before the window that its event belongs to: it counts in the first bucket.
func TestSeriesWithoutFractions(t *testing.T) {
	p, _ := newPanel(t, []simulator.Event{{CreateTime: origin.Add(900 * time.Millisecond)}}, simulator.Switches{Reach: 1000, TimeDigits: "0"})
	window := auditlog.NewTimeRange(origin.Add(300*time.Millisecond), origin.Add(5*time.Second))
	frames, err := p.Answer(context.Background(), answer.Request{
		Query: query.Query{Type: query.TypeSeries, Limit: 1}, Range: window, Interval: 64 * time.Millisecond, MaxDataPoints: 5000,
	})
	require.NoError(t, err)
	require.Equal(t, int64(1), frames[0].Fields[1].At(0))
}

// No question takes all memory: lines and points are bounded together, and the sum stays the whole.
func TestSeriesAreBounded(t *testing.T) {
	events := make([]simulator.Event, 2000)
	for i := range events {
		events[i] = simulator.Event{CreateTime: origin.Add(time.Duration(i) * time.Millisecond), Actor: fmt.Sprintf("user%d@example.org", i), Description: "Login failed"}
	}
	p, _ := newPanel(t, events, simulator.Switches{Reach: 10_000})
	frames, err := p.Answer(context.Background(), answer.Request{
		Query: query.Query{Type: query.TypeSeries, GroupBy: []auditlog.Key{auditlog.KeyActor}, Limit: 100_000},
		Range: auditlog.NewTimeRange(origin, origin.Add(11*time.Second)), Interval: time.Millisecond, MaxDataPoints: 11_000,
	})
	require.NoError(t, err)
	require.LessOrEqual(t, len(frames)*frames[0].Rows(), 2_100_000)
	require.NotEmpty(t, frames[0].Meta.Notices)
	total := int64(0)
	for _, f := range frames {
		for i := range f.Rows() {
			total += f.Fields[1].At(i).(int64)
		}
	}
	require.Equal(t, int64(len(events)), total)
}

// A number that a server with coarse bounds gives does not tell that nothing is missing from what was read.
func TestABlurredNumberVouchesForNothing(t *testing.T) {
	var events []simulator.Event
	for i := range 60 {
		events = append(events, simulator.Event{CreateTime: origin.Add(time.Duration(500+i) * time.Millisecond), Actor: "a", Description: "Login failed", Flagged: i%2 == 0})
	}
	p, _ := newPanel(t, events, simulator.Switches{Reach: 1000, MaxRows: 1000, BoundPrecision: "s"})
	p.MaxEvents = 20
	frames, err := p.Answer(context.Background(), answer.Request{
		Query: query.Query{Type: query.TypeCount, GroupBy: []auditlog.Key{auditlog.KeyAction}, Limit: 10,
			Filter: auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyFlagged: {"true"}}}},
		Range: auditlog.NewTimeRange(origin.Add(500*time.Millisecond), origin.Add(560*time.Millisecond)),
	})
	require.NoError(t, err)
	require.Less(t, frames[0].Fields[0].At(0), int64(30))
	require.Contains(t, fmt.Sprint(warnings(frames)), "Incomplete: at least")
}
