package simulator

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// switchTests holds a test for every switch by its JSON name. Each starts with fifty numbered events.
var switchTests = map[string]func(*cloud){
	"defaultRows": func(c *cloud) {
		c.SetSwitches(Switches{DefaultRows: 7})
		require.Len(c.t, c.search(`{}`).page(c.t).Results, 7)
	},
	"maxRows": func(c *cloud) {
		c.SetSwitches(Switches{MaxRows: 30})
		require.Equal(c.t, 200, c.search(`{"rows":30}`).status)
		require.Equal(c.t, 400, c.search(`{"rows":31}`).status)
	},
	"overMaxRows": func(c *cloud) {
		c.SetSwitches(Switches{MaxRows: 30, OverMaxRows: "clamp"})
		require.Len(c.t, c.search(`{"rows":31}`).page(c.t).Results, 30)
	},
	"reach": func(c *cloud) {
		c.SetSwitches(Switches{Reach: 40})
		require.Len(c.t, c.search(`{"start":30,"rows":10}`).page(c.t).Results, 10)
		require.Equal(c.t, 400, c.search(`{"start":30,"rows":11}`).status)
		require.Equal(c.t, 50, c.search(`{}`).page(c.t).NumFound)
		require.Equal(c.t, 40, *c.search(`{}`).page(c.t).NumAvailable)
	},
	"overReach": func(c *cloud) {
		c.SetSwitches(Switches{Reach: 40, OverReach: "empty"})
		require.Len(c.t, c.search(`{"start":30,"rows":20}`).page(c.t).Results, 10)
		require.Empty(c.t, c.search(`{"start":40,"rows":20}`).page(c.t).Results)
		require.Empty(c.t, c.search(`{"start":45,"rows":2}`).page(c.t).Results)
	},
	"capNumFound": func(c *cloud) {
		c.SetSwitches(Switches{Reach: 40, CapNumFound: true})
		require.Equal(c.t, 40, c.search(`{}`).page(c.t).NumFound)
	},
	"numAvailable": func(c *cloud) {
		c.SetSwitches(Switches{Reach: 40, NumAvailable: "found"})
		require.Equal(c.t, 50, *c.search(`{}`).page(c.t).NumAvailable)
		c.SetSwitches(Switches{NumAvailable: "page"})
		require.Equal(c.t, 3, *c.search(`{"rows":3}`).page(c.t).NumAvailable)
		c.SetSwitches(Switches{NumAvailable: "absent"})
		require.Nil(c.t, c.search(`{}`).page(c.t).NumAvailable)
		require.Nil(c.t, c.queue().page(c.t).NumAvailable)
	},
	"emptyFrom": func(c *cloud) {
		c.SetSwitches(Switches{EmptyFrom: 20})
		require.Len(c.t, c.search(`{"start":19}`).page(c.t).Results, 20)
		p := c.search(`{"start":20}`).page(c.t)
		require.Empty(c.t, p.Results)
		require.Equal(c.t, 50, p.NumFound)
	},
	"shortPages": func(c *cloud) {
		c.SetSwitches(Switches{ShortPages: 4})
		require.Len(c.t, c.search(`{"rows":10}`).page(c.t).Results, 4)
	},
	"ties": testTies,
	"searchLagMs": func(c *cloud) {
		c.SetSwitches(Switches{SearchLagMS: 60_000})
		c.queue()
		c.Add(event(0, "new"))
		require.Len(c.t, c.queue().page(c.t).Results, 1)
		c.clock.advance(59 * time.Second)
		require.NotContains(c.t, c.search(`{"rows":100}`).page(c.t).descriptions(), "new")
		c.clock.advance(time.Second)
		require.Contains(c.t, c.search(`{"rows":100}`).page(c.t).descriptions(), "new")
	},
	"defaultSort": func(c *cloud) {
		c.SetSwitches(Switches{DefaultSort: "oldest"})
		require.Equal(c.t, "event 49", c.search(`{}`).page(c.t).descriptions()[0])
		require.Contains(c.t, string(c.download(c.export(`{"format":"json"}`)).body[:200]), "event 49")
	},
	"empty204": func(c *cloud) {
		c.SetSwitches(Switches{Empty204: true})
		c.queue()
		require.Equal(c.t, 204, c.queue().status)
		require.Equal(c.t, 204, c.search(`{"query":"nothing"}`).status)
		require.Equal(c.t, 204, c.download(c.export(`{"format":"csv","query":"nothing"}`)).status)
		require.Equal(c.t, 200, c.search(`{}`).status)
	},
	"noResultsKey": func(c *cloud) {
		c.SetSwitches(Switches{NoResultsKey: true})
		require.NotContains(c.t, c.search(`{"query":"nothing"}`).object(c.t), "results")
		require.Contains(c.t, c.search(`{}`).object(c.t), "results")
	},
	"exclusiveStart": func(c *cloud) { testBounds(c, Switches{ExclusiveStart: true}, 5) },
	"exclusiveEnd":   func(c *cloud) { testBounds(c, Switches{ExclusiveEnd: true}, 5) },
	"boundPrecision": func(c *cloud) {
		start, end := noon.Add(-10*time.Second-1500*time.Microsecond), noon.Add(-5*time.Second-time.Microsecond)
		count := func(precision string) int {
			c.SetSwitches(Switches{BoundPrecision: precision})
			return c.search(between(start, end)).page(c.t).NumFound
		}
		c.Add(event(10*time.Second+2*time.Millisecond, "at -10.002"), event(10*time.Second+700*time.Millisecond, "at -10.7"))
		require.Equal(c.t, 5, count("none"))
		require.Equal(c.t, 6, count("ms"))
		require.Equal(c.t, 8, count("s")) // event 11 as well
	},
	"oneSidedTime": func(c *cloud) {
		const start = `{"criteria":{"create_time":{"start":"2026-03-11T11:59:58Z"}}}`
		const end = `{"criteria":{"create_time":{"end":"2026-03-11T11:59:58Z"}}}`
		require.Equal(c.t, 400, c.search(start).status)
		c.SetSwitches(Switches{OneSidedTime: "accept"})
		require.Equal(c.t, 3, c.search(start).page(c.t).NumFound)
		require.Equal(c.t, 48, c.search(end).page(c.t).NumFound)
	},
	"criteriaCase": func(c *cloud) {
		const body = `{"criteria":{"actor":["ALICE@example.com"]}}`
		require.Zero(c.t, c.search(body).page(c.t).NumFound)
		c.SetSwitches(Switches{CriteriaCase: "insensitive"})
		require.Equal(c.t, 50, c.search(body).page(c.t).NumFound)
		c.SetSwitches(Switches{CriteriaCase: "insensitive", DescriptionMatch: "substring"})
		require.Equal(c.t, 50, c.search(`{"criteria":{"description":["VENT"]}}`).page(c.t).NumFound)
	},
	"descriptionMatch": func(c *cloud) {
		for mode, want := range map[string][4]int{ // event 7 · 7 event · ent 7 · Event 7
			"phrase": {1, 0, 0, 1}, "tokens": {1, 1, 0, 1}, "exact": {1, 0, 0, 0}, "substring": {1, 0, 1, 0},
		} {
			c.SetSwitches(Switches{DescriptionMatch: mode})
			for i, value := range []string{"event 7", "7 event", "ent 7", "Event 7"} {
				body := `{"criteria":{"description":["` + value + `"]}}`
				require.Equal(c.t, want[i], c.search(body).page(c.t).NumFound, "%s %s", mode, value)
			}
		}
	},
	"emptyList": func(c *cloud) {
		c.SetSwitches(Switches{EmptyList: "nothing"})
		require.Zero(c.t, c.search(`{"criteria":{"actor":[]}}`).page(c.t).NumFound)
		require.Equal(c.t, 50, c.search(`{"exclusions":{"actor":[]}}`).page(c.t).NumFound)
	},
	"defaultOperator": func(c *cloud) {
		require.Zero(c.t, c.search(`{"query":"7 8"}`).page(c.t).NumFound)
		c.SetSwitches(Switches{DefaultOperator: "OR"})
		require.Equal(c.t, 2, c.search(`{"query":"7 8"}`).page(c.t).NumFound)
	},
	"defaultField": func(c *cloud) {
		require.Zero(c.t, c.search(`{"query":"alice"}`).page(c.t).NumFound)
		c.SetSwitches(Switches{DefaultField: "all"})
		require.Equal(c.t, 50, c.search(`{"query":"alice"}`).page(c.t).NumFound)
	},
	"unknownField": func(c *cloud) {
		require.Equal(c.t, 400, c.search(`{"query":"nosuch:a"}`).status)
		c.SetSwitches(Switches{UnknownField: "nothing"})
		require.Zero(c.t, c.search(`{"query":"nosuch:a OR nosuch:[a TO b]"}`).page(c.t).NumFound)
	},
	"timeDigits": func(c *cloud) {
		c.Add(Event{CreateTime: noon.Add(-50 * time.Millisecond), Description: "x"})
		for digits, want := range map[string]string{
			"0": "11:59:59Z", "3": "11:59:59.950Z", "6": "11:59:59.950000Z", "9": "11:59:59.950000000Z", "trim": "11:59:59.95Z",
		} {
			c.SetSwitches(Switches{TimeDigits: digits})
			require.Equal(c.t, "2026-03-11T"+want, c.search(`{"query":"x"}`).page(c.t).Results[0]["create_time"])
		}
	},
	"omitFalse": func(c *cloud) {
		c.SetSwitches(Switches{OmitFalse: true})
		row := c.search(`{}`).page(c.t).Results[0]
		require.NotContains(c.t, row, "flagged")
		require.NotContains(c.t, row, "verbose")
	},
	"emptyText": testEmptyText,
	"extraFields": func(c *cloud) {
		c.SetSwitches(Switches{ExtraFields: true})
		require.Contains(c.t, c.search(`{}`).page(c.t).Results[0], "schema_version")
	},
	"extraKeys": func(c *cloud) {
		c.SetSwitches(Switches{ExtraKeys: true})
		require.Contains(c.t, c.search(`{}`).object(c.t), "facets")
	},
	"queueOrder": func(c *cloud) {
		require.Equal(c.t, "event 0", c.queue().page(c.t).descriptions()[0])
		for order, sorted := range map[string]bool{"ascending": true, "shuffled": false} {
			c.SetSwitches(Switches{QueueOrder: order})
			c.AddKey(c.key)
			got := c.queue().page(c.t).descriptions()
			require.Len(c.t, got, 50)
			require.Equal(c.t, sorted, got[0] == "event 49" && got[49] == "event 0", order)
		}
	},
	"queueBatch": func(c *cloud) {
		c.SetSwitches(Switches{QueueBatch: 20})
		for _, size := range []int{20, 20, 10, 0} {
			require.Len(c.t, c.queue().page(c.t).Results, size)
		}
	},
	"queueSeedDays": func(c *cloud) {
		c.Add(event(2*day, "two days old"))
		c.SetSwitches(Switches{QueueSeedDays: 1})
		c.AddKey(c.key)
		require.Equal(c.t, 50, c.QueueLength(c.key.APIID))
		c.SetSwitches(Switches{QueueSeedDays: -1})
		c.AddKey(c.key)
		require.Zero(c.t, c.QueueLength(c.key.APIID))
	},
	"queueSeedAt": func(c *cloud) {
		c.SetSwitches(Switches{QueueSeedAt: "firstRead"})
		c.AddKey(c.key)
		c.clock.advance(3*day - 10500*time.Millisecond)
		require.Zero(c.t, c.QueueLength(c.key.APIID))
		require.Len(c.t, c.queue().page(c.t).Results, 11)
	},
	"queueNumFound": func(c *cloud) {
		c.SetSwitches(Switches{QueueNumFound: "backlog", QueueBatch: 20})
		require.Equal(c.t, 50, c.queue().page(c.t).NumFound)
		require.Equal(c.t, 30, c.queue().page(c.t).NumFound)
	},
	"gzip": func(c *cloud) {
		for mode, want := range map[string][2]string{"off": {"", ""}, "accepted": {"", "gzip"}, "always": {"gzip", "gzip"}} {
			c.SetSwitches(Switches{Gzip: mode})
			for i, accept := range []string{"identity", "gzip"} {
				request := c.request(http.MethodPost, c.logs("_search"), `{}`)
				request.Header.Set("Accept-Encoding", accept)
				r := c.do(request, c.http.Client())
				require.Equal(c.t, want[i], r.header.Get("Content-Encoding"), mode)
				require.Equal(c.t, 50, unzip(c.t, r).page(c.t).NumFound)
			}
		}
	},
	"errorBody": func(c *cloud) {
		c.key = c.Keys()[3]
		for form, want := range map[string]string{"json": "application/json", "empty": "", "html": "text/html; charset=utf-8"} {
			c.SetSwitches(Switches{ErrorBody: form})
			r := c.search(`{}`)
			require.Equal(c.t, 403, r.status)
			require.Equal(c.t, want, r.header.Get("Content-Type"))
			require.Equal(c.t, form == "empty", len(r.body) == 0)
		}
	},
	"permissionStatus": func(c *cloud) {
		c.SetSwitches(Switches{PermissionStatus: 401})
		c.key = c.Keys()[3]
		require.Equal(c.t, 401, c.search(`{}`).status)
	},
	"retryAfter": func(c *cloud) {
		for form, want := range map[string]string{"seconds": "60", "date": "Wed, 11 Mar 2026 12:01:00 GMT", "absent": ""} {
			c.limiter.addresses = nil
			c.SetSwitches(Switches{RateCalls: 1, RateWindowS: 60, RetryAfter: form})
			c.search(`{}`)
			r := c.search(`{}`)
			require.Equal(c.t, 429, r.status)
			require.Equal(c.t, want, r.header.Get("Retry-After"))
		}
	},
	"rateCalls": func(c *cloud) {
		c.SetSwitches(Switches{RateCalls: 3})
		for _, status := range []int{200, 200, 200, 429} {
			require.Equal(c.t, status, c.search(`{}`).status)
		}
		c.clock.advance(5 * time.Minute)
		require.Equal(c.t, 200, c.search(`{}`).status)
		require.Equal(c.t, 1, c.State().Rejected)
	},
	"rateWindowS": func(c *cloud) {
		c.SetSwitches(Switches{RateCalls: 1, RateWindowS: 10})
		require.Equal(c.t, 200, c.search(`{}`).status)
		c.clock.advance(10 * time.Second)
		require.Equal(c.t, 200, c.search(`{}`).status)
	},
	"tokenSeconds": func(c *cloud) {
		c.SetSwitches(Switches{TokenSeconds: 10})
		token := c.token("")
		require.Equal(c.t, 200, c.searchWith(token).status)
		c.clock.advance(10 * time.Second)
		require.Equal(c.t, 401, c.searchWith(token).status)
	},
	"tokenNoExpiry": func(c *cloud) {
		require.EqualValues(c.t, 1800, c.issue(c.Apps()[0], "").object(c.t)["expires_in"])
		c.SetSwitches(Switches{TokenNoExpiry: true})
		require.NotContains(c.t, c.issue(c.Apps()[0], "").object(c.t), "expires_in")
	},
	"tokenRejection": func(c *cloud) {
		wrong := App{AppID: c.Apps()[0].AppID, AppSecret: "wrong"}
		require.Equal(c.t, 401, c.issue(wrong, "").status)
		c.SetSwitches(Switches{TokenRejection: 400})
		require.Equal(c.t, 400, c.issue(wrong, "").status)
	},
	"rateForgiving": func(c *cloud) {
		for forgiving, status := range map[bool]int{true: 200, false: 429} {
			c.limiter.addresses = nil
			c.SetSwitches(Switches{RateCalls: 1, RateWindowS: 60, RateForgiving: forgiving})
			c.search(`{}`)
			c.clock.advance(30 * time.Second)
			require.Equal(c.t, 429, c.search(`{}`).status)
			c.clock.advance(30 * time.Second)
			require.Equal(c.t, status, c.search(`{}`).status, "a call during the penalty extends it")
		}
	},
}

func TestEverySwitch(t *testing.T) {
	tests := maps.Clone(switchTests)
	maps.Copy(tests, jobSwitchTests)
	fields := reflect.TypeFor[Switches]()
	require.Len(t, tests, fields.NumField())
	for i := range fields.NumField() {
		name := fields.Field(i).Tag.Get("json")
		require.Contains(t, tests, name, "a switch without a test")
		t.Run(name, func(t *testing.T) { tests[name](newCloud(t, Config{Events: numbered(50)})) })
	}
}

func testTies(c *cloud) {
	for range 40 {
		c.Add(event(time.Hour, "tie "+string(rune('a'+len(c.Events())-50))))
	}
	orders := func(ties, body string) (distinct int) {
		c.SetSwitches(Switches{Ties: ties})
		seen := map[string]bool{}
		for range 5 {
			p := c.search(body).page(c.t)
			require.Equal(c.t, []string{"event 48", "event 49"}, p.descriptions()[:2])
			seen[strings.Join(p.descriptions(), ",")] = true
		}
		return len(seen)
	}
	require.Equal(c.t, 1, orders("stable", `{"start":48,"rows":20}`))
	require.Greater(c.t, orders("shuffled", `{"start":48,"rows":20}`), 1)
	require.Greater(c.t, orders("shuffled", `{"start":48,"rows":20,"sort":[{"field":"create_time","order":"DESC"},{"field":"actor"}]}`), 1)
}

// testBounds searches from second -10 to -5; both have an event.
func testBounds(c *cloud, sw Switches, want int) {
	body := between(noon.Add(-10*time.Second), noon.Add(-5*time.Second))
	require.Equal(c.t, 6, c.search(body).page(c.t).NumFound)
	excluding := `{"exclusions":` + strings.TrimPrefix(body, `{"criteria":`)
	require.Equal(c.t, 44, c.search(excluding).page(c.t).NumFound)
	c.SetSwitches(sw)
	require.Equal(c.t, want, c.search(body).page(c.t).NumFound)
	require.Equal(c.t, 50-want, c.search(excluding).page(c.t).NumFound)
}

func testEmptyText(c *cloud) {
	for i := range 30 {
		c.Add(Event{CreateTime: noon.Add(time.Duration(-i) * time.Millisecond), Description: "bare"})
	}
	count := func(form string) (null, empty, absent int) {
		c.SetSwitches(Switches{EmptyText: form})
		for _, row := range c.search(`{"query":"bare","rows":30}`).page(c.t).Results {
			require.Equal(c.t, "", row["actor"])
			switch value, there := row["actor_ip"]; {
			case !there:
				absent++
			case value == nil:
				null++
			default:
				empty++
			}
		}
		return null, empty, absent
	}
	for form, want := range map[string][3]int{"null": {30, 0, 0}, "empty": {0, 30, 0}, "absent": {0, 0, 30}, "mixed": {10, 10, 10}} {
		null, empty, absent := count(form)
		require.Equal(c.t, want, [3]int{null, empty, absent}, form)
	}
}

func unzip(t testing.TB, r reply) reply {
	t.Helper()
	if r.header.Get("Content-Encoding") != "gzip" {
		return r
	}
	reader, err := gzip.NewReader(bytes.NewReader(r.body))
	require.NoError(t, err)
	r.body, r.err = io.ReadAll(reader)
	return r
}

func TestInvalidSwitches(t *testing.T) {
	require.Panics(t, func() { New(Config{Switches: Switches{Ties: "sometimes"}}) })
	require.Error(t, Config{Switches: Switches{ExportStatus: 418}}.Check())
	require.Error(t, Config{Switches: Switches{CSVColumns: []string{"nosuch"}}}.Check())
	require.NoError(t, Config{}.Check())
	var all Switches
	require.NoError(t, settleAll(&all))
	require.Equal(t, 20, all.DefaultRows)
	require.Equal(t, "AND", all.DefaultOperator)
}
