package answer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
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

// world is a panel on a simulated cloud whose clock is turned by hand.
type world struct {
	sim   *simulator.Server
	panel *answer.Answerer
	now   time.Time
}

// worldConfig describes an world.
type worldConfig struct {
	events    []simulator.Event
	switches  simulator.Switches
	settle    time.Duration
	fresh     time.Duration
	cache     int64
	sightings int
	maxEvents int
	finds     func(actors []string) bool // whether a search for some actors finds any; nil always does
}

// choosy takes requests to a cloud that does not find every list of actors.
type choosy struct {
	cloud inProcess
	finds func(actors []string) bool
}

func (c choosy) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var body struct {
		Criteria struct {
			Actor []string `json:"actor"`
		} `json:"criteria"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	if actors := body.Criteria.Actor; c.finds == nil || len(actors) == 0 || c.finds(actors) {
		return c.cloud.RoundTrip(r)
	}
	recorder := httptest.NewRecorder()
	_, err = recorder.WriteString(`{"num_found":0,"num_available":0,"results":[]}`)
	return recorder.Result(), err
}

func newWorld(t require.TestingT, start time.Time, d worldConfig) *world {
	w := &world{now: start}
	clock := func() time.Time { return w.now }
	w.sim = simulator.New(simulator.Config{Now: clock, Events: d.events, Switches: d.switches})
	key := w.sim.Keys()[0]
	client, err := cbc.New(cbc.Config{URL: "https://cbc.test", OrgKey: w.sim.OrgKey(), APIID: key.APIID, APISecret: key.APISecret},
		&http.Client{Transport: choosy{inProcess{w.sim}, d.finds}})
	require.NoError(t, err)
	w.panel = &answer.Answerer{
		History: history.New(history.Config{
			Searcher: client, Reach: d.switches.Reach, Settle: d.settle, Fresh: d.fresh, CacheBytes: d.cache, Now: clock,
		}),
		Classifier: catalog.Default(), SearchPath: client.SearchPath(),
		MaxEvents: d.maxEvents, MaxStale: d.settle, Settle: d.settle, Fresh: d.fresh, Memory: answer.NewMemory(d.sightings),
	}
	return w
}

func (w *world) ask(q query.Query, window auditlog.TimeRange, alert bool) (frame.Frames, error) {
	q.Source = query.SourceSearch
	return w.panel.Answer(context.Background(), answer.Request{Query: q, Range: window, Numbers: alert})
}

// seen are the events that the filter selects, of those that have arrived.
func (w *world) seen(f auditlog.Filter, window auditlog.TimeRange) []auditlog.Event {
	arrived := map[auditlog.ID]int{}
	for _, s := range w.sim.Events() {
		if !s.Arrives.After(w.now) {
			e := auditlog.Event{CreateTime: s.CreateTime, OrgKey: s.OrgKey, Actor: s.Actor, ActorIP: s.ActorIP, RequestURL: s.RequestURL,
				Description: s.Description, Flagged: s.Flagged, Verbose: s.Verbose}
			arrived[e.ID()]++
		}
	}
	return slices.DeleteFunc(truth(w.sim, f, window), func(e auditlog.Event) bool {
		arrived[e.ID()]--
		return arrived[e.ID()] < 0
	})
}

// newGroups is the brute-force answer.
func (w *world) newGroups(q query.Query, window auditlog.TimeRange) map[string]int64 {
	groups := map[string]int64{}
	for _, e := range w.seen(q.Filter, window) {
		groups[groupName(q.GroupBy, &e)]++
	}
	before := auditlog.TimeRange{From: window.From - q.Baseline.Milliseconds(), To: window.From}
	for _, e := range w.seen(q.Filter, before) {
		delete(groups, groupName(q.GroupBy, &e))
	}
	return groups
}

// drawLog draws the events of two minutes, some of which arrive late.
func drawLog(t *rapid.T, settle time.Duration) []simulator.Event {
	events := make([]simulator.Event, rapid.IntRange(0, 200).Draw(t, "events"))
	actors, addresses := []string{"", "a", "b", "B"}, []string{"", "192.0.2.1", "192.0.2.2", "2001:db8::1"}
	for i := range rapid.SampledFrom([]int{1, 8, 40}).Draw(t, "people") {
		actors = append(actors, fmt.Sprint("user", i))
	}
	descriptions := []string{"Logged in successfully", "Login failed", "something that nobody knows"}
	for i := range events {
		at := origin.Add(time.Duration(rapid.IntRange(0, 120_000).Draw(t, "at")) * time.Millisecond)
		late := time.Duration(rapid.IntRange(0, int(settle/time.Millisecond)).Draw(t, "late")) * time.Millisecond
		events[i] = simulator.Event{
			CreateTime: at, Arrives: at.Add(late),
			Actor: rapid.SampledFrom(actors).Draw(t, "actor"), ActorIP: rapid.SampledFrom(addresses).Draw(t, "ip"),
			Description: rapid.SampledFrom(descriptions).Draw(t, "description"), Flagged: rapid.Bool().Draw(t, "flagged"),
		}
	}
	return events
}

// Whatever windows and baselines are asked for, in whatever order, while events arrive late, things are forgotten and little may
// be read: what is shown as new is new, and if nothing is said, nothing new is missing.
func TestFirstSeenEqualsBruteForce(t *testing.T) {
	const settle = 5 * time.Second
	rapid.Check(t, func(t *rapid.T) {
		events := drawLog(t, settle)
		reach := reachFor(events)
		w := newWorld(t, origin.Add(30*time.Second), worldConfig{
			events: events, settle: settle, maxEvents: rapid.SampledFrom([]int{100_000, 100_000, 60, 15}).Draw(t, "maxEvents"),
			switches: simulator.Switches{
				Reach: reach, MaxRows: reach, CapNumFound: rapid.Bool().Draw(t, "capNumFound"),
				ExclusiveStart: rapid.Bool().Draw(t, "xs"), ExclusiveEnd: rapid.Bool().Draw(t, "xe"),
				CriteriaCase: rapid.SampledFrom([]string{"sensitive", "insensitive"}).Draw(t, "case"),
				EmptyText:    rapid.SampledFrom([]string{"null", "empty", "absent"}).Draw(t, "emptyText"),
				TimeDigits:   rapid.SampledFrom([]string{"3", "6"}).Draw(t, "digits"),
			},
			cache:     rapid.SampledFrom([]int64{1 << 20, 6000}).Draw(t, "cache"),
			sightings: rapid.SampledFrom([]int{1000, 2}).Draw(t, "sightings"),
		})
		filter := rapid.SampledFrom([]auditlog.Filter{{}, drawFilter(t), {Criteria: auditlog.Terms{auditlog.KeyAction: {"login"}}}}).Draw(t, "filter")
		groupBy := rapid.SampledFrom([][]auditlog.Key{
			{auditlog.KeyActor}, {auditlog.KeyActorIP, auditlog.KeyActor}, {auditlog.KeyActor, auditlog.KeyOutcome}, {auditlog.KeyDescription},
			{auditlog.KeyFlagged, auditlog.KeyActor},
		}).Draw(t, "groupBy")
		for range rapid.IntRange(1, 25).Draw(t, "questions") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 6000).Draw(t, "wait")) * time.Millisecond)
			to := w.now.UnixMilli()
			if rapid.Bool().Draw(t, "past") {
				to -= int64(rapid.IntRange(0, 40_000).Draw(t, "ago"))
			}
			window := auditlog.TimeRange{From: to - int64(rapid.IntRange(1, 15_000).Draw(t, "span")), To: to}
			q := query.Query{
				Type: query.TypeFirstSeen, Limit: 1000, Filter: filter, GroupBy: groupBy,
				Baseline: time.Duration(rapid.SampledFrom([]int{1, 10, 20, 60, 200}).Draw(t, "baseline")) * time.Second,
			}
			alert := rapid.Bool().Draw(t, "alert")
			want := w.newGroups(q, window)
			frames, err := w.ask(q, window, alert)
			if err != nil {
				require.True(t, alert)
				require.ErrorContains(t, err, "maxEvents")
				require.Less(t, w.panel.MaxEvents, 1000)
				continue
			}
			var got map[string]int64
			if alert {
				got = labelled(q.GroupBy, frames)
			} else {
				got = tabled(q.GroupBy, frames[0])
			}
			if said := warnings(frames); len(said) > 0 {
				require.Contains(t, said[0], "maxEvents")
				require.Less(t, w.panel.MaxEvents, 1000)
				for name := range got {
					require.Contains(t, want, name)
				}
				continue
			}
			require.Equal(t, want, got)
		}
	})
}

// season is a log of 90 days in which the same people come back every day, from their own addresses.
func season(perDay int) []simulator.Event {
	var events []simulator.Event
	for day := range 90 {
		for i := range perDay {
			at := origin.Add(time.Duration(day-90) * 24 * time.Hour).Add(time.Duration(i) * 24 * time.Hour / time.Duration(perDay))
			events = append(events, simulator.Event{
				CreateTime: at, Actor: fmt.Sprintf("user%d@example.org", i%60), ActorIP: fmt.Sprintf("192.0.2.%d", i%60), Description: "Logged in successfully",
			})
		}
	}
	return events
}

// An alert rule that is evaluated every minute over a baseline of 90 days asks once an evaluation for the end of the log, and
// once more where somebody came who has to be looked up.
func TestFirstSeenIsCheapOnRepeat(t *testing.T) {
	for name, limits := range map[string]simulator.Switches{"a page holds little of it": {Reach: 300, MaxRows: 300}, "counts are capped": {Reach: 300, MaxRows: 300, CapNumFound: true}} {
		t.Run(name, func(t *testing.T) {
			events := season(100)
			for minute := range 60 {
				at := origin.Add(time.Duration(minute)*time.Minute - 30*time.Second)
				for i := range 5 { // people who have been there, each at another address now and then
					events = append(events, simulator.Event{CreateTime: at.Add(time.Duration(i) * time.Second), Actor: fmt.Sprintf("user%d@example.org", (minute+i)%60),
						ActorIP: fmt.Sprintf("192.0.2.%d", (minute+i)%60), Description: "Logged in successfully"})
				}
				if minute%10 == 5 {
					events = append(events, simulator.Event{CreateTime: at, Actor: fmt.Sprintf("stranger%d@example.org", minute), ActorIP: "198.51.100.1", Description: "Logged in successfully"})
				}
			}
			w := newWorld(t, origin, worldConfig{events: events, switches: limits, settle: time.Minute, fresh: 5 * time.Second, maxEvents: 100_000})
			q := query.Query{Type: query.TypeFirstSeen, Limit: 500, Baseline: 90 * 24 * time.Hour, GroupBy: []auditlog.Key{auditlog.KeyActor, auditlog.KeyActorIP},
				Filter: auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyAction: {"login"}, auditlog.KeyOutcome: {"success"}}}}
			var calls []int
			fired := 0
			for round := range 60 {
				window := auditlog.NewTimeRange(w.now.Add(-5*time.Minute), w.now)
				w.sim.ResetRequests()
				frames, err := w.ask(q, window, true)
				require.NoError(t, err)
				require.Empty(t, warnings(frames))
				got := labelled(q.GroupBy, frames)
				if round%15 == 7 { // brute force takes its time
					require.Equal(t, w.newGroups(q, window), got)
				}
				fired += len(got)
				calls = append(calls, len(w.sim.Requests()))
				w.now = w.now.Add(time.Minute)
			}
			require.Equal(t, 6*5, fired, "each stranger for as long as the range is")
			require.LessOrEqual(t, calls[0], 4, "%v", calls)
			require.LessOrEqual(t, slices.Max(calls[1:]), 2, "%v", calls)
			total := 0
			for _, n := range calls[1:] {
				total += n
			}
			t.Logf("first %d, then %d in 59 evaluations: %v", calls[0], total, calls)
		})
	}
}

var byActor = []auditlog.Key{auditlog.KeyActor}

// What is absent is only remembered of what has settled: an event that came late is seen.
func TestFirstSeenKnowsLateEvents(t *testing.T) {
	w := newWorld(t, origin, worldConfig{settle: time.Minute, maxEvents: 1000, events: []simulator.Event{
		{CreateTime: origin.Add(-30 * time.Second), Arrives: origin.Add(20 * time.Second), Actor: "a"}, {CreateTime: origin.Add(-10 * time.Second), Actor: "a"},
	}})
	q := query.Query{Type: query.TypeFirstSeen, GroupBy: byActor, Limit: 10, Baseline: time.Hour}
	for _, want := range []map[string]int64{{`actor="a"`: 1}, {}} {
		window := auditlog.NewTimeRange(origin.Add(-15*time.Second), w.now)
		require.Equal(t, want, w.newGroups(q, window))
		frames, err := w.ask(q, window, true)
		require.NoError(t, err)
		require.Equal(t, want, labelled(q.GroupBy, frames))
		w.now = w.now.Add(25 * time.Second)
	}
}

// Where a new group could be among events that may not be read, an alert rule gets an error, and a table says so.
func TestFirstSeenBeyondMaxEvents(t *testing.T) {
	var events []simulator.Event
	for i := range 100 {
		events = append(events, simulator.Event{CreateTime: origin.Add(time.Duration(i-100) * time.Second), Actor: []string{"", "a"}[i/98], Description: fmt.Sprint("event ", i)})
	}
	for name, c := range map[string]struct {
		span    time.Duration
		groupBy []auditlog.Key
		words   string
		shown   int
	}{
		"too many in the window":                           {time.Minute, byActor, "maxEvents 50", 0},
		"too many before it, and no way to ask for them":   {2 * time.Second, []auditlog.Key{auditlog.KeyDescription}, "not known whether 2 of 2 groups are new", 0},
		"too many before it, but it can be asked for them": {2 * time.Second, byActor, "", 1},
		"it was seen just before":                          {time.Second, byActor, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			open := func() *world {
				return newWorld(t, origin, worldConfig{settle: time.Second, maxEvents: 50, events: events})
			}
			q := query.Query{Type: query.TypeFirstSeen, GroupBy: c.groupBy, Limit: 10, Baseline: time.Hour}
			window := auditlog.NewTimeRange(origin.Add(-c.span), origin)
			frames, tableErr := open().ask(q, window, false)
			require.NoError(t, tableErr)
			_, err := open().ask(q, window, true)
			if c.words == "" {
				require.NoError(t, err)
				require.Empty(t, warnings(frames))
				require.Equal(t, c.shown, frames[0].Rows())
				return
			}
			require.ErrorContains(t, err, c.words)
			require.NotEmpty(t, warnings(frames))
		})
	}
}

// A baseline that is too long for one answer is looked through by several: each goes on where the one before had to stop.
func TestFirstSeenGoesOn(t *testing.T) {
	var events []simulator.Event
	for i := range 100 {
		events = append(events, simulator.Event{CreateTime: origin.Add(time.Duration(i-100) * time.Second), Description: fmt.Sprint("event ", i)})
	}
	w := newWorld(t, origin, worldConfig{settle: time.Second, maxEvents: 40, events: events, switches: simulator.Switches{Reach: 10, MaxRows: 10}})
	q := query.Query{Type: query.TypeFirstSeen, GroupBy: []auditlog.Key{auditlog.KeyDescription}, Limit: 10, Baseline: time.Hour}
	window := auditlog.NewTimeRange(origin.Add(-10*time.Second), origin.Add(-5*time.Second))
	for range 2 {
		_, err := w.ask(q, window, true)
		require.ErrorContains(t, err, "5 of 5 groups")
	}
	frames, err := w.ask(q, window, true)
	require.NoError(t, err)
	require.Len(t, frames, 5)
}

// A failure on the way is an error for an alert rule. A table shows what is known, and says what is not.
func TestFirstSeenThatBreaksOff(t *testing.T) {
	events := season(20)
	events = append(events, simulator.Event{CreateTime: origin.Add(-20 * time.Second), Actor: "stranger"})
	w := newWorld(t, origin, worldConfig{settle: time.Second, maxEvents: 100_000, events: events, switches: simulator.Switches{Reach: 300, MaxRows: 300}})
	q := query.Query{Type: query.TypeFirstSeen, GroupBy: byActor, Limit: 10, Baseline: 90 * 24 * time.Hour}
	window := auditlog.NewTimeRange(origin.Add(-time.Minute), origin.Add(-10*time.Second)) // settled, so that it is read once
	w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "status", Status: 400, Skip: 1, Next: 1000}}})
	_, err := w.ask(q, window, true)
	require.ErrorContains(t, err, "400")
	frames, err := w.ask(q, window, false)
	require.NoError(t, err)
	require.Zero(t, frames[0].Rows())
	require.Contains(t, warnings(frames)[0], `It is not known whether 1 of 1 groups are new, and they are left out, such as "stranger"`)
	w.sim.SetFaults(simulator.Faults{})
	frames, err = w.ask(q, window, true)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{`actor="stranger"`: 1}, labelled(q.GroupBy, frames))
}

// Nobody is taken for new because Carbon Black Cloud does not find him by his name, or not in a list of several.
func TestFirstSeenBelievesNoSilence(t *testing.T) {
	for name, finds := range map[string]func([]string) bool{
		"lists of one alone":        func(actors []string) bool { return len(actors) == 1 },
		"names without a backslash": func(actors []string) bool { return !anyHolds(actors, `\`) },
		"the first of a list":       func(actors []string) bool { return actors[0] == "a" },
		"nobody, however asked for": func([]string) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			var events []simulator.Event
			for i := range 200 {
				events = append(events, simulator.Event{CreateTime: origin.Add(time.Duration(i-400) * time.Minute), Actor: []string{"a", `CORP\host`}[i%2], Description: "Login failed"})
			}
			for i, actor := range []string{"a", `CORP\host`, "new", `NEW\host`} {
				events = append(events, simulator.Event{CreateTime: origin.Add(time.Duration(i-60) * time.Second), Actor: actor, Description: "Login failed"})
			}
			w := newWorld(t, origin, worldConfig{settle: time.Second, maxEvents: 1000, events: events, finds: finds, switches: simulator.Switches{Reach: 50, MaxRows: 50}})
			for range 2 {
				frames, err := w.ask(query.Query{Type: query.TypeFirstSeen, GroupBy: byActor, Limit: 10, Baseline: 24 * time.Hour}, auditlog.NewTimeRange(origin.Add(-2*time.Minute), origin), true)
				require.NoError(t, err)
				require.Equal(t, map[string]int64{`actor="new"`: 1, `actor="NEW\\host"`: 1}, labelled(byActor, frames))
			}
		})
	}
}

func anyHolds(texts []string, part string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, part) })
}

// Accounts and addresses are looked up by the spellings of the time range: what is known is found without reading the baseline, and what
// is new fires, however large the baseline is.
func TestFirstSeenByAccountInALargeBaseline(t *testing.T) {
	var events []simulator.Event
	for i := range 3000 { // more than may be read
		events = append(events, simulator.Event{CreateTime: origin.Add(-2*time.Hour - time.Duration(i)*time.Second), Actor: fmt.Sprint("other", i%50, "@example.com"), ActorIP: "192.0.2.1", Description: "Something else"})
	}
	login := func(ago time.Duration, actor, ip string) {
		events = append(events, simulator.Event{CreateTime: origin.Add(-ago), Actor: actor, ActorIP: ip, Description: "User " + actor + " logged in"})
	}
	login(40*24*time.Hour/2, "Jane@example.com", "203.0.113.7")
	login(time.Minute, "Jane@example.com", "203.0.113.7")
	login(30*time.Second, "new@example.com", "203.0.113.9:4001")
	w := newWorld(t, origin, worldConfig{settle: time.Second, maxEvents: 1000, events: events, switches: simulator.Switches{Reach: 500, MaxRows: 500}})
	q := query.Query{Type: query.TypeFirstSeen, GroupBy: []auditlog.Key{auditlog.KeyAccount, auditlog.KeyAddress}, Baseline: 30 * 24 * time.Hour, Limit: 100}
	for _, alert := range []bool{true, false} {
		frames, err := w.panel.Answer(context.Background(), answer.Request{
			Query: q, Range: auditlog.NewTimeRange(origin.Add(-time.Hour), origin), Numbers: alert, Alert: alert, Now: w.now,
		})
		require.NoError(t, err)
		require.Len(t, frames, 1)
		require.Contains(t, frames[0].Meta.Notices[len(frames[0].Meta.Notices)-1].Text, "so other spellings were not looked for")
		if alert {
			require.Equal(t, data.Labels{"account": "new@example.com", "address": "203.0.113.9"}, frames[0].Fields[0].Labels)
			continue
		}
		require.Equal(t, 1, frames[0].Rows())
		require.Equal(t, "new@example.com", frames[0].Fields[0].At(0))
	}
}
