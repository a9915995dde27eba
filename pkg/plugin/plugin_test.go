package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
)

func TestMain(m *testing.M) { pgtest.VerifyTestMain(m) }

var present = time.Date(2026, 3, 11, 12, 0, 0, 0, time.UTC)

// usedAddresses are those of the tests' servers so far. The rate limit of a host outlives its server, so no address is used twice.
var usedAddresses sync.Map

// serve starts a server at an address that no test had before.
func serve(handler http.Handler) *httptest.Server {
	for {
		server := httptest.NewServer(handler)
		if _, used := usedAddresses.LoadOrStore(server.URL, true); !used {
			return server
		}
		server.Close()
	}
}

// cloud is a simulated Carbon Black Cloud behind a real server.
func cloud(t *testing.T, c simulator.Config) (*simulator.Server, string) {
	c.Now = func() time.Time { return present }
	c.Generate = simulator.Generate{Days: 2, PerDay: 300, LivePerDay: -1}
	sim := simulator.New(c)
	server := serve(sim)
	t.Cleanup(server.Close)
	return sim, server.URL
}

// settingsOf are valid settings for a simulated cloud, changed by jsonData.
func settingsOf(sim *simulator.Server, url string, key int, jsonData map[string]any) backend.DataSourceInstanceSettings {
	k := sim.Keys()[key]
	all := map[string]any{"orgKey": sim.OrgKey(), "apiId": k.APIID}
	maps.Copy(all, jsonData)
	raw, _ := json.Marshal(all)
	return backend.DataSourceInstanceSettings{Type: ID, URL: url, JSONData: raw, DecryptedSecureJSONData: map[string]string{"apiSecret": k.APISecret}}
}

func newInstance(t *testing.T, s backend.DataSourceInstanceSettings) *Instance {
	made, err := NewInstance(context.Background(), s)
	require.NoError(t, err)
	d := made.(*Instance)
	t.Cleanup(d.Dispose)
	return d
}

func ask(t *testing.T, d *Instance, headers map[string]string, queries ...string) map[string]backend.DataResponse {
	req := &backend.QueryDataRequest{Headers: headers}
	for i, q := range queries {
		req.Queries = append(req.Queries, backend.DataQuery{
			RefID: string(rune('A' + i)), JSON: json.RawMessage(q), MaxDataPoints: 100, Interval: time.Hour,
			TimeRange: backend.TimeRange{From: present.Add(-24 * time.Hour), To: present},
		})
	}
	resp, err := d.QueryData(context.Background(), req)
	require.NoError(t, err)
	require.Len(t, resp.Responses, len(queries))
	return resp.Responses
}

func TestEachQueryFailsAlone(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	answers := ask(t, d, nil,
		`{"refId":"A","queryType":"count"}`,
		`{"refId":"B","query":"description:(unclosed"}`,
		`{"refId":"C","colour":"red"}`,
		`{"refId":"D","limit":"many"}`,
		`{"refId":"E","criteria":{"flagged":["true"]}}`,
		`{"refId":"F","criteria":{"category":["astrology"]}}`,
		`{"refId":"G","source":"queue"}`,
		`[1]`,
		`{"refId":"I","queryType":"firstSeen"}`,
		`{"refId":"J","criteria":{"actor":[null]}}`,
		`{"refId":"K","groupBy":["actor","actor"]}`,
		`{"refId":"L","schemaVersion":2}`,
		`{"refId":"M","limit":0}`,
	)
	require.NoError(t, answers["A"].Error)
	require.Positive(t, answers["A"].Frames[0].Fields[0].At(0))
	for ref, words := range map[string]string{
		"B": "query_malformed_syntax",
		"C": `unknown key "colour": allowed are after, baseline, criteria`,
		"D": "limit must be a whole number",
		"E": "criteria.flagged must be true or false",
		"F": `unknown value "astrology": allowed are`,
		"G": "queue",
		"H": "not a JSON object",
		"I": "groupBy",
		"J": "criteria.actor must be a list of strings",
		"K": `"actor" twice`,
		"L": "schemaVersion 2",
		"M": "limit 0 is out of range: allowed are 1 to 100000",
	} {
		require.ErrorContains(t, answers[ref].Error, words, ref)
		require.Equal(t, backend.StatusBadRequest, answers[ref].Status, ref)
		require.Equal(t, backend.ErrorSourceDownstream, answers[ref].ErrorSource, ref)
	}
}

func TestTimeRange(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	for words, span := range map[string]time.Duration{"empty": 0, "inverted": -time.Hour} {
		resp := d.respond(context.Background(), backend.DataQuery{TimeRange: backend.TimeRange{From: present, To: present.Add(span)}}, callerKind{})
		require.ErrorContains(t, resp.Error, words)
		require.Equal(t, backend.StatusBadRequest, resp.Status)
	}
	require.Empty(t, sim.Requests(), "nothing is asked in vain")
}

// An alert rule and an expression get numbers of a list of events, and zero where there is nothing.
func TestAlertsGetNumbers(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	for _, headers := range []map[string]string{{"FromAlert": "true"}, {"http_X-Grafana-From-Expr": "true"}} {
		answers := ask(t, d, headers,
			`{"refId":"A","criteria":{"action":["login"],"outcome":["failure"]}}`,
			`{"refId":"B","criteria":{"actor":["nobody@example.org"]}}`,
			`{"refId":"C","queryType":"series","groupBy":["actor"],"limit":1}`)
		require.NoError(t, answers["A"].Error)
		for _, f := range answers["A"].Frames {
			require.Equal(t, "numeric-multi", string(f.Meta.Type))
			require.Len(t, f.Fields[0].Labels, 4)
		}
		require.Len(t, answers["B"].Frames, 1)
		require.Equal(t, int64(0), answers["B"].Frames[0].Fields[0].At(0))
		require.Greater(t, len(answers["C"].Frames), 10, "a rule sees every group, whatever the limit")
	}
}

func TestHealthNamesTheBrokenPart(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	html := serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome</html>") }))
	defer html.Close()
	good := settingsOf(sim, url, 0, nil)

	wrongOrg := settingsOf(sim, url, 0, map[string]any{"orgKey": "ZZZZ9999"})
	wrongSecret := settingsOf(sim, url, 0, nil)
	wrongSecret.DecryptedSecureJSONData = map[string]string{"apiSecret": "NOTTHESECRET"}
	wrongHost := good
	wrongHost.URL = html.URL
	nobody := good
	nobody.URL = "http://127.0.0.1:1"
	for part, s := range map[string]backend.DataSourceInstanceSettings{
		"the org key is not accepted":          wrongOrg,
		"the API key is not accepted":          wrongSecret,
		"lacks the permission org.audits READ": settingsOf(sim, url, 3, nil),
		"something in between answered":        wrongHost,
		"there is no connection to the host":   nobody,
	} {
		result, err := newInstance(t, s).CheckHealth(context.Background(), nil)
		require.NoError(t, err)
		require.Equal(t, backend.HealthStatusError, result.Status, part)
		require.Contains(t, result.Message, part)
		require.NotContains(t, result.Message, good.DecryptedSecureJSONData["apiSecret"])
		require.True(t, json.Valid(result.JSONDetails))
	}

	before := sim.QueueLength(sim.Keys()[0].APIID)
	result, err := newInstance(t, good).CheckHealth(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusOk, result.Status, result.Message)
	require.Positive(t, before)
	require.Equal(t, before, sim.QueueLength(sim.Keys()[0].APIID), "the queue is left alone")
	for _, r := range sim.Requests() {
		require.Contains(t, []string{"search", "jobs"}, r.Endpoint)
	}
}

func TestSettings(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	ok := func(jsonData map[string]any) settings {
		s, err := parseSettings(settingsOf(sim, url, 0, jsonData))
		require.NoError(t, err)
		return s
	}
	defaults := ok(nil)
	require.Equal(t, 600, defaults.requestsPerFiveMinutes)
	require.Equal(t, 100_000, defaults.maxEvents)
	require.Equal(t, time.Minute, defaults.settle)
	require.Equal(t, time.Minute, defaults.queuePoll)
	require.Equal(t, "memory", defaults.store)
	require.False(t, defaults.queueEnabled)

	texts := ok(map[string]any{"queueEnabled": "True", "queuePollSeconds": " 30 ", "maxEvents": "5000", "settleSeconds": "0", "orgKey": "12345678", "store": "postgres"})
	require.True(t, texts.queueEnabled)
	require.Equal(t, 30*time.Second, texts.queuePoll)
	require.Equal(t, 5000, texts.maxEvents)
	require.Equal(t, "12345678", texts.orgKey)
	for _, name := range []string{"orgKey", "apiId"} { // as YAML without quotes brings them
		for _, number := range []any{12345678, 72044e11, 0.5, 1e21} {
			_, err := parseSettings(settingsOf(sim, url, 0, map[string]any{name: number}))
			require.EqualError(t, err, name+" must be a string: quote it")
		}
	}
	require.Equal(t, ok(nil), ok(map[string]any{"maxEvents": "", "queueEnabled": "", "store": nil}), "empty is the default")

	for name, value := range map[string]any{
		"queuePollSeconds": 5, "maxEvents": "many", "settleSeconds": -1, "requestsPerFiveMinutes": 1.5, "queueEnabled": "perhaps",
		"store": "sqlite", "orgKey": []string{"x"}, "apiId": map[string]any{}, "timeout": "soon", "tlsSkipVerify": 7,
	} {
		_, err := NewInstance(context.Background(), settingsOf(sim, url, 0, map[string]any{name: value}))
		require.ErrorContains(t, err, name)
		require.True(t, backend.IsDownstreamError(err), name)
	}
	for _, orgKey := range []string{"AB/CD", "..", "A B", "A?B", "A%2FB"} {
		_, err := NewInstance(context.Background(), settingsOf(sim, url, 0, map[string]any{"orgKey": orgKey}))
		require.ErrorContains(t, err, "org key")
	}
	for _, wrong := range []string{"", "console", "http://defense.conferdeploy.net", "ftp://x.org", "https://u:p@x.org", "https://x.org?a=b", "https://"} {
		s := settingsOf(sim, wrong, 0, nil)
		_, err := parseSettings(s)
		require.ErrorContains(t, err, "url", wrong)
	}
}

// Values of the wrong type in the SDK's own settings neither end the process nor switch the timeout off.
func TestHTTPSettings(t *testing.T) {
	raw, err := httpSettings(json.RawMessage(`{"timeout":"45","tlsSkipVerify":"true","serverName":12,"url":7,"access":{},"sigV4Auth":true,
		"sigV4Region":5,"dialTimeout":"","httpHeaderName1":"X-A","enableSecureSocksProxy":"false"}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"timeout":45,"tlsSkipVerify":true,"serverName":"12","httpHeaderName1":"X-A","enableSecureSocksProxy":false}`, string(raw))

	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, map[string]any{"timeout": "45"}))
	require.Equal(t, 45*time.Second, d.http.Timeout)
	d = newInstance(t, settingsOf(sim, url, 0, map[string]any{"timeout": 0}))
	require.Equal(t, 30*time.Second, d.http.Timeout)
}

func TestResources(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	get := func(method, path string) *backend.CallResourceResponse {
		var got *backend.CallResourceResponse
		err := d.CallResource(context.Background(), &backend.CallResourceRequest{Method: method, Path: path, URL: path},
			backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error { got = r; return nil }))
		require.NoError(t, err)
		require.True(t, json.Valid(got.Body))
		return got
	}
	require.Equal(t, http.StatusOK, get("GET", "catalog").Status)
	require.Contains(t, string(get("GET", "catalog").Body), `"login.failed"`)
	for _, path := range []string{"nothing", "../settings", "catalog/..", ""} {
		got := get("GET", path)
		require.Equal(t, http.StatusNotFound, got.Status, path)
		require.Contains(t, string(got.Body), `"error"`)
	}
}

// Whatever the cloud answers, the error is the cloud's, says what to do, and keeps the secret.
func TestFailuresOfTheCloud(t *testing.T) {
	sim, _ := cloud(t, simulator.Config{})
	secret := sim.Keys()[0].APISecret
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status backend.Status
		words  string
		calls  int
	}{
		"message on success": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"errorMessage":"boom `+secret+`"}`) }, 502, "boom", 1},
		"not JSON":           {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html></html>") }, 502, "check the URL", 1},
		"truncated": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"num_found":1,"results":[{"create_time":"2026-03-11T00:00:00.000Z"`)
		}, 502, "was interrupted", 3},
		"throttled": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "17")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 429, "wait 17s", 1},
		"server": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, 502, "try again later", 3},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.test/", http.StatusTemporaryRedirect)
		}, 502, "redirects", 1},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			server := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				c.answer(w, r)
			}))
			defer server.Close()
			d := newInstance(t, settingsOf(sim, server.URL, 0, nil))
			answer := ask(t, d, nil, `{"refId":"A"}`)["A"]
			require.ErrorContains(t, answer.Error, c.words)
			require.Equal(t, c.status, answer.Status)
			require.Equal(t, backend.ErrorSourceDownstream, answer.ErrorSource)
			require.False(t, strings.Contains(answer.Error.Error(), secret))
			require.Equal(t, c.calls, calls)
			d.Dispose()
		})
	}
}
