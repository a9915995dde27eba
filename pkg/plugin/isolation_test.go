package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
)

// gate is a simulated cloud whose API secret can be rotated without a new queue.
type gate struct {
	*simulator.Server
	url    string
	secret atomic.Pointer[string] // that is accepted; nil: none is
	calls  map[string]*atomic.Int64
}

const (
	rightSecret = "RIGHT0000000000000000000"
	wrongSecret = "WRONG0000000000000000000"
	newSecret   = "RENEWED00000000000000000"
)

func newGate(t *testing.T) *gate {
	g := &gate{
		Server: simulator.New(simulator.Config{Generate: simulator.Generate{Days: 2, PerDay: 300, LivePerDay: -1}}),
		calls:  map[string]*atomic.Int64{rightSecret: {}, wrongSecret: {}, newSecret: {}},
	}
	g.rotate(rightSecret)
	server := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secret, apiID, _ := strings.Cut(r.Header.Get("X-Auth-Token"), "/")
		if count := g.calls[secret]; count != nil {
			count.Add(1)
		}
		token := "none/" + apiID
		if valid := g.secret.Load(); valid != nil && secret == *valid {
			token = g.Keys()[0].APISecret + "/" + apiID
		}
		r.Header.Set("X-Auth-Token", token)
		g.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

func (g *gate) rotate(secret string) { g.secret.Store(&secret) }

// source is a data source of a Grafana organization.
type source struct {
	org      int64
	uid      string
	url      string // another spelling; "" is the gate's own
	secret   string
	jsonData map[string]any
	dsn      string
	poll     time.Duration
}

func (g *gate) open(t *testing.T, s source) *Instance {
	settings := settingsOf(g.Server, g.url, 0, map[string]any{"queueEnabled": true})
	if s.url != "" {
		settings.URL = s.url
	}
	all := map[string]any{}
	require.NoError(t, json.Unmarshal(settings.JSONData, &all))
	maps.Copy(all, s.jsonData)
	settings.JSONData, _ = json.Marshal(all)
	settings.UID = s.uid
	settings.DecryptedSecureJSONData = map[string]string{"apiSecret": s.secret, "storeDsn": s.dsn}
	ctx := backend.WithPluginContext(context.Background(), backend.PluginContext{OrgID: s.org})
	parsed, err := parseSettings(settings)
	require.NoError(t, err)
	if s.poll > 0 { // oftener than settings may say
		parsed.queuePoll = s.poll
	}
	client := &http.Client{Transport: &http.Transport{}}
	d, err := assemble(parsed, ownerOf(ctx, settings), client, client)
	require.NoError(t, err)
	t.Cleanup(d.Dispose)
	return d
}

const queueTable = `{"source":"queue","format":"table","limit":10000}`

// rowsOf is how many events of the queue a data source sees.
func rowsOf(t *testing.T, d *Instance) int {
	t.Helper()
	answer := askQueue(t, d, nil, 72*time.Hour, queueTable)
	require.NoError(t, answer.Error)
	return answer.Frames[0].Rows()
}

// shutOut wants a data source to see nothing of the queue, in whatever way it asks.
func shutOut(t *testing.T, d *Instance) {
	t.Helper()
	for _, query := range []string{
		queueTable, `{"source":"queue"}`, `{"source":"queue","queryType":"count"}`, `{"source":"queue","queryType":"top","groupBy":["actor"]}`,
		`{"source":"queue","queryType":"series"}`, `{"source":"queue","queryType":"firstSeen","groupBy":["actor"],"baseline":"1h"}`,
	} {
		for _, headers := range []map[string]string{nil, {"FromAlert": "true"}} {
			answer := askQueue(t, d, headers, 24*time.Hour, query)
			require.ErrorContains(t, answer.Error, "API key is not accepted", query)
			for _, f := range answer.Frames {
				require.Zero(t, f.Rows(), query)
			}
		}
	}
	state := statusOfQueue(t, d)
	require.NotNil(t, state.Error)
	require.Nil(t, state.Events)
	require.Nil(t, state.Drained)
	require.Nil(t, state.LastPoll)
	require.Empty(t, state.Gaps)
}

func TestQueueNeedsTheSecret(t *testing.T) {
	for name, stranger := range map[string]source{
		"another organization":                {org: 2, uid: "b", secret: wrongSecret},
		"the same organization":               {org: 1, uid: "b", secret: wrongSecret},
		"the same data source":                {org: 1, uid: "a", secret: wrongSecret},
		"another spelling of the URL":         {org: 2, uid: "b", secret: wrongSecret, url: "spell"},
		"another store":                       {org: 2, uid: "b", secret: wrongSecret, jsonData: map[string]any{"store": "postgres"}, dsn: "postgres://u:p@127.0.0.1:1/db"},
		"settings that would slow the others": {org: 2, uid: "b", secret: wrongSecret, jsonData: map[string]any{"queuePollSeconds": 86400}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t)
			first := g.open(t, source{org: 1, uid: "a", secret: rightSecret})
			seen := rowsOf(t, first)
			require.Positive(t, seen)
			if stranger.url != "" {
				stranger.url = g.otherSpelling(t)
			}
			second := g.open(t, stranger)
			if stranger.dsn == "" {
				shutOut(t, second)
			} else {
				require.Error(t, askQueue(t, second, nil, time.Hour, queueTable).Error)
			}
			require.Equal(t, seen, rowsOf(t, first))
			require.NoError(t, askQueue(t, first, map[string]string{"FromAlert": "true"}, time.Hour, `{"source":"queue","queryType":"count"}`).Error)
			require.Nil(t, statusOfQueue(t, first).LastPoll.Error)
			require.Equal(t, time.Minute, first.settings.queuePoll)
			second.Dispose()
			require.Equal(t, seen, rowsOf(t, first))
		})
	}
}

// otherSpelling is the gate's address, written in another way.
func (g *gate) otherSpelling(t *testing.T) string {
	u, err := url.Parse(g.url)
	require.NoError(t, err)
	return "HTTP://" + u.Host + "//"
}

func TestTheSecretOpensTheQueueToAll(t *testing.T) {
	for name, other := range map[string]source{
		"the same organization":       {org: 1, uid: "b", secret: rightSecret},
		"another organization":        {org: 2, uid: "a", secret: rightSecret},
		"another spelling of the URL": {org: 2, uid: "b", secret: rightSecret, url: "spell"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t)
			first := g.open(t, source{org: 1, uid: "a", secret: rightSecret})
			seen := rowsOf(t, first)
			if other.url != "" {
				other.url = g.otherSpelling(t)
			}
			second := g.open(t, other)
			require.Equal(t, seen, rowsOf(t, second))
			require.Equal(t, statusOfQueue(t, first), statusOfQueue(t, second))
		})
	}
}

func TestARotatedSecretTakesOverOnceItIsAccepted(t *testing.T) {
	for _, store := range []string{"memory", "postgres"} {
		t.Run(store, func(t *testing.T) {
			g := newGate(t)
			s := source{org: 1, uid: "a", secret: rightSecret, jsonData: map[string]any{"store": store}}
			if store == "postgres" {
				s.dsn = pgtest.New(t).DSN
			}
			old := g.open(t, s)
			seen := rowsOf(t, old)
			s.secret = newSecret
			renewed := g.open(t, s)
			require.Error(t, askQueue(t, renewed, nil, time.Hour, queueTable).Error)
			require.Equal(t, seen, rowsOf(t, old), "the old secret is still the right one")

			g.rotate(newSecret)
			again := g.open(t, s) // what the cloud has rejected is remembered until the settings change
			require.Equal(t, seen, rowsOf(t, again), "the store stays")
			shutOut(t, old)
			old.Dispose()
			renewed.Dispose()
			require.Equal(t, seen, rowsOf(t, again))
		})
	}
}

func TestARevokedKeyOpensNothing(t *testing.T) {
	g := newGate(t)
	first := g.open(t, source{org: 1, uid: "a", secret: rightSecret})
	require.Positive(t, rowsOf(t, first))
	g.secret.Store(nil)
	shutOut(t, g.open(t, source{org: 2, uid: "b", secret: rightSecret}))
}

// A live tail of the queue goes on, whatever a data source with a wrong secret, or the next settings of its own, try.
func TestATailIsNotDisturbed(t *testing.T) {
	g := newGate(t)
	first := g.open(t, source{org: 1, uid: "a", secret: rightSecret, poll: 100 * time.Millisecond})
	query := `{"source":"queue","criteria":{"actor":["tail@example.org"]}}`
	g.Add(simulator.Event{Actor: "tail@example.org", Description: "before"})
	v, _, ended := watch(t, first, query)
	require.Equal(t, []string{"tail@example.org: before"}, v.next().column("body"))

	for _, s := range []source{{org: 2, uid: "b", secret: wrongSecret}, {org: 1, uid: "a", secret: wrongSecret}} {
		stranger := g.open(t, s)
		shutOut(t, stranger)
		path, data := channelOf(t, query)
		ctx, cancel := context.WithCancel(t.Context())
		told := &rejectedViewer{t: t, told: cancel}
		require.NoError(t, stranger.RunStream(ctx, &backend.RunStreamRequest{Path: path, Data: data}, backend.NewStreamSender(told)))
	}
	g.Add(simulator.Event{Actor: "tail@example.org", Description: "after"})
	require.Equal(t, []string{"tail@example.org: after"}, v.next().column("body"))

	first.Dispose()
	require.ErrorIs(t, <-ended, errReplaced)
	path, _ := channelOf(t, query)
	for name, s := range map[string]source{
		"a wrong secret":       {org: 1, uid: "a", secret: wrongSecret},
		"another organization": {org: 2, uid: "a", secret: rightSecret},
		"another data source":  {org: 1, uid: "b", secret: rightSecret},
		"another store":        {org: 1, uid: "a", secret: rightSecret, jsonData: map[string]any{"store": "postgres"}, dsn: "postgres://u:p@127.0.0.1:1/db"},
	} {
		require.Empty(t, checkpoints.take(g.open(t, s).checkpointKey(path), time.Now()), name)
	}
	same := g.open(t, source{org: 1, uid: "a", secret: rightSecret, jsonData: map[string]any{"maxEvents": 5000}})
	require.NotEmpty(t, checkpoints.take(same.checkpointKey(path), time.Now()))
}

// rejectedViewer waits for a word on the wrong key, and fails when a stream delivers rows.
type rejectedViewer struct {
	t    *testing.T
	told context.CancelFunc
}

func (v *rejectedViewer) Send(p *backend.StreamPacket) error {
	require.Empty(v.t, readPacket(v.t, p.Data).column("id"))
	if strings.Contains(string(p.Data), "API key is not accepted") {
		v.told()
	}
	return nil
}

func TestTwoStoresAreASettingsError(t *testing.T) {
	g := newGate(t)
	first := g.open(t, source{org: 1, uid: "a", secret: rightSecret})
	seen := rowsOf(t, first)
	dsn := pgtest.New(t).DSN
	second := g.open(t, source{org: 2, uid: "b", secret: rightSecret, jsonData: map[string]any{"store": "postgres"}, dsn: dsn})
	require.ErrorContains(t, askQueue(t, second, nil, time.Hour, queueTable).Error, "give both the same store")
	require.Equal(t, seen, rowsOf(t, first))
	moved := g.open(t, source{org: 1, uid: "a", secret: rightSecret, jsonData: map[string]any{"store": "postgres"}, dsn: dsn})
	require.Equal(t, seen, rowsOf(t, moved), "a data source may move to another store: a search fills it")
	require.Equal(t, seen, rowsOf(t, second))
}

// spend asks with the names of a dashboard and a rule of an organization.
func spend(t *testing.T, d *Instance, org int64, board string) error {
	t.Helper()
	now := time.Now()
	resp, err := d.QueryData(context.Background(), &backend.QueryDataRequest{
		PluginContext: backend.PluginContext{OrgID: org},
		Headers:       map[string]string{"http_X-Dashboard-Uid": board},
		Queries: []backend.DataQuery{{
			RefID: "A", JSON: []byte(`{"queryType":"count","query":"-actor:` + board + `"}`), TimeRange: backend.TimeRange{From: now.Add(-time.Hour), To: now},
		}},
	})
	require.NoError(t, err)
	return resp.Responses["A"].Error
}

// statusText is the answer of a resource call, as somebody of an organization gets it.
func statusText(t *testing.T, d *Instance, org int64) string {
	t.Helper()
	var body []byte
	err := d.CallResource(context.Background(), &backend.CallResourceRequest{
		PluginContext: backend.PluginContext{OrgID: org, User: &backend.User{Role: "Admin"}}, Method: "GET", Path: "status", URL: "status",
	}, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		body = append(body, r.Body...)
		return nil
	}))
	require.NoError(t, err)
	return string(body)
}

// callersText is the answer of a panel on the callers.
func callersText(t *testing.T, d *Instance, org int64) string {
	t.Helper()
	resp, err := d.QueryData(context.Background(), &backend.QueryDataRequest{
		PluginContext: backend.PluginContext{OrgID: org}, Queries: []backend.DataQuery{{RefID: "A", JSON: []byte(`{"queryType":"callers"}`)}},
	})
	require.NoError(t, err)
	require.NoError(t, resp.Responses["A"].Error)
	raw, err := json.Marshal(resp.Responses["A"].Frames)
	require.NoError(t, err)
	return string(raw)
}

func TestNamesStayInTheirOrganization(t *testing.T) {
	g := newGate(t)
	one := g.open(t, source{org: 1, uid: "a", secret: rightSecret})
	two := g.open(t, source{org: 2, uid: "b", secret: rightSecret})
	wrong := g.open(t, source{org: 1, uid: "c", secret: wrongSecret})
	require.NoError(t, spend(t, one, 1, "board-of-one"))
	require.NoError(t, spend(t, two, 2, "board-of-two"))
	require.Error(t, spend(t, wrong, 1, "board-of-wrong"))
	for name, text := range map[string]func(*testing.T, *Instance, int64) string{"status": statusText, "callers": callersText} {
		first, second, third := text(t, one, 1), text(t, two, 2), text(t, wrong, 1)
		for _, seen := range []struct {
			in, board string
			shown     bool
		}{
			{first, "board-of-one", true}, {first, "board-of-two", false}, {first, "board-of-wrong", false}, {first, "other", true},
			{second, "board-of-one", false}, {second, "board-of-two", true}, {second, "board-of-wrong", false}, {second, "other", true},
			{third, "board-of-one", false}, {third, "board-of-two", false}, {third, "board-of-wrong", true}, {third, "other", false},
		} {
			if seen.shown {
				require.Contains(t, seen.in, seen.board, name)
			} else {
				require.NotContains(t, seen.in, seen.board, name)
			}
		}
	}
	var status struct{ Calls int }
	require.NoError(t, json.Unmarshal([]byte(statusText(t, wrong, 1)), &status))
	require.Equal(t, 1, status.Calls, "its own")
	require.NoError(t, json.Unmarshal([]byte(statusText(t, two, 2)), &status))
	require.Equal(t, 3, status.Calls, "the host's")
}

func TestAWrongSecretUsesUpNothing(t *testing.T) {
	g := newGate(t)
	first := g.open(t, source{org: 1, uid: "a", secret: rightSecret, jsonData: map[string]any{"requestsPerFiveMinutes": 100}})
	require.NoError(t, spend(t, first, 1, "warm"))
	stranger := g.open(t, source{org: 2, uid: "b", secret: wrongSecret, jsonData: map[string]any{"requestsPerFiveMinutes": 1}})
	for range 200 {
		require.Error(t, spend(t, stranger, 2, "board"))
		_, err := stranger.CheckHealth(context.Background(), nil)
		require.NoError(t, err)
		_ = call(t, stranger, "Viewer", "GET", "exports", "")
	}
	require.EqualValues(t, 1, g.calls[wrongSecret].Load(), "one rejection a minute")
	require.Equal(t, 100, first.limits(context.Background()).Budget.Limit, "its limit holds for itself alone")
	for _, board := range []string{"x", "y", "z"} {
		require.NoError(t, spend(t, first, 1, board))
	}
	g.rotate(wrongSecret) // its settings turn out to be the right ones
	require.NoError(t, spend(t, g.open(t, source{org: 2, uid: "b", secret: wrongSecret}), 2, "board"))
}

// Whoever has another API key of the organization must not let the cloud accept it in place of the secret.
func TestHeadersCannotForgeTheSecret(t *testing.T) {
	g := newGate(t)
	settings := settingsOf(g.Server, g.url, 0, nil)
	token := rightSecret + "/" + g.Keys()[0].APIID
	for _, name := range []string{"X-Auth-Token", "x-auth-token", " X-AUTH-TOKEN ", "Host", "host"} {
		forged := settings
		forged.JSONData = json.RawMessage(strings.Replace(string(settings.JSONData), "{", `{"httpHeaderName1":"`+name+`",`, 1))
		forged.DecryptedSecureJSONData = map[string]string{"apiSecret": wrongSecret, "httpHeaderValue1": token}
		_, err := NewInstance(context.Background(), forged)
		require.ErrorContains(t, err, "httpHeaderName1 must not be", name)
	}
	settings.JSONData = json.RawMessage(strings.Replace(string(settings.JSONData), "{", `{"httpHeaderName1":"X-Gateway",`, 1))
	settings.DecryptedSecureJSONData = map[string]string{"apiSecret": wrongSecret, "httpHeaderValue1": "fine"}
	d := newInstance(t, settings)
	ctx := httpclient.WithContextualMiddleware(context.Background(), httpclient.MiddlewareFunc(
		func(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
			return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				require.Equal(t, "fine", r.Header.Get("X-Gateway"))
				r.Header.Set("X-Auth-Token", token) // as if a viewer's header were forwarded
				r.Host = "somebody.example"
				return next.RoundTrip(r)
			})
		}))
	require.ErrorContains(t, d.client.Verify(ctx), "API key is not accepted")
	require.EqualValues(t, 1, g.calls[wrongSecret].Load())
	require.Zero(t, g.calls[rightSecret].Load())
}

// However many secrets somebody tries, the names of an organization stay in its own list.
func TestGuessedSecretsPushOutNoNames(t *testing.T) {
	g := newGate(t)
	first := g.open(t, source{org: 1, uid: "a", secret: rightSecret})
	require.NoError(t, spend(t, first, 1, "board-of-one"))
	for i := range 230 {
		guess := g.open(t, source{org: 2, uid: "b", secret: fmt.Sprintf("GUESS%019d", i)})
		_, err := guess.CheckHealth(context.Background(), nil)
		require.NoError(t, err)
		guess.Dispose()
	}
	require.Contains(t, statusText(t, first, 1), "board-of-one")
}

// After its key is rejected a data source sees what it has spent itself, and nothing of others.
func TestARejectedKeySeesNoOthers(t *testing.T) {
	g := newGate(t)
	one := g.open(t, source{org: 1, uid: "a", secret: rightSecret})
	two := g.open(t, source{org: 2, uid: "b", secret: rightSecret})
	require.NoError(t, spend(t, one, 1, "board-of-one"))
	require.NoError(t, spend(t, two, 2, "board-of-two"))
	require.Contains(t, statusText(t, one, 1), `"other"`)
	g.rotate(newSecret)
	require.Error(t, spend(t, one, 1, "later-board"))
	seen := statusText(t, one, 1)
	require.NotContains(t, seen, `"other"`)
	require.Contains(t, seen, "later-board")
}

// A stranger's rejections do not make others prove their secret again.
func TestAStrangerCostsOthersNoProof(t *testing.T) {
	g := newGate(t)
	first := g.open(t, source{org: 1, uid: "a", secret: rightSecret})
	rowsOf(t, first)
	second := g.open(t, source{org: 1, uid: "b", secret: rightSecret})
	require.NoError(t, spend(t, second, 1, "proved"))
	require.Error(t, askQueue(t, g.open(t, source{org: 2, uid: "x", secret: wrongSecret}), nil, time.Hour, queueTable).Error)
	before := g.calls[rightSecret].Load()
	rowsOf(t, second)
	require.Zero(t, g.calls[rightSecret].Load()-before)
}

// A path of somebody else on the same host must not answer in the cloud's place.
func TestAnEncodedPathIsNoOtherSpelling(t *testing.T) {
	g := newGate(t)
	for _, path := range []string{"/evil/%2e%2e", "/%2e%2e/evil/..%2f", "/a%2fb"} {
		settings := settingsOf(g.Server, g.url+path, 0, nil)
		_, err := NewInstance(context.Background(), settings)
		require.ErrorContains(t, err, "encoded character", path)
	}
}
