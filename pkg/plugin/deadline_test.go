package plugin

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// hung never answers.
type hung struct{}

func (hung) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// When the cloud hangs, every query and the health check say so before the caller's deadline, also those that wait for what another
// one asks.
func TestErrorsComeBeforeTheDeadline(t *testing.T) {
	settings := settingsOf(simulator.New(simulator.Config{}), "https://hung.example", 0, nil)
	parsed, err := parseSettings(settings)
	require.NoError(t, err)
	for _, limit := range []time.Duration{2 * time.Second, 8 * time.Second, 25 * time.Second} {
		for _, headers := range []map[string]string{nil, {"FromAlert": "true"}} {
			synctest.Test(t, func(t *testing.T) {
				client := &http.Client{Transport: hung{}, Timeout: time.Minute}
				d, err := assemble(parsed, t.Name(), client, client)
				require.NoError(t, err)
				defer d.Dispose()
				ctx, cancel := context.WithTimeout(context.Background(), limit)
				defer cancel()
				req := &backend.QueryDataRequest{Headers: headers}
				for _, refID := range []string{"A", "B", "C"} {
					req.Queries = append(req.Queries, backend.DataQuery{
						RefID: refID, JSON: json.RawMessage(`{"queryType":"top","groupBy":["actor"]}`), Interval: time.Minute, MaxDataPoints: 100,
						TimeRange: backend.TimeRange{From: time.Now().Add(-time.Hour), To: time.Now()},
					})
				}
				resp, err := d.QueryData(ctx, req)
				require.NoError(t, err)
				require.NoError(t, ctx.Err(), "in time")
				for refID, answer := range resp.Responses {
					require.ErrorContains(t, answer.Error, "Carbon Black Cloud did not answer in time", refID)
				}
				health, err := d.CheckHealth(ctx, nil)
				require.NoError(t, err)
				require.NoError(t, ctx.Err(), "in time")
				require.Contains(t, health.Message, "Carbon Black Cloud did not answer in time")
			})
		}
	}
}
