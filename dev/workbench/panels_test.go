package workbench_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/workbench"
)

const board = `{"uid":"overview","title":"Overview","time":{"from":"now-1h","to":"now"},
"templating":{"list":[
  {"name":"ds","type":"datasource","query":"` + pluginID + `","current":{}},
  {"name":"one","type":"custom","current":{"value":"a b"}},
  {"name":"many","type":"custom","current":{"value":["x","y\"z"]}},
  {"name":"all","type":"query","current":{"value":["$__all"]}}]},
"panels":[
  {"id":1,"title":"Text","type":"text"},
  {"id":2,"title":"Series","type":"timeseries","datasource":{"uid":"${ds}"},"maxDataPoints":60,
   "targets":[{"refId":"A","query":"$one and $many not ${all} but $unknown"},{"refId":"B","query":"hidden","hide":true}]},
  {"id":3,"type":"row","panels":[
    {"id":4,"title":"Fails","type":"table","timeFrom":"6h","interval":"5m",
     "targets":[{"refId":"A","query":"fail","datasource":{"uid":"$ds"}}]}]}]}`

func TestRunDashboardQueriesEveryPanel(t *testing.T) {
	config := stubConfig(t)
	writeFile(t, filepath.Join(config.Provisioning, "dashboards", "folder", "overview.json"), board)
	bench := start(t, config)
	results, err := workbench.RunDashboard(context.Background(), http.DefaultClient, bench.URL(), "overview")
	require.NoError(t, err)
	require.Len(t, results, 2, "a text and a row have nothing to ask")
	require.Equal(t, []any{"Series", "timeseries", 1, 2.0}, []any{results[0].Title, results[0].Type, results[0].Rows, results[0].Calls})
	require.NoError(t, results[0].Err)
	require.Positive(t, results[0].Took)
	require.Equal(t, "Fails", results[1].Title)
	require.EqualError(t, results[1].Err, "query A: asked to fail")

	list := call(t, http.MethodGet, bench.URL()+"/api/search", "")
	require.JSONEq(t, `[{"uid":"overview","title":"Overview","type":"dash-db"}]`, list.body)
}

func TestPanelsUseSavedVariables(t *testing.T) {
	var asked string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/dashboards/uid/overview", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(rw, `{"dashboard":%s}`, `{"time":{"from":"now-6h","to":"now"},
			"templating":{"list":[
				{"name":"one","current":{"value":"a"}},{"name":"many","current":{"value":["x","y\"z"]}},
				{"name":"all","current":{"value":"$__all"}},{"name":"box","type":"textbox","current":{"value":""}},{"name":"own","allValue":"[a TO z]","current":{"value":["$__all"]}}]},
			"panels":[{"id":7,"datasource":{"uid":"u"},"interval":">5m","targets":[
				{"refId":"A","query":"$one ${many:raw} $all $own $other","criteria":{"actor":["$many","b"],"action":["$all"],"actor_ip":["$box"]}}]}]}`)
	})
	mux.HandleFunc("POST /api/ds/query", func(rw http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		body := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(body)
		asked = user + ":" + password + " panel " + r.Header.Get("X-Panel-Id") + " " + string(body)
		_, _ = rw.Write([]byte(`{"results":{"A":{"frames":[]}}}`))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	withUser := "http://admin:secret@" + server.Listener.Addr().String()
	results, err := workbench.RunDashboard(context.Background(), server.Client(), withUser, "overview")
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	head := "admin:secret panel 7 "
	require.Contains(t, asked, head)
	require.JSONEq(t, `{"from":"now-6h","to":"now","queries":[{"refId":"A","datasource":{"uid":"u"},"intervalMs":300000,
		"maxDataPoints":500,"query":"a (\"x\" OR \"y\\\"z\") * [a TO z] $other",
		"criteria":{"actor":["x","y\"z","b"],"action":[],"actor_ip":[]}}]}`, asked[len(head):])
}

func TestRunDashboardErrors(t *testing.T) {
	config := stubConfig(t)
	writeFile(t, filepath.Join(config.Provisioning, "dashboards", "lost.json"), `{"uid":"lost","time":{"from":"soon","to":"now"},
		"panels":[{"title":"Bad time","targets":[{"refId":"A"}]},
			{"title":"No source","timeFrom":"1h","targets":[{"refId":"A","datasource":{"uid":"gone"}}]}]}`)
	writeFile(t, filepath.Join(config.Provisioning, "dashboards", "other.json"), `{"uid":"other",
		"templating":{"list":[{"name":"ds","type":"datasource","query":"loki"}]}}`)
	bench := start(t, config)
	ask := func(uid string) ([]workbench.PanelResult, error) {
		return workbench.RunDashboard(context.Background(), http.DefaultClient, bench.URL(), uid)
	}
	results, err := ask("lost")
	require.NoError(t, err)
	require.ErrorContains(t, results[0].Err, `from "soon"`)
	require.ErrorContains(t, results[1].Err, "data source not found")
	_, err = ask("none")
	require.ErrorContains(t, err, "HTTP 404")
	_, err = ask("other")
	require.ErrorContains(t, err, `no data source of type "loki"`)
}
