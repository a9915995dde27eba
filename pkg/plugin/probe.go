package plugin

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
)

// probe records what the first response to a request shows about the connection.
type probe struct {
	mu       sync.Mutex
	answered bool
	serverAt time.Time // of the Date header; zero if there was none
	localAt  time.Time
	tls      *tls.ConnectionState // nil if the connection is not encrypted
}

type probeKey struct{}

// withProbe returns a context whose requests are recorded.
func withProbe(ctx context.Context) (context.Context, *probe) {
	p := &probe{}
	return context.WithValue(ctx, probeKey{}, p), p
}

// probing is the middleware that fills the probes.
var probing = httpclient.NamedMiddlewareFunc("probe", func(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
	return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(r)
		if p, wanted := r.Context().Value(probeKey{}).(*probe); wanted && err == nil {
			p.record(response)
		}
		return response, err
	})
})

func (p *probe) record(r *http.Response) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answered {
		return
	}
	p.answered, p.localAt, p.tls = true, time.Now(), r.TLS
	if at, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		p.serverAt = at
	}
}

// seen returns a copy of what was recorded.
func (p *probe) seen() (answered bool, serverAt, localAt time.Time, connection *tls.ConnectionState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered, p.serverAt, p.localAt, p.tls
}
