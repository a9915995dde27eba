package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSearchReturnsNewestFirst(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(30)})
	p := c.search(`{}`).page(t)
	require.Equal(t, 30, p.NumFound)
	require.Equal(t, 30, *p.NumAvailable)
	require.Len(t, p.Results, 20)
	require.Equal(t, map[string]any{
		"org_key": "ABCD1234", "actor": "alice@example.com", "actor_ip": "192.0.2.1", "request_url": nil, "description": "event 0",
		"flagged": false, "verbose": false, "create_time": "2026-03-11T12:00:00.000Z",
	}, p.Results[0])
	require.Equal(t, []string{"event 29"}, c.search(`{"start":29,"rows":5}`).page(t).descriptions())
	require.Empty(t, c.search(`{"start":30,"rows":5}`).page(t).Results)
}

func TestSearchSorts(t *testing.T) {
	b := event(2*time.Second, "b")
	b.Actor, b.Flagged = "zed", true
	c := newCloud(t, Config{Events: []Event{event(time.Second, "a"), b, event(3*time.Second, "c")}})
	for sort, want := range map[string][]string{
		`[]`: {"a", "b", "c"},
		`[{"field":"create_time","order":"asc"}]`:                                    {"c", "b", "a"},
		`[{"field":"create_time"}]`:                                                  {"c", "b", "a"},
		`[{"field":"actor","order":"DESC"}]`:                                         {"b", "c", "a"},
		`[{"field":"flagged","order":"ASC"},{"field":"description","order":"DESC"}]`: {"c", "a", "b"},
	} {
		require.Equal(t, want, c.search(`{"sort":`+sort+`}`).page(t).descriptions(), sort)
	}
}

func TestCriteriaAndExclusions(t *testing.T) {
	other := event(time.Second, "Policy was modified")
	other.Actor, other.ActorIP, other.RequestURL, other.Flagged, other.Verbose = "bob", "", "/a", true, true
	c := newCloud(t, Config{Events: []Event{event(0, "Logged in successfully"), other}})
	const login, policy = "Logged in successfully", "Policy was modified"
	for body, want := range map[string][]string{
		`{"criteria":{"actor":["bob"]}}`:                                               {policy},
		`{"criteria":{"actor":["bob","alice@example.com"]}}`:                           {login, policy},
		`{"criteria":{"actor":["bob"],"flagged":false}}`:                               {},
		`{"criteria":{"actor_ip":[""]}}`:                                               {policy},
		`{"criteria":{"request_url":["/a"]}}`:                                          {policy},
		`{"criteria":{"description":["logged in"]}}`:                                   {login},
		`{"criteria":{"flagged":true,"verbose":true}}`:                                 {policy},
		`{"criteria":{"actor":[]}}`:                                                    {login, policy},
		`{"exclusions":{"actor":["bob"]}}`:                                             {login},
		`{"exclusions":{"actor":[]}}`:                                                  {login, policy},
		`{"exclusions":{"flagged":false}}`:                                             {policy},
		`{"exclusions":{"create_time":{"range":"-5d"}}}`:                               {},
		`{"criteria":{"create_time":{"range":"-500s"}},"exclusions":{"verbose":true}}`: {login},
		`{"query":"description:policy","criteria":{"verbose":true}}`:                   {policy},
		`{"query":" "}`: {login, policy},
	} {
		require.Equal(t, want, c.search(body).page(t).descriptions(), body)
	}
}

func TestRangesEndNow(t *testing.T) {
	c := newCloud(t, Config{Events: []Event{
		event(30*time.Second, "s"), event(30*time.Minute, "m"), event(20*time.Hour, "h"), event(6*24*time.Hour, "d"),
		event(20*24*time.Hour, "w"), event(300*24*time.Hour, "y"),
	}})
	for unit, want := range map[string]int{"-59s": 1, "-59m": 2, "-23h": 3, "-6d": 4, "-3w": 5, "-1y": 6} {
		require.Equal(t, want, c.search(`{"criteria":{"create_time":{"range":"`+unit+`"}}}`).page(t).NumFound, unit)
	}
}

func TestMalformedRequests(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(1)})
	for body, field := range map[string]string{
		``:                                "",
		`[]`:                              "",
		`null`:                            "",
		`{} {}`:                           "",
		`{"time_range":{}}`:               "time_range",
		`{"criteria":[]}`:                 "criteria",
		`{"criteria":{"category":["a"]}}`: "criteria.category",
		`{"criteria":{"flagged":[true]}}`: "criteria.flagged",
		`{"criteria":{"flagged":"true"}}`: "criteria.flagged",
		`{"criteria":{"flagged":null}}`:   "criteria.flagged",
		`{"criteria":{"actor":"alice"}}`:  "criteria.actor",
		`{"criteria":{"actor":[1]}}`:      "criteria.actor",
		`{"criteria":{"actor":[null]}}`:   "criteria.actor",
		`{"exclusions":{"actor":null}}`:   "exclusions.actor",
		`{"criteria":{"create_time":{}}}`: "criteria.create_time",
		`{"criteria":{"create_time":{"start":"2026-03-11T12:00:00Z"}}}`:                                   "criteria.create_time",
		`{"criteria":{"create_time":{"start":"2026-03-11 12:00:00Z","end":"2026-03-11T12:00:00Z"}}}`:      "criteria.create_time.start",
		`{"criteria":{"create_time":{"start":"2026-03-11T12:00:00Z","end":"2026-03-11T12:00:00+01:00"}}}`: "criteria.create_time.end",
		`{"criteria":{"create_time":{"start":1,"end":2}}}`:                                                "criteria.create_time.start",
		`{"criteria":{"create_time":{"start":"2026-03-11T12:00:01Z","end":"2026-03-11T12:00:00Z"}}}`:      "criteria.create_time",
		`{"criteria":{"create_time":{"range":"5d"}}}`:                                                     "criteria.create_time",
		`{"criteria":{"create_time":{"range":"-5M"}}}`:                                                    "criteria.create_time",
		`{"criteria":{"create_time":{"range":"-5d","end":"2026-03-11T12:00:00Z"}}}`:                       "criteria.create_time",
		`{"query":["a"]}`:                                "query",
		`{"query":"a AND"}`:                              "query",
		`{"rows":0}`:                                     "rows",
		`{"rows":10001}`:                                 "rows",
		`{"rows":"10"}`:                                  "rows",
		`{"rows":1.5}`:                                   "rows",
		`{"start":-1}`:                                   "start",
		`{"start":9999,"rows":2}`:                        "start",
		`{"sort":{"field":"actor"}}`:                     "sort",
		`{"sort":[{"field":"timestamp"}]}`:               "sort[0].field",
		`{"sort":[{"field":"actor","order":"UP"}]}`:      "sort[0].order",
		`{"sort":[{"field":"actor","direction":"ASC"}]}`: "sort[0].direction",
		`{"format":"csv"}`:                               "format",
	} {
		r := c.search(body)
		require.Equal(t, http.StatusBadRequest, r.status, body)
		content := r.object(t)
		require.NotEmpty(t, content["error_code"], body)
		require.NotEmpty(t, content["message"], body)
		if field != "" {
			require.Equal(t, field, content["field"], body)
		}
		require.Equal(t, field == "query" && strings.Contains(body, "AND"), content["reason"] == "query_malformed_syntax", body)
	}
}

func TestTransportErrors(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(1)})
	require.Equal(t, http.StatusBadRequest, c.call(http.MethodGet, c.logs("_search"), "").status, "wrong verb")
	require.Equal(t, http.StatusNotFound, c.call(http.MethodPost, c.logs("_find"), "{}").status)
	require.Equal(t, http.StatusNotFound, c.call(http.MethodGet, "/", "").status)
	request := c.request(http.MethodPost, c.logs("_search"), "{}")
	request.Header.Set("Content-Type", "text/plain")
	require.Equal(t, http.StatusUnsupportedMediaType, c.do(request, c.http.Client()).status)
	require.Equal(t, http.StatusRequestEntityTooLarge, c.search(`{"query":"`+strings.Repeat("a", maxBody)+`"}`).status)
}

// counted counts the events of a window and filters naively.
func counted(events []Event, from, to time.Time, actor string, flagged bool) int {
	n := 0
	for _, e := range events {
		if !e.CreateTime.Before(from) && !e.CreateTime.After(to) && e.Actor == actor && e.Flagged == flagged {
			n++
		}
	}
	return n
}

func TestSearchAgreesWithCounting(t *testing.T) {
	c := newCloud(t, Config{Seed: 3, Generate: Generate{Days: 20, PerDay: 2500}})
	events := c.Events()
	require.Greater(t, len(events), 2*scanLimit, "or the remembered filters are not tried")
	rapid.Check(t, func(rt *rapid.T) {
		from := noon.Add(-time.Duration(rapid.IntRange(0, 20*24*3600).Draw(rt, "from")) * time.Second)
		to := from.Add(time.Duration(rapid.IntRange(0, 20*24*3600).Draw(rt, "length")) * time.Second)
		actor := rapid.SampledFrom(users[:4]).Draw(rt, "actor")
		flagged := rapid.Bool().Draw(rt, "flagged")
		body := fmt.Sprintf(`{"rows":1,"criteria":{"create_time":{"start":%q,"end":%q},"actor":[%q],"flagged":%t}}`,
			isoTime(from), isoTime(to), actor, flagged)
		require.Equal(rt, counted(events, from, to, actor, flagged), c.search(body).page(t).NumFound, body)
	})
}

func TestCachedFiltersIncludeArrivals(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(scanLimit + 10)})
	const body = `{"query":"description:7"}`
	require.Equal(t, 1, c.search(body).page(t).NumFound)
	c.Add(event(5*time.Second, "late 7"), event(0, "7"), event(0, "8"))
	require.Equal(t, []string{"7", "late 7", "event 7"}, c.search(body).page(t).descriptions())
	for i := range cacheLimit + 5 {
		require.Equal(t, 1, c.search(fmt.Sprintf(`{"query":"description:%d"}`, 100+i)).page(t).NumFound)
	}
	require.LessOrEqual(t, len(c.store.cache.entries), cacheLimit)
	require.Equal(t, 3, c.search(body).page(t).NumFound)
}

func TestEventsArriveAtTheirTime(t *testing.T) {
	late := event(time.Minute, "late")
	late.Arrives = noon.Add(time.Minute)
	future := event(-2*time.Minute, "future")
	c := newCloud(t, Config{Events: []Event{event(0, "now"), late, future}})
	require.Equal(t, []string{"now"}, c.search(`{}`).page(t).descriptions())
	require.Len(t, c.Pending(), 2)
	c.clock.advance(time.Minute)
	require.Equal(t, []string{"now", "late"}, c.search(`{}`).page(t).descriptions())
	c.clock.advance(time.Minute)
	require.Equal(t, []string{"future", "now", "late"}, c.search(`{}`).page(t).descriptions())
	require.Empty(t, c.Pending())
	require.Equal(t, "late", c.Events()[0].Description)
}

func TestRowsAreWrittenAsJSON(t *testing.T) {
	odd := event(0, "\"quoted\"\nline \\ <b> & \u2028 \x00 ünï")
	odd.Extra = map[string]json.RawMessage{"b": json.RawMessage(`[1]`), "a": json.RawMessage(`null`)}
	c := newCloud(t, Config{Events: []Event{odd}})
	r := c.search(`{}`)
	row := r.page(t).Results[0]
	require.Equal(t, odd.Description, row["description"])
	require.Equal(t, []any{1.0}, row["b"])
	require.Contains(t, string(r.body), `,"a":null,"b":[1]}`)
}

func TestRequestsAreLogged(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(3)})
	c.search(`{"rows":2}`)
	c.search(`not json`)
	c.call(http.MethodGet, "/nowhere", "")
	log := c.Requests()
	require.Len(t, log, 3)
	require.Equal(t, "search", log[0].Endpoint)
	require.Equal(t, 2, log[0].Rows)
	require.Equal(t, http.StatusOK, log[0].Status)
	require.Equal(t, "SIMFULL001", log[0].APIID)
	require.JSONEq(t, `{"rows":2}`, string(log[0].Query))
	require.Equal(t, noon, log[0].Time)
	require.JSONEq(t, `"not json"`, string(log[1].Query))
	require.Equal(t, http.StatusBadRequest, log[1].Status)
	require.Equal(t, "", log[2].Endpoint)
	require.Equal(t, http.StatusNotFound, log[2].Status)
	require.Equal(t, 2, c.State().Endpoints["search"].Calls)
	c.ResetRequests()
	require.Empty(t, c.Requests())
}

func TestLogIsBounded(t *testing.T) {
	c := newCloud(t, Config{Events: []Event{}})
	for range maxLog + 1 {
		r := c.request(http.MethodGet, "/x", "")
		c.log.begin(&call{Server: c.Server, r: r})
	}
	require.LessOrEqual(t, len(c.Requests()), maxLog)
	require.Equal(t, maxLog+1, c.State().Endpoints[""].Calls)
}
