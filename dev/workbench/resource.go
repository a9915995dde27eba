package workbench

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// withheldHeaders never reach the plugin: they are for the host, or for one connection.
var withheldHeaders = []string{
	"Authorization", "Connection", "Cookie", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", roleHeader,
}

func (w *Workbench) handleHealth(rw http.ResponseWriter, r *http.Request) {
	result, err := w.checkHealth(r.Context(), r.PathValue("uid"), r.Header)
	if err != nil {
		writeError(rw, statusOf(err), err)
		return
	}
	body := map[string]any{"status": result.Status.String(), "message": result.Message}
	if len(result.JSONDetails) > 0 {
		body["details"] = json.RawMessage(result.JSONDetails)
	}
	status := http.StatusOK
	if result.Status != backend.HealthStatusOk {
		status = http.StatusBadRequest
	}
	writeJSON(rw, status, body)
}

func (w *Workbench) checkHealth(ctx context.Context, uid string, header http.Header) (*backend.CheckHealthResult, error) {
	pluginContext, err := w.pluginContext(uid, header)
	if err != nil {
		return nil, err
	}
	conn, err := w.process.connect()
	if err != nil {
		return nil, err
	}
	response, err := conn.diagnostics.CheckHealth(ctx, &pluginv2.CheckHealthRequest{
		PluginContext: backend.ToProto().PluginContext(pluginContext),
	})
	if err != nil {
		return nil, err
	}
	return backend.FromProto().CheckHealthResponse(response), nil
}

func (w *Workbench) handleResource(rw http.ResponseWriter, r *http.Request) {
	stream, err := w.forward(rw, r)
	if err != nil {
		writeError(rw, statusOf(err), err)
		return
	}
	first, err := stream.Recv()
	if err != nil {
		writeError(rw, http.StatusInternalServerError, err)
		return
	}
	sendHead(rw, first)
	flusher := http.NewResponseController(rw)
	for message := first; err == nil; message, err = stream.Recv() {
		if _, writeErr := rw.Write(message.Body); writeErr != nil {
			return
		}
		if flushErr := flusher.Flush(); flushErr != nil {
			return
		}
	}
	if !errors.Is(err, io.EOF) {
		// The status was sent already; only closing the connection shows that the body is incomplete.
		panic(http.ErrAbortHandler)
	}
}

// forward converts a request to a data source's resources to a call of the plugin.
func (w *Workbench) forward(rw http.ResponseWriter, r *http.Request) (pluginv2.Resource_CallResourceClient, error) {
	body, err := readBody(rw, r)
	if err != nil {
		return nil, badRequestError{err}
	}
	path := r.PathValue("path")
	url := path
	if r.URL.RawQuery != "" {
		url += "?" + r.URL.RawQuery
	}
	return w.CallResource(r.Context(), r.PathValue("uid"), r.Header, &backend.CallResourceRequest{
		Method: r.Method, Path: path, URL: url, Body: body,
	})
}

// CallResource calls a resource of a data source with the caller's headers. The answer arrives in messages, the first
// with status and headers.
func (w *Workbench) CallResource(ctx context.Context, uid string, header http.Header, call *backend.CallResourceRequest) (pluginv2.Resource_CallResourceClient, error) {
	var err error
	if call.PluginContext, err = w.pluginContext(uid, header); err != nil {
		return nil, err
	}
	call.Headers = header.Clone()
	for _, name := range withheldHeaders {
		http.Header(call.Headers).Del(name)
	}
	conn, err := w.process.connect()
	if err != nil {
		return nil, err
	}
	return conn.resource.CallResource(ctx, backend.ToProto().CallResourceRequest(call))
}

// sendHead sends the headers and the status, which only the first message has.
func sendHead(rw http.ResponseWriter, first *pluginv2.CallResourceResponse) {
	header := rw.Header()
	for name, values := range first.Headers {
		for _, value := range values.Values {
			header.Add(name, value)
		}
	}
	header.Del("Set-Cookie")
	header.Set("Content-Security-Policy", "sandbox")
	status := int(first.Code)
	if status < 200 || status > 999 {
		status = http.StatusInternalServerError
	}
	rw.WriteHeader(status)
}
