package cbc

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

const (
	maxTries   = 3
	firstDelay = 250 * time.Millisecond
	// maxAttemptTime bounds one attempt, whatever the settings say: it holds a slot that all data sources of the host share.
	maxAttemptTime = 5 * time.Minute
	// maxMargin is the most time that WithMargin takes from a deadline.
	maxMargin = time.Second
)

// request is one API call.
type request struct {
	endpoint   string // its name in metrics
	method     string
	path       string // below the configured URL
	body       []byte // JSON; nil means none
	permission string // that the API key needs
	repeatable bool   // sending it twice does no harm
	// located receives the Location header of a success. A redirect is a success then.
	located     func(location string)
	issuesToken bool // it goes to the token service of the OAuth app

	bearer    string // the access token it is sent with; "" with an API key
	renewable bool   // the token may have expired: if it is rejected, a new one is tried
}

// effort is what a request took.
type effort struct {
	waited time.Duration // for the rate limit, over all attempts
	tries  int           // attempts that were sent
}

// call sends a request and hands the body of a successful response to read, once per attempt.
func (c *Client) call(ctx context.Context, r request, read func(io.Reader) error) (effort, error) {
	return c.do(ctx, r, func(ctx context.Context, r request) error { return c.exchange(ctx, r, read) })
}

// exchange sends a request and handles the response.
type exchange func(context.Context, request) error

// do is the one way in which requests are sent. Each attempt waits for the rate limit and is one call of send. After a transient failure
// a repeatable request is tried again, as far as the deadline and the timeout of the settings allow. An access token that is rejected is
// renewed once. Every error is an *Error.
func (c *Client) do(ctx context.Context, r request, send exchange) (effort, error) {
	ctx, cancel := WithMargin(ctx)
	defer cancel()
	var spent effort
	left := c.timeout
	renewed := false
	for {
		if err := c.authorize(ctx, &r, renewed); err != nil {
			return spent, err
		}
		startedAt := c.config.Now()
		waited, sent, err := c.attempt(ctx, left, r, send)
		spent.waited += waited
		if !sent {
			return spent, err
		}
		spent.tries++
		var failed *Error
		errors.As(err, &failed)
		if failed != nil && failed.tokenExpired { // rejected, so nothing was done: any request may be sent again
			c.tokens.drop(r.bearer)
			renewed = true
			continue
		}
		if !r.repeatable || spent.tries >= maxTries || failed == nil || !failed.transient {
			return spent, err
		}
		delay := c.delay(spent.tries)
		if c.timeout > 0 {
			if left -= c.config.Now().Sub(startedAt) - waited + delay; left <= 0 {
				return spent, err
			}
		}
		if deadline, ok := ctx.Deadline(); ok && c.config.Now().Add(delay).After(deadline) {
			return spent, err
		}
		if c.config.Sleep(ctx, delay) != nil {
			return spent, err
		}
	}
}

// authorize gives a request its access token, if the client needs one.
func (c *Client) authorize(ctx context.Context, r *request, renewed bool) error {
	if r.issuesToken {
		return nil
	}
	token, fresh, err := c.bearer(ctx)
	r.bearer, r.renewable = token, token != "" && !fresh && !renewed
	return err
}

// attempt waits for the rate limit and calls send, bounded by timeout if that is above 0. sent is false if the request was refused before
// it was sent.
func (c *Client) attempt(ctx context.Context, timeout time.Duration, r request, send exchange) (waited time.Duration, sent bool, err error) {
	t, err := c.start(ctx, r)
	if err != nil {
		return 0, false, err
	}
	defer func() { c.end(t, r, err) }()
	if timeout <= 0 || timeout > maxAttemptTime {
		timeout = maxAttemptTime
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = send(ctx, r)
	var failed *Error
	if r.renewable && errors.As(err, &failed) && failed.Kind == KindKey {
		failed.tokenExpired = true
	}
	return t.grant.Waited(), true, err
}

// WithMargin returns a context that ends a little before its parent's deadline, so that the error reaches the caller in time.
func WithMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Until(deadline)/10, maxMargin)))
}

// delay returns the backoff after so many tries. It doubles each time, with jitter.
func (c *Client) delay(tries int) time.Duration {
	return time.Duration((0.5 + c.config.Jitter()) * float64(firstDelay<<(tries-1)))
}

// started is an attempt that may be sent.
type started struct {
	grant *ratelimit.Grant
	probe bool // its outcome decides whether a remembered rejection still holds
}

// start waits until an attempt may be sent. The caller must end it.
func (c *Client) start(ctx context.Context, r request) (started, error) {
	probe, err := c.rejections.check(r.permission)
	if err != nil {
		return started{}, err
	}
	if err := c.ownLimit(); err != nil {
		return started{}, c.notSent(ctx, err)
	}
	limiter := c.config.Limiter
	if r.issuesToken {
		limiter = c.tokens.limiter
	}
	if c.Accepted() {
		ctx = ratelimit.WithPool(ctx, c.config.Pool)
	} else {
		ctx = ratelimit.WithUnverified(ctx, c.untried())
	}
	grant, err := limiter.Acquire(ratelimit.WithIdentity(ctx, c.config.Identity))
	if err != nil {
		err = c.notSent(ctx, err)
		c.rejections.record(r.permission, probe, c.Accepted(), err)
		return started{}, err
	}
	if !probe {
		if err := c.rejections.current(r.permission); err != nil { // rejected while this request waited
			grant.Cancel()
			return started{}, err
		}
	}
	return started{grant, probe}, nil
}

// end records how an attempt ended.
func (c *Client) end(t started, r request, err error) {
	var failed *Error
	errors.As(err, &failed)
	if failed != nil && !failed.tokenExpired && (failed.Kind == KindKey || failed.Kind == KindOrgKey) {
		c.reject()
	}
	c.rejections.record(r.permission, t.probe, c.Accepted(), err)
	switch {
	case r.issuesToken: // another service, which says nothing about this host
		t.grant.End(ratelimit.Unknown, 0)
	case err == nil, failed != nil && failed.letThrough():
		t.grant.End(ratelimit.Allowed, 0)
	case failed != nil && failed.Kind == KindThrottled:
		if at := t.grant.End(ratelimit.Throttled, failed.RetryAfter); !at.IsZero() {
			failed.ResumesAt = at
			failed.RetryAfter = cmp.Or(failed.RetryAfter, at.Sub(c.config.Now()))
		}
	default:
		t.grant.End(ratelimit.Unknown, 0)
	}
	if err == nil && c.Accepted() {
		t.grant.Verify()
	}
	c.config.Observe(Call{Endpoint: r.endpoint, Waited: t.grant.Waited(), Err: err})
}

// letThrough reports whether the rate limit let the request through, and the response refuses only this request.
func (e *Error) letThrough() bool {
	return e.Status != 0 && e.Status < 500 && e.Kind != KindThrottled
}

// exchange sends a request once and hands the body of a successful response to read.
func (c *Client) exchange(ctx context.Context, r request, read func(io.Reader) error) error {
	hr, err := c.signed(ctx, r)
	if err != nil {
		return err
	}
	sentAt := c.config.Now()
	resp, err := c.clientFor(hr).Do(hr)
	if err != nil {
		return c.transportError(ctx, err)
	}
	defer resp.Body.Close()
	redirected := resp.StatusCode >= 300 && resp.StatusCode < 400 && r.located != nil
	if !redirected && (resp.StatusCode < 200 || resp.StatusCode > 299) {
		return c.statusError(r, resp)
	}
	if r.located != nil {
		r.located(resp.Header.Get("Location"))
	}
	if redirected || resp.StatusCode == http.StatusNoContent {
		return nil // how an empty result is returned is not documented
	}
	limited := &boundedReader{r: resp.Body, left: c.config.MaxResponseBytes}
	if err := read(limited); err != nil {
		return c.responseError(ctx, limited, resp, err)
	}
	if !r.issuesToken {
		c.accept(sentAt)
	}
	return nil
}

// signed returns the HTTP request with its credential.
func (c *Client) signed(ctx context.Context, r request) (*http.Request, error) {
	address := c.base.JoinPath(r.path)
	if r.issuesToken {
		address = c.tokens.url
	}
	hr, err := http.NewRequestWithContext(ctx, r.method, address.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, &Error{Kind: KindHost, Message: c.redact(err.Error()), err: err}
	}
	if r.body == nil && !r.repeatable {
		hr.Body, hr.GetBody = unrepeatable{}, nil
	}
	c.sign(hr, r)
	hr.Header.Set("Accept", "application/json")
	hr.Header.Set("User-Agent", c.config.UserAgent)
	switch {
	case r.issuesToken:
		hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case r.body != nil:
		hr.Header.Set("Content-Type", "application/json")
	}
	return hr, nil
}

// sign adds the credential. Only requests to the configured host, or to the token service, may be signed.
func (c *Client) sign(hr *http.Request, r request) {
	switch {
	case r.issuesToken:
		hr.SetBasicAuth(c.tokens.app.ID, c.tokens.app.Secret)
	case r.bearer != "":
		hr.Header.Set("Authorization", "Bearer "+r.bearer)
	default:
		hr.Header.Set("X-Auth-Token", c.config.APISecret+"/"+c.config.APIID) // the secret comes first
	}
}

// signedAlready reports whether a request carries a credential.
func signedAlready(hr *http.Request) bool {
	return hr.Header.Get("X-Auth-Token") != "" || hr.Header.Get("Authorization") != ""
}

// boundedReader fails once more than left bytes have been read, so that a cut body is never taken for a complete one.
type boundedReader struct {
	r    io.Reader
	left int64
	read int64
	over bool
	err  error // of the connection, not of the content
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

var errTooLarge = errors.New("the response exceeds the size limit")
