package workbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/gtime"
)

// forwardedHeaders are the headers that Grafana forwards with a query.
var forwardedHeaders = []string{
	"X-Datasource-Uid", "X-Dashboard-Uid", "X-Dashboard-Title", "X-Panel-Id", "X-Panel-Title", "X-Panel-Plugin-Id",
	"X-Query-Group-Id", "X-Grafana-Org-Id", "X-Grafana-From-Expr", "X-Cache-Skip",
}

// Alerting sets this header without the prefix that the SDK adds to others. Callers may set it to see what
// an alert rule gets.
const fromAlertHeader = "FromAlert"

// Grafana's defaults for queries that do not set them.
const (
	defaultInterval      = time.Second
	defaultMaxDataPoints = 100
)

// queryRequest is the body of POST /api/ds/query.
type queryRequest struct {
	From    string            `json:"from"`
	To      string            `json:"to"`
	Queries []json.RawMessage `json:"queries"`
}

// queryEnvelope is the part of a query that all data sources share.
type queryEnvelope struct {
	RefID         string  `json:"refId"`
	QueryType     string  `json:"queryType"`
	IntervalMS    float64 `json:"intervalMs"`
	MaxDataPoints int64   `json:"maxDataPoints"`
	Datasource    struct {
		UID string `json:"uid"`
	} `json:"datasource"`
}

// badRequestError is a request that Grafana rejects without calling the plugin.
type badRequestError struct{ error }

// Query answers a body of POST /api/ds/query. Queries without a data source go to uid. The error is about the request
// as a whole; the error of a query is in its response.
func (w *Workbench) Query(ctx context.Context, uid string, body []byte) (*backend.QueryDataResponse, error) {
	return w.query(ctx, uid, body, http.Header{})
}

func (w *Workbench) query(ctx context.Context, uid string, body []byte, header http.Header) (*backend.QueryDataResponse, error) {
	byUID, err := w.parseQueries(uid, body)
	if err != nil {
		return nil, badRequestError{err}
	}
	merged := backend.NewQueryDataResponse()
	for uid, queries := range byUID {
		response, err := w.querySource(ctx, uid, queries, header)
		if err != nil {
			return nil, err
		}
		for refID, answer := range response.Responses {
			merged.Responses[refID] = answer
		}
	}
	return merged, nil
}

// parseQueries groups queries by data source, because the plugin is called once for each.
func (w *Workbench) parseQueries(uid string, body []byte) (map[string][]backend.DataQuery, error) {
	var request queryRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, fmt.Errorf("query body: %w", err)
	}
	if len(request.Queries) == 0 {
		return nil, errors.New("no queries found")
	}
	timeRange, err := w.parseTimeRange(request.From, request.To)
	if err != nil {
		return nil, err
	}
	byUID := map[string][]backend.DataQuery{}
	for _, raw := range request.Queries {
		envelope := queryEnvelope{RefID: "A", MaxDataPoints: defaultMaxDataPoints}
		envelope.Datasource.UID = uid
		if err := json.Unmarshal(raw, &envelope); err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
		query := backend.DataQuery{
			RefID: envelope.RefID, QueryType: envelope.QueryType, MaxDataPoints: envelope.MaxDataPoints,
			Interval: time.Duration(envelope.IntervalMS * float64(time.Millisecond)), TimeRange: timeRange, JSON: raw,
		}
		if query.Interval <= 0 {
			query.Interval = defaultInterval
		}
		byUID[envelope.Datasource.UID] = append(byUID[envelope.Datasource.UID], query)
	}
	return byUID, nil
}

func (w *Workbench) parseTimeRange(from, to string) (backend.TimeRange, error) {
	parser := gtime.TimeRange{From: from, To: to, Now: w.config.Now()}
	start, err := parser.ParseFrom()
	if err != nil {
		return backend.TimeRange{}, fmt.Errorf("from %q: %w", from, err)
	}
	end, err := parser.ParseTo()
	if err != nil {
		return backend.TimeRange{}, fmt.Errorf("to %q: %w", to, err)
	}
	return backend.TimeRange{From: start, To: end}, nil
}

func (w *Workbench) querySource(ctx context.Context, uid string, queries []backend.DataQuery, header http.Header) (*backend.QueryDataResponse, error) {
	pluginContext, err := w.pluginContext(uid, header)
	if err != nil {
		return nil, err
	}
	request := &backend.QueryDataRequest{PluginContext: pluginContext, Headers: map[string]string{}, Queries: queries}
	for _, name := range forwardedHeaders {
		if value := header.Get(name); value != "" {
			request.SetHTTPHeader(name, value)
		}
	}
	if value := header.Get(fromAlertHeader); value != "" {
		request.Headers[fromAlertHeader] = value
	}
	conn, err := w.process.connect()
	if err != nil {
		return nil, err
	}
	response, err := conn.data.QueryData(ctx, backend.ToProto().QueryDataRequest(request))
	if err != nil {
		return nil, err
	}
	return backend.FromProto().QueryDataResponse(response)
}

func (w *Workbench) handleQuery(rw http.ResponseWriter, r *http.Request) {
	body, err := readBody(rw, r)
	if err != nil {
		writeError(rw, http.StatusBadRequest, err)
		return
	}
	response, err := w.query(r.Context(), "", body, r.Header)
	if err != nil {
		writeError(rw, statusOf(err), err)
		return
	}
	status := http.StatusOK
	for _, answer := range response.Responses {
		if answer.Error != nil {
			status = http.StatusBadRequest
		}
	}
	writeJSON(rw, status, response)
}
