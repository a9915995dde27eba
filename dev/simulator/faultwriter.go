package simulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"time"
)

// discard drops an answer. The work was done.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// reset resets the connection, where the transport allows it.
func (c *call) reset() {
	conn, _, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: this resets the stream
	}
	raw := conn
	if secure, ok := conn.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send a reset
	}
	_ = raw.Close()
}

// truncate sends the first part of the answer, then closes the connection.
func (c *call) truncate(fault *Fault) {
	honest := c.w
	kept := &recorder{header: honest.Header(), status: http.StatusOK, limit: fault.Bytes}
	c.w = kept
	c.answer()
	body := kept.body.Bytes()
	if fault.Bytes <= 0 {
		body = body[:len(body)/2]
	}
	if kept.full == kept.body.Len() { // the full length is known, so announce it
		honest.Header().Set("Content-Length", strconv.Itoa(kept.full))
		body = body[:min(len(body), max(kept.full-1, 0))]
	}
	honest.WriteHeader(kept.status)
	_, _ = honest.Write(body)                      // the client may be gone
	_ = http.NewResponseController(honest).Flush() // the part must arrive before the connection closes
	panic(http.ErrAbortHandler)
}

// recorder records an answer, up to limit bytes if there is a limit.
type recorder struct {
	header http.Header
	status int
	limit  int
	full   int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header    { return r.header }
func (r *recorder) WriteHeader(status int) { r.status = status }

func (r *recorder) Write(p []byte) (int, error) {
	r.full += len(p)
	if r.limit > 0 {
		room := r.limit - r.body.Len()
		if room <= 0 {
			return 0, errCut
		}
		r.body.Write(p[:min(room, len(p))])
		return len(p), nil
	}
	return r.body.Write(p)
}

// slowWriter writes in small pieces, with a pause before each.
type slowWriter struct {
	http.ResponseWriter
	ctx   context.Context
	size  int
	delay time.Duration
}

func (w *slowWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if err := sleep(w.ctx, w.delay); err != nil {
			return written, err
		}
		piece := p[:min(w.size, len(p))]
		n, err := w.ResponseWriter.Write(piece)
		written += n
		if err != nil {
			return written, err
		}
		if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
			return written, err
		}
		p = p[len(piece):]
	}
	return written, nil
}

// endless writes rows until the client closes the connection.
func (c *call) endless() {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(http.StatusOK)
	row := appendEvent(nil, &Event{OrgKey: c.orgKey, Actor: "endless", CreateTime: c.now, Description: "Logged in successfully"}, c.sw)
	piece := bytes.Repeat(append(row, ','), 64)
	if _, err := c.w.Write([]byte(`{"num_found":1,"num_available":1,"results":[`)); err != nil {
		return
	}
	for c.r.Context().Err() == nil {
		if _, err := c.w.Write(piece); err != nil {
			return
		}
	}
}
