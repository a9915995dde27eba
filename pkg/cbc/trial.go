package cbc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// verifyTime bounds a request that only tests whether the API key is accepted.
const verifyTime = 20 * time.Second

// trial records whether the API key of a client has been accepted.
type trial struct {
	verifying singleflight.Group

	mu          sync.Mutex
	acceptedAt  time.Time
	rejectedAt  time.Time
	starts      ratelimit.Trial // until the client is accepted
	removeLimit func()          // removes the client's limit from the limiter
	closed      bool
}

// Accepted reports whether Carbon Black Cloud has answered a request of this client and has not rejected the API key since.
func (c *Client) Accepted() bool {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	return c.trial.acceptedAt.After(c.trial.rejectedAt)
}

// Rejected reports whether Carbon Black Cloud has rejected the API key and has not accepted it since.
func (c *Client) Rejected() bool {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	return c.trial.rejectedAt.After(c.trial.acceptedAt)
}

// AcceptedAt returns when the last request was sent that Carbon Black Cloud answered, the zero time if there was none.
func (c *Client) AcceptedAt() time.Time {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	return c.trial.acceptedAt
}

// Verify tests the API key with the cheapest search, one event of the last minute. Concurrent calls share one request. The error says
// why the API key is not accepted.
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

// Close removes the client's limit from the host. Running requests continue.
func (c *Client) Close() {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	c.trial.closed = true
	if c.trial.removeLimit != nil {
		c.trial.removeLimit()
	}
}

// accept records an answered request. From the first one on, the client's limit applies to its API key and
// takes part in the host's: before, a client without the right secret could change it for others.
func (c *Client) accept(sentAt time.Time) {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	if sentAt.After(c.trial.acceptedAt) {
		c.trial.acceptedAt = sentAt
	}
	if sentAt.After(c.trial.rejectedAt) && c.trial.removeLimit == nil && !c.trial.closed && c.config.Limiter != nil && c.config.RequestsPerFiveMinutes > 0 {
		c.trial.removeLimit = c.config.Limiter.SetLimit(c.config.Identity, c.config.RequestsPerFiveMinutes)
		c.trial.starts = ratelimit.Trial{}
	}
}

// reject records that Carbon Black Cloud rejected the API key. Its limit no longer applies to others.
func (c *Client) reject() {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	c.trial.rejectedAt = c.config.Now()
	if c.trial.removeLimit != nil {
		c.trial.removeLimit()
		c.trial.removeLimit = nil
	}
}

// untried reports whether the request that is about to start is the client's first.
func (c *Client) untried() bool {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	return c.trial.acceptedAt.IsZero() && c.trial.starts.First()
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
