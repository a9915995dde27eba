package plugin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
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
	require.Zero(t, *field(t, status.Frames[0], "waitedSeconds").At(0).(*float64))
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

// Who has used requests is shown by the titles that Grafana sends, and by UID where it sent none.
func TestCallersHaveTitles(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	long := strings.Repeat("é", maxTitle)
	for i, headers := range []map[string]string{
		{"http_X-Dashboard-Uid": "a", "http_X-Panel-Id": "1", "http_X-Dashboard-Title": "100% audit", "http_X-Panel-Title": "Zo\xeb"},
		{"http_X-Dashboard-Uid": "b", "http_X-Panel-Id": "2"},
		{"FromAlert": "true", "http_X-Rule-Uid": "rule", "http_X-Rule-Name": "100%25+failed+logins", "http_X-Dashboard-Title": "not its own"},
		{"http_X-Dashboard-Uid": "c", "http_X-Dashboard-Title": long, "http_X-Panel-Title": "not a panel"},
	} {
		query := fmt.Sprintf(`{"queryType":"count","query":"-actor:u%d"}`, i) // each needs its own search
		require.NoError(t, ask(t, d, headers, query)["A"].Error)
	}
	d = newInstance(t, settingsOf(sim, url, 0, nil)) // the titles outlive an instance
	f := ask(t, d, nil, `{"queryType":"callers"}`)["A"].Frames[0]
	var got [][3]any
	for i := range f.Rows() {
		got = append(got, [3]any{field(t, f, "dashboardTitle").At(i), field(t, f, "panelTitle").At(i), field(t, f, "ruleTitle").At(i)})
	}
	require.ElementsMatch(t, [][3]any{{"100% audit", "Zoë", ""}, {"b", "2", ""}, {"", "", "100% failed logins"}, {long[:maxTitle], "", ""}}, got)
}

// The titles of an earlier query stay when a later one has none, and there are at most so many.
func TestTitlesAreBounded(t *testing.T) {
	known := newTitles()
	for i := range maxTitles + 10 {
		origin := ratelimit.Origin{Dashboard: fmt.Sprint("board", i)}
		known.record(origin, &backend.QueryDataRequest{Headers: map[string]string{"http_X-Dashboard-Title": "Title"}})
		known.record(origin, &backend.QueryDataRequest{})
		require.Equal(t, "Title", known.of(origin).dashboard)
	}
	require.Equal(t, maxTitles, known.known.Len())
	require.Equal(t, "board0", known.of(ratelimit.Origin{Dashboard: "board0"}).dashboard)
}

func field(t *testing.T, f *data.Frame, name string) *data.Field {
	t.Helper()
	found, _ := f.FieldByName(name)
	require.NotNil(t, found, name)
	return found
}
