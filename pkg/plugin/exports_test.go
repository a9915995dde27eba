package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// answer is what came of a resource call, message by message.
type resourceAnswer struct {
	status  int
	header  http.Header
	body    bytes.Buffer
	largest int
	err     error
}

func (a *resourceAnswer) object(t *testing.T) map[string]any {
	var out map[string]any
	require.NoError(t, json.Unmarshal(a.body.Bytes(), &out), a.body.String())
	return out
}

// call calls a resource as somebody with a role; "" is nobody.
func call(t *testing.T, d *Instance, role, method, path, body string) *resourceAnswer {
	return callWith(context.Background(), d, role, method, path, body)
}

func callWith(ctx context.Context, d *Instance, role, method, path, body string) *resourceAnswer {
	got := &resourceAnswer{}
	req := &backend.CallResourceRequest{Method: method, Path: strings.Split(path, "?")[0], URL: path, Body: []byte(body)}
	if role != "" {
		req.PluginContext.User = &backend.User{Login: "mary", Role: role}
	}
	got.err = d.CallResource(ctx, req, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		if got.status == 0 {
			got.status, got.header = r.Status, r.Headers
		}
		got.largest = max(got.largest, len(r.Body))
		got.body.Write(r.Body)
		return ctx.Err()
	}))
	return got
}

func exportBody(format, query string) string {
	return fmt.Sprintf(`{"query":%s,"from":%d,"to":%d,"format":%q}`, query, present.Add(-24*time.Hour).UnixMilli(), present.UnixMilli(), format)
}

// finished starts an export as an editor and waits for it.
func finished(t *testing.T, d *Instance, body string) (id string) {
	started := call(t, d, "Editor", "POST", "exports", body)
	require.Equal(t, http.StatusAccepted, started.status, started.body.String())
	x := started.object(t)
	id = x["id"].(string)
	require.Eventually(t, func() bool {
		return call(t, d, "Viewer", "GET", "exports/"+id, "").object(t)["status"] == "COMPLETED"
	}, 20*time.Second, 20*time.Millisecond)
	return id
}

func TestExportRoutes(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	id := finished(t, d, exportBody("csv", `{"refId":"A"}`))

	file := call(t, d, "Viewer", "GET", "exports/"+id+"/download", "")
	require.NoError(t, file.err)
	require.Equal(t, http.StatusOK, file.status)
	require.Equal(t, "text/csv; charset=utf-8", file.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="audit-log_ABCD1234_20260310T120000Z_20260311T120000Z.csv"`, file.header.Get("Content-Disposition"))
	require.Equal(t, "nosniff", file.header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", file.header.Get("Cache-Control"))
	require.Positive(t, file.body.Len())

	manifest := call(t, d, "Viewer", "GET", "exports/"+id+"/manifest", "").object(t)
	require.Equal(t, true, manifest["complete"], manifest["note"])
	require.Equal(t, "mary", manifest["who"])
	require.Equal(t, manifest["rows"], manifest["count"])
	require.InDelta(t, file.body.Len(), manifest["bytes"], 0)

	list := call(t, d, "Viewer", "GET", "exports", "").object(t)["exports"].([]any)
	require.Len(t, list, 1)
	require.Equal(t, id, list[0].(map[string]any)["id"])

	again := newInstance(t, settingsOf(sim, url, 0, map[string]any{"maxEvents": 5}))
	require.Equal(t, file.body.String(), call(t, again, "Viewer", "GET", "exports/"+id+"/download", "").body.String(), "another instance knows the id")

	require.Equal(t, http.StatusOK, call(t, d, "Admin", "DELETE", "exports/"+id, "").status)
	require.Equal(t, http.StatusNotFound, call(t, d, "Viewer", "GET", "exports/"+id, "").status)
	require.Empty(t, call(t, d, "Viewer", "GET", "exports", "").object(t)["exports"])
}

func TestExportRoles(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	for _, role := range []string{"", "Viewer", "None", "editor"} {
		for _, c := range [][2]string{{"POST", "exports"}, {"DELETE", "exports/x"}} {
			refused := call(t, d, role, c[0], c[1], exportBody("csv", "{}"))
			require.Equal(t, http.StatusForbidden, refused.status)
			require.Contains(t, refused.object(t)["error"], "Editor or Admin")
		}
	}
	require.Empty(t, sim.Requests(), "nothing is asked for somebody who may not")
}

func TestExportErrors(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	for body, words := range map[string]string{
		``:                                        "the body is malformed",
		`{}`:                                      "from and to are missing",
		`{"from":2,"to":1}`:                       "inverted",
		`{"from":1,"to":1}`:                       "empty",
		`{"from":1,"to":2,"format":"pdf"}`:        `unknown value "pdf": allowed are csv, json`,
		`{"from":1,"to":2,"colour":1}`:            "colour",
		`{"from":"x","to":2}`:                     "the body is malformed",
		exportBody("csv", `{"source":"queue"}`):   "queue",
		exportBody("csv", `{"colour":"red"}`):     `unknown key "colour"`,
		exportBody("csv", `{"query":"((broken"}`): "query_malformed_syntax",
	} {
		got := call(t, d, "Editor", "POST", "exports", body)
		require.Equal(t, http.StatusBadRequest, got.status, body)
		require.Contains(t, got.object(t)["error"], words, body)
	}
	long := make([]string, 2000)
	for i := range long {
		long[i] = fmt.Sprintf(`"%x@example.org"`, i*7919*7919*7919)
	}
	got := call(t, d, "Editor", "POST", "exports", exportBody("csv", `{"criteria":{"actor":[`+strings.Join(long, ",")+`]}}`))
	require.Equal(t, http.StatusRequestEntityTooLarge, got.status)
	require.Contains(t, got.object(t)["error"], "too long")

	for _, id := range []string{"x", "..", "%2e%2e", "..%2f..%2fjobs", "4805565", "4805565%3fa=b", strings.Repeat("A", 100_000), "a/b", "%00", ".", "AAAA%0d%0aX-A:b"} {
		for _, rest := range []string{"", "/download", "/manifest"} {
			got := call(t, d, "Admin", "GET", "exports/"+id+rest, "")
			require.Equal(t, http.StatusNotFound, got.status, id+rest)
			require.NotEmpty(t, got.object(t)["error"])
		}
		require.Equal(t, http.StatusNotFound, call(t, d, "Admin", "DELETE", "exports/"+id, "").status)
	}
	for _, r := range sim.Requests() {
		require.NotContains(t, []string{"job", "download", "progress"}, r.Endpoint, "no id that is not ours becomes a part of an address")
	}
}

// Options of a file are parameters; what the plugin does not know, such as the orgId that links carry for Grafana, is ignored.
func TestExportOptions(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	csv, asJSON := finished(t, d, exportBody("csv", `{}`)), finished(t, d, exportBody("json", `{}`))
	get := func(id, parameters string) *resourceAnswer {
		got := call(t, d, "Viewer", "GET", "exports/"+id+"/download"+parameters, "")
		require.Equal(t, http.StatusOK, got.status)
		return got
	}
	plain := get(csv, "").body.String()
	require.False(t, strings.HasPrefix(plain, "\ufeff"), "off by default")
	for _, parameters := range []string{"?excel=true", "?excel=1&safe=true", "?orgId=7&excel=true&safe=true", "?safe=false&excel=T"} {
		require.Equal(t, "\ufeff"+get(csv, strings.ReplaceAll(parameters, "excel", "x")).body.String(), get(csv, parameters).body.String(), parameters)
		manifest := call(t, d, "Viewer", "GET", "exports/"+csv+"/manifest"+parameters, "").object(t)
		require.Equal(t, true, manifest["byteOrderMark"], parameters)
		require.Equal(t, manifest, call(t, d, "Viewer", "GET", "exports/"+csv+"/manifest", "").object(t), "the manifest is that of the last download")
		require.Equal(t, get(asJSON, "").body.String(), get(asJSON, parameters).body.String(), "JSON has no byte order mark")
	}
	manifest := call(t, d, "Viewer", "GET", "exports/"+csv+"/manifest?excel=false&safe=true", "").object(t)
	require.Equal(t, false, manifest["byteOrderMark"])
	require.InDelta(t, len(plain), manifest["bytes"], 0)
	for _, parameters := range []string{"?excel=maybe", "?excel=2", "?safe=x&excel=true"} {
		for _, route := range []string{"/download", "/manifest"} {
			got := call(t, d, "Viewer", "GET", "exports/"+csv+route+parameters, "")
			require.Equal(t, http.StatusBadRequest, got.status, parameters)
			require.Contains(t, got.object(t)["error"], "must be true or false")
		}
	}
}

// A file that is not whole must not look like one: the call ends with an error, which breaks the connection.
func TestBrokenDownloadBreaksTheAnswer(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "truncate", Endpoint: "download"}}})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	id := finished(t, d, exportBody("csv", `{}`))
	got := call(t, d, "Viewer", "GET", "exports/"+id+"/download", "")
	if got.status == http.StatusOK {
		require.Error(t, got.err)
	} else {
		require.Equal(t, http.StatusBadGateway, got.status)
		require.Contains(t, got.object(t)["error"], "broke off")
	}
}

// The token goes to the configured host alone, and so do the headers of the settings.
func TestTokenStaysAtHome(t *testing.T) {
	var seen []http.Header
	storage := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Clone())
		http.Error(w, "", http.StatusNotFound)
	}))
	defer storage.Close()
	sim, url := cloud(t, simulator.Config{Switches: simulator.Switches{DownloadRedirect: "other", StorageURL: storage.URL}})
	s := settingsOf(sim, url, 0, map[string]any{"httpHeaderName1": "X-Proxy-Key", "basicAuth": true, "basicAuthUser": "proxy"})
	s.BasicAuthEnabled, s.BasicAuthUser = true, "proxy"
	s.DecryptedSecureJSONData["httpHeaderValue1"] = "hush"
	s.DecryptedSecureJSONData["basicAuthPassword"] = "hush"
	d := newInstance(t, s)
	id := finished(t, d, exportBody("csv", `{}`))
	require.Equal(t, http.StatusConflict, call(t, d, "Viewer", "GET", "exports/"+id+"/download", "").status, "it was just started")
	require.NotEmpty(t, seen)
	for _, header := range seen {
		for name := range header {
			require.NotContains(t, []string{"X-Auth-Token", "Authorization", "Cookie", "X-Proxy-Key"}, name)
		}
		require.NotContains(t, fmt.Sprint(header), "hush")
	}
}
