package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
)

// post calls a route with a JSON body and decodes the answer.
func post(ctx context.Context, d *Instance, path, body string, into any) (status int, err error) {
	request := &backend.CallResourceRequest{Method: http.MethodPost, Path: path, URL: path, Body: []byte(body)}
	err = d.CallResource(ctx, request, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		status = r.Status
		return json.Unmarshal(r.Body, into)
	}))
	return status, err
}

func postValues(t *testing.T, d *Instance, body string) (int, valuesAnswer) {
	var got valuesAnswer
	status, err := post(context.Background(), d, "values", body, &got)
	require.NoError(t, err)
	return status, got
}

// valuesOf is a body that asks for the values of the half day before the simulated present.
func valuesOf(key auditlog.Key, more string) string {
	return fmt.Sprintf(`{"field":%q,"from":%d,"to":"%d"%s}`, key, present.Add(-12*time.Hour).UnixMilli(), present.UnixMilli(), more)
}

// The counts are those of the events that the other filters select, for raw and derived fields alike.
func TestPostValuesCountsUnderTheOtherFilters(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	requested := auditlog.NewTimeRange(present.Add(-12*time.Hour), present)
	classifier := catalog.Default()
	for _, c := range []struct {
		body  string
		match func(e *auditlog.Event, class auditlog.Class) bool
	}{
		{``, func(*auditlog.Event, auditlog.Class) bool { return true }},
		{`,"criteria":{"category":["authentication"],"outcome":["success"]}`, func(_ *auditlog.Event, class auditlog.Class) bool {
			return class.Category == "authentication" && class.Outcome == "success"
		}},
		{`,"criteria":{"flagged":false},"exclusions":{"category":["authentication"]}`, func(e *auditlog.Event, class auditlog.Class) bool {
			return !e.Flagged && class.Category != "authentication"
		}},
		{`,"query":"description:logged"`, func(e *auditlog.Event, _ auditlog.Class) bool {
			return slices.Contains(strings.Fields(strings.ToLower(e.Description)), "logged")
		}},
	} {
		for _, key := range auditlog.Keys() {
			want := map[string]int64{}
			for _, s := range sim.Events() {
				e := auditlog.Event{CreateTime: s.CreateTime, Actor: s.Actor, ActorIP: s.ActorIP, RequestURL: s.RequestURL, Description: s.Description, Flagged: s.Flagged, Verbose: s.Verbose}
				class := classifier.ClassifyEvent(&e)
				if requested.Contains(e.CreateTime) && c.match(&e, class) {
					want[key.Value(&e, class)]++
				}
			}
			status, got := postValues(t, d, valuesOf(key, c.body))
			require.Equal(t, http.StatusOK, status, got.Error)
			require.True(t, *got.Complete)
			have := map[string]int64{}
			for _, v := range got.Values {
				have[v.Value] = v.Count
			}
			require.NotEmpty(t, want, c.body)
			require.Equal(t, want, have, "%s %s", key, c.body)
			require.True(t, slices.IsSortedFunc(got.Values, func(a, b answer.Value) int { return int(b.Count - a.Count) }), key)
		}
	}
	for _, r := range sim.Requests() {
		require.Equal(t, "search", r.Endpoint)
	}
	require.Positive(t, sim.QueueLength(sim.Keys()[0].APIID), "the queue is left alone")
}

func TestPostValuesByPrefix(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	filter := `,"criteria":{"category":["authentication"]}`
	_, all := postValues(t, d, valuesOf(auditlog.KeyAccount, filter))
	prefix := all.Values[0].Value[:2]
	_, some := postValues(t, d, valuesOf(auditlog.KeyAccount, filter+`,"prefix":"`+strings.ToUpper(prefix)+`"`))
	want := slices.DeleteFunc(slices.Clone(all.Values), func(v answer.Value) bool { return !strings.HasPrefix(v.Value, prefix) })
	require.Equal(t, want, some.Values)
	_, none := postValues(t, d, valuesOf(auditlog.KeyAccount, `,"criteria":{"actor":["nobody@example.org"]}`))
	require.NotNil(t, none.Values)
	require.Empty(t, none.Values)
	require.True(t, *none.Complete)
}

func TestPostValuesAreBounded(t *testing.T) {
	var events []simulator.Event
	for i := range 1200 {
		events = append(events, simulator.Event{CreateTime: present.Add(-time.Duration(i+100) * time.Second), Actor: fmt.Sprintf("user%04d", i), Flagged: true})
	}
	sim, url := cloud(t, simulator.Config{Events: events})
	status, got := postValues(t, newInstance(t, settingsOf(sim, url, 0, nil)), valuesOf(auditlog.KeyActor, `,"criteria":{"flagged":true}`))
	require.Equal(t, http.StatusOK, status, got.Error)
	require.Len(t, got.Values, 1000)
	require.False(t, *got.Complete)
	_, got = postValues(t, newInstance(t, settingsOf(sim, url, 0, map[string]any{"maxEvents": 100})), valuesOf(auditlog.KeyVerbose, ""))
	require.NotEmpty(t, got.Values)
	require.False(t, *got.Complete)
}

func TestPostValuesRefusals(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	for body, words := range map[string]string{
		``:                                  `the body is malformed, expected {"field":"…"`,
		`[]`:                                "the body is malformed",
		`{"field":7}`:                       "the body is malformed",
		`{}`:                                `field has an unknown value "": allowed are actor, actor_ip`,
		`{"field":"colour"}`:                `field has an unknown value "colour"`,
		`{"field":"actor","from":1.5}`:      "from must be a time in milliseconds",
		`{"field":"actor","from":7,"to":7}`: "from must be less than to",
		`{"field":"actor","limit":7}`:       `unknown field "limit"`,
		`{"field":"actor","prefix":"` + long(501) + `"}`:        "prefix is too long",
		`{"field":"actor","query":["x"]}`:                       "query must be a string",
		`{"field":"actor","criteria":{"colour":["red"]}}`:       `criteria has an unknown key "colour"`,
		`{"field":"actor","criteria":{"outcome":["maybe"]}}`:    `criteria.outcome has an unknown value "maybe"`,
		`{"field":"actor","exclusions":{"flagged":["true"]}}`:   "exclusions.flagged must be true or false",
		`{"field":"actor","query":"` + long(70_000) + `"}`:      "more than the 65536",
		`{"field":"actor","prefix":"` + long(maxRequest) + `"}`: "request body too large",
	} {
		status, got := postValues(t, d, body)
		require.Equal(t, http.StatusBadRequest, status, words)
		require.Contains(t, got.Error, words)
		require.Less(t, len(got.Error), 1000)
	}
	require.Empty(t, sim.Requests())
	status, got := postValues(t, newInstance(t, settingsOf(sim, url, 3, nil)), valuesOf(auditlog.KeyActor, ""))
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, got.Error, "org.audits READ")
}

func long(n int) string { return strings.Repeat("x", n) }

// A search ends when its caller leaves, and what waits for its turn waits with the panels and is never sent.
func TestPostValuesEndWithTheCaller(t *testing.T) {
	sim := simulator.New(simulator.Config{Now: func() time.Time { return present }})
	var blocked atomic.Bool
	var running atomic.Int64 // requests that have reached the server
	ended := make(chan struct{}, 10)
	server := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !blocked.Load() {
			sim.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // the server notices a client that leaves once it has read the body
		running.Add(1)
		<-r.Context().Done()
		ended <- struct{}{}
	}))
	t.Cleanup(server.Close)
	d := newInstance(t, settingsOf(sim, server.URL, 0, nil))
	status, got := postValues(t, d, valuesOf(auditlog.KeyActor, ""))
	require.Equal(t, http.StatusOK, status, got.Error)
	blocked.Store(true)
	ctx, leave := context.WithCancel(context.Background())
	answers := make(chan int, 10)
	const asked = 6
	for i := range asked {
		go func() {
			var got valuesAnswer
			status, _ := post(ctx, d, "values", valuesOf(auditlog.KeyActor, fmt.Sprintf(`,"query":"actor:user%d"`, i)), &got)
			answers <- status
		}()
	}
	require.Eventually(t, func() bool {
		limits := d.limits(d.withTenant(context.Background(), 0))
		return limits.Waiting.Panel > 0 && int(running.Load())+limits.Waiting.Panel == asked
	}, time.Minute, time.Millisecond)
	leave()
	for range asked {
		require.NotEqual(t, http.StatusOK, <-answers)
	}
	for range running.Load() {
		<-ended
	}
	require.Empty(t, ended)
}

// What a viewer sends is not sent back whole.
func TestErrorsOfRoutesQuoteLittle(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	long := strings.Repeat("x", 900_000)
	for _, c := range [][3]string{
		{http.MethodPost, "values", `{"` + long + `":1}`}, {http.MethodPost, "values", `{"field":"actor","from":"` + long + `"}`}, {http.MethodPost, "estimate", `{"` + long + `":1}`},
		{http.MethodPost, "catalog/test", `{"` + long + `":1}`}, {http.MethodPost, "exports", `{"` + long + `":1}`}, {http.MethodGet, "values?field=actor&" + long + "=1", ""},
	} {
		got := call(t, d, "Editor", c[0], c[1], c[2])
		require.Equal(t, http.StatusBadRequest, got.status, "%.40s", c[1])
		require.Less(t, got.body.Len(), 1000, "%.40s", c[1])
	}
}
