package workbench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"carbonblack-auditlog-datasource/dev/workbench"
)

const rulesFile = "../../provisioning/alerting/carbonblack-audit-rules.yaml"

// failureRule is the UID of the only rule that reports failed queries.
const failureRule = "cbc-data-source-failing"

// ruleFile is a file of alert rules as Grafana provisions it, with the keys used in this project.
type ruleFile struct {
	APIVersion int         `yaml:"apiVersion"`
	Groups     []ruleGroup `yaml:"groups"`
}

type ruleGroup struct {
	OrgID    int    `yaml:"orgId"`
	Name     string `yaml:"name"`
	Folder   string `yaml:"folder"`
	Interval string `yaml:"interval"`
	Rules    []rule `yaml:"rules"`
}

type rule struct {
	UID          string            `yaml:"uid"`
	Title        string            `yaml:"title"`
	Condition    string            `yaml:"condition"`
	For          string            `yaml:"for"`
	NoDataState  string            `yaml:"noDataState"`
	ExecErrState string            `yaml:"execErrState"`
	Data         []ruleQuery       `yaml:"data"`
	Annotations  map[string]string `yaml:"annotations"`
	Labels       map[string]string `yaml:"labels"`
}

type ruleQuery struct {
	RefID             string                 `yaml:"refId"`
	DatasourceUID     string                 `yaml:"datasourceUid"`
	RelativeTimeRange struct{ From, To int } `yaml:"relativeTimeRange"`
	Model             map[string]any         `yaml:"model"`
}

func readRules(t *testing.T) []rule {
	t.Helper()
	raw, err := os.ReadFile(rulesFile)
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	var file ruleFile
	require.NoError(t, decoder.Decode(&file))
	var rules []rule
	for _, group := range file.Groups {
		require.Equal(t, "1m", group.Interval)
		rules = append(rules, group.Rules...)
	}
	return rules
}

// instance is an alert instance: one number of an evaluation.
type instance struct {
	labels data.Labels
	value  float64
	firing bool
}

// ask sends the rule's query to a data source, as Grafana's scheduler does.
func (r rule) ask(t *testing.T, bench *workbench.Workbench, sourceUID string) answer {
	t.Helper()
	query := r.Data[0]
	model := map[string]any{"intervalMs": 1000, "maxDataPoints": 43200}
	for key, value := range query.Model {
		model[key] = value
	}
	model["datasource"] = map[string]string{"type": "carbonblack-auditlog-datasource", "uid": sourceUID}
	body, err := json.Marshal(map[string]any{
		"from": fmt.Sprintf("now-%ds", query.RelativeTimeRange.From), "to": fmt.Sprintf("now-%ds", query.RelativeTimeRange.To), "queries": []any{model},
	})
	require.NoError(t, err)
	return call(t, "POST", bench.URL()+"/api/ds/query", string(body), "FromAlert", "true", "X-Rule-Uid", r.UID)
}

// evaluate evaluates a rule of a query and a threshold, as Grafana does.
func (r rule) evaluate(t *testing.T, bench *workbench.Workbench, sourceUID string) []instance {
	t.Helper()
	got := r.ask(t, bench, sourceUID)
	require.Equal(t, 200, got.status, got.body)
	var response backend.QueryDataResponse
	require.NoError(t, json.Unmarshal([]byte(got.body), &response))
	frames := response.Responses["A"].Frames
	require.NotEmpty(t, frames, "a response without frames is no data")
	instances := make([]instance, 0, len(frames))
	seen := map[string]bool{}
	for _, f := range frames {
		require.Equal(t, data.FrameTypeNumericMulti, f.Meta.Type)
		require.Len(t, f.Fields, 1)
		require.Equal(t, 1, f.Rows())
		value, err := f.Fields[0].NullableFloatAt(0)
		require.NoError(t, err)
		require.NotNil(t, value)
		labels := f.Fields[0].Labels
		require.False(t, seen[labels.String()], "two instances have the labels %s", labels)
		seen[labels.String()] = true
		instances = append(instances, instance{labels, *value, r.exceeds(t, *value)})
	}
	return instances
}

// exceeds reports whether a value meets the rule's threshold.
func (r rule) exceeds(t *testing.T, value float64) bool {
	t.Helper()
	raw, err := json.Marshal(r.Data[1].Model)
	require.NoError(t, err)
	var threshold struct {
		Type, Expression string
		Conditions       []struct {
			Evaluator struct {
				Type   string
				Params []float64
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &threshold))
	require.Equal(t, "threshold", threshold.Type)
	require.Equal(t, "A", threshold.Expression)
	require.Len(t, threshold.Conditions, 1)
	limit := threshold.Conditions[0].Evaluator.Params
	require.Len(t, limit, 1)
	switch threshold.Conditions[0].Evaluator.Type {
	case "gt":
		return value > limit[0]
	case "lt":
		return value < limit[0]
	}
	t.Fatalf("unknown evaluator %q", threshold.Conditions[0].Evaluator.Type)
	return false
}

// description returns the description that a notification would carry.
func (r rule) description(t *testing.T, i instance) string {
	t.Helper()
	text, err := template.New(r.UID).Option("missingkey=error").Parse(
		`{{ $labels := .Labels }}{{ $values := .Values }}` + r.Annotations["description"])
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, text.Execute(&out, map[string]any{
		"Labels": i.labels, "Values": map[string]map[string]float64{"A": {"Value": i.value}},
	}))
	return out.String()
}

// A user may change execErrState. Grafana then notifies without values and with labels of its own, so the text must name nobody.
func TestFailedRuleNamesNobody(t *testing.T) {
	for _, r := range readRules(t) {
		if !strings.Contains(r.Annotations["description"], "{{") {
			continue
		}
		text, err := template.New(r.UID).Parse(`{{ $labels := .Labels }}{{ $values := .Values }}` + r.Annotations["description"])
		require.NoError(t, err)
		var out strings.Builder
		require.NoError(t, text.Execute(&out, map[string]any{
			"Labels": data.Labels{"datasource_uid": "carbonblack", "ref_id": "A"}, "Values": map[string]float64{},
		}))
		require.Equal(t, "Not evaluated: see the annotation Error", out.String(), r.UID)
	}
}

// Every rule has the labels and annotations that an alert needs, and docs/alerts.md shows its query.
func TestRulesAreComplete(t *testing.T) {
	guide, err := os.ReadFile("../../docs/alerts.md")
	require.NoError(t, err)
	label := regexp.MustCompile(`\$labels\.(\w+)`)
	uids := map[string]bool{}
	for _, r := range readRules(t) {
		require.Regexp(t, `^cbc-[a-z-]{1,36}$`, r.UID)
		require.False(t, uids[r.UID])
		uids[r.UID] = true
		state := "KeepLast"
		if r.UID == failureRule {
			state = "Alerting"
		}
		require.Equal(t, state, r.NoDataState, r.UID)
		require.Equal(t, state, r.ExecErrState, r.UID)
		require.Regexp(t, `^[A-Z][^{}]*\.$`, r.Annotations["summary"], "%s: the summary is a plain sentence", r.UID)
		require.NotEmpty(t, r.Annotations["description"], r.UID)
		require.NotEmpty(t, r.Annotations["runbook"], r.UID)
		require.Contains(t, []string{"info", "warning", "critical"}, r.Labels["severity"], r.UID)
		require.Regexp(t, `^(T\d{4}(\.\d{3})?)?$`, r.Labels["mitre"], r.UID)
		require.Equal(t, "B", r.Condition)
		require.Len(t, r.Data, 2)
		groups := fmt.Sprint(r.Data[0].Model["groupBy"])
		for _, name := range label.FindAllStringSubmatch(r.Annotations["description"], -1) {
			require.Regexp(t, `\b`+name[1]+`\b`, groups, "%s uses a label that it does not have", r.UID)
		}
		require.GreaterOrEqual(t, r.Data[0].RelativeTimeRange.From, 120, "%s: the range covers the interval and late events", r.UID)
		require.Contains(t, string(guide), "### "+r.Title+"\n", "docs/alerts.md")
		require.Contains(t, string(guide), "`"+r.UID+"`", "docs/alerts.md")
		require.Contains(t, documentedQueries(t, guide), canonical(t, withoutGrafanasKeys(r.Data[0].Model)), "docs/alerts.md shows another query for %s", r.UID)
	}
}

func withoutGrafanasKeys(model map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range model {
		if key != "refId" && key != "datasource" && key != "schemaVersion" {
			out[key] = value
		}
	}
	return out
}

func canonical(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	return string(raw)
}

// documentedQueries returns the JSON blocks of a Markdown document.
func documentedQueries(t *testing.T, text []byte) []string {
	t.Helper()
	var queries []string
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)\n```").FindAllSubmatch(text, -1) {
		var value any
		require.NoError(t, json.Unmarshal(block[1], &value), "%s", block[1])
		queries = append(queries, canonical(t, value))
	}
	return queries
}

// The file for Grafana's HTTP API holds the same rules as the provisioning file.
func TestImportFileMatchesProvisioning(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "src", "alerting", "carbonblack-audit-rules.json"))
	require.NoError(t, err)
	var imported []struct {
		Title     string           `json:"title"`
		FolderUID string           `json:"folderUid"`
		Interval  int              `json:"interval"`
		Rules     []map[string]any `json:"rules"`
	}
	require.NoError(t, json.Unmarshal(raw, &imported))
	var file struct {
		Groups []struct {
			Name  string           `yaml:"name"`
			Rules []map[string]any `yaml:"rules"`
		} `yaml:"groups"`
	}
	provisioned, err := os.ReadFile(rulesFile)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(provisioned, &file))
	require.Len(t, imported, len(file.Groups))
	for i, group := range file.Groups {
		require.Equal(t, group.Name, imported[i].Title)
		require.Equal(t, "carbonblack", imported[i].FolderUID)
		require.Equal(t, 60, imported[i].Interval)
		require.Len(t, imported[i].Rules, len(group.Rules))
		for j, r := range group.Rules {
			got := imported[i].Rules[j]
			require.Equal(t, group.Name, got["ruleGroup"])
			require.Equal(t, "carbonblack", got["folderUID"])
			delete(got, "ruleGroup")
			delete(got, "folderUID")
			delete(got, "orgID")
			require.JSONEq(t, canonical(t, r), canonical(t, got), "%v", r["uid"])
		}
	}
}
