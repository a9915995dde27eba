package plugin

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// caller is an instance as somebody of an organization reaches it.
type caller struct {
	d     *Instance
	orgID int64
	login string
}

// sourceOf sets up a data source of an organization. change changes its settings.
func sourceOf(t *testing.T, s backend.DataSourceInstanceSettings, orgID int64, uid string, change func(*backend.DataSourceInstanceSettings)) caller {
	s.UID = uid
	secrets := map[string]string{}
	maps.Copy(secrets, s.DecryptedSecureJSONData)
	s.DecryptedSecureJSONData = secrets
	if change != nil {
		change(&s)
	}
	return caller{newInstance(t, s), orgID, "mary"}
}

func (c caller) call(t *testing.T, method, path, body string) *resourceAnswer {
	got := &resourceAnswer{}
	require.NoError(t, c.send(context.Background(), method, path, body, func(r *backend.CallResourceResponse) error {
		if got.status == 0 {
			got.status, got.header = r.Status, r.Headers
		}
		got.body.Write(r.Body)
		return nil
	}))
	return got
}

func (c caller) send(ctx context.Context, method, path, body string, to backend.CallResourceResponseSenderFunc) error {
	return c.d.CallResource(ctx, &backend.CallResourceRequest{
		PluginContext: backend.PluginContext{OrgID: c.orgID, User: &backend.User{Login: c.login, Role: "Admin"}},
		Method:        method, Path: strings.Split(path, "?")[0], URL: path, Body: []byte(body),
	}, to)
}

// export starts an export and waits for it.
func (c caller) export(t *testing.T, body string) (id string) {
	started := c.call(t, "POST", "exports", body)
	require.Equal(t, http.StatusAccepted, started.status, started.body.String())
	id = started.object(t)["id"].(string)
	require.Eventually(t, func() bool {
		return c.call(t, "GET", "exports/"+id, "").object(t)["status"] == "COMPLETED"
	}, 20*time.Second, 20*time.Millisecond)
	return id
}

func (c caller) list(t *testing.T) []any {
	return c.call(t, "GET", "exports", "").object(t)["exports"].([]any)
}

// requireForeign asserts that a data source knows nothing of another's export: neither by its id nor in its list.
func requireForeign(t *testing.T, c caller, id, about string) {
	for _, route := range [][2]string{{"GET", ""}, {"GET", "/download"}, {"GET", "/manifest"}, {"DELETE", ""}} {
		got := c.call(t, route[0], "exports/"+id+route[1], "")
		require.Equal(t, http.StatusNotFound, got.status, "%s: %s %s: %s", about, route[0], route[1], got.body.String())
		require.Contains(t, got.object(t)["error"], "no such export", about)
	}
	require.Empty(t, c.list(t), about)
}

const (
	jobExport    = `{"refId":"A"}`
	searchExport = `{"refId":"A","criteria":{"category":["authentication"]}}` // a derived field, which no job can decide
)

func TestExportsBelongToOneDataSource(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	settings := settingsOf(sim, url, 0, nil)
	wrongSecret := func(s *backend.DataSourceInstanceSettings) { s.DecryptedSecureJSONData["apiSecret"] = "NOTTHESECRET" }
	otherSpelling := func(s *backend.DataSourceInstanceSettings) { s.URL = " HTTP" + strings.TrimPrefix(url, "http") + "//" }
	both := func(s *backend.DataSourceInstanceSettings) { wrongSecret(s); otherSpelling(s) }
	owner := sourceOf(t, settings, 1, "first", nil)
	for _, query := range []string{jobExport, searchExport} {
		id := owner.export(t, exportBody("csv", query))
		off := owner.export(t, exportBody("json", query))
		require.Equal(t, http.StatusOK, owner.call(t, "DELETE", "exports/"+off, "").status)
		require.Len(t, owner.list(t), 1)
		for about, c := range map[string]struct {
			orgID  int64
			uid    string
			change func(*backend.DataSourceInstanceSettings)
		}{
			"other UID":                                {1, "second", nil},
			"other UID and spelling":                   {1, "second", otherSpelling},
			"other organization":                       {2, "first", nil},
			"other organization and UID":               {2, "second", nil},
			"other organization and spelling":          {2, "first", otherSpelling},
			"wrong secret":                             {1, "first", wrongSecret},
			"wrong secret, other UID":                  {1, "second", wrongSecret},
			"wrong secret, other organization":         {2, "first", wrongSecret},
			"wrong secret, other organization and UID": {2, "second", both},
		} {
			other := sourceOf(t, settings, c.orgID, c.uid, c.change)
			requireForeign(t, other, id, about)
			requireForeign(t, other, off, about+", off the list")
		}
		require.Len(t, owner.list(t), 1, "nobody has disturbed it")
		same := sourceOf(t, settings, 1, "first", otherSpelling)
		require.Equal(t, owner.call(t, "GET", "exports", "").body.String(), same.call(t, "GET", "exports", "").body.String(), "another spelling of the URL is no other data source")
		require.Equal(t, owner.call(t, "GET", "exports/"+id+"/download", "").body.String(), same.call(t, "GET", "exports/"+id+"/download", "").body.String())
		require.Equal(t, http.StatusOK, same.call(t, "DELETE", "exports/"+id, "").status)
		require.Empty(t, owner.list(t))
	}
}

// Each of two data sources lists its own exports, and both list a job that neither has started.
func TestExportListsAreApart(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	settings := settingsOf(sim, url, 0, nil)
	first, second := sourceOf(t, settings, 1, "first", nil), sourceOf(t, settings, 2, "first", nil)
	mine, theirs := first.export(t, exportBody("csv", jobExport)), second.export(t, exportBody("csv", jobExport))
	startJobElsewhere(t, sim, url)
	for c, id := range map[*caller]string{&first: mine, &second: theirs} {
		list := c.list(t)
		require.Len(t, list, 2)
		bare := 0
		for _, x := range list {
			if x.(map[string]any)["query"] == nil {
				bare++
				require.Empty(t, x.(map[string]any)["who"])
				continue
			}
			require.Equal(t, id, x.(map[string]any)["id"])
		}
		require.Equal(t, 1, bare)
	}
}

// startJobElsewhere starts an export job with the API key, but not by the plugin.
func startJobElsewhere(t *testing.T, sim *simulator.Server, url string) {
	body := `{"query":"*:*","format":"csv"}`
	req, err := http.NewRequest(http.MethodPost, url+"/audit_log/v1/orgs/"+sim.OrgKey()+"/logs/_export", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("X-Auth-Token", sim.Keys()[0].Token())
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Less(t, resp.StatusCode, 300)
	http.DefaultClient.CloseIdleConnections()
}

// An id of a job of which nothing is known belongs to the data source that listed it, like any other id.
func TestBareJobIDsAreBound(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	settings := settingsOf(sim, url, 0, nil)
	lister := sourceOf(t, settings, 1, "first", nil)
	startJobElsewhere(t, sim, url)
	bare := lister.list(t)[0].(map[string]any)["id"].(string)
	require.Equal(t, http.StatusOK, lister.call(t, "GET", "exports/"+bare+"/download", "").status)
	for _, other := range []caller{sourceOf(t, settings, 2, "first", nil), sourceOf(t, settings, 1, "second", nil)} {
		require.Len(t, other.list(t), 1)
		require.Equal(t, http.StatusNotFound, other.call(t, "GET", "exports/"+bare, "").status)
		require.Equal(t, http.StatusNotFound, other.call(t, "DELETE", "exports/"+bare, "").status)
	}
	require.Equal(t, http.StatusOK, lister.call(t, "DELETE", "exports/"+bare, "").status)
	require.Empty(t, lister.list(t))
	require.Len(t, sourceOf(t, settings, 2, "first", nil).list(t), 1, "each takes it off its own list only")
}

// With a new secret a data source begins anew: what was remembered with the old one stays with that.
func TestRotatedSecretHasItsOwnExports(t *testing.T) {
	sim, _ := cloud(t, simulator.Config{})
	key := sim.Keys()[0]
	server := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("X-Auth-Token"); token == "ROTATED/"+key.APIID {
			r.Header.Set("X-Auth-Token", key.Token())
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	settings := settingsOf(sim, server.URL, 0, nil)
	owner := sourceOf(t, settings, 1, "first", nil)
	ids := []string{owner.export(t, exportBody("csv", searchExport)), owner.export(t, exportBody("json", jobExport))}
	rotated := sourceOf(t, settings, 1, "first", func(s *backend.DataSourceInstanceSettings) { s.DecryptedSecureJSONData["apiSecret"] = "ROTATED" })
	for _, id := range ids {
		requireForeign(t, rotated, id, "rotated secret")
	}
	rotated.export(t, exportBody("csv", searchExport))
	rotated.export(t, exportBody("json", jobExport))
	require.Len(t, rotated.list(t), 2)
	require.Len(t, owner.list(t), 2)
}

// Settings that change while a download runs do not touch it.
func TestSettingsChangeWhileADownloadRuns(t *testing.T) {
	var file bytes.Buffer
	file.WriteString("create_time,actor,description\r\n")
	for file.Len() < 8<<20 {
		file.WriteString("2026-03-11T00:00:00.000Z,mary@example.org,Logged in successfully\r\n")
	}
	half, resume := make(chan struct{}), make(chan struct{})
	sim, _ := cloud(t, simulator.Config{})
	server := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/download") {
			sim.ServeHTTP(w, r)
			return
		}
		_, _ = w.Write(file.Bytes()[:4<<20])
		w.(http.Flusher).Flush()
		close(half)
		<-resume
		_, _ = w.Write(file.Bytes()[4<<20:])
	}))
	t.Cleanup(server.Close)
	settings := settingsOf(sim, server.URL, 0, nil)
	before := sourceOf(t, settings, 1, "first", nil)
	id := before.export(t, exportBody("csv", jobExport))
	var got bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		ended <- before.send(context.Background(), "GET", "exports/"+id+"/download?safe=false", "", func(r *backend.CallResourceResponse) error {
			got.Write(r.Body)
			return nil
		})
	}()
	<-half
	after := sourceOf(t, settings, 1, "first", func(s *backend.DataSourceInstanceSettings) {
		s.JSONData = settingsOf(sim, server.URL, 0, map[string]any{"maxEvents": 7}).JSONData
	})
	before.d.Dispose()
	require.Len(t, after.list(t), 1, "the new instance knows what the old one knew")
	close(resume)
	require.NoError(t, <-ended)
	require.True(t, bytes.Equal(file.Bytes(), got.Bytes()), "the file is whole: %d of %d bytes", got.Len(), file.Len())
}

// Users who start downloads and do not read them hold their own places, and nobody else's.
func TestDownloadPlacesArePerUser(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	settings := settingsOf(sim, url, 0, nil)
	owner, other := sourceOf(t, settings, 1, "first", nil), sourceOf(t, settings, 2, "first", nil)
	id, theirs := owner.export(t, exportBody("csv", jobExport)), other.export(t, exportBody("csv", jobExport))
	leave, inside := make(chan struct{}), make(chan struct{})
	var stuck sync.WaitGroup
	for range 2 {
		stuck.Go(func() {
			_ = owner.send(context.Background(), "GET", "exports/"+id+"/download", "", func(r *backend.CallResourceResponse) error {
				if r.Status != 0 { // the first message
					inside <- struct{}{}
					<-leave
				}
				return http.ErrHandlerTimeout
			})
		})
		<-inside
	}
	refused := owner.call(t, "GET", "exports/"+id+"/download", "")
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	colleague := owner
	colleague.login = "john"
	require.Equal(t, http.StatusOK, colleague.call(t, "GET", "exports/"+id+"/download", "").status)
	require.Equal(t, http.StatusOK, other.call(t, "GET", "exports/"+theirs+"/download", "").status, "mary of another organization is another user")
	close(leave)
	stuck.Wait()
	require.Equal(t, http.StatusOK, owner.call(t, "GET", "exports/"+id+"/download", "").status)
}
