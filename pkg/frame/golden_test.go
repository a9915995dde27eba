package frame_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/frame"
)

var update = flag.Bool("update", false, "write the golden frames of testdata anew")

// meta is what all golden answers say of themselves.
var meta = frame.Meta{
	Executed: "POST /audit_log/v1/orgs/ABCD1234/logs/_search\n{\"rows\":500}",
	Notices:  []frame.Notice{{Text: "The newest 2 of 7 events are shown"}, {Warning: true, Text: "Incomplete"}},
	Stats:    frame.Stats{Found: 7, Read: 5, Shown: 2, Calls: 3, CacheShare: 0.25, Wait: 1500 * time.Millisecond, Classified: true, Unknown: 0.5},
	Limit:    2,
}

var (
	noon  = time.Date(2024, 4, 17, 12, 0, 0, 0, time.UTC)
	hours = []time.Time{noon, noon.Add(time.Hour), noon.Add(2 * time.Hour)}
)

// rows are a common event, one with everything, and one with next to nothing.
func rows() []frame.Row {
	return []frame.Row{
		{
			Event: &auditlog.Event{CreateTime: noon.Add(480 * time.Millisecond), OrgKey: "ABCD1234", Actor: "a@example.com", ActorIP: "192.0.2.7", Description: "Logged in successfully"},
			Class: auditlog.Class{Category: "authentication", Action: "login", Outcome: "success", Severity: "info", Code: "login.succeeded"},
			ID:    "0123456789abcdef0123456789abcdef",
		},
		{
			Event: &auditlog.Event{
				CreateTime: noon.Add(-123456789 * time.Nanosecond), OrgKey: "ABCD1234", Actor: `DOMAIN\HOST`, ActorIP: "2001:db8::1", RequestURL: "/settings/users?a=1&b=<2>",
				Description: "Updated Config: {\"a\": \"é\"},\n\tdone", Flagged: true, Verbose: true,
				Extra: []auditlog.Field{
					{Name: "category", Value: json.RawMessage(`"VENDOR"`)}, {Name: "cbc_category", Value: json.RawMessage(`"VENDOR 2"`)},
					{Name: "id", Value: json.RawMessage(`17`)}, {Name: "zone", Value: json.RawMessage(`{"a":[1,"\""]}`)},
				},
			},
			Class: auditlog.Class{Category: "data_forwarder", Action: "update", Outcome: "success", Severity: "warning", Code: "data_forwarder.updated"},
			ID:    "00000000000000000000000000000001-1",
		},
		{
			Event: &auditlog.Event{CreateTime: time.Unix(-1, 0).UTC(), Extra: []auditlog.Field{{Name: "alpha", Value: json.RawMessage(`true`)}}},
			Class: catalog.Unknown(),
			ID:    "00000000000000000000000000000002",
		},
	}
}

// folded are the rows, the second of which stands for an edit of three entries.
func folded() ([]frame.Row, frame.Meta) {
	list, m := rows(), meta
	list[1].Folded = []*auditlog.Event{{Description: "Request received to modify policy \"é\""}, {Description: "Policy é was modified\r\n"}}
	m.Fold, m.Stats.Folded = true, 2
	return list, m
}

var (
	byActor  = []auditlog.Key{auditlog.KeyActor}
	byTwo    = []auditlog.Key{auditlog.KeyActor, auditlog.KeyOutcome}
	twoActor = []frame.Group{
		{Values: []string{"a@example.com"}, Count: 5, First: noon, Last: hours[2], Buckets: []int64{3, 0, 2}},
		{Values: []string{""}, Count: 1, First: hours[1], Last: hours[1], Buckets: []int64{0, 1, 0}},
	}
	twoKeys = []frame.Group{
		{Values: []string{"other", "failure"}, Count: 5, First: noon, Last: hours[2], Buckets: []int64{3, 0, 2}},
		{Values: []string{"", "success"}, Count: 1, First: hours[1], Last: hours[1], Buckets: []int64{0, 1, 0}},
	}
	rest = frame.Group{Values: []string{"other", "other"}, Count: 9, Buckets: []int64{2, 3, 4}, Rest: true}
)

// answers are all shapes of an answer.
func answers() map[string]frame.Frames {
	highlighted := meta
	highlighted.SearchWords = []string{"logged in"}
	atLeast := meta
	atLeast.Stats.FoundAtLeast, atLeast.Notices = true, nil
	return map[string]frame.Frames{
		"logs":         frame.Logs(rows(), highlighted),
		"logs_empty":   frame.Logs(nil, frame.Meta{}),
		"table":        frame.Table(rows(), atLeast),
		"table_empty":  frame.Table(nil, frame.Meta{}),
		"counts":       frame.Counts(byTwo, twoKeys, meta),
		"counts_total": frame.Counts(nil, []frame.Group{{Count: 12}}, meta),
		"counts_empty": frame.Counts(byActor, nil, meta),
		"series":       frame.Series(byActor, hours, twoActor, meta),
		"series_rest":  frame.Series(byTwo, hours, append(twoKeys[:2:2], rest), meta),
		"series_total": frame.Series(nil, hours, []frame.Group{{Count: 6, Buckets: []int64{1, 2, 3}}}, meta),
		"series_empty": frame.Series(byActor, hours, nil, meta),
		"top":          frame.Top(byTwo, twoKeys, meta),
		"logs_folded":  frame.Logs(folded()),
		"table_folded": frame.Table(folded()),
		"top_total":    frame.Top(nil, []frame.Group{{}}, meta),
		"top_empty":    frame.Top(byActor, nil, meta),
	}
}

func TestGoldenFrames(t *testing.T) {
	golden := answers()
	for name, frames := range golden {
		t.Run(name, func(t *testing.T) {
			got := render(t, frames)
			path := filepath.Join("testdata", name+".json")
			if *update {
				require.NoError(t, os.WriteFile(path, got, 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, len(golden), "testdata holds files that no test reads")
}

// render writes frames as Grafana gets them.
func render(t *testing.T, frames frame.Frames) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, f := range frames {
		raw, err := data.FrameToJSON(f, data.IncludeAll)
		require.NoError(t, err)
		require.NoError(t, json.Indent(&b, raw, "", "  "))
		b.WriteByte('\n')
	}
	return b.Bytes()
}
