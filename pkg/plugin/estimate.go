package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/query"
)

// estimateBody is the body of POST estimate. Times are milliseconds since 1970.
type estimateBody struct {
	Query json.RawMessage `json:"query"`
	From  json.Number     `json:"from"`
	To    json.Number     `json:"to"`
}

// estimate describes how a query would be answered, and its cost.
type estimate struct {
	Calls int    `json:"calls"`
	Plan  string `json:"plan"`
}

// postEstimate estimates the requests that a query would take. It sends nothing: it looks at the query and the cache only.
func (d *Instance) postEstimate(w http.ResponseWriter, r *http.Request) {
	asked, timeRange, err := d.readEstimate(w, r)
	if err != nil {
		sendError(w, http.StatusBadRequest, err.Error())
		return
	}
	estimated, err := d.estimate(r.Context(), asked, timeRange)
	if err != nil {
		status, _ := classify(err)
		sendError(w, int(status), err.Error())
		return
	}
	sendJSON(w, http.StatusOK, estimated)
}

func (d *Instance) readEstimate(w http.ResponseWriter, r *http.Request) (query.Query, auditlog.TimeRange, error) {
	var body estimateBody
	if err := readBody(w, r, maxRequest, &body); err != nil {
		return query.Query{}, auditlog.TimeRange{}, fmt.Errorf(`the body is malformed, expected {"query":{…},"from":ms,"to":ms}: %w`, err)
	}
	if body.From == "" || body.To == "" {
		return query.Query{}, auditlog.TimeRange{}, errors.New("from and to are missing: set the time range in milliseconds since 1970")
	}
	from, err := parseTime("from", body.From.String(), 0)
	if err != nil {
		return query.Query{}, auditlog.TimeRange{}, err
	}
	to, err := parseTime("to", body.To.String(), 0)
	if err != nil {
		return query.Query{}, auditlog.TimeRange{}, err
	}
	requested := auditlog.TimeRange{From: from, To: to}
	if err := requested.Validate(); err != nil {
		return query.Query{}, requested, fmt.Errorf("from must be less than to: %w", err)
	}
	parsed, err := query.Parse(body.Query, d.catalog, d.settings.maxEvents)
	return parsed, requested, err
}

// estimate describes how a query would be answered.
func (d *Instance) estimate(ctx context.Context, q query.Query, requested auditlog.TimeRange) (estimate, error) {
	switch {
	case q.Type == query.TypeStatus || q.Type == query.TypeCallers:
		return estimate{Plan: "Answered by the plugin itself."}, nil
	case q.Source == query.SourceQueue:
		return estimate{Plan: "Answered from the store of the queue. Reads of the queue are not counted."}, nil
	}
	plan, known, err := d.answerer.Estimate(ctx, answer.Request{Query: q, Range: requested, Now: time.Now()})
	if err != nil {
		return estimate{}, err
	}
	return estimate{Calls: plan.Calls(known), Plan: plan.Describe(known)}, nil
}
