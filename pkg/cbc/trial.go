package cbc

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// verifyTime bounds a request that only finds out whether the API key is accepted.
const verifyTime = 20 * time.Second

// A client of which no request was answered yet may send a few requests at once, and then one at a time: what it sends in vain is
// missing from what all data sources of the host may send.
const (
	unprovedBurst = 10
	unprovedPause = 5 * time.Second
)

// trial is whether the API key of a client has proved itself.
type trial struct {
	verifying singleflight.Group

	mu         sync.Mutex
	acceptedAt time.Time
	rejectedAt time.Time
	starts     pace   // of this client, until it is accepted
	detach     func() // takes the client's limit from the governor
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
	if c.trial.detach == nil && !c.trial.closed && c.config.Governor != nil && c.config.RequestsPerFiveMinutes > 0 {
		c.trial.detach = c.config.Governor.Attach(c.config.RequestsPerFiveMinutes)
		c.trial.starts = pace{}
	}
}

// reject notes that Carbon Black Cloud has rejected the API key.
func (c *Client) reject() {
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	c.trial.rejectedAt = c.config.Now()
}

// ownLimit refuses a request of a client that is not accepted and has used up its own limit, or asks too often.
func (c *Client) ownLimit() error {
	limit := c.config.RequestsPerFiveMinutes
	c.trial.mu.Lock()
	defer c.trial.mu.Unlock()
	if limit <= 0 || c.config.Governor == nil || !c.trial.acceptedAt.IsZero() {
		return nil
	}
	now := c.config.Now()
	c.trial.starts.expire(now)
	if n := len(c.trial.starts.starts); n >= unprovedBurst {
		if at := c.trial.starts.starts[n-1].Add(unprovedPause); at.After(now) {
			return &Error{Kind: KindThrottled, Status: http.StatusTooManyRequests, RetryAfter: at.Sub(now), ResumesAt: at, paced: true,
				Message: "not sent: no request with these settings was answered yet"}
		}
	}
	if at := c.trial.starts.earliest(limit, 0, now); at.After(now) {
		return &Error{Kind: KindThrottled, Status: http.StatusTooManyRequests, RetryAfter: at.Sub(now), ResumesAt: at, paced: true}
	}
	c.trial.starts.add(now)
	return nil
}

// start waits until a request may start. Whoever gets a ticket must end it.
func (c *Client) start(ctx context.Context, r request) (*ticket, error) {
	probe, err := c.refused.check(r.permission)
	if err != nil {
		return nil, err
	}
	if err := c.ownLimit(); err != nil {
		return nil, err
	}
	if !c.Accepted() {
		ctx = withUnproved(ctx)
	}
	t, err := c.config.Governor.acquire(ctx)
	if err != nil {
		c.refused.settle(r.permission, probe, c.Accepted(), err)
		var refused *Error
		if !errors.As(err, &refused) {
			err = c.transportError(ctx, err)
		}
		return nil, err
	}
	t.probe = probe
	if !probe {
		if err := c.refused.peek(r.permission); err != nil { // it came while this request waited
			c.config.Governor.cancel(t)
			return nil, err
		}
	}
	return t, nil
}

// end takes the end of a request into account.
func (c *Client) end(t *ticket, r request, err error) {
	var failed *Error
	if errors.As(err, &failed) && (failed.Kind == KindKey || failed.Kind == KindOrgKey) {
		c.reject()
	}
	c.refused.settle(r.permission, t.probe, c.Accepted(), err)
	c.config.Governor.release(t, err)
	if err == nil && c.Accepted() {
		c.config.Governor.prove(t)
	}
	c.config.Observe(Call{Endpoint: r.endpoint, Waited: t.waited(), Err: err})
}
