package plugin

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

var recordGolden = flag.String("golden.record", "", "record the answers of this version, such as v0.1, instead of comparing them")

// goldenSet is what a released version has saved and answered. Every later version must read it and answer alike.
type goldenSet struct {
	Settings json.RawMessage   `json:"settings"` // jsonData
	Events   []simulator.Event `json:"events"`
	Answers  []goldenAnswer    `json:"answers"`
	// Dashboards are the queries of the dashboards of the version, without variables. They must be answered.
	Dashboards []json.RawMessage `json:"dashboards"`
}

type goldenAnswer struct {
	Query  json.RawMessage `json:"query"`
	Alert  bool            `json:"alert,omitempty"`
	Fields []string        `json:"fields"` // a later version may add fields
	Rows   int             `json:"rows"`
	Total  float64         `json:"total"` // the sum of all numbers
}

// TestGoldenSets answers what older versions have saved.
func TestGoldenSets(t *testing.T) {
	sets, err := filepath.Glob("testdata/v*/golden.json")
	require.NoError(t, err)
	require.NotEmpty(t, sets)
	for _, path := range sets {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) { compareGolden(t, path) })
	}
}

func compareGolden(t *testing.T, path string) {
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var set goldenSet
	require.NoError(t, json.Unmarshal(raw, &set))
	sim := simulator.New(simulator.Config{Events: set.Events, Now: func() time.Time { return present }})
	server := serve(sim)
	t.Cleanup(server.Close)
	s := settingsOf(sim, server.URL, 0, nil)
	jsonData := map[string]any{}
	require.NoError(t, json.Unmarshal(set.Settings, &jsonData))
	jsonData["orgKey"], jsonData["apiId"] = sim.OrgKey(), sim.Keys()[0].APIID
	s.JSONData, err = json.Marshal(jsonData)
	require.NoError(t, err)
	d := newInstance(t, s)
	recording := *recordGolden == filepath.Base(filepath.Dir(path))
	for i, want := range set.Answers {
		headers := map[string]string{}
		if want.Alert {
			headers["FromAlert"] = "true"
		}
		got := summary(t, ask(t, d, headers, string(want.Query))["A"], want)
		if recording {
			set.Answers[i] = got
			continue
		}
		require.Subset(t, got.Fields, want.Fields, string(want.Query))
		require.Equal(t, want.Rows, got.Rows, string(want.Query))
		if slices.Equal(got.Fields, want.Fields) {
			require.InDelta(t, want.Total, got.Total, 1e-6, string(want.Query))
		}
	}
	for _, query := range set.Dashboards {
		require.NoError(t, ask(t, d, nil, string(query))["A"].Error, string(query))
	}
	if recording {
		raw, err := json.MarshalIndent(set, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(raw, '\n'), 0o644))
	}
}

// summary reduces an answer to what must stay.
func summary(t *testing.T, a backend.DataResponse, of goldenAnswer) goldenAnswer {
	require.NoError(t, a.Error, string(of.Query))
	out := goldenAnswer{Query: of.Query, Alert: of.Alert, Fields: []string{}}
	for _, f := range a.Frames {
		out.Rows += f.Rows()
		for _, field := range f.Fields {
			if !slices.Contains(out.Fields, field.Name) {
				out.Fields = append(out.Fields, field.Name)
			}
			out.Total += sum(field)
		}
	}
	sort.Strings(out.Fields)
	return out
}

func sum(f *data.Field) (total float64) {
	if !f.Type().Numeric() {
		return 0
	}
	for i := range f.Len() {
		if v, err := f.FloatAt(i); err == nil && v == v {
			total += v
		}
	}
	return total
}
