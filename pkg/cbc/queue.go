package cbc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Batch is what one read took out of the API key's queue.
type Batch struct {
	Events []auditlog.Event // in no particular order
	Bad    []BadRecord      // records that are no usable events
	Bytes  int64
	Waited time.Duration // for the rate limit
}

// QueuePath is the path of the queue of an organization.
func (c *Client) QueuePath() string {
	return "/audit_log/v1/orgs/" + c.config.OrgKey + "/logs/_queue"
}

// Queue takes the next batch of events out of the API key's queue, which does not return them again. The request is sent once, and never
// repeated here or by the transport. A failure is an *Error whose Lost reports whether the batch may be gone.
func (c *Client) Queue(ctx context.Context) (Batch, error) {
	var batch Batch
	var reached connection
	call := request{endpoint: "queue", method: http.MethodGet, path: c.QueuePath(), permission: PermissionAudits}
	spent, err := c.call(reached.watch(ctx), call, func(body io.Reader) error {
		d := newDecoder(body)
		var page Page
		if err := d.batch(&page); err != nil {
			return err
		}
		batch.Events, batch.Bad, batch.Bytes = page.Events, page.Bad, d.read
		c.redactReasons(batch.Bad)
		return nil
	})
	batch.Waited = spent.waited
	if err == nil {
		return batch, nil
	}
	var failed *Error
	if errors.As(err, &failed) {
		failed.Lost = spent.tries > 0 && !reached.never() && !failed.refused()
	}
	return Batch{Waited: spent.waited}, err
}

// refused reports whether the answer says that nothing was done. A 5xx does not: it may come from a gateway whose upstream has
// cleared the queue already.
func (e *Error) refused() bool { return e.Status >= 300 && e.Status < 500 }

// connection watches whether a request got as far as a connection.
type connection struct{ wanted, got atomic.Bool }

func (c *connection) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.got.Store(true) },
	})
}

// never reports whether there was certainly no connection. A transport that does not report its connections may have had one.
func (c *connection) never() bool { return c.wanted.Load() && !c.got.Load() }

// unrepeatable is an empty body that cannot be had a second time. Go's transport sends a GET without a body again when a
// connection that it used before turns out to be dead, even after the request was written.
type unrepeatable struct{}

func (unrepeatable) Read([]byte) (int, error) { return 0, io.EOF }
func (unrepeatable) Close() error             { return nil }

// EventDecoder decodes single events, as an answer holds them. Texts that repeat are kept once, for as long as the decoder.
type EventDecoder struct{ d *decoder }

// NewEventDecoder returns a decoder with no texts.
func NewEventDecoder() *EventDecoder { return &EventDecoder{&decoder{texts: map[string]string{}}} }

// Decode reads one JSON object into e, which must be empty.
func (d *EventDecoder) Decode(object []byte, e *auditlog.Event) error { return d.d.event(object, e) }
