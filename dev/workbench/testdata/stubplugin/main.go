// Command stubplugin is a data source plugin that reports its requests, for the tests of the workbench.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

func main() {
	if err := datasource.Manage("stub-test-datasource", newInstance, datasource.ManageOpts{}); err != nil {
		log.DefaultLogger.Error("stub plugin", "error", err)
		os.Exit(1)
	}
}

type instance struct {
	backend.CallResourceHandler
	settings backend.DataSourceInstanceSettings
	created  string
}

func newInstance(_ context.Context, settings backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	i := &instance{settings: settings, created: time.Now().Format(time.RFC3339Nano)}
	mux := http.NewServeMux()
	mux.HandleFunc("/echo/{rest...}", echo)
	mux.HandleFunc("/state", i.state)
	mux.HandleFunc("/stream", stream)
	mux.HandleFunc("/broken", broken)
	mux.HandleFunc("/cut", cut)
	i.CallResourceHandler = httpadapter.New(mux)
	return i, nil
}

// QueryData answers the query "fail" with an error, and others with a row that repeats the request.
func (i *instance) QueryData(_ context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	response := backend.NewQueryDataResponse()
	for _, query := range req.Queries {
		response.Responses[query.RefID] = i.answer(req, query)
	}
	return response, nil
}

func (i *instance) answer(req *backend.QueryDataRequest, query backend.DataQuery) backend.DataResponse {
	var model struct {
		Query string `json:"query"`
	}
	if err := json.Unmarshal(query.JSON, &model); err != nil {
		return backend.ErrDataResponse(backend.StatusBadRequest, err.Error())
	}
	if model.Query == "fail" {
		return backend.ErrDataResponseWithSource(backend.StatusBadRequest, backend.ErrorSourceDownstream, "asked to fail")
	}
	frame := data.NewFrame("",
		data.NewField("query", nil, []string{model.Query}),
		data.NewField("type", nil, []string{query.QueryType}),
		data.NewField("from", nil, []int64{query.TimeRange.From.UnixMilli()}),
		data.NewField("to", nil, []int64{query.TimeRange.To.UnixMilli()}),
		data.NewField("interval", nil, []int64{query.Interval.Milliseconds()}),
		data.NewField("points", nil, []int64{query.MaxDataPoints}),
		data.NewField("dashboard", nil, []string{req.GetHTTPHeader("X-Dashboard-Uid")}),
		data.NewField("fromAlert", nil, []string{req.Headers["FromAlert"]}),
		data.NewField("role", nil, []string{req.PluginContext.User.Role}),
		data.NewField("source", nil, []string{i.settings.UID}),
	)
	frame.Meta = &data.FrameMeta{Stats: []data.QueryStat{{
		FieldConfig: data.FieldConfig{DisplayName: "API calls"}, Value: 2,
	}}}
	return backend.DataResponse{Frames: data.Frames{frame}}
}

// CheckHealth succeeds if the secret is "right".
func (i *instance) CheckHealth(context.Context, *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	if i.settings.DecryptedSecureJSONData["apiSecret"] != "right" {
		return &backend.CheckHealthResult{
			Status: backend.HealthStatusError, Message: "wrong secret", JSONDetails: []byte(`{"verboseMessage":"no"}`),
		}, nil
	}
	return &backend.CheckHealthResult{Status: backend.HealthStatusOk, Message: "all is well"}, nil
}

// SubscribeStream accepts only the path "a/tail" with the right password.
func (*instance) SubscribeStream(_ context.Context, req *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	switch {
	case req.Path != "a/tail":
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusNotFound}, nil
	case string(req.Data) == `"fail"`:
		return nil, errors.New("asked to fail")
	case string(req.Data) != `"password"`:
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusPermissionDenied}, nil
	}
	initial, err := backend.NewInitialData([]byte(`{"initial":true}`))
	return &backend.SubscribeStreamResponse{InitialData: initial}, err
}

// PublishStream denies everything.
func (*instance) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return &backend.PublishStreamResponse{Status: backend.PublishStreamStatusPermissionDenied}, nil
}

// RunStream sends its settings, fails if they say so, and otherwise waits until ctx is done.
func (i *instance) RunStream(ctx context.Context, _ *backend.RunStreamRequest, sender *backend.StreamSender) error {
	if err := sender.SendJSON(i.settings.JSONData); err != nil {
		return err
	}
	if string(i.settings.JSONData) == "{}" {
		return errors.New("asked to run again")
	}
	<-ctx.Done()
	return nil
}

func echo(w http.ResponseWriter, r *http.Request) {
	pluginContext := backend.PluginConfigFromContext(r.Context())
	w.Header().Set("Set-Cookie", "stub=1")
	w.Header().Set("X-Stub", "yes")
	w.WriteHeader(http.StatusTeapot)
	sendJSON(w, map[string]any{
		"method": r.Method, "path": r.URL.Path, "query": r.URL.RawQuery, "role": pluginContext.User.Role,
		"cookie": r.Header.Get("Cookie"), "custom": r.Header.Get("X-Custom"),
	})
}

// state returns what only the process itself knows.
func (i *instance) state(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, map[string]any{
		"pid": os.Getpid(), "environment": os.Environ(), "created": i.created, "jsonData": i.settings.JSONData,
		"secrets": i.settings.DecryptedSecureJSONData,
	})
}

// stream sends a line, and a second one when the caller, who has read the first, is gone.
func stream(w http.ResponseWriter, r *http.Request) {
	if _, err := fmt.Fprintln(w, "first"); err != nil {
		return
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	<-r.Context().Done()
}

// cut fails after a part of the answer was sent.
func cut(w http.ResponseWriter, r *http.Request) {
	if _, err := fmt.Fprint(w, "a part"); err != nil {
		return
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	broken(w, r)
}

func broken(http.ResponseWriter, *http.Request) {
	panic(errors.New("the stub was asked to break"))
}

func sendJSON(w http.ResponseWriter, value any) {
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.DefaultLogger.Error("stub plugin", "error", err)
	}
}
