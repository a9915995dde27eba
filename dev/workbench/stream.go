package workbench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// rerunAfter is the delay until a stream that failed is run again, as in Grafana.
const rerunAfter = 200 * time.Millisecond

// refusedError is a subscription that the plugin rejected.
type refusedError struct {
	status pluginv2.SubscribeStreamResponse_Status
}

func (e refusedError) Error() string {
	return "the plugin refuses the subscription: " + e.status.String()
}

// Stream subscribes to a channel of a data source with the data of the subscription, and delivers what the plugin sends,
// one frame as JSON each, until ctx is done or the plugin ends the stream. Grafana runs a channel once for all its
// subscribers; here each subscriber has its own run.
func (w *Workbench) Stream(ctx context.Context, uid, path string, data []byte, send func(frame []byte) error) error {
	initial, err := w.subscribe(ctx, uid, path, data)
	if err != nil {
		return err
	}
	if err := send(initial); err != nil {
		return err
	}
	for {
		lost, err := w.runStream(ctx, uid, path, data, send)
		if !lost {
			return err
		}
		select { // the settings have changed, or the plugin was started again
		case <-time.After(rerunAfter):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *Workbench) subscribe(ctx context.Context, uid, path string, data []byte) (initial []byte, err error) {
	pluginContext, err := w.pluginContext(uid, http.Header{})
	if err != nil {
		return nil, err
	}
	conn, err := w.process.connect()
	if err != nil {
		return nil, err
	}
	response, err := conn.stream.SubscribeStream(ctx, &pluginv2.SubscribeStreamRequest{
		PluginContext: backend.ToProto().PluginContext(pluginContext), Path: path, Data: data,
	})
	if err != nil {
		return nil, badRequestError{err}
	}
	if response.Status != pluginv2.SubscribeStreamResponse_OK {
		return nil, refusedError{response.Status}
	}
	return response.Data, nil
}

// runStream delivers packets until the stream ends. lost reports whether the plugin, not the receiver, ended it with an error.
func (w *Workbench) runStream(ctx context.Context, uid, path string, data []byte, send func([]byte) error) (lost bool, err error) {
	pluginContext, err := w.pluginContext(uid, http.Header{})
	if err != nil {
		return false, err
	}
	conn, err := w.process.connect()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.stream.RunStream(ctx, &pluginv2.RunStreamRequest{
		PluginContext: backend.ToProto().PluginContext(pluginContext), Path: path, Data: data,
	})
	if err != nil {
		return ctx.Err() == nil, err
	}
	for {
		packet, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return ctx.Err() == nil, err
		}
		if err := send(packet.Data); err != nil {
			return false, err
		}
	}
}

// handleStream sends a line of JSON per frame while the page reads. The body is the data of the subscription.
func (w *Workbench) handleStream(rw http.ResponseWriter, r *http.Request) {
	data, err := readBody(rw, r)
	if err != nil {
		writeError(rw, http.StatusBadRequest, err)
		return
	}
	begun := false
	err = w.Stream(r.Context(), r.PathValue("uid"), r.PathValue("path"), data, func(frame []byte) error {
		if len(frame) == 0 {
			return nil
		}
		begun = true
		var line bytes.Buffer
		if err := json.Compact(&line, frame); err != nil {
			return fmt.Errorf("the plugin sent invalid JSON: %w", err)
		}
		line.WriteByte('\n')
		rw.Header().Set("Content-Type", "application/x-ndjson")
		if _, err := rw.Write(line.Bytes()); err != nil {
			return err
		}
		return http.NewResponseController(rw).Flush()
	})
	var refused refusedError
	switch {
	case begun || err == nil:
	case errors.As(err, &refused) && refused.status == pluginv2.SubscribeStreamResponse_NOT_FOUND:
		writeError(rw, http.StatusNotFound, err)
	case errors.As(err, &refused):
		writeError(rw, http.StatusForbidden, err)
	default:
		writeError(rw, statusOf(err), err)
	}
}
