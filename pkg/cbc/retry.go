package cbc

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"
)

const (
	maxTries   = 3
	firstDelay = 250 * time.Millisecond
	// maxAttemptTime bounds one request, whatever the settings say: it takes a place that all data sources of the host share.
	maxAttemptTime = 5 * time.Minute
)

// effort is what a request took.
type effort struct {
	waited time.Duration // for the rate limit, over all tries
	tries  int           // requests sent
}

// do sends one request and hands the body of a good answer to read, which is called again with every try. Every failure is an
// *Error. A request that may be repeated is tried again when the failure is one that passes, as long as the deadline and the
// HTTP client's timeout, which holds for all tries together, allow.
func (c *Client) do(ctx context.Context, r request, read func(io.Reader) error) (effort, error) {
	ctx, cancel := WithMargin(ctx)
	defer cancel()
	var spent effort
	left := c.http.Timeout
	for {
		before := c.config.Now()
		waited, sent, err := c.attempt(ctx, left, r, read)
		spent.waited += waited
		if sent {
			spent.tries++
		}
		var failed *Error
		if !sent || !r.repeatable || spent.tries >= maxTries || !errors.As(err, &failed) || !failed.transient {
			return spent, err
		}
		delay := c.delay(spent.tries)
		if c.http.Timeout > 0 {
			if left -= c.config.Now().Sub(before) - waited + delay; left <= 0 {
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

// WithMargin returns a context that ends a little before the deadline of its parent, so that an error in words reaches the caller before
// the caller's own deadline ends everything.
func WithMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Until(deadline)/10, maxMargin)))
}

// maxMargin is what is kept of a long deadline.
const maxMargin = time.Second

// delay is the pause after so many tries: twice as long each time, and never the same for all who failed together.
func (c *Client) delay(tries int) time.Duration {
	return time.Duration((0.5 + c.config.Jitter()) * float64(firstDelay<<(tries-1)))
}

// attempt waits for the rate limit and sends the request once. A timeout above 0 bounds it from its start. sent is false if the request
// was refused before it was sent.
func (c *Client) attempt(ctx context.Context, timeout time.Duration, r request, read func(io.Reader) error) (waited time.Duration, sent bool, err error) {
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
	return t.grant.Waited(), true, c.send(ctx, r, read)
}

// sleep waits, but no longer than the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// jitter is a number from 0 to 1.
func jitter() float64 { return rand.Float64() }
