// Package schema describes the plugin for machines: its settings, queries, routes and examples, in the form that Grafana reads from
// schema/v0alpha1.json. Everything comes from the code, so that it cannot differ from what the plugin does.
package schema

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
)

// Name is the name of the file in the plugin's folder.
const Name = "schema/v0alpha1.json"

const apiVersion = "v0alpha1"

// object is a JSON object.
type object map[string]any

// document is the file.
type document struct {
	TargetAPIVersion string        `json:"targetApiVersion"`
	Settings         settings      `json:"settings"`
	Routes           object        `json:"routes"`
	QueryTypes       queryTypes    `json:"queryTypes"`
	QueryExamples    queryExamples `json:"queryExamples"`
}

type queryTypes struct {
	Kind       string            `json:"kind"`
	APIVersion string            `json:"apiVersion"`
	Metadata   object            `json:"metadata"`
	Items      []queryDefinition `json:"items"`
}

type queryDefinition struct {
	Metadata object    `json:"metadata"`
	Spec     querySpec `json:"spec"`
}

type querySpec struct {
	Discriminators []object `json:"discriminators"`
	Description    string   `json:"description,omitempty"`
	Schema         object   `json:"schema"`
}

type queryExamples struct {
	Examples []example `json:"examples"`
}

type example struct {
	Name      string          `json:"name"`
	QueryType string          `json:"queryType"`
	SaveModel json.RawMessage `json:"saveModel"`
}

// model is pkg/query/model.json, the rules of the query that the plugin and the browser side share.
type model struct {
	Keys       []string `json:"keys"`
	QueryTypes []string `json:"queryTypes"`
	Sources    []string `json:"sources"`
	Formats    []string `json:"formats"`
	Limits     struct {
		LuceneBytes    int `json:"luceneBytes"`
		ValuesPerField int `json:"valuesPerField"`
		ValueBytes     int `json:"valueBytes"`
	} `json:"limits"`
}

// Generate describes the plugin whose sources are given.
func Generate(source fs.FS) ([]byte, error) {
	raw, err := fs.ReadFile(source, "pkg/query/model.json")
	if err != nil {
		return nil, err
	}
	var m model
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("pkg/query/model.json: %w", err)
	}
	d := document{TargetAPIVersion: apiVersion}
	if d.Settings, err = settingsIn(source); err != nil {
		return nil, err
	}
	if d.Routes, err = routesIn(source); err != nil {
		return nil, err
	}
	d.QueryTypes = queryTypes{Kind: "QueryTypeDefinitionList", APIVersion: "datasource.grafana.app/" + apiVersion, Metadata: object{}}
	for _, name := range m.QueryTypes {
		d.QueryTypes.Items = append(d.QueryTypes.Items, queryDefinition{
			Metadata: object{"name": name},
			Spec:     querySpec{Discriminators: []object{{"field": "queryType", "value": name}}, Description: descriptions[name], Schema: querySchema(m, name)},
		})
	}
	if d.QueryExamples.Examples, err = examplesIn(source); err != nil {
		return nil, err
	}
	out, err := json.MarshalIndent(d, "", "  ")
	return append(out, '\n'), err
}

var descriptions = map[string]string{
	"events":    "The newest or oldest events",
	"count":     "The number of events, in all or of each group",
	"series":    "The number of events over time",
	"top":       "The groups with the most events",
	"firstSeen": "Groups that did not occur in the time before",
	"sessions":  "Sittings of an account at an address",
	"status":    "The state of the plugin",
	"callers":   "Who spent requests",
}

// querySchema returns the JSON schema of a query of one type. A key without a description here may have any value.
func querySchema(m model, queryType string) object {
	known := queryProperties(m, queryType)
	properties := object{"refId": object{"type": "string"}}
	for _, key := range m.Keys {
		properties[key] = object{}
		if p, described := known[key]; described {
			properties[key] = p
		}
	}
	return object{
		"$schema": "https://json-schema.org/draft-04/schema#", "type": "object", "properties": properties, "additionalProperties": true,
		"required": []string{"queryType"},
	}
}

func queryProperties(m model, queryType string) object {
	var keys []string
	for _, k := range auditlog.Keys() {
		keys = append(keys, string(k))
	}
	filters := filterSchema(m)
	return object{
		"schemaVersion": object{"type": "integer", "enum": []int{1}},
		"queryType":     object{"type": "string", "enum": []string{queryType}},
		"source":        object{"type": "string", "enum": m.Sources},
		"format":        object{"type": "string", "enum": m.Formats},
		"query":         object{"type": "string", "maxLength": m.Limits.LuceneBytes, "description": "Lucene text, sent to Carbon Black Cloud unchanged"},
		"criteria":      filters,
		"exclusions":    filters,
		"groupBy":       object{"type": "array", "items": object{"type": "string", "enum": keys}, "uniqueItems": true},
		"limit":         object{"type": "integer", "minimum": 1},
		"sort":          object{"type": "string", "enum": []string{"desc", "asc"}},
		"baseline":      object{"type": "string", "pattern": "^[0-9]+[mhdw]$"},
		"fold":          object{"type": "boolean"},
		"after": object{"type": "object", "properties": object{
			"criteria": filters, "exclusions": filters, "atLeast": object{"type": "integer", "minimum": 1},
		}},
	}
}

// filterSchema describes criteria and exclusions. The words of the catalog are not listed, because settings may add others.
func filterSchema(m model) object {
	properties := object{}
	for _, k := range auditlog.Keys() {
		properties[string(k)] = object{"type": "array", "maxItems": m.Limits.ValuesPerField, "items": object{"type": "string", "maxLength": m.Limits.ValueBytes}}
		switch {
		case k.Boolean():
			properties[string(k)] = object{"type": "boolean"}
		case k == auditlog.KeyOutcome:
			properties[string(k)] = object{"type": "array", "items": object{"type": "string", "enum": append(slices.Clone(catalog.Default().Outcomes()), "")}}
		}
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}

// examplesIn returns the queries of the shipped dashboards' panels.
func examplesIn(source fs.FS) ([]example, error) {
	names, err := fs.Glob(source, "provisioning/dashboards/*.json")
	if err != nil {
		return nil, err
	}
	var out []example
	for _, name := range names {
		var board struct {
			Title  string `json:"title"`
			Panels []struct {
				Title   string            `json:"title"`
				Targets []json.RawMessage `json:"targets"`
			} `json:"panels"`
		}
		raw, err := fs.ReadFile(source, name)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &board); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				var q struct {
					QueryType string `json:"queryType"`
				}
				if json.Unmarshal(target, &q) != nil || q.QueryType == "" {
					continue // an expression
				}
				out = append(out, example{Name: board.Title + ": " + p.Title, QueryType: q.QueryType, SaveModel: target})
			}
		}
	}
	return out, nil
}
