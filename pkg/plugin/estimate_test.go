package plugin

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

type estimateAnswer struct {
	Calls *int   `json:"calls"`
	Plan  string `json:"plan"`
	Error string `json:"error"`
}

func postEstimate(t *testing.T, d *Instance, body string) (int, estimateAnswer) {
	var got estimateAnswer
	status, err := post(context.Background(), d, "estimate", body, &got)
	require.NoError(t, err)
	return status, got
}

// estimateOf is a body that asks for the last day before the simulated present.
func estimateOf(query string) string {
	return fmt.Sprintf(`{"query":%s,"from":%d,"to":%d}`, query, present.Add(-24*time.Hour).UnixMilli(), present.UnixMilli())
}

func TestEstimateSendsNothing(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	queries := map[string]string{
		`{"queryType":"events"}`:                                   "equest",
		`{"queryType":"count","groupBy":["account"]}`:              "equest",
		`{"queryType":"top","criteria":{"category":["grant"]}}`:    "equest",
		`{"queryType":"events","limit":1}`:                         "equest",
		`{"queryType":"series","query":"description:login"}`:       "equest",
		`{"queryType":"firstSeen","groupBy":["actor","actor_ip"]}`: "equest",
	}
	for q, words := range queries {
		status, got := postEstimate(t, d, estimateOf(q))
		require.Equal(t, http.StatusOK, status, got.Error)
		require.Positive(t, *got.Calls, q)
		require.Contains(t, got.Plan, words)
	}
	for _, q := range []string{`{"queryType":"status"}`, `{"queryType":"callers"}`, `{"source":"queue"}`} {
		_, got := postEstimate(t, d, estimateOf(q))
		require.Zero(t, *got.Calls, q)
		require.NotEmpty(t, got.Plan)
	}
	require.Empty(t, sim.Requests())
}

func TestEstimateKnowsTheCache(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	require.NoError(t, ask(t, d, nil, `{"queryType":"top","groupBy":["account"]}`)["A"].Error)
	sent := len(sim.Requests())
	for _, q := range []string{`{"queryType":"top","groupBy":["category"]}`, `{"criteria":{"outcome":["success"]}}`, `{"limit":1}`} {
		_, got := postEstimate(t, d, estimateOf(q))
		require.NotNil(t, got.Calls, got.Error)
		require.Zero(t, *got.Calls, "%s: %s", q, got.Plan)
	}
	_, got := postEstimate(t, d, fmt.Sprintf(`{"query":{"queryType":"top"},"from":%d,"to":%d}`, present.Add(-40*time.Hour).UnixMilli(), present.UnixMilli()))
	require.Positive(t, *got.Calls, got.Plan)
	require.Len(t, sim.Requests(), sent)
}

func TestEstimateRefusals(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	for body, words := range map[string]string{
		``:                                      "the body is malformed",
		`{"query":{}}`:                          "from and to are missing",
		`{"query":{},"from":8,"to":7}`:          "from must be less than to",
		`{"query":{"limit":0},"from":7,"to":8}`: "limit 0 is out of range",
		`{"query":{"colour":"red"},"from":7,"to":8}`: `unknown key "colour"`,
		`{"query":{},"from":7,"to":8,"refId":"A"}`:   `unknown field "refId"`,
	} {
		status, got := postEstimate(t, d, body)
		require.Equal(t, http.StatusBadRequest, status, body)
		require.Contains(t, got.Error, words)
	}
	require.Empty(t, sim.Requests())
}
