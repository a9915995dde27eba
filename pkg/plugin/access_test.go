package plugin

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// visitor is somebody as Grafana names them to the plugin.
type visitor struct {
	org  int64
	user *backend.User // nil for a public dashboard
}

// visitors are the columns of the table in SECURITY.md. Grafana gives a visitor without a login a role, and a public dashboard none.
var visitors = map[string]visitor{
	"Viewer": {1, &backend.User{Login: "v", Role: "Viewer"}}, "Editor": {1, &backend.User{Login: "e", Role: "Editor"}},
	"Admin": {1, &backend.User{Login: "a", Role: "Admin"}}, "Anonymous": {1, &backend.User{Role: "Viewer"}},
	"Public dashboard": {1, nil}, "Other organization": {2, &backend.User{Login: "x", Role: "Admin"}},
}

// site is a data source with a finished export, as visitors find it. The other organization has a data source of its own, with the
// same API key's ID and a guessed secret.
type site struct {
	own, foreign *Instance
	exportID     string
}

func (s site) of(v visitor) *Instance {
	if v.org == 1 {
		return s.own
	}
	return s.foreign
}

func (s site) call(v visitor, method, path, body string) (status int, text string) {
	var said strings.Builder
	err := s.of(v).CallResource(context.Background(), &backend.CallResourceRequest{
		PluginContext: backend.PluginContext{OrgID: v.org, User: v.user}, Method: method, Path: strings.Split(path, "?")[0], URL: path, Body: []byte(body),
	}, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		if status == 0 {
			status = r.Status
		}
		said.Write(r.Body)
		return nil
	}))
	if err != nil {
		return http.StatusInternalServerError, err.Error()
	}
	return status, said.String()
}

func (s site) query(v visitor, query string) error {
	req := &backend.QueryDataRequest{PluginContext: backend.PluginContext{OrgID: v.org, User: v.user}, Queries: []backend.DataQuery{{
		RefID: "A", JSON: json.RawMessage(query), MaxDataPoints: 100, Interval: time.Hour,
		TimeRange: backend.TimeRange{From: present.Add(-time.Hour), To: present},
	}}}
	resp, err := s.of(v).QueryData(context.Background(), req)
	if err != nil {
		return err
	}
	return resp.Responses["A"].Error
}

// actions are the lines of the table: whether a visitor gets what the line names.
var actions = map[string]func(s site, v visitor) bool{
	"Query in panels": func(s site, v visitor) bool { return s.query(v, `{"queryType":"count"}`) == nil },
	"Values of variables and filters": func(s site, v visitor) bool {
		status, _ := s.call(v, "GET", "values?field=actor&from=1773100000000&to=1773230400000", "")
		return status == http.StatusOK
	},
	"See who spent requests": func(s site, v visitor) bool {
		_, text := s.call(v, "GET", "status", "")
		return strings.Contains(text, "secret-board")
	},
	"List exports": func(s site, v visitor) bool {
		_, text := s.call(v, "GET", "exports", "")
		return strings.Contains(text, s.exportID)
	},
	"Download an export": func(s site, v visitor) bool {
		status, _ := s.call(v, "GET", "exports/"+s.exportID+"/download", "")
		manifest, _ := s.call(v, "GET", "exports/"+s.exportID+"/manifest", "")
		return status == http.StatusOK || manifest == http.StatusOK
	},
	"Start an export": func(s site, v visitor) bool {
		status, _ := s.call(v, "POST", "exports", exportBody("csv", `{"refId":"A"}`))
		return status == http.StatusAccepted
	},
	"Take an export off the list": func(s site, v visitor) bool {
		status, _ := s.call(v, "DELETE", "exports/"+s.exportID, "")
		return status < 300
	},
	"Send events into a live tail": func(s site, v visitor) bool {
		answer, err := s.of(v).PublishStream(context.Background(), &backend.PublishStreamRequest{
			PluginContext: backend.PluginContext{OrgID: v.org, User: v.user}, Path: "tail/" + strings.Repeat("0", 64), Data: []byte("{}"),
		})
		return err != nil || answer.Status != backend.PublishStreamStatusPermissionDenied
	},
	"Estimate an archive": func(s site, v visitor) bool {
		status, _ := s.call(v, "POST", "archive/estimate", `{"days":1}`)
		return status == http.StatusOK
	},
	"Change settings": func(s site, v visitor) bool {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			for _, path := range []string{"settings", "catalog", "status", "queue", ""} {
				if status, _ := s.call(v, method, path, "{}"); status < 300 {
					return true
				}
			}
		}
		return false
	},
}

func newSite(t *testing.T) site {
	sim, url := cloud(t, simulator.Config{})
	s := site{own: sourceOf(t, settingsOf(sim, url, 0, nil), 1, "own", nil).d}
	s.foreign = sourceOf(t, settingsOf(sim, url, 0, nil), 2, "foreign", func(s *backend.DataSourceInstanceSettings) {
		s.DecryptedSecureJSONData["apiSecret"] = "GUESSEDGUESSEDGUESSED000"
	}).d
	admin := visitors["Admin"]
	req := &backend.QueryDataRequest{
		PluginContext: backend.PluginContext{OrgID: 1, User: admin.user}, Headers: map[string]string{"http_X-Dashboard-Uid": "secret-board", "http_X-Panel-Id": "1"},
		Queries: []backend.DataQuery{{RefID: "A", JSON: json.RawMessage(`{"queryType":"count"}`), TimeRange: backend.TimeRange{From: present.Add(-time.Hour), To: present}}},
	}
	_, err := s.own.QueryData(context.Background(), req)
	require.NoError(t, err)
	status, text := s.call(admin, "POST", "exports", exportBody("csv", `{"refId":"A"}`))
	require.Equal(t, http.StatusAccepted, status, text)
	var started struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(text), &started))
	s.exportID = started.ID
	require.Eventually(t, func() bool {
		_, text := s.call(admin, "GET", "exports/"+s.exportID, "")
		return strings.Contains(text, `"COMPLETED"`)
	}, 20*time.Second, 20*time.Millisecond)
	return s
}

// TestAccessTable does what every cell of the table in SECURITY.md says, and expects what the cell says. A cell says "Grafana" where the
// plugin answers, and Grafana alone decides who reaches it.
func TestAccessTable(t *testing.T) {
	raw, err := os.ReadFile("../../SECURITY.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(raw), "## Who may do what")
	require.True(t, found)
	var columns []string
	shared := newSite(t)
	tested := map[string]bool{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) < 3 || strings.HasPrefix(cells[0], "---"):
			continue
		case columns == nil:
			columns = cells
			require.Len(t, columns, 1+len(visitors))
			continue
		}
		do := actions[cells[0]]
		require.NotNil(t, do, "nothing tests the line %q", cells[0])
		tested[cells[0]] = true
		for i, cell := range cells[1:] {
			who := columns[i+1]
			v, known := visitors[who]
			require.True(t, known, who)
			s := shared
			if strings.HasPrefix(cells[0], "Take") {
				s = newSite(t) // its export may be gone afterwards
			}
			got := do(s, v)
			require.Equal(t, cell != "no", got, "%s: %s", cells[0], who)
			require.Contains(t, []string{"yes", "no", "Grafana"}, cell)
		}
	}
	require.Len(t, tested, len(actions))
}
