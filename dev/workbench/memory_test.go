package workbench_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/dev/workbench"
)

var allAnswers = flag.Bool("memory.all", false, "measure the memory of every kind of answer, which takes minutes")

// Whatever one viewer or several ask for, the plugin's process keeps to 512 MB: what does not fit is an error that says what to narrow.
func TestMemoryIsBounded(t *testing.T) {
	const bound = 512_000_000
	if runtime.GOOS != "linux" {
		t.Skip("the peak of a process is read from /proc")
	}
	now := time.Now()
	events := make([]simulator.Event, 100_000)
	for i := range events {
		events[i] = simulator.Event{
			CreateTime: now.Add(-time.Hour - time.Duration(i)*time.Second/2), Actor: fmt.Sprintf("user%d@example.com", i%20_000), ActorIP: fmt.Sprintf("10.%d.%d.%d", i%5, i%200, i%250),
			Description: fmt.Sprintf(`Changed policy to "Standard %d" (ID: %d) for device(s): %d, %d, %d, %d, %d`, i%50, i, i+1, i+2, i+3, i+4, i+5),
		}
	}
	cloud := httptest.NewServer(simulator.New(simulator.Config{Events: events}))
	t.Cleanup(cloud.Close)
	plugin := builtPlugin(t)
	for name, ask := range map[string]struct {
		query   string
		queries int
		viewers int
	}{
		"series of one viewer":  {`"queryType":"series","groupBy":["actor"],"limit":5000`, 20, 1},
		"series of ten viewers": {`"queryType":"series","groupBy":["actor"],"limit":1000`, 2, 10},
		"counts":                {`"queryType":"count","groupBy":["actor","address","action","category","outcome"],"limit":5000`, 20, 1},
		"logs":                  {`"queryType":"events","limit":70000`, 4, 4},
		"tables":                {`"queryType":"events","format":"table","limit":100000`, 4, 2},
	} {
		if name != "tables" && !*allAnswers {
			continue
		}
		t.Run(name, func(t *testing.T) {
			bench := start(t, workbench.Config{PluginDir: plugin})
			key := simulator.DefaultKeys()[0]
			body, err := json.Marshal(map[string]any{
				"name": "memory", "type": "carbonblack-auditlog-datasource", "access": "proxy", "url": cloud.URL,
				"jsonData":       map[string]any{"orgKey": simulator.DefaultOrgKey, "apiId": key.APIID, "maxEvents": 100_000},
				"secureJsonData": map[string]string{"apiSecret": key.APISecret},
			})
			require.NoError(t, err)
			uid := call(t, "POST", bench.URL()+"/api/datasources", string(body)).decode(t)["datasource"].(map[string]any)["uid"].(string)
			queries := make([]string, ask.queries)
			for i := range queries {
				queries[i] = fmt.Sprintf(`{"refId":"Q%d","datasource":{"uid":%q},"maxDataPoints":11000,"intervalMs":5000,%s}`, i, uid, ask.query)
			}
			request := fmt.Sprintf(`{"from":"%d","to":"%d","queries":[%s]}`, now.Add(-15*time.Hour).UnixMilli(), now.UnixMilli(), strings.Join(queries, ","))
			var viewers sync.WaitGroup
			for range ask.viewers {
				viewers.Go(func() {
					body := call(t, "POST", bench.URL()+"/api/ds/query", request).body
					assert.Equal(t, strings.Count(body, `"error":`), strings.Count(body, `"error":"the answers of this request are too large together: `))
				})
			}
			viewers.Wait()
			peak := peakOf(t, bench.PID())
			t.Logf("%d MB", peak/1_000_000)
			require.Less(t, peak, int64(bound))
		})
	}
}

// peakOf returns the most memory that a process had at a time, in bytes.
func peakOf(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, peak, found := strings.Cut(string(status), "VmHWM:")
	require.True(t, found)
	kib, err := strconv.ParseInt(strings.Fields(peak)[0], 10, 64)
	require.NoError(t, err)
	return kib << 10
}
