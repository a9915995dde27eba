package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/store"
)

// archived is a source with an archive.
func archived(org int64, uid, secret, dsn string) source {
	return source{org: org, uid: uid, secret: secret, dsn: dsn, jsonData: map[string]any{"queueEnabled": false, "store": "postgres", "archiveDays": 60, "settleSeconds": 0}}
}

// waitForArchive waits until the archive is complete.
func waitForArchive(t *testing.T, d *Instance) *archiveStatus {
	t.Helper()
	var s *archiveStatus
	require.Eventually(t, func() bool {
		s = d.archiveStatus(context.Background())
		return s.Complete
	}, time.Minute, 50*time.Millisecond, "%+v", s)
	return s
}

const byActor = `{"queryType":"top","groupBy":["actor"],"limit":1000}`

// The archive answers like Carbon Black Cloud, at no request for what is settled, also to another data source with the same secret.
func TestArchiveAnswersLikeTheCloud(t *testing.T) {
	g, dsn := newGate(t), pgtest.New(t).DSN
	plain := g.open(t, source{org: 1, uid: "p", secret: rightSecret})
	d := g.open(t, archived(1, "a", rightSecret, dsn))
	require.Equal(t, &archiveStatus{Error: new(store.ErrUnproved.Error())}, d.archiveStatus(context.Background()), "nothing is filled before the secret is accepted")
	want := askFor(t, plain, byActor)
	require.Equal(t, want, askFor(t, d, byActor))
	s := waitForArchive(t, d)
	require.EqualValues(t, len(g.Server.Events()), s.Events)
	require.Nil(t, s.Error)

	other := g.open(t, archived(1, "b", rightSecret, dsn))
	for _, answers := range []*Instance{d, other} {
		require.Equal(t, want, askFor(t, answers, byActor))
		for _, s := range askTable(t, answers, byActor).Frames[0].Meta.Stats {
			if s.DisplayName == "API calls" {
				require.LessOrEqual(t, s.Value, 1.0, "the end of the log")
			}
		}
	}
}

// A wrong secret sees nothing of the archive, and leaves it alone.
func TestArchiveIsClosedToAWrongSecret(t *testing.T) {
	g, dsn := newGate(t), pgtest.New(t).DSN
	d := g.open(t, archived(1, "a", rightSecret, dsn))
	askFor(t, d, byActor)
	held := waitForArchive(t, d)
	for _, org := range []int64{1, 2} {
		stranger := g.open(t, archived(org, "x", wrongSecret, dsn))
		for _, query := range []string{byActor, `{}`, `{"queryType":"count"}`, `{"queryType":"series"}`} {
			answer := askTable(t, stranger, query)
			require.Error(t, answer.Error, query)
			for _, f := range answer.Frames {
				require.Zero(t, f.Rows(), query)
			}
		}
		_, err := stranger.archive.Group(context.Background(), store.Grouping{Range: auditlog.TimeRange{To: time.Now().UnixMilli()}}, func(store.Grouped) { t.Error("a group") }, nil)
		require.ErrorIs(t, err, store.ErrUnproved)
		require.Equal(t, &archiveStatus{Error: new(store.ErrUnproved.Error())}, stranger.archiveStatus(context.Background()))
	}
	require.GreaterOrEqual(t, d.archiveStatus(context.Background()).Events, held.Events)
}

// askTable answers a query over the last 40 days.
func askTable(t *testing.T, d *Instance, query string) backend.DataResponse {
	t.Helper()
	now := time.Now().Truncate(time.Hour)
	resp, err := d.QueryData(context.Background(), &backend.QueryDataRequest{Queries: []backend.DataQuery{{
		RefID: "A", JSON: json.RawMessage(query), TimeRange: backend.TimeRange{From: now.AddDate(0, 0, -40), To: now}, MaxDataPoints: 100,
	}}})
	require.NoError(t, err)
	return resp.Responses["A"]
}

// askFor returns the content of an answer.
func askFor(t *testing.T, d *Instance, query string) string {
	t.Helper()
	answer := askTable(t, d, query)
	require.NoError(t, answer.Error)
	for _, f := range answer.Frames {
		f.Meta = nil
	}
	text, err := json.Marshal(answer.Frames)
	require.NoError(t, err)
	return string(text)
}

func TestArchiveNeedsADatabase(t *testing.T) {
	g := newGate(t)
	settings := settingsOf(g.Server, g.url, 0, map[string]any{"archiveDays": 30})
	_, err := NewInstance(context.Background(), settings)
	require.ErrorContains(t, err, "archiveDays needs store postgres")
	settings = settingsOf(g.Server, g.url, 0, map[string]any{"archiveDays": "30", "store": "postgres"})
	_, err = NewInstance(context.Background(), settings)
	require.ErrorContains(t, err, "storeDsn is missing")
}

// Every query of the shipped dashboards and rules has the same answer with an archive as without.
func TestArchiveChangesNoShippedAnswer(t *testing.T) {
	g, dsn := newGate(t), pgtest.New(t).DSN
	plain := g.open(t, source{org: 1, uid: "p", secret: rightSecret, jsonData: map[string]any{"settleSeconds": 0}})
	d := g.open(t, archived(1, "a", rightSecret, dsn))
	askFor(t, d, byActor)
	waitForArchive(t, d)
	queries := shippedQueries(t)
	require.Greater(t, len(queries), 60)
	now := time.Now().Truncate(time.Hour)
	for name, q := range queries {
		for _, headers := range []map[string]string{nil, {"FromAlert": "true"}} {
			ask := func(d *Instance) string {
				resp, err := d.QueryData(context.Background(), &backend.QueryDataRequest{Headers: headers, Queries: []backend.DataQuery{{
					RefID: "A", JSON: q, TimeRange: backend.TimeRange{From: now.Add(-30 * time.Hour), To: now}, MaxDataPoints: 100, Interval: time.Minute,
				}}})
				require.NoError(t, err)
				answer := resp.Responses["A"]
				for _, f := range answer.Frames {
					f.Meta = nil
				}
				text, err := json.Marshal(answer.Frames)
				require.NoError(t, err)
				if answer.Error != nil {
					return answer.Error.Error()
				}
				return string(text)
			}
			require.Equal(t, ask(plain), ask(d), "%s: %s", name, q)
		}
	}
}

// variables are lists of values of which none is chosen.
var variables = regexp.MustCompile(`"\$\w+"`)

// shippedQueries returns the queries of the dashboards and of the alert rules.
func shippedQueries(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	queries := map[string]json.RawMessage{}
	paths, err := filepath.Glob("../../provisioning/dashboards/*.json")
	require.NoError(t, err)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		var board struct {
			Panels []struct {
				Title   string
				Targets []json.RawMessage
			}
		}
		require.NoError(t, json.Unmarshal(raw, &board))
		for _, p := range board.Panels {
			for i, target := range p.Targets {
				if text := variables.ReplaceAll(target, nil); !regexp.MustCompile(`"queryType":\s*"(status|callers)"|"source":\s*"queue"`).Match(text) {
					queries[fmt.Sprint(path, p.Title, i)] = text
				}
			}
		}
	}
	raw, err := os.ReadFile("../../provisioning/alerting/carbonblack-audit-rules.yaml")
	require.NoError(t, err)
	var alerting struct {
		Groups []struct {
			Rules []struct {
				Title string
				Data  []struct {
					DatasourceUID string `yaml:"datasourceUid"`
					Model         map[string]any
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &alerting))
	for _, group := range alerting.Groups {
		for _, rule := range group.Rules {
			for i, data := range rule.Data {
				if data.DatasourceUID == "__expr__" || data.Model["queryType"] == "status" {
					continue
				}
				model, err := json.Marshal(data.Model)
				require.NoError(t, err)
				queries[fmt.Sprint(rule.Title, i)] = model
			}
		}
	}
	return queries
}

func TestArchiveEstimate(t *testing.T) {
	require.Equal(t, archiveEstimate{}, estimateArchive(0, 600))
	require.Equal(t, archiveEstimate{Events: 1_000_001, Calls: 101, Seconds: 101, Bytes: 250_000_250}, estimateArchive(1_000_001, 600))
	require.Equal(t, archiveEstimate{Events: 10_000_000, Calls: 1000, Seconds: 8*300 + 120, Bytes: 2_500_000_000}, estimateArchive(10_000_000, 600))

	g := newGate(t)
	d := g.open(t, source{org: 1, uid: "p", secret: rightSecret})
	status, body := callResource(t, d, "Admin", `{"days":10}`)
	require.Equal(t, 200, status, body)
	var e archiveEstimate
	require.NoError(t, json.Unmarshal([]byte(body), &e))
	require.InDelta(t, 3000, e.Events, 1500, "about 300 a day")
	for _, wrong := range []string{``, `{}`, `{"days":0}`, `{"days":3661}`, `{"days":"x"}`, `{"day":1}`} {
		status, _ := callResource(t, d, "Admin", wrong)
		require.Equal(t, 400, status, wrong)
	}
	status, _ = callResource(t, d, "Viewer", `{"days":10}`)
	require.Equal(t, 403, status)
}

func callResource(t *testing.T, d *Instance, role, body string) (int, string) {
	t.Helper()
	var answer *backend.CallResourceResponse
	require.NoError(t, d.CallResource(context.Background(), &backend.CallResourceRequest{
		PluginContext: backend.PluginContext{OrgID: 1, User: &backend.User{Login: "x", Role: role}}, Method: "POST", Path: "archive/estimate", URL: "archive/estimate", Body: []byte(body),
	}, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		answer = r
		return nil
	})))
	return answer.Status, string(answer.Body)
}
