package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/query"
)

func generated(t *testing.T) document {
	raw, err := Generate(os.DirFS("../.."))
	require.NoError(t, err)
	again, err := Generate(os.DirFS("../.."))
	require.NoError(t, err)
	require.Equal(t, string(raw), string(again))
	var d document
	require.NoError(t, json.Unmarshal(raw, &d))
	return d
}

// compile returns the schema of each query type.
func compile(t *testing.T, d document) map[string]*jsonschema.Schema {
	out := map[string]*jsonschema.Schema{}
	for _, item := range d.QueryTypes.Items {
		name := item.Metadata["name"].(string)
		raw, err := json.Marshal(item.Spec.Schema)
		require.NoError(t, err)
		parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		require.NoError(t, err)
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft4)
		parsed.(map[string]any)["$schema"] = "http://json-schema.org/draft-04/schema#"
		require.NoError(t, c.AddResource(name+".json", parsed))
		out[name], err = c.Compile(name + ".json")
		require.NoError(t, err)
	}
	return out
}

func valid(t *testing.T, s *jsonschema.Schema, text string) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	require.NoError(t, err)
	return s.Validate(v)
}

func TestSettingsAndRoutes(t *testing.T) {
	d := generated(t)
	jsonData := d.Settings.Spec["properties"].(map[string]any)["jsonData"].(map[string]any)["properties"].(map[string]any)
	require.Equal(t, map[string]any{"type": "integer", "default": 100000.0, "minimum": 1.0, "maximum": 10000000.0}, jsonData["maxEvents"])
	require.Equal(t, map[string]any{"type": "boolean", "default": false}, jsonData["queueEnabled"])
	require.Equal(t, map[string]any{"type": "string"}, jsonData["orgKey"])
	require.Contains(t, jsonData, "catalogRules")
	require.Contains(t, d.Settings.SecureValues, secureValue{"apiSecret"})
	require.Contains(t, d.Settings.SecureValues, secureValue{"storeDsn"})
	paths := d.Routes["paths"].(map[string]any)
	for _, path := range []string{"/resources/exports", "/resources/exports/{id}/download", "/resources/values", "/resources/catalog", "/resources/status"} {
		require.Contains(t, paths, path)
	}
}

// TestExamplesAreQueries: the plugin and the schema accept every example.
func TestExamplesAreQueries(t *testing.T) {
	d := generated(t)
	schemas := compile(t, d)
	require.Greater(t, len(d.QueryExamples.Examples), 20)
	for _, e := range d.QueryExamples.Examples {
		if bytes.Contains(e.SaveModel, []byte("$")) {
			continue // Grafana replaces a variable before the plugin sees the query
		}
		require.NoError(t, valid(t, schemas[e.QueryType], string(e.SaveModel)), e.Name)
		_, err := query.Parse(e.SaveModel, catalog.Default(), 100_000)
		require.NoError(t, err, e.Name)
	}
}

// TestSchemaAgreesWithTheParser: what one of them refuses, so does the other.
func TestSchemaAgreesWithTheParser(t *testing.T) {
	schemas := compile(t, generated(t))
	for text, accepted := range map[string]bool{
		`{"queryType":"events"}`: true,
		`{"queryType":"events","criteria":{"actor":["a"],"flagged":true}}`: true,
		`{"queryType":"events","criteria":{"flagged":["true"]}}`:           false,
		`{"queryType":"events","criteria":{"colour":["red"]}}`:             false,
		`{"queryType":"events","groupBy":["colour"]}`:                      false,
		`{"queryType":"events","limit":0}`:                                 false,
		`{"queryType":"events","limit":"many"}`:                            false,
		`{"queryType":"events","source":"moon"}`:                           false,
		`{"queryType":"events","format":"pdf"}`:                            false,
		`{"queryType":"events","sort":"random"}`:                           false,
		`{"queryType":"events","fold":"yes"}`:                              false,
		`{"queryType":"events","schemaVersion":99}`:                        false,
	} {
		_, err := query.Parse([]byte(text), catalog.Default(), 100_000)
		require.Equal(t, accepted, err == nil, "parser: %s", text)
		require.Equal(t, accepted, valid(t, schemas["events"], text) == nil, "schema: %s", text)
	}
	for _, k := range auditlog.Keys() {
		require.NoError(t, valid(t, schemas["top"], `{"queryType":"top","groupBy":["`+string(k)+`"]}`))
	}
}
