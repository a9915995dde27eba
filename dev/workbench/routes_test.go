package workbench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/workbench"
)

// cells returns the only row of the only frame of refId's answer, by column.
func cells(t *testing.T, got answer, refID string) map[string]any {
	t.Helper()
	var body struct {
		Results map[string]struct {
			Status int
			Frames []struct {
				Schema struct{ Fields []struct{ Name string } }
				Data   struct{ Values [][]any }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &body), got.body)
	result := body.Results[refID]
	require.Equal(t, http.StatusOK, result.Status, got.body)
	require.Len(t, result.Frames, 1)
	row := map[string]any{}
	for i, field := range result.Frames[0].Schema.Fields {
		row[field.Name] = result.Frames[0].Data.Values[i][0]
	}
	return row
}

func TestQueryArrivesAsFromGrafana(t *testing.T) {
	bench := start(t, stubConfig(t))
	got := call(t, http.MethodPost, bench.URL()+"/api/ds/query", `{"from":"now-1h","to":"now","queries":[
		{"refId":"B","queryType":"series","query":"x","intervalMs":15000,"maxDataPoints":240,"datasource":{"uid":"provisioned"}},
		{"refId":"C","datasource":{"uid":"provisioned"}}]}`,
		"X-Dashboard-Uid", "board", "X-Workbench-Role", "Viewer", "Fromalert", "true")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Equal(t, map[string]any{
		"query": "x", "type": "series", "interval": 15000.0, "points": 240.0,
		"from": float64(testTime.Add(-time.Hour).UnixMilli()), "to": float64(testTime.UnixMilli()),
		"dashboard": "board", "fromAlert": "true", "role": "Viewer", "source": sourceUID,
	}, cells(t, got, "B"))
	defaults := cells(t, got, "C")
	require.Equal(t, []any{1000.0, 100.0}, []any{defaults["interval"], defaults["points"]})
}

func TestAbsoluteTimesAreMilliseconds(t *testing.T) {
	response, err := start(t, stubConfig(t)).Query(context.Background(), sourceUID,
		[]byte(`{"from":"1000","to":"2000","queries":[{"refId":"A"}]}`))
	require.NoError(t, err)
	frame := response.Responses["A"].Frames[0]
	require.Equal(t, []any{int64(1000), int64(2000)}, []any{frame.Fields[2].At(0), frame.Fields[3].At(0)})
}

func TestFailedQueryLeavesOthers(t *testing.T) {
	bench := start(t, stubConfig(t))
	got := call(t, http.MethodPost, bench.URL()+"/api/ds/query", `{"from":"now-1h","to":"now","queries":[
		{"refId":"A","query":"fail","datasource":{"uid":"provisioned"}},
		{"refId":"B","query":"fine","datasource":{"uid":"provisioned"}}]}`)
	require.Equal(t, http.StatusBadRequest, got.status)
	require.Equal(t, "fine", cells(t, got, "B")["query"])
	results := got.decode(t)["results"].(map[string]any)
	require.Equal(t, map[string]any{
		"error": "asked to fail", "errorSource": "downstream", "status": 400.0, "frames": []any{},
	}, results["A"])
}

func TestBadRequests(t *testing.T) {
	bench := start(t, stubConfig(t))
	for name, test := range map[string]struct {
		method, path, body, want string
		status                   int
	}{
		"not JSON":       {"POST", "/api/ds/query", `{`, "query body", 400},
		"no query":       {"POST", "/api/ds/query", `{"from":"now-1h","to":"now"}`, "no queries", 400},
		"bad time":       {"POST", "/api/ds/query", `{"from":"soon","to":"now","queries":[{}]}`, `from \"soon\"`, 400},
		"bad query":      {"POST", "/api/ds/query", `{"from":"now-1h","to":"now","queries":[{"refId":7}]}`, "refId", 400},
		"unknown source": {"POST", "/api/ds/query", `{"from":"now-1h","to":"now","queries":[{"datasource":{"uid":"no"}}]}`, "data source not found", 404},
		"health of none": {"GET", "/api/datasources/uid/no/health", ``, "data source not found", 404},
		"unknown route":  {"GET", "/api/annotations", ``, "no route", 404},
		"no dashboard":   {"GET", "/api/dashboards/uid/no", ``, "dashboard not found", 404},
		"other plugin":   {"POST", "/api/datasources", `{"name":"x","type":"loki"}`, "the only plugin of this workbench", 400},
		"taken uid":      {"POST", "/api/datasources", `{"name":"x","type":"` + pluginID + `","uid":"provisioned"}`, "already exists", 400},
		"taken name":     {"POST", "/api/datasources", `{"name":"Stub","type":"` + pluginID + `"}`, "already exists", 400},
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, test.method, bench.URL()+test.path, test.body)
			require.Equal(t, test.status, got.status, got.body)
			require.Contains(t, got.body, test.want)
		})
	}
	got := call(t, http.MethodGet, bench.URL()+"/api/datasources/uid/provisioned/health", "", "X-Workbench-Role", "Root")
	require.Equal(t, http.StatusBadRequest, got.status)
}

func TestHealth(t *testing.T) {
	config := stubConfig(t)
	bench := start(t, config)
	url := bench.URL() + "/api/datasources/uid/" + sourceUID
	good := call(t, http.MethodGet, url+"/health", "")
	require.Equal(t, http.StatusOK, good.status)
	require.Equal(t, map[string]any{"status": "OK", "message": "all is well"}, good.decode(t))

	saved := call(t, http.MethodPut, url, `{"name":"Stub","type":"`+pluginID+`","secureJsonData":{"apiSecret":"wrong"}}`)
	require.Equal(t, http.StatusOK, saved.status, saved.body)
	bad := call(t, http.MethodGet, url+"/health", "")
	require.Equal(t, http.StatusBadRequest, bad.status)
	require.Equal(t, map[string]any{
		"status": "ERROR", "message": "wrong secret", "details": map[string]any{"verboseMessage": "no"},
	}, bad.decode(t))
}

func TestResourceCall(t *testing.T) {
	bench := start(t, stubConfig(t))
	got := call(t, http.MethodDelete, bench.URL()+"/api/datasources/uid/provisioned/resources/echo/a%2Fb?c=d", "",
		"X-Workbench-Role", "Editor", "Cookie", "session=1", "X-Custom", "kept")
	require.Equal(t, http.StatusTeapot, got.status)
	require.Equal(t, map[string]any{
		"method": "DELETE", "path": "/echo/a/b", "query": "c=d", "role": "Editor", "cookie": "", "custom": "kept",
	}, got.decode(t))
	require.Equal(t, "yes", got.header.Get("X-Stub"))
	require.Empty(t, got.header.Get("Set-Cookie"))
	require.Equal(t, "sandbox", got.header.Get("Content-Security-Policy"))

	broken := call(t, http.MethodGet, bench.URL()+"/api/datasources/uid/provisioned/resources/broken", "")
	require.Equal(t, http.StatusInternalServerError, broken.status)
}

func TestResourceIsStreamed(t *testing.T) {
	bench := start(t, stubConfig(t))
	body := openResource(t, bench, "stream")
	line, err := bufio.NewReader(body).ReadString('\n')
	require.NoError(t, err, "the first line must arrive although the answer has not ended")
	require.Equal(t, "first\n", line)
	require.NoError(t, body.Close())
}

func TestInterruptedResourceIsNotComplete(t *testing.T) {
	bench := start(t, stubConfig(t))
	content, err := io.ReadAll(openResource(t, bench, "cut"))
	require.Equal(t, "a part", string(content))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// openResource returns the body of a resource call while it is still being sent.
func openResource(t *testing.T, bench *workbench.Workbench, path string) io.ReadCloser {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	url := bench.URL() + "/api/datasources/uid/provisioned/resources/" + path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp.Body
}

func TestForeignPagesAreRejected(t *testing.T) {
	bench := start(t, stubConfig(t))
	crossSite := call(t, http.MethodPost, bench.URL()+"/api/datasources", `{}`, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, crossSite.status, "another site's page must not act through the user's browser")
	for host, want := range map[string]int{
		"attacker.test": 403, "attacker.test:3000": 403, "localhost:3000": 200, "127.0.0.1": 200, "[::1]:3000": 200,
	} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, bench.URL()+"/api/datasources", nil)
		require.NoError(t, err)
		req.Host, req.Close = host, true
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, host)
	}
}

func TestProvisionedSourceIsExpandedAfterParsing(t *testing.T) {
	bench := start(t, stubConfig(t))
	got := call(t, http.MethodGet, bench.URL()+"/api/datasources/uid/provisioned", "").decode(t)
	require.Equal(t, "https://example.test", got["url"])
	require.Equal(t, map[string]any{"orgKey": "ABC: [1]", "timeout": "60", "price": "$5", "unknown": ""}, got["jsonData"])
	require.Equal(t, true, got["readOnly"])
	list := call(t, http.MethodGet, bench.URL()+"/api/datasources", "")
	require.NotContains(t, list.body, "Elsewhere", "another plugin's data source is not ours")
}

func TestSecretsAreWriteOnly(t *testing.T) {
	bench := start(t, stubConfig(t))
	body := `{"name":"New","type":"` + pluginID + `","uid":"new","jsonData":{"a":1},
		"secureJsonData":{"apiSecret":"hush-hush","storeDsn":"hush-dsn"}}`
	created := call(t, http.MethodPost, bench.URL()+"/api/datasources", body)
	require.Equal(t, http.StatusOK, created.status, created.body)
	url := bench.URL() + "/api/datasources/uid/new"
	kept := call(t, http.MethodPut, url, `{"name":"New","type":"`+pluginID+`","secureJsonData":{"storeDsn":""}}`)
	settings := call(t, http.MethodGet, bench.URL()+"/api/frontend/settings", "")
	one := call(t, http.MethodGet, url, "")
	for _, got := range []answer{created, kept, settings, one, call(t, http.MethodGet, bench.URL()+"/api/datasources", "")} {
		require.NotContains(t, got.body, "hush")
	}
	require.Equal(t, map[string]any{"apiSecret": true}, one.decode(t)["secureJsonFields"])
	state := call(t, http.MethodGet, url+"/resources/state", "").decode(t)
	require.Equal(t, map[string]any{"apiSecret": "hush-hush"}, state["secrets"], "an unsent secret stays, an empty one goes")

	require.Equal(t, http.StatusOK, call(t, http.MethodDelete, url, "").status)
	require.Equal(t, http.StatusNotFound, call(t, http.MethodGet, url, "").status)
}

func TestOnlyAnAdminChangesSources(t *testing.T) {
	bench := start(t, stubConfig(t))
	url := bench.URL() + "/api/datasources/uid/provisioned"
	body := `{"name":"Stub","type":"` + pluginID + `"}`
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		require.Equal(t, http.StatusForbidden, call(t, method, url, body, "X-Workbench-Role", "Editor").status)
	}
	got := call(t, http.MethodPost, bench.URL()+"/api/datasources", body, "X-Workbench-Role", "Viewer")
	require.Equal(t, http.StatusForbidden, got.status)
}

func TestInstanceChangesWithSettings(t *testing.T) {
	bench := start(t, stubConfig(t))
	first := stubState(t, bench)["created"]
	require.Equal(t, first, stubState(t, bench)["created"])
	saved := call(t, http.MethodPut, bench.URL()+"/api/datasources/uid/provisioned", `{"name":"Stub","type":"`+pluginID+`"}`)
	require.Equal(t, http.StatusOK, saved.status)
	require.NotEqual(t, first, stubState(t, bench)["created"], "a change within the same millisecond counts as well")
}

func TestFilesOfPluginAndPage(t *testing.T) {
	config := stubConfig(t)
	config.PageDir = t.TempDir()
	writeFile(t, filepath.Join(config.PageDir, "index.html"), "the page")
	writeFile(t, filepath.Join(config.PageDir, "public", "build", "img", "icons", "unicons", "bug.svg"), "<svg>bug</svg>")
	bench := start(t, config)
	for path, want := range map[string]string{
		"/": "the page",
		"/public/plugins/" + pluginID + "/module.js":  "define([], () => ({}))",
		"/public/build/img/icons/unicons/bug.svg":     "<svg>bug</svg>",
		"/public/build/img/icons/unicons/missing.svg": `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"></svg>`,
	} {
		got := call(t, http.MethodGet, bench.URL()+path, "")
		require.Equal(t, http.StatusOK, got.status, path)
		require.Equal(t, want, got.body, path)
	}
	executable := call(t, http.MethodGet, bench.URL()+"/public/plugins/"+pluginID+"/gpx_stub_linux_amd64", "")
	require.Equal(t, http.StatusNotFound, executable.status)
	settings := call(t, http.MethodGet, bench.URL()+"/api/frontend/settings", "").decode(t)
	require.Equal(t, "Stub", settings["defaultDatasource"])
	require.Equal(t, "public/plugins/"+pluginID+"/module.js", settings["plugin"].(map[string]any)["module"])
}
