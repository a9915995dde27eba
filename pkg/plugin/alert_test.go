package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// trouble takes requests to a simulated cloud until it is told to do otherwise.
type trouble struct {
	cloud  http.RoundTripper
	silent bool // a request gets no answer
}

func (t *trouble) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.silent {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return t.cloud.RoundTrip(r)
}

// rulesIn lets alert rules ask a simulated cloud in simulated time.
func rulesIn(t *testing.T, test func(t *testing.T, sim *simulator.Server, road *trouble, rule func(query string) (backend.DataResponse, time.Duration))) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{Generate: simulator.Generate{Days: 1, PerDay: 500}})
		road := &trouble{cloud: &wire{cloud: sim}}
		parsed, err := parseSettings(settingsOf(sim, fmt.Sprintf("https://rules-%d.test", crowds.Add(1)), 0, nil))
		require.NoError(t, err)
		d, err := assemble(parsed, "1/test", &http.Client{Transport: road, Timeout: 30 * time.Second}, nil)
		require.NoError(t, err)
		defer d.Dispose()
		test(t, sim, road, func(query string) (backend.DataResponse, time.Duration) {
			start := time.Now()
			resp, err := d.QueryData(context.Background(), &backend.QueryDataRequest{
				Headers: map[string]string{"FromAlert": "true"},
				Queries: []backend.DataQuery{{RefID: "A", JSON: json.RawMessage(query), MaxDataPoints: 100, Interval: time.Minute,
					TimeRange: backend.TimeRange{From: start.Add(-5 * time.Minute), To: start}}},
			})
			require.NoError(t, err)
			return resp.Responses["A"], time.Since(start)
		})
	})
}

// An alert rule is answered within 10 seconds, whatever the cloud does: with an error in words, or with what was seen no longer
// than settleSeconds ago, and says so.
func TestAlertsAreAnsweredInTime(t *testing.T) {
	shapes := []string{`{"queryType":"count"}`, `{"queryType":"series","groupBy":["actor"]}`, `{"queryType":"firstSeen","groupBy":["actor"]}`, `{}`}
	troubles := map[string]struct {
		begin func(sim *simulator.Server, road *trouble)
		words string
	}{
		"no answer": {func(_ *simulator.Server, road *trouble) { road.silent = true }, "time"},
		"told to wait": {func(sim *simulator.Server, _ *trouble) {
			sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "status", Status: 429, RetryAfterS: 300, Next: 1000}}})
		}, "resumes at"},
		"slow failures": {func(sim *simulator.Server, _ *trouble) {
			sim.SetFaults(simulator.Faults{LatencyMS: 4000, Rules: []simulator.Fault{{Kind: "status", Status: 503, Next: 1000}}})
		}, "Carbon Black Cloud"},
	}
	for name, c := range troubles {
		t.Run(name, func(t *testing.T) {
			rulesIn(t, func(t *testing.T, sim *simulator.Server, road *trouble, rule func(string) (backend.DataResponse, time.Duration)) {
				for _, shape := range shapes {
					answer, _ := rule(shape)
					require.NoError(t, answer.Error, shape)
				}
				time.Sleep(20 * time.Second)
				c.begin(sim, road)
				for _, shape := range shapes {
					answer, took := rule(shape)
					require.Less(t, took, 10*time.Second, shape)
					require.NoError(t, answer.Error, "%s: what was seen 20 s ago still serves", shape)
					said := ""
					for _, n := range answer.Frames[0].Meta.Notices {
						said += n.Text
					}
					require.Contains(t, said, "As of ", shape)
				}
				time.Sleep(time.Minute)
				for _, shape := range shapes {
					answer, took := rule(shape)
					require.Less(t, took, 10*time.Second, shape)
					require.ErrorContains(t, answer.Error, c.words, shape)
					require.Equal(t, backend.ErrorSourceDownstream, answer.ErrorSource)
				}
			})
		})
	}
}

// Queries that wait for what another one asks fail in words, too.
func TestEveryQueryOfARuleFailsInWords(t *testing.T) {
	rulesIn(t, func(t *testing.T, _ *simulator.Server, road *trouble, _ func(string) (backend.DataResponse, time.Duration)) {
		road.silent = true
		parsed, err := parseSettings(backend.DataSourceInstanceSettings{URL: fmt.Sprintf("https://rules-%d.test", crowds.Add(1)),
			JSONData: []byte(`{"orgKey":"O","apiId":"A"}`), DecryptedSecureJSONData: map[string]string{"apiSecret": "S"}})
		require.NoError(t, err)
		d, err := assemble(parsed, "1/test", &http.Client{Transport: road}, nil)
		require.NoError(t, err)
		defer d.Dispose()
		var queries []backend.DataQuery
		for i := range 4 {
			queries = append(queries, backend.DataQuery{RefID: string(rune('A' + i)), JSON: json.RawMessage(`{"queryType":"count"}`),
				TimeRange: backend.TimeRange{From: time.Now().Add(-time.Hour), To: time.Now()}})
		}
		resp, err := d.QueryData(context.Background(), &backend.QueryDataRequest{Headers: map[string]string{"FromAlert": "true"}, Queries: queries})
		require.NoError(t, err)
		for id, answer := range resp.Responses {
			require.ErrorContains(t, answer.Error, "Carbon Black Cloud did not answer in time", id)
		}
	})
}
