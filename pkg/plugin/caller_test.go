package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// The requests of a query count as its asker's, by Grafana's headers.
func TestWhoSpends(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	long := strings.Repeat("x", 100)
	for i, headers := range []map[string]string{
		{"http_X-Dashboard-Uid": "board", "http_X-Panel-Id": "3"},
		{"FromAlert": "true", "http_X-Rule-Uid": "rule%2F1"},
		{"http_X-Dashboard-Uid": long},
	} {
		query := fmt.Sprintf(`{"queryType":"count","query":"-actor:u%d"}`, i) // each needs its own search
		require.NoError(t, ask(t, d, headers, query)["A"].Error)
	}
	var seen []ratelimit.Origin
	for _, o := range d.limits(context.Background()).Origins {
		require.Positive(t, o.Calls)
		require.Equal(t, d.tenant(0), o.Tenant)
		o.Tenant = ratelimit.Tenant{}
		seen = append(seen, o.Origin)
	}
	require.ElementsMatch(t, []ratelimit.Origin{{Dashboard: "board", Panel: "3"}, {Rule: "rule/1"}, {Dashboard: long[:maxUID]}}, seen)
}

// An alert rule finds a reserve where a panel has to wait.
func TestAlertsGoBeforePanels(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, map[string]any{"requestsPerFiveMinutes": 10}))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for range 9 {
		_, err := d.client.Search(ctx, cbc.SearchRequest{Start: present, End: present, Order: cbc.NewestFirst, Rows: 1})
		require.NoError(t, err)
	}
	health, err := d.CheckHealth(ctx, nil)
	require.NoError(t, err)
	require.Contains(t, health.Message, "resumes at")
	answer := ask(t, d, nil, `{"queryType":"count"}`)["A"]
	require.Equal(t, backend.StatusTooManyRequests, answer.Status)
	require.ErrorContains(t, answer.Error, "resumes at")
	require.NoError(t, ask(t, d, map[string]string{"FromAlert": "true"}, `{"queryType":"count"}`)["A"].Error)
}

// Instances of the same host share a rate limit. Of those that are not disposed and whose API key is accepted, a small limit bounds its own
// key, and the host exceeds the default only if all allow it.
func TestInstancesShareALimit(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	limit := func(d *Instance) float64 { return statusOfInstance(t, d)["budget"].(map[string]any)["limit"].(float64) }
	large := newInstance(t, settingsOf(sim, url, 0, map[string]any{"requestsPerFiveMinutes": 900}))
	require.EqualValues(t, 900, limit(large))
	small := newInstance(t, settingsOf(sim, url+"/", 1, map[string]any{"requestsPerFiveMinutes": "200"}))
	require.EqualValues(t, 200, limit(small))
	require.EqualValues(t, 900, limit(large), "whether its API key is accepted is not known yet")
	require.NoError(t, large.client.Verify(context.Background()))
	require.NoError(t, small.client.Verify(context.Background()))
	require.EqualValues(t, 200, limit(small))
	require.EqualValues(t, ratelimit.DefaultLimit, limit(large))
	small.Dispose()
	small.Dispose()
	require.EqualValues(t, 900, limit(large))
}

func TestMetrics(t *testing.T) {
	server := serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer server.Close()
	sim, _ := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, server.URL, 0, map[string]any{"requestsPerFiveMinutes": 50}))
	before := metrics(t)
	ask(t, d, nil, `{"queryType":"count"}`)
	after := metrics(t)
	require.InDelta(t, 1, after["cbc_audit_api_calls_total endpoint=search outcome=api_key"]-before["cbc_audit_api_calls_total endpoint=search outcome=api_key"], 0)
	require.InDelta(t, 1, after["cbc_audit_api_wait_seconds endpoint=search"]-before["cbc_audit_api_wait_seconds endpoint=search"], 0)
	require.InDelta(t, ratelimit.DefaultLimit-1, after["cbc_audit_api_budget_left host="+server.URL], 0, "a rejected key has no say")
}

// metrics reads the values that Grafana would: of a histogram, how many it holds.
func metrics(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetName() + "=" + label.GetValue()
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// What goes over the status route names no secret and no host.
func TestStatusRoute(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	raw, err := json.Marshal(statusOfInstance(t, d))
	require.NoError(t, err)
	require.JSONEq(t, `{"budget":{"limit":600,"used":0,"left":600,"windowSeconds":300},"pausedUntil":null,"inFlight":0,
		"waiting":{"alert":0,"panel":0,"background":0},"calls":0,"throttled":0,"waitedMs":0,"origins":[],
		"cache":{"bytes":0,"maxBytes":67108864,"events":0,"windows":0,"filters":0},"sharedBudget":null,"queue":null,"archive":null}`, string(raw))

	ask(t, d, map[string]string{"http_X-Dashboard-Uid": "board", "http_X-Panel-Id": "7"}, `{"refId":"A"}`, `{"refId":"B","queryType":"count"}`)
	status := statusOfInstance(t, d)
	require.EqualValues(t, 1, status["calls"], "one request for both")
	require.Equal(t, "board", status["origins"].([]any)[0].(map[string]any)["dashboard"])
	require.Positive(t, status["cache"].(map[string]any)["events"])
}
