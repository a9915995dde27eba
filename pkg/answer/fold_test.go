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

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
)

// edited are descriptions of policy edits, each with the id and the name of its policy.
var edited = map[string][2]string{
	"Request received to modify policy Standard (ID: 7)":                           {"7", "Standard"},
	"Request received to create new policy - Standard":                             {"", "Standard"},
	"Policy Standard was modified":                                                 {"", "Standard"},
	"Policy Standard (ID: 7) is updated successfully":                              {"7", "Standard"},
	"Policy Strict (ID: 8) is updated successfully":                                {"8", "Strict"},
	"Policy Strict was modified":                                                   {"", "Strict"},
	`Parameters updated for XDR rule config (ID: 1-a) for policy with ID 7{"a":1}`: {"7", ""},
	"Enabled SETTING in policy now":                                                {"", ""},
	"Policy Standard (ID: 9) was deleted":                                          {"9", "Standard"},
}

var editDescriptions = func() []string {
	list := []string{"Login failed", "Downloaded policy configurations for all policies", "something that nobody knows"}
	for d := range edited {
		list = append(list, d)
	}
	slices.Sort(list)
	return list
}()

// drawEdits draws policy edits of a few seconds among other events.
func drawEdits(t *rapid.T) []simulator.Event {
	events := make([]simulator.Event, rapid.IntRange(0, 60).Draw(t, "events"))
	for i := range events {
		events[i] = simulator.Event{
			CreateTime:  origin.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 2, 400, 998, 999, 1000, 1001, 1500, 2999, 3000}).Draw(t, "ms")) * time.Millisecond),
			Actor:       rapid.SampledFrom([]string{"a@example.org", "b@example.org", ""}).Draw(t, "actor"),
			ActorIP:     rapid.SampledFrom([]string{"", "192.0.2.1", "192.0.2.2"}).Draw(t, "ip"),
			Description: rapid.SampledFrom(editDescriptions).Draw(t, "description"),
			Verbose:     rapid.IntRange(0, 3).Draw(t, "verbose") == 0,
		}
	}
	return events
}

// apartBy takes from a group those that a value does not tell apart from e.
func apartBy(group []auditlog.Event, e auditlog.Event, value func(auditlog.Event) string) []auditlog.Event {
	distinct := map[string]bool{}
	for _, o := range group {
		if value(o) != "" {
			distinct[value(o)] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(group), func(o auditlog.Event) bool { return len(distinct) > 1 && value(o) != value(e) })
}

// editOf is the brute-force edit that an event belongs to: itself, or all its entries.
func editOf(all []auditlog.Event, e auditlog.Event) []auditlog.Event {
	if _, ok := edited[e.Description]; !ok {
		return []auditlog.Event{e}
	}
	var group []auditlog.Event
	for _, o := range all {
		if _, ok := edited[o.Description]; ok && o.Actor == e.Actor && o.CreateTime.Unix() == e.CreateTime.Unix() {
			group = append(group, o)
		}
	}
	group = apartBy(group, e, func(o auditlog.Event) string { return o.ActorIP })
	return apartBy(group, e, func(o auditlog.Event) string {
		id, name := edited[o.Description][0], edited[o.Description][1]
		ids := map[string]bool{}
		for _, other := range group {
			if other := edited[other.Description]; other[1] == name && name != "" && other[0] != "" {
				ids[other[0]] = true
			}
		}
		for only := range ids {
			if id == "" && len(ids) == 1 {
				id = only
			}
		}
		if id != "" {
			return "#" + id
		}
		return name
	})
}

// told is the most telling entry of an edit.
func told(edit []auditlog.Event) auditlog.Event {
	rank := func(e auditlog.Event) string {
		class := catalog.Default().ClassifyEvent(&e)
		return fmt.Sprintf("%d %t", map[string]int{"error": 0, "warning": 1, "info": 2}[class.Severity], e.Verbose)
	}
	return slices.MinFunc(edit, func(a, b auditlog.Event) int {
		if c := strings.Compare(rank(a), rank(b)); c != 0 {
			return c
		}
		return auditlog.Compare(&a, &b)
	})
}

// foldedTruth is the brute-force answer: how often an edit of so many entries is told by so an event, and each event that is no
// entry of any.
func foldedTruth(sim *simulator.Server, f auditlog.Filter, w auditlog.TimeRange) map[string]int64 {
	all := truth(sim, f, auditlog.TimeRange{From: w.From / 1000 * 1000, To: (w.To + 999) / 1000 * 1000})
	out := map[string]int64{}
	for _, e := range all {
		edit := editOf(all, e)
		if best := told(edit); len(edit) > 1 {
			e = best
		}
		if w.Contains(e.CreateTime) {
			out[foldKey(e.CreateTime, e.Actor, e.ActorIP, e.Description, e.Verbose, len(edit))]++
		}
	}
	for key, n := range out { // an edit was counted once for each of its entries
		var entries int64
		_, err := fmt.Sscanf(key[strings.LastIndexByte(key, ' ')+1:], "%d", &entries)
		if err == nil {
			out[key] = n / entries
		}
	}
	return out
}

func foldKey(at time.Time, actor, ip, description string, verbose bool, entries int) string {
	return fmt.Sprintf("%d %q %q %q %t %d", at.UnixMilli(), actor, ip, description, verbose, entries)
}

func sumOf(groups map[string]int64) int64 {
	total := int64(0)
	for _, n := range groups {
		total += n
	}
	return total
}

func TestFoldingEqualsBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEdits(t)
		switches := drawSwitches(t, reachFor(events), rapid.SampledFrom([]string{"3", "6"}).Draw(t, "digits"))
		p, sim := newPanel(t, events, switches)
		filter := auditlog.Filter{}
		switch rapid.IntRange(0, 4).Draw(t, "filter") {
		case 0:
			filter.Criteria = auditlog.Terms{auditlog.KeyOutcome: {"success"}}
		case 1:
			filter.Criteria = auditlog.Terms{auditlog.KeyCategory: {"policy"}}
		case 2:
			filter.Exclusions = auditlog.Terms{auditlog.KeyVerbose: {"true"}}
		case 3:
			filter.Criteria = auditlog.Terms{auditlog.KeyActor: {"a@example.org", "b@example.org"}}
		}
		from := origin.UnixMilli() + int64(rapid.IntRange(-2, 3001).Draw(t, "from"))
		window := auditlog.TimeRange{From: from, To: from + int64(rapid.IntRange(1, 3100).Draw(t, "span"))}
		ask := func(w auditlog.TimeRange, q query.Query) frame.Frames {
			q.Filter, q.Source, q.Fold, q.Oldest = filter, query.SourceSearch, true, rapid.Bool().Draw(t, "oldest")
			frames, err := p.Answer(context.Background(), answer.Request{Query: q, Range: w, Interval: 100 * time.Millisecond, MaxDataPoints: 50})
			require.NoError(t, err)
			require.Empty(t, warnings(frames))
			return frames
		}
		want := foldedTruth(sim, filter, window)

		got := map[string]int64{}
		table := ask(window, query.Query{Type: query.TypeEvents, Format: query.FormatTable, Limit: 1000})[0]
		for i := range table.Rows() {
			at := func(column int) any { return table.Fields[column].At(i) }
			require.Equal(t, "folded", table.Fields[12].Name)
			entries := int(at(12).(int64))
			got[foldKey(at(0).(time.Time), at(1).(string), at(2).(string), at(3).(string), at(9).(bool), entries)]++
			others := strings.FieldsFunc(at(13).(string), func(r rune) bool { return r == '\n' })
			require.Len(t, others, entries-1)
		}
		require.Equal(t, want, got)
		require.Equal(t, float64(sumOf(want)), table.Meta.Stats[0].Value, "what is found is counted in rows")

		limit := rapid.IntRange(1, 10).Draw(t, "limit")
		require.Equal(t, min(limit, table.Rows()), ask(window, query.Query{Type: query.TypeEvents, Limit: limit})[0].Rows())

		count := func(w auditlog.TimeRange) int64 {
			return ask(w, query.Query{Type: query.TypeCount, Limit: 10})[0].Fields[0].At(0).(int64)
		}
		require.Equal(t, sumOf(want), count(window))
		if window.To-window.From > 1 {
			middle := window.From + int64(rapid.IntRange(1, int(window.To-window.From)-1).Draw(t, "middle"))
			require.Equal(t, sumOf(want), count(auditlog.TimeRange{From: window.From, To: middle})+count(auditlog.TimeRange{From: middle, To: window.To}),
				"ranges that touch share no edit and lose none")
		}
		keys := []auditlog.Key{auditlog.KeyDescription}
		byText := map[string]int64{}
		for key, n := range want {
			for _, d := range editDescriptions {
				if strings.Contains(key, fmt.Sprintf(" %q ", d)) {
					byText[fmt.Sprintf("description=%q", d)] += n
				}
			}
		}
		require.Equal(t, byText, tabled(keys, ask(window, query.Query{Type: query.TypeTop, GroupBy: keys, Limit: 1000})[0]))
		total := int64(0)
		series := ask(window, query.Query{Type: query.TypeSeries, Limit: 1})[0]
		for i := range series.Rows() {
			total += series.Fields[1].At(i).(int64)
		}
		require.Equal(t, sumOf(want), total)
	})
}

// The vendor's own example: one change of a policy, told four times.
func TestOneEditIsOneRow(t *testing.T) {
	var events []simulator.Event
	add := func(ms int, actor, ip, description string, verbose bool) {
		events = append(events, simulator.Event{CreateTime: origin.Add(time.Duration(ms) * time.Millisecond), Actor: actor, ActorIP: ip, Description: description, Verbose: verbose})
	}
	add(100, "a@example.org", "192.0.2.1", "Request received to modify policy Standard (ID: 7)", false)
	add(100, "a@example.org", "", "Policy Standard was modified", false)
	add(110, "a@example.org", "192.0.2.1", "Policy Standard (ID: 7) is updated successfully", false)
	add(180, "a@example.org", "192.0.2.1", `Parameters updated for XDR rule config (ID: 1-a) for policy Standard (ID: 7){"a":1}`, true)
	add(190, "a@example.org", "192.0.2.1", "Policy Strict (ID: 8) is updated successfully", false)
	add(200, "b@example.org", "192.0.2.1", "Policy Standard (ID: 7) is updated successfully", false)
	add(300, "a@example.org", "192.0.2.1", "Downloaded policy configurations for all policies", false)
	add(1100, "a@example.org", "192.0.2.1", "Policy Standard (ID: 7) is updated successfully", false)
	p, _ := newPanel(t, events, simulator.Switches{Reach: 1000})
	ask := func(fold bool) frame.Frames {
		frames, err := p.Answer(context.Background(), answer.Request{
			Query: query.Query{Type: query.TypeEvents, Format: query.FormatLogs, Source: query.SourceSearch, Limit: 100, Fold: fold, Oldest: true},
			Range: auditlog.NewTimeRange(origin, origin.Add(2*time.Second)),
		})
		require.NoError(t, err)
		return frames
	}
	require.Equal(t, 8, ask(false)[0].Rows())
	folded := ask(true)[0]
	require.Equal(t, 5, folded.Rows())
	require.Equal(t, "a@example.org: Policy Standard was modified", folded.Fields[1].At(0))
	labels := fmt.Sprintf("%s", folded.Fields[4].At(0))
	require.Contains(t, labels, `"folded":"4"`)
	require.Contains(t, labels, "Request received to modify policy Standard (ID: 7)\\nPolicy Standard (ID: 7) is updated")
	require.NotContains(t, fmt.Sprintf("%s", folded.Fields[4].At(1)), "folded")
	last := folded.Meta.Stats[len(folded.Meta.Stats)-1]
	require.Equal(t, "Folded into others", last.DisplayName)
	require.Equal(t, 3.0, last.Value)
}

// Folding is a member of the query like any other. Carbon Black Cloud cannot count what is folded, so it is read.
func TestFoldMember(t *testing.T) {
	classifier := catalog.Default()
	q, err := query.Parse([]byte(`{"fold":true}`), classifier, 100)
	require.NoError(t, err)
	require.True(t, q.Fold)
	_, err = query.Parse([]byte(`{"fold":"yes"}`), classifier, 100)
	require.ErrorContains(t, err, "fold must be true or false")

	events := make([]simulator.Event, 300)
	for i := range events {
		events[i] = simulator.Event{CreateTime: origin.Add(time.Duration(i) * time.Second), Description: "Login failed"}
	}
	for _, fold := range []bool{false, true} {
		p, _ := newPanel(t, events, simulator.Switches{Reach: 100})
		frames, err := p.Answer(context.Background(), answer.Request{
			Query: query.Query{Type: query.TypeCount, Source: query.SourceSearch, Limit: 1, Fold: fold},
			Range: auditlog.NewTimeRange(origin, origin.Add(time.Hour)),
		})
		require.NoError(t, err)
		require.Equal(t, int64(300), frames[0].Fields[0].At(0))
		require.Equal(t, fold, frames[0].Meta.Stats[1].Value == 300, "folding has to read")
	}
}
