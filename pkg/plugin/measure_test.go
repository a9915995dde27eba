package plugin

import (
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// A data source tells how it is without a request, and what its panels have spent.
func TestStatusAndCallers(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	require.NoError(t, ask(t, d, map[string]string{"http_X-Dashboard-Uid": "board", "http_X-Panel-Id": "7"}, `{"queryType":"count"}`)["A"].Error)
	sent := len(sim.Requests())
	require.NotZero(t, sent)

	callers := ask(t, d, nil, `{"queryType":"callers"}`)["A"]
	require.NoError(t, callers.Error)
	require.Equal(t, "board", field(t, callers.Frames[0], "dashboard").At(0))
	require.Equal(t, "7", field(t, callers.Frames[0], "panel").At(0))
	require.EqualValues(t, sent, field(t, callers.Frames[0], "calls").At(0))

	status := ask(t, d, nil, `{"queryType":"status"}`)["A"]
	require.NoError(t, status.Error)
	require.Equal(t, float64(sent), *field(t, status.Frames[0], "used").At(0).(*float64))
	require.Equal(t, float64(600-sent), *field(t, status.Frames[0], "budgetLeft").At(0).(*float64))
	require.Zero(t, *field(t, status.Frames[0], "pausedSeconds").At(0).(*float64))
	require.Nil(t, field(t, status.Frames[0], "queueEvents").At(0), "the queue is off")
	require.Len(t, sim.Requests(), sent, "nothing is sent")
}

// Grafana says "input data must be a wide series" of a table in an alert rule, which helps nobody.
func TestStatusIsNoRule(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	for _, queryType := range []string{"status", "callers"} {
		text := `{"queryType":"` + queryType + `"}`
		failed := ask(t, d, map[string]string{"FromAlert": "true"}, text)["A"]
		require.ErrorContains(t, failed.Error, `"queryType":"`+queryType+`" is a table about the plugin, and an alert rule needs numbers`)
		require.Equal(t, backend.StatusBadRequest, failed.Status)
		require.NoError(t, ask(t, d, map[string]string{"http_X-Grafana-From-Expr": "true"}, text)["A"].Error, "a SQL expression reads tables")
	}
}

func field(t *testing.T, f *data.Frame, name string) *data.Field {
	t.Helper()
	found, _ := f.FieldByName(name)
	require.NotNil(t, found, name)
	return found
}
