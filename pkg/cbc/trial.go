package cbc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// verifyTime bounds a request that only finds out whether the API key is accepted.
const verifyTime = 20 * time.Second

// trial is whether the API key of a client has proved itself.
type trial struct {
	verifying singleflight.Group

	mu         sync.Mutex
	acceptedAt time.Time
	rejectedAt time.Time
	starts     ratelimit.Trial // until the client is accepted
	detach     func()          // removes the client's limit from the limiter
	closed     bool
}

// Accepted reports whether Carbon Black Cloud has answered a request of this client, and has not rejected the API key since.
func (c *Client) Accepted() bool {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	return c.trial.acceptedAt.After(c.trial.rejectedAt)
}

// AcceptedAt is when the last request was sent that Carbon Black Cloud has answered; zero: none was.
func (c *Client) AcceptedAt() time.Time {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	return c.trial.acceptedAt
}

// Verify sends the cheapest search, one event of the last minute, for all who call it meanwhile. Its error says why the API key is
// not accepted.
func (c *Client) Verify(ctx context.Context) error {
	verified := c.trial.verifying.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), verifyTime)
		defer cancel()
		now := c.config.Now()
		_, err := c.Search(ctx, SearchRequest{Start: now.Add(-time.Minute), End: now, Order: NewestFirst, Rows: 1})
		return nil, err
	})
	select {
	case result := <-verified:
		return result.Err
	case <-ctx.Done():
		return c.transportError(ctx, ctx.Err())
	}
}

// Close takes the client's limit back. What the client has under way goes on.
func (c *Client) Close() {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	c.trial.closed = true
	if c.trial.detach != nil {
		c.trial.detach()
	}
}

// accept notes an answer to a request that was sent then. With the first one the client's limit begins to hold for the host: before
// it, somebody without the secret could slow everybody down.
func (c *Client) accept(sent time.Time) {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	if sent.After(c.trial.acceptedAt) {
		c.trial.acceptedAt = sent
	}
	if c.trial.detach == nil && !c.trial.closed && c.config.Limiter != nil && c.config.RequestsPerFiveMinutes > 0 {
		c.trial.detach = c.config.Limiter.SetLimit(c.config.RequestsPerFiveMinutes)
		c.trial.starts = ratelimit.Trial{}
	}
}

// reject notes that Carbon Black Cloud has rejected the API key.
func (c *Client) reject() {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	c.trial.rejectedAt = c.config.Now()
}

// ownLimit refuses a request of a client that was never answered and has used up its own limit.
func (c *Client) ownLimit() error {
	limit := c.config.RequestsPerFiveMinutes
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	if limit <= 0 || c.config.Limiter == nil || !c.trial.acceptedAt.IsZero() {
		return nil
	}
	return c.trial.starts.Take(limit, c.config.Now())
}

// started is a request that may be sent.
type started struct {
	grant *ratelimit.Grant
	probe bool // its answer decides whether a refusal still holds
}

// start waits until a request may start. Whoever gets one must end it.
func (c *Client) start(ctx context.Context, r request) (started, error) {
	probe, err := c.refused.check(r.permission)
	if err != nil {
		return started{}, err
	}
	if err := c.ownLimit(); err != nil {
		return started{}, c.notSent(ctx, err)
	}
	if !c.Accepted() {
		ctx = ratelimit.WithUnverified(ctx)
	}
	grant, err := c.config.Limiter.Acquire(ctx)
	if err != nil {
		err = c.notSent(ctx, err)
		c.refused.settle(r.permission, probe, c.Accepted(), err)
		return started{}, err
	}
	if !probe {
		if err := c.refused.peek(r.permission); err != nil { // it came while this request waited
			grant.Cancel()
			return started{}, err
		}
	}
	return started{grant, probe}, nil
}

// notSent explains a request that the rate limit did not let start.
func (c *Client) notSent(ctx context.Context, err error) error {
	var refusal *ratelimit.Refusal
	if !errors.As(err, &refusal) {
		return c.transportError(ctx, err)
	}
	e := &Error{Kind: KindThrottled, Status: http.StatusTooManyRequests, RetryAfter: refusal.Wait, ResumesAt: refusal.ResumesAt, err: err}
	switch refusal.Reason {
	case ratelimit.Busy:
		e.Message = "not sent: too many other requests are waiting"
	case ratelimit.Paused:
		e.Message = "not sent during the pause that it asked for"
	case ratelimit.OverBudget:
		e.paced, e.Message = true, fmt.Sprintf("not sent: the limit is %d in %.0f minutes", refusal.Limit, ratelimit.Window.Minutes())
	case ratelimit.Unverified:
		e.paced, e.Message = true, "not sent: no request with these settings has been answered yet"
	}
	return e
}

// end takes the end of a request into account.
func (c *Client) end(t started, r request, err error) {
	var failed *Error
	if errors.As(err, &failed) && (failed.Kind == KindKey || failed.Kind == KindOrgKey) {
		c.reject()
	}
	c.refused.settle(r.permission, t.probe, c.Accepted(), err)
	switch {
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

// letThrough reports whether a failure shows that the rate limit let the request through: the answer refuses this request only.
func (e *Error) letThrough() bool {
	return e.Status != 0 && e.Status < 500 && e.Kind != KindThrottled
}
