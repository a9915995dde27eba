// Package cbc is the HTTP client of Carbon Black Cloud: pages of a search, batches of the queue, export jobs and their files.
//
// Every request goes through Client.do: it waits for the rate limit, is retried if that is safe, is bounded in size and time, and fails
// with an [Error] that says what to do.
package cbc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"carbonblack-auditlog-datasource/pkg/clock"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// DefaultMaxResponseBytes bounds a response. A full page of 10,000 events takes about 5 MB.
const DefaultMaxResponseBytes = 64 << 20

// Config describes a Client.
type Config struct {
	URL       string // of the console: https, or http for a loopback host
	OrgKey    string
	APIID     string
	APISecret string
	OAuth     *OAuthApp // authenticates instead of the API key; nil means the API key
	UserAgent string
	// Redact lists more values that no error may show, such as those of custom headers: a server may echo them.
	Redact []string
	// MaxResponseBytes bounds the body of a response; 0 means DefaultMaxResponseBytes.
	MaxResponseBytes int64
	// Storage follows the redirects of a download to other hosts, so it must not add headers or client certificates. Nil means the
	// client of all other requests.
	Storage *http.Client
	// Now returns the current time; nil means time.Now.
	Now func() time.Time
	// Limiter decides when a request may start; nil lets every request start at once.
	Limiter *ratelimit.Limiter
	// Pool is the part in a budget that several processes share; nil means none. It is used once the API key is accepted.
	Pool *ratelimit.Pool
	// Identity is by what the limiter tells API keys apart: any comparable value.
	Identity any
	// RequestsPerFiveMinutes is the client's own limit; 0 means none. It bounds all clients of the API key, and takes part in the limit
	// of the host, once the API key is accepted, and bounds only this client before.
	RequestsPerFiveMinutes int
	// Observe is called after every request that was sent, unless it is nil.
	Observe func(Call)
	// Sleep waits between two attempts, and Jitter returns a number from 0 to 1 that varies the wait; nil means the real ones.
	Sleep  func(context.Context, time.Duration) error
	Jitter func() float64
}

// Call is a request that was sent and has ended.
type Call struct {
	Endpoint string        // such as search
	Waited   time.Duration // for the rate limit
	Err      error         // an *Error, or nil
}

// Client sends the requests of one API key. It is safe for concurrent use.
type Client struct {
	config     Config
	base       *url.URL
	http       *http.Client
	timeout    time.Duration // of a request with all its attempts; 0 means none
	trial      trial
	rejections rejections
	tokens     *tokens                          // nil if the client uses an API key
	secrets    atomic.Pointer[strings.Replacer] // removes secrets from what an error quotes
}

// New returns a client that sends its requests through hc, which provides proxy, TLS and timeout. It never follows a redirect with the
// token, which belongs to the configured host only.
func New(config Config, hc *http.Client) (*Client, error) {
	// Requests go to exactly the address that is part of the identity: another spelling could be read as another server.
	normalized, err := NormalizeURL(config.URL)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(normalized)
	if err == nil && base.Port() == defaultPorts[base.Scheme] {
		base.Host = strings.TrimSuffix(base.Host, ":"+base.Port()) // as a browser sends it
	}
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("the URL %.200q is not an address: expected one like https://defense.conferdeploy.net", config.URL)
	}
	if config.OrgKey == "" || config.OrgKey == "." || config.OrgKey == ".." || url.PathEscape(config.OrgKey) != config.OrgKey {
		return nil, fmt.Errorf("orgKey %.200q cannot be an org key: expected letters and digits, as shown in the console under Settings > API Access", config.OrgKey)
	}
	if config.MaxResponseBytes == 0 {
		config.MaxResponseBytes = DefaultMaxResponseBytes
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Observe == nil {
		config.Observe = func(Call) {}
	}
	if config.Sleep == nil {
		config.Sleep = clock.Sleep
	}
	if config.Jitter == nil {
		config.Jitter = rand.Float64
	}
	if config.Storage == nil {
		config.Storage = hc
	}
	pinned := *hc
	pinned.Timeout = 0 // do applies it
	pinned.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	issuer, err := newTokens(config)
	if err != nil {
		return nil, err
	}
	c := &Client{config: config, base: base, http: &pinned, timeout: hc.Timeout, rejections: newRejections(config.Now), tokens: issuer}
	c.secrets.Store(newRedactor(config.secrets()))
	return c, nil
}
