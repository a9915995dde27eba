package plugin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// series counts the plugin's own series.
func series(t *testing.T) int {
	families, err := prometheus.DefaultGatherer.Gather()
	require.NoError(t, err)
	n := 0
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "cbc_audit_") {
			n += len(f.GetMetric())
		}
	}
	return n
}

// TestCallersMakeNoSeries: headers and queries, which anybody can write, add no series.
func TestCallersMakeNoSeries(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	send := func(i int) {
		name := fmt.Sprint("invented", i)
		headers := map[string]string{"http_X-Dashboard-Uid": name, "http_X-Panel-Id": name, "http_X-Rule-Uid": name, "http_X-Rule-Name": name, name: name}
		if i%2 == 0 {
			headers["FromAlert"] = "true"
		}
		ask(t, d, headers, `{"queryType":"count"}`, fmt.Sprintf(`{"queryType":%q}`, name), fmt.Sprintf(`{"criteria":{"actor":[%q]}}`, name))
	}
	send(0)
	send(1)
	before := series(t)
	for i := range 20 {
		send(i)
	}
	require.Equal(t, before, series(t))
}

// TestQueriesAreLogged: one line at the level debug says who asked, how long it took, and how many requests it needed.
func TestQueriesAreLogged(t *testing.T) {
	said, _ := record(t)
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	ask(t, d, map[string]string{"http_X-Dashboard-Uid": "board", "http_X-Panel-Id": "7"}, `{"queryType":"count"}`, `{"x":1}`)
	ask(t, d, map[string]string{"FromAlert": "true", "http_X-Rule-Uid": "my-rule"}, `{"queryType":"count"}`)
	text := said.text.String()
	require.Equal(t, 3, strings.Count(text, "query answered"))
	for _, part := range []string{"refId A dashboard board panel 7", "rule my-rule", "calls 1", "error the query has an unknown key"} {
		require.Contains(t, text, part)
	}
	require.NotContains(t, text, "log error", "nothing shouts")
}
