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

// Batch is the result of one read of the API key's queue.
type Batch struct {
	Events []auditlog.Event // in no particular order
	Bad    []BadRecord      // records that are not usable events
	Bytes  int64
	Waited time.Duration // for the rate limit
}

// QueuePath returns the path of the organization's queue.
func (c *Client) QueuePath() string {
	return "/audit_log/v1/orgs/" + c.config.OrgKey + "/logs/_queue"
}

// Queue reads the next batch of events from the API key's queue, which removes them. The request is never repeated, neither here nor by
// the transport. The error is an *Error; its Lost reports whether a batch may be lost.
func (c *Client) Queue(ctx context.Context) (Batch, error) {
	var batch Batch
	var conn connection
	call := request{endpoint: "queue", method: http.MethodGet, path: c.QueuePath(), permission: PermissionAudits}
	spent, err := c.call(conn.watch(ctx), call, func(body io.Reader) error {
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
	if failed, ok := errors.AsType[*Error](err); ok {
		failed.Lost = spent.tries > 0 && !conn.neverMade() && !failed.nothingDone()
	}
	return Batch{Waited: spent.waited}, err
}

// nothingDone reports whether the response proves that the request had no effect. A 5xx does not: it may come from a gateway whose
// upstream has already emptied the queue.
func (e *Error) nothingDone() bool { return e.Status >= 300 && e.Status < 500 }

// connection records whether a request got a connection.
type connection struct{ wanted, got atomic.Bool }

func (c *connection) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.got.Store(true) },
	})
}

// neverMade reports whether there certainly was no connection. A transport that does not report connections may have made one.
func (c *connection) neverMade() bool { return c.wanted.Load() && !c.got.Load() }

// unrepeatable is an empty body that cannot be read twice. Without it, Go's transport repeats a GET when a reused connection turns out
// to be dead, even after the request was written.
type unrepeatable struct{}

func (unrepeatable) Read([]byte) (int, error) { return 0, io.EOF }
func (unrepeatable) Close() error             { return nil }

// EventDecoder decodes single events. Strings that repeat are stored once, for the lifetime of the decoder.
type EventDecoder struct{ d *decoder }

// NewEventDecoder returns a decoder.
func NewEventDecoder() *EventDecoder { return &EventDecoder{&decoder{interned: map[string]string{}}} }

// Decode reads one JSON object into e, which must be empty.
func (d *EventDecoder) Decode(object []byte, e *auditlog.Event) error { return d.d.event(object, e) }
