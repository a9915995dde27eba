package workbench_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/dev/workbench"
)

// A dashboard whose range fits one page takes one request, and at most one more for the end of the log. What is new in the
// last 30 days must be looked up.
func TestDashboardsShareRequests(t *testing.T) {
	cloud := simulator.New(simulator.Config{Generate: simulator.Generate{Days: 31, PerDay: 1000}})
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	key := cloud.Keys()[0]
	config := workbench.Config{
		PluginDir: builtPlugin(t), Provisioning: "../../provisioning",
		Env: map[string]string{"CBC_URL": server.URL, "CBC_ORG_KEY": cloud.OrgKey(), "CBC_API_ID": key.APIID, "CBC_API_SECRET": key.APISecret},
	}
	boards, err := workbench.ListDashboards(context.Background(), http.DefaultClient, start(t, config).URL(), "audit")
	require.NoError(t, err)
	require.Len(t, boards, 8)
	for _, board := range boards {
		t.Run(board.UID, func(t *testing.T) {
			bench := start(t, config) // a new plugin with an empty cache
			cold, lookups := run(t, bench, board.UID)
			require.LessOrEqual(t, cold, 2.0)
			require.LessOrEqual(t, lookups, 8.0)
			warm, again := run(t, bench, board.UID)
			require.LessOrEqual(t, warm+again, 1.0)
			t.Logf("%s: %.0f requests and %.0f for what is new, then %.0f", board.UID, cold, lookups, warm+again)
		})
	}
}

// run queries every panel and returns the requests of ordinary panels, and those of panels that look for what is new.
func run(t *testing.T, bench *workbench.Workbench, uid string) (calls, lookups float64) {
	t.Helper()
	results, err := workbench.RunDashboard(context.Background(), http.DefaultClient, bench.URL(), uid)
	require.NoError(t, err)
	require.NotEmpty(t, results)
	for _, r := range results {
		require.NoError(t, r.Err, r.Title)
		require.True(t, r.Rows > 0 || r.Type == "table", "%q is empty", r.Title)
		if r.Title == "Seen for the first time in 30 days" {
			lookups += r.Calls
		} else {
			calls += r.Calls
		}
	}
	return calls, lookups
}
