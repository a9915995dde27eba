package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// estimateBody is the body of POST estimate. Times are milliseconds since 1970.
type estimateBody struct {
	Query json.RawMessage `json:"query"`
	From  json.Number     `json:"from"`
	To    json.Number     `json:"to"`
}

// estimate is what a query would cost.
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
	answer, err := d.estimate(r.Context(), asked, timeRange)
	if err != nil {
		status, _ := classify(err)
		sendError(w, int(status), err.Error())
		return
	}
	sendJSON(w, http.StatusOK, answer)
}

func (d *Instance) readEstimate(w http.ResponseWriter, r *http.Request) (query.Query, auditlog.TimeRange, error) {
	var body estimateBody
	if err := readBody(w, r, &body); err != nil {
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
	case q.Type == query.TypeFirstSeen:
		requested.From = max(requested.From-q.Baseline.Milliseconds(), minTime)
	}
	filter := q.Filter
	if q.After != nil {
		filter = q.After.Combined(filter)
	}
	question := history.Question{Filter: filter.Cloud(), Range: requested, Order: cbc.NewestFirst, MaxEvents: d.settings.maxEvents, Mode: history.CacheOnly}
	if q.Oldest {
		question.Order = cbc.OldestFirst
	}
	matcher, matched, cost := filter.Local(), 0, history.Cost{}
	var coverage history.Coverage
	for batch, err := range d.history.Read(ctx, question, &coverage, &cost) {
		if err != nil {
			return estimate{}, err
		}
		for e := range batch {
			if matcher.Match(e, d.catalog.ClassifyEvent(e)) {
				matched++
			}
		}
		if ctx.Err() != nil || q.Type == query.TypeEvents && !q.Fold && matched >= q.Limit {
			break
		}
	}
	if ctx.Err() != nil {
		return estimate{}, ctx.Err()
	}
	if coverage.Complete || q.Type == query.TypeEvents && !q.Fold && matched >= q.Limit {
		return estimate{Plan: "Answered from the cache."}, nil
	}
	return d.missingCalls(coverage, requested), nil
}

// missingCalls estimates the requests for the part of a time range that is not cached, by the rate of events in the part that is.
func (d *Instance) missingCalls(c history.Coverage, requested auditlog.TimeRange) estimate {
	covered, whole := c.Covered.To-c.Covered.From, requested.To-requested.From
	if c.Read == 0 || covered <= 0 || covered >= whole {
		return estimate{Calls: 1, Plan: fmt.Sprintf("At least 1 request: nothing is known about this time range. Each reads up to %d events.", cbc.MaxRows)}
	}
	missing := float64(c.Read) * float64(whole-covered) / float64(covered)
	missing = min(missing, float64(max(d.settings.maxEvents-c.Read, 1)))
	calls := max(int(math.Ceil(missing/cbc.MaxRows)), 1)
	return estimate{Calls: calls, Plan: fmt.Sprintf("About %d more requests for the %d %% of the time range that are not cached.", calls, max(100*(whole-covered)/whole, 1))}
}
