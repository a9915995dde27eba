package history

import (
	"context"
	"errors"
	"sync"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// flight coalesces requests: one caller at a time sends a request, and callers that waited find its answer in the cache or get the same
// error. It is not a singleflight.Group, because a waiting caller may need more than the running request returns, and because a request
// must run in its own caller's context and goroutine.
type flight struct {
	free    chan struct{}
	mu      sync.Mutex
	ended   int   // requests that have ended
	start   int64 // of the time range of the last request
	failure error // of the last request, if it also holds for the callers that waited
}

func newFlight() *flight {
	f := &flight{free: make(chan struct{}, 1)}
	f.free <- struct{}{}
	return f
}

// sameQuestion is how far apart, in milliseconds, the starts of two time ranges may be for an error of one to hold for the other.
const sameQuestion = 10_000

// acquire waits until no other request is running. Then the caller sends its own request, for a time range that begins at start, and calls
// release with its error.
func (f *flight) acquire(ctx context.Context, start int64) (release func(error), err error) {
	f.mu.Lock()
	ended := f.ended
	f.mu.Unlock()
	select {
	case <-f.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended > ended && f.failure != nil && max(f.start-start, start-f.start) <= sameQuestion {
		f.free <- struct{}{}
		return nil, f.failure
	}
	return func(err error) { f.release(ctx, start, err) }, nil
}

func (f *flight) release(ctx context.Context, start int64, err error) {
	f.mu.Lock()
	f.ended, f.start, f.failure = f.ended+1, start, nil
	var failed *cbc.Error
	// A refusal by the rate limit depends on the caller's deadline, and costs nothing.
	if ctx.Err() == nil && errors.As(err, &failed) && failed.Kind != cbc.KindThrottled {
		f.failure = err
	}
	f.mu.Unlock()
	f.free <- struct{}{}
}
