// Package cbc speaks HTTP with Carbon Black Cloud: a page of a search, a batch of the queue, an export, a job.
//
// It knows the wire and nothing of panels: every request goes through one pipe, [Client.do], which signs it, bounds the answer
// and turns whatever goes wrong into an [Error] that says what to mend.
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
)

// DefaultMaxResponseBytes bounds an answer. A full page of 10,000 events takes about 5 MB.
const DefaultMaxResponseBytes = 64 << 20

// Config says where Carbon Black Cloud is and who asks.
type Config struct {
	URL       string // the console's address, https (http for a loopback host)
	OrgKey    string
	APIID     string
	APISecret string
	UserAgent string
	// Redact lists further values that no error may show, such as those of custom headers: a server may send them back.
	Redact []string
	// MaxResponseBytes bounds the body of one answer; 0 means DefaultMaxResponseBytes.
	MaxResponseBytes int64
	// Storage follows the redirects of a download. It must not add headers or certificates of its own: they would go to other
	// hosts. Nil means the client that sends everything else.
	Storage *http.Client
	// Now tells the time against which a Retry-After date is measured; nil means time.Now.
	Now func() time.Time
	// Governor decides when a request may start; nil lets all start at once.
	Governor *Governor
	// RequestsPerFiveMinutes is the client's limit. It holds for all who ask the host once the API key is accepted, and for this client
	// alone until then; 0 is none.
	RequestsPerFiveMinutes int
	// Observe is told of every request that was sent; nil is nobody.
	Observe func(Call)
	// Sleep waits between two tries, and Jitter, a number from 0 to 1, makes that wait differ; nil means real ones.
	Sleep  func(context.Context, time.Duration) error
	Jitter func() float64
}

// Call is a request that was sent and has ended.
type Call struct {
	Endpoint string        // search
	Waited   time.Duration // for the governor
	Err      error         // an *Error, or nil
}

// Client asks one organization of Carbon Black Cloud with one API key. It is safe for concurrent use.
type Client struct {
	config  Config
	base    *url.URL
	http    *http.Client
	trial   trial
	refused refusals
	secrets *strings.Replacer // takes secrets out of what an error quotes
}

// New returns a client that sends its requests by hc, which decides about proxies, TLS and timeouts. A redirect is never
// followed: the token belongs to the configured host alone.
func New(config Config, hc *http.Client) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(strings.TrimSpace(config.URL), "/"))
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

// request is one call of the API: what do needs to send it and to explain its failure.
type request struct {
	endpoint   string // its name, for those who count
	method     string
	path       string                // below the host
	body       []byte                // JSON, nil for none
	permission string                // what the key must be allowed
	repeatable bool                  // asking twice does no harm
	made       func(location string) // is told where what was made is; a redirect is a good answer then, too
}

// send sends one request, once, and hands the body of a good answer to read.
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
		return nil // how an empty answer is told is not documented
	}
	limited := &boundedReader{r: resp.Body, left: c.config.MaxResponseBytes}
	if err := read(limited); err != nil {
		return c.answerError(ctx, limited, resp, err)
	}
	c.accept(sent)
	return nil
}

// signed is the request as it goes out, with the token.
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

// token is what the API key sends: the secret first.
func (c *Client) token() string { return c.config.APISecret + "/" + c.config.APIID }

// boundedReader fails once more than left bytes were read: the bound is an error, never a silent end.
type boundedReader struct {
	r    io.Reader
	left int64
	read int64
	over bool
	err  error // what the connection said, to tell a broken one from a bad answer
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

var errTooLarge = errors.New("the answer is larger than the bound")
