package query

import (
	_ "embed"
	"encoding/json"
)

// model holds the rules of the query model that the browser checks, too. A test on each side compares them.
type model struct {
	Keys        []string `json:"keys"`        // that a user may write
	GrafanaKeys []string `json:"grafanaKeys"` // that Grafana adds for itself: its editor of alert rules writes instant and range into every query
	QueryTypes  []string `json:"queryTypes"`
	Sources     []string `json:"sources"`
	Formats     []string `json:"formats"`
	Lines       []string `json:"lines"`
	Limits      Limits   `json:"limits"`
}

// Limits bound what one request may send, so that no viewer can fill the memory of the process.
type Limits struct {
	LuceneBytes       int `json:"luceneBytes"`       // of one Lucene query
	ValuesPerField    int `json:"valuesPerField"`    // of one field of criteria or exclusions
	ValueBytes        int `json:"valueBytes"`        // of one such value
	FilterBytes       int `json:"filterBytes"`       // of all values of one query
	QueriesPerRequest int `json:"queriesPerRequest"` // of one panel, dashboard variable or alert rule
}

//go:embed model.json
var modelFile []byte

var rules = func() (m model) {
	if err := json.Unmarshal(modelFile, &m); err != nil {
		panic("pkg/query/model.json: " + err.Error()) // it is part of the program
	}
	return m
}()

// MaxQueriesPerRequest bounds the queries of one request.
func MaxQueriesPerRequest() int { return rules.Limits.QueriesPerRequest }
