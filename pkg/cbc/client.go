// Package cbc is the HTTP client of Carbon Black Cloud: pages of a search, batches of the queue, exports and jobs.
//
// Every request is signed, waits for the rate limit, is bounded in size and time, and fails with an [Error] that says what to do.
package cbc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// DefaultMaxResponseBytes bounds an answer. A full page of 10,000 events takes about 5 MB.
const DefaultMaxResponseBytes = 64 << 20

// Config describes a Client.
type Config struct {
	URL       string // address of the console: https, or http for a loopback host
	OrgKey    string
	APIID     string
	APISecret string
	UserAgent string
	// Redact lists further values that no error may show, such as those of custom headers: a server may send them back.
	Redact []string
	// MaxResponseBytes bounds the body of one answer; 0 means DefaultMaxResponseBytes.
	MaxResponseBytes int64
	// Storage follows the redirects of a download to other hosts, and so must not add headers or certificates. Nil means the client
	// of all other requests.
	Storage *http.Client
	// Now returns the current time; nil means time.Now.
	Now func() time.Time
	// Limiter decides when a request may start; nil lets every request start at once.
	Limiter *ratelimit.Limiter
	// RequestsPerFiveMinutes is the client's limit. It holds for all who ask the host once the API key is accepted, and for this client
	// alone until then; 0 is none.
	RequestsPerFiveMinutes int
	// Observe is called after every request that was sent, unless it is nil.
	Observe func(Call)
	// Sleep waits between two tries, and Jitter returns a number from 0 to 1 that varies the wait; nil means real ones.
	Sleep  func(context.Context, time.Duration) error
	Jitter func() float64
}

// Call is a request that was sent and has ended.
type Call struct {
	Endpoint string        // search
	Waited   time.Duration // for the rate limit
	Err      error         // an *Error, or nil
}

// Client sends the requests of one API key. It is safe for concurrent use.
type Client struct {
	config  Config
	base    *url.URL
	http    *http.Client
	trial   trial
	refused refusals
	secrets *strings.Replacer // takes secrets out of what an error quotes
}

// New returns a client that sends its requests through hc, which provides proxy, TLS and timeout. It never follows a redirect of an API
// request: the token belongs to the configured host only.
func New(config Config, hc *http.Client) (*Client, error) {
	// The requests go to the address by which the identity is kept: another reading of the same text could be another server's.
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
		config.Sleep = sleep
	}
	if config.Jitter == nil {
		config.Jitter = jitter
	}
	if config.Storage == nil {
		config.Storage = hc
	}
	pinned := *hc
	pinned.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		config: config, base: base, http: &pinned, refused: newRefusals(config.Now),
		secrets: newRedactor(append([]string{config.APISecret}, config.Redact...)),
	}, nil
}

// request is one call of the API.
type request struct {
	endpoint   string // its name in metrics
	method     string
	path       string                // below the host
	body       []byte                // JSON, nil for none
	permission string                // that the key needs
	repeatable bool                  // sending it twice does no harm
	made       func(location string) // receives the address of what was created; a redirect is a success, too, then
}

// send sends one request once and passes the body of a successful answer to read.
func (c *Client) send(ctx context.Context, r request, read func(io.Reader) error) error {
	hr, err := c.signed(ctx, r)
	if err != nil {
		return err
	}
	sent := c.config.Now()
	resp, err := c.http.Do(hr)
	if err != nil {
		return c.transportError(ctx, err)
	}
	defer resp.Body.Close()
	if r.made != nil && resp.StatusCode >= 300 && resp.StatusCode < 400 {
		r.made(resp.Header.Get("Location"))
		return nil
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return c.statusError(r, resp)
	}
	if r.made != nil {
		r.made(resp.Header.Get("Location"))
	}
	if resp.StatusCode == http.StatusNoContent {
		return nil // the vendor does not document how it answers with nothing
	}
	limited := &boundedReader{r: resp.Body, left: c.config.MaxResponseBytes}
	if err := read(limited); err != nil {
		return c.answerError(ctx, limited, resp, err)
	}
	c.accept(sent)
	return nil
}

// signed returns the HTTP request with its token.
func (c *Client) signed(ctx context.Context, r request) (*http.Request, error) {
	hr, err := http.NewRequestWithContext(ctx, r.method, c.base.JoinPath(r.path).String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, &Error{Kind: KindHost, Message: c.redact(err.Error()), err: err}
	}
	if r.body == nil && !r.repeatable {
		hr.Body, hr.GetBody = unrepeatable{}, nil
	}
	hr.Header.Set("X-Auth-Token", c.token())
	hr.Header.Set("Accept", "application/json")
	hr.Header.Set("User-Agent", c.config.UserAgent)
	if r.body != nil {
		hr.Header.Set("Content-Type", "application/json")
	}
	return hr, nil
}

// token returns the value of X-Auth-Token: the secret comes first.
func (c *Client) token() string { return c.config.APISecret + "/" + c.config.APIID }

// boundedReader fails once more than left bytes have been read, so that a bound never looks like the end.
type boundedReader struct {
	r    io.Reader
	left int64
	read int64
	over bool
	err  error // of the connection, as opposed to the content
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.read += int64(n)
	if b.left -= int64(n); b.left < 0 {
		b.over = true
		return 0, errTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

var errTooLarge = errors.New("the answer exceeds the bound")
