package plugin

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"carbonblack-auditlog-datasource/pkg/export"
)

// resourceStream is the answer to one resource call. A route writes an HTTP answer, or takes the stream over to send a file in chunks.
// Then each chunk is one message to Grafana, which forwards it at once.
type resourceStream struct {
	sender backend.CallResourceResponseSender
	taken  atomic.Bool // by a file, whose first message is on its way
	failed error
}

type streamKey struct{}

func streamOf(ctx context.Context) *resourceStream {
	s, _ := ctx.Value(streamKey{}).(*resourceStream)
	return s
}

// breakable lets routes end a call with an error after they have begun an answer. Grafana writes the error behind what was sent, and
// does not break the connection to the browser.
type breakable struct{ backend.CallResourceHandler }

func (h breakable) CallResource(ctx context.Context, req *backend.CallResourceRequest, sender backend.CallResourceResponseSender) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			backend.Logger.FromContext(ctx).Error("a resource call panicked", "error", failure, "stack", string(debug.Stack()))
			err = errors.New("the plugin failed on this call, please report it")
		}
	}()
	s := &resourceStream{sender: sender}
	if err := h.CallResourceHandler.CallResource(context.WithValue(ctx, streamKey{}, s), req, s); err != nil {
		return err
	}
	return s.failed
}

// Send passes on what a route wrote, unless the stream was taken over.
func (s *resourceStream) Send(resp *backend.CallResourceResponse) error {
	if s.taken.Load() {
		return nil
	}
	return s.sender.Send(resp)
}

// Begin takes the stream over for a file.
func (s *resourceStream) Begin(f export.File) error {
	s.taken.Store(true)
	return s.sender.Send(&backend.CallResourceResponse{Status: http.StatusOK, Headers: map[string][]string{
		"Content-Type":           {f.MediaType},
		"Content-Disposition":    {`attachment; filename="` + f.Name + `"`}, // letters, digits, dots, dashes
		"X-Content-Type-Options": {"nosniff"},
		"Cache-Control":          {"no-store"},
	}})
}

func (s *resourceStream) Write(chunk []byte) error {
	return s.sender.Send(&backend.CallResourceResponse{Body: chunk})
}

// abort ends the call with an error. Grafana does not tell the browser about it once a file has begun, so the file is made unreadable,
// too: no CSV ends within a quoted cell, and no JSON with a string.
func (s *resourceStream) abort(ctx context.Context, err error) {
	s.failed = err
	if ctx.Err() != nil || errors.Is(err, export.ErrStalled) {
		return // nobody would get the mark, and another message may still be waiting
	}
	mark := "\r\n\"INCOMPLETE: " + strings.ReplaceAll(err.Error(), `"`, "'")
	sent := make(chan error, 1)
	go func() { sent <- s.sender.Send(&backend.CallResourceResponse{Body: []byte(mark)}) }()
	select {
	case <-sent: // the call fails in any case
	case <-ctx.Done():
	case <-time.After(markTimeout):
	}
}

// markTimeout bounds how long the mark of an incomplete file may take. A write that blocks ends with the call.
const markTimeout = 10 * time.Second
