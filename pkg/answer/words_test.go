package answer_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// finder is a Carbon Black Cloud with a way of its own to find descriptions by words. It searches for nothing else.
type finder struct {
	events  []auditlog.Event // ascending
	reach   int
	capped  bool // the number found never exceeds the reach
	finds   func(description, word string) bool
	rejects bool // every text
	queries map[string]int
}

func (f *finder) Search(_ context.Context, r cbc.SearchRequest) (cbc.Page, error) {
	if f.queries[r.Filter.Query]++; r.Filter.Query != "" && f.rejects {
		return cbc.Page{Tries: 1}, &cbc.Error{Kind: cbc.KindQuery, Status: 400}
	}
	var hits []auditlog.Event
	for _, e := range f.events {
		if !e.CreateTime.Before(r.Start) && !e.CreateTime.After(r.End) && f.selects(r.Filter.Query, e.Description) {
			hits = append(hits, e)
		}
	}
	if r.Order == cbc.NewestFirst {
		slices.Reverse(hits)
	}
	page := cbc.Page{Found: len(hits), Digits: 3, Tries: 1}
	if f.capped {
		page.Found = min(page.Found, f.reach)
	}
	page.Events = slices.Clone(hits[min(r.Offset, len(hits)):min(r.Offset+r.Rows, len(hits), f.reach)])
	return page, nil
}

// selects reads what a prefilter is written in: groups in parentheses, joined by OR, of terms joined by AND.
func (f *finder) selects(query, description string) bool {
	if query == "" {
		return true
	}
	for group := range strings.SplitSeq(query, " OR ") {
		all := true
		for term := range strings.SplitSeq(strings.Trim(group, "()"), " AND ") {
			all = all && f.finds(description, strings.TrimPrefix(term, "description:"))
		}
		if all {
			return true
		}
	}
	return false
}

// byToken finds words as most searches do: letters and digits side by side, in any case.
func byToken(description, word string) bool {
	tokens := strings.FieldsFunc(strings.ToLower(description), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return slices.Contains(tokens, word)
}

// ways are how a search may find words. Some find too little.
var ways = map[string]func(description, word string) bool{
	"token":     byToken,
	"substring": func(d, w string) bool { return strings.Contains(strings.ToLower(d), w) },
	"anything":  func(string, string) bool { return true },
	"blanks":    func(d, w string) bool { return slices.Contains(strings.Fields(strings.ToLower(d)), w) },
	"prefix": func(d, w string) bool {
		return slices.ContainsFunc(strings.Fields(strings.ToLower(d)), func(t string) bool { return strings.HasPrefix(t, w) })
	},
	"whole field":    func(d, w string) bool { return strings.EqualFold(d, w) },
	"case-sensitive": func(d, w string) bool { return slices.Contains(strings.Fields(d), w) },
	"start of text":  func(d, w string) bool { return strings.HasPrefix(strings.ToLower(d), w) },
	"three words": func(d, w string) bool {
		return slices.Contains(strings.Fields(strings.ToLower(d))[:min(3, len(strings.Fields(d)))], w)
	},
	"nothing": func(string, string) bool { return false },
}

var fewKinds = []string{
	"Logged in successfully", "Login failed", "Connector P3KEDZJRI8 logged in successfully", "Something that nobody knows",
	"Set QUARANTINE to on for device(s): 71", "Policy Standard (ID: 7) was modified", "A LiveResponse session", "note:LiveResponse",
	"User jane@example.com retrieved secret for API ID A1B2C3D4E5 in org 4821",
}

// drawWordy draws an ascending log in which some kinds are rare.
func drawWordy(t *rapid.T) []auditlog.Event {
	rare := rapid.SampledFrom(fewKinds).Draw(t, "rare")
	events := make([]auditlog.Event, rapid.IntRange(0, 400).Draw(t, "events"))
	at := origin
	for i := range events {
		at = at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "ms")) * time.Millisecond)
		kind := rapid.SampledFrom(fewKinds).Draw(t, "kind")
		if kind == rare && rapid.IntRange(0, 9).Draw(t, "seldom") > 0 {
			kind = fewKinds[0]
		}
		events[i] = auditlog.Event{CreateTime: at, Actor: "a@example.org", Description: kind}
	}
	slices.SortFunc(events, func(a, b auditlog.Event) int { return auditlog.Compare(&a, &b) })
	return events
}

func newWordPanel(f *finder, maxEvents int) *answer.Answerer {
	now := func() time.Time { return origin.Add(time.Hour) }
	f.queries = map[string]int{}
	return &answer.Answerer{
		History: history.New(history.Config{Searcher: f, Reach: f.reach, Now: now}), Classifier: catalog.Default(),
		MaxEvents: maxEvents, Words: answer.NewWordSearch(now),
	}
}

// However Carbon Black Cloud finds words, an answer is whole or says that it is not.
func TestWordsNeverMakeAWrongAnswer(t *testing.T) {
	keys := []auditlog.Key{auditlog.KeyDescription}
	rapid.Check(t, func(t *rapid.T) {
		way := rapid.SampledFrom(sortedWays()).Draw(t, "way")
		f := &finder{events: drawWordy(t), reach: 40, capped: rapid.Bool().Draw(t, "capped"), finds: ways[way], rejects: rapid.IntRange(0, 9).Draw(t, "rejects") == 0}
		p := newWordPanel(f, rapid.IntRange(20, 120).Draw(t, "maxEvents"))
		for range 3 {
			filter := auditlog.Filter{Criteria: auditlog.Terms{}}
			if rapid.Bool().Draw(t, "by category") {
				filter.Criteria[auditlog.KeyCategory] = []string{rapid.SampledFrom([]string{"policy", "live_response", "device", "api_key", "authentication"}).Draw(t, "category")}
			} else {
				filter.Criteria[auditlog.KeyOutcome] = []string{rapid.SampledFrom([]string{"success", "failure"}).Draw(t, "outcome")}
			}
			window := auditlog.NewTimeRange(origin, origin.Add(time.Duration(rapid.IntRange(1, 1500).Draw(t, "span"))*time.Millisecond))
			want := map[string]int64{}
			for i := range f.events {
				e := &f.events[i]
				class := catalog.Default().ClassifyEvent(e)
				if window.Contains(e.CreateTime) && filter.Local().Match(e, class) {
					want[groupName(keys, e)]++
				}
			}
			frames, err := p.Answer(context.Background(), answer.Request{
				Query: query.Query{Type: query.TypeTop, Source: query.SourceSearch, Filter: filter, GroupBy: keys, Limit: 1000, Oldest: rapid.Bool().Draw(t, "oldest")},
				Range: window,
			})
			require.NoError(t, err)
			got := tabled(keys, frames[0])
			if len(warnings(frames)) == 0 {
				require.Equal(t, want, got)
			}
			for name, n := range got {
				require.LessOrEqual(t, n, want[name], name)
			}
		}
	})
}

func sortedWays() []string {
	names := make([]string, 0, len(ways))
	for name := range ways {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// bigLog has a thousand events, of which some are rare.
func bigLog() []auditlog.Event {
	events := make([]auditlog.Event, 1000)
	for i := range events {
		events[i] = auditlog.Event{CreateTime: origin.Add(time.Duration(i) * time.Second), Actor: "a@example.org", Description: fewKinds[i%4]}
		switch {
		case i%100 == 7:
			events[i].Description = fewKinds[4]
		case i%100 == 8:
			events[i].Description = fewKinds[6]
		}
	}
	return events
}

func ask(t *testing.T, p *answer.Answerer, q query.Query) frame.Frames {
	q.Source, q.Limit = query.SourceSearch, max(q.Limit, 1)
	frames, err := p.Answer(context.Background(), answer.Request{
		Query: q, Range: auditlog.NewTimeRange(origin, origin.Add(1000*time.Second)), Interval: 100 * time.Second, MaxDataPoints: 10,
	})
	require.NoError(t, err)
	return frames
}

func only(key auditlog.Key, value string) auditlog.Filter {
	return auditlog.Filter{Criteria: auditlog.Terms{key: {value}}}
}

// What is rare is found among more events than may be read: by words, for a few requests, and whole.
func TestWordsFindWhatIsRare(t *testing.T) {
	f := &finder{events: bigLog(), reach: 100, finds: byToken}
	p := newWordPanel(f, 200)
	quarantine := only(auditlog.KeyAction, "quarantine")
	frames := ask(t, p, query.Query{Type: query.TypeCount, Filter: quarantine})
	require.Equal(t, int64(10), frames[0].Fields[0].At(0))
	require.Empty(t, warnings(frames))
	require.Contains(t, frames[0].Meta.Notices[0].Text, "searched for words of the descriptions")
	const words = "(description:quarantine AND description:set)"
	require.Contains(t, frames[0].Meta.ExecutedQueryString, words)
	require.Len(t, f.queries, 3, "the events, the probe and the words: %v", f.queries)
	for query, n := range f.queries {
		require.LessOrEqual(t, n, 2, query)
	}

	total := int64(0)
	for _, shown := range ask(t, p, query.Query{Type: query.TypeSeries, Filter: quarantine}) {
		for i := range shown.Rows() {
			total += shown.Fields[1].At(i).(int64)
		}
	}
	require.Equal(t, int64(10), total)
	require.Equal(t, 10, ask(t, p, query.Query{Type: query.TypeEvents, Filter: quarantine, Limit: 50, Format: query.FormatTable})[0].Rows())
	require.Equal(t, 1, f.queries[words], "what has settled is kept")
	require.Len(t, f.queries, 3, "words are tried out once an hour")

	frames = ask(t, p, query.Query{Type: query.TypeCount, Filter: only(auditlog.KeyCategory, "live_response")})
	require.Equal(t, int64(10), frames[0].Fields[0].At(0))
	require.Contains(t, warnings(frames)[0], "Possibly incomplete", "words alone have no sure edges")

	f.queries = map[string]int{}
	quarantine.Query = "description:quarantine" // of one's own
	require.Equal(t, int64(10), ask(t, p, query.Query{Type: query.TypeCount, Filter: quarantine})[0].Fields[0].At(0))
	require.Equal(t, map[string]int{quarantine.Query: 1}, f.queries)
}

// Where a page is enough, or as many events as may be read, nobody asks for words.
func TestWordsAreNotAskedForInVain(t *testing.T) {
	f := &finder{events: bigLog(), reach: 100, finds: byToken}
	p := newWordPanel(f, 1000)
	require.Equal(t, int64(10), ask(t, p, query.Query{Type: query.TypeCount, Filter: only(auditlog.KeyAction, "quarantine")})[0].Fields[0].At(0))
	require.Equal(t, int64(10), ask(t, p, query.Query{Type: query.TypeCount, Filter: only(auditlog.KeyCategory, "live_response")})[0].Fields[0].At(0))
	p.MaxEvents = 200
	require.Equal(t, 20, ask(t, p, query.Query{Type: query.TypeEvents, Filter: only(auditlog.KeyAction, "login"), Limit: 20})[0].Rows())
	require.Len(t, f.queries, 1, "%v", f.queries)
}

// Words that do not bring what is known are never used again, and the answer says what it always said.
func TestWordsThatFailAreGivenUp(t *testing.T) {
	for way, wrong := range map[string]bool{"token": false, "whole field": true, "case-sensitive": true, "start of text": true, "nothing": true} {
		f := &finder{events: bigLog(), reach: 100, finds: ways[way]}
		p := newWordPanel(f, 200)
		for range 2 {
			frames := ask(t, p, query.Query{Type: query.TypeCount, Filter: only(auditlog.KeyAction, "quarantine")})
			if wrong {
				require.Contains(t, fmt.Sprint(warnings(frames)), "Incomplete: at least", way)
			} else {
				require.Empty(t, warnings(frames))
			}
		}
		if wrong {
			require.Len(t, f.queries, 2, "the page and the probe")
			for _, n := range f.queries {
				require.LessOrEqual(t, n, 3)
			}
		}
	}
}

// A search may know the words that were tried out and not others: what is at hand tells.
func TestEventsAtHandMustComeBack(t *testing.T) {
	f := &finder{events: bigLog(), reach: 100, finds: func(d, w string) bool { return w != "retrieved" && byToken(d, w) }}
	for i := 9; i < len(f.events); i += 100 {
		f.events[i].Description = fewKinds[8]
	}
	p := newWordPanel(f, 200)
	for range 2 {
		frames := ask(t, p, query.Query{Type: query.TypeCount, Filter: only(auditlog.KeyAction, "read")})
		require.Contains(t, fmt.Sprint(warnings(frames)), "Incomplete: at least")
		require.Equal(t, int64(2), frames[0].Fields[0].At(0))
	}
}

// The same over the simulated cloud, whose searches find words as the vendor's examples suggest, with whatever else it is free to do.
func TestWordsOverTheSimulator(t *testing.T) {
	keys := []auditlog.Key{auditlog.KeyAction}
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, false)
		p, sim := newPanel(t, events, drawSwitches(t, reachFor(events), "3"))
		p.MaxEvents = rapid.IntRange(20, 120).Draw(t, "maxEvents")
		p.Words = answer.NewWordSearch(func() time.Time { return origin.Add(24 * time.Hour) })
		for range 2 {
			filter, window := drawFilter(t), drawWindow(t)
			want := map[string]int64{}
			for _, e := range truth(sim, filter, window) {
				want[groupName(keys, &e)]++
			}
			frames, err := p.Answer(context.Background(), answer.Request{
				Query: query.Query{Type: query.TypeCount, Source: query.SourceSearch, Filter: filter, GroupBy: keys, Limit: 100},
				Range: window,
			})
			require.NoError(t, err)
			got := labelled(keys, frames)
			if len(warnings(frames)) == 0 {
				require.Equal(t, want, got)
			}
			for name, n := range got {
				require.LessOrEqual(t, n, want[name])
			}
		}
	})
}
