package history

import (
	"context"
	"errors"
	"sync"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// flight lets one caller at a time send a request that others need too: whoever waited finds the answer in the cache, or gets the same
// error. It is no singleflight.Group, because a waiting caller may need more than the running request brings, and because a request
// must run in its own caller's context and goroutine.
type flight struct {
	free    chan struct{}
	mu      sync.Mutex
	landed  int   // requests that have ended
	start   int64 // of the time range of the last request
	failure error // of the last request, if it holds for those who waited, too
}

func newFlight() *flight {
	f := &flight{free: make(chan struct{}, 1)}
	f.free <- struct{}{}
	return f
}

// sameQuestion is how far apart, in milliseconds, the starts of two time ranges may be to share an error.
const sameQuestion = 10_000

// board waits until no other request is running. The caller then sends its own request for a time range that begins at start, and calls
// land with the result.
func (f *flight) board(ctx context.Context, start int64) (land func(error), err error) {
	f.mu.Lock()
	landed := f.landed
	f.mu.Unlock()
	select {
	case <-f.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.landed > landed && f.failure != nil && max(f.start-start, start-f.start) <= sameQuestion {
		f.free <- struct{}{}
		return nil, f.failure
	}
	return func(err error) { f.land(ctx, start, err) }, nil
}

func (f *flight) land(ctx context.Context, start int64, err error) {
	f.mu.Lock()
	f.landed, f.start, f.failure = f.landed+1, start, nil
	var failed *cbc.Error
	// A refusal by the rate limit depends on the caller's deadline, and costs nothing.
	if ctx.Err() == nil && errors.As(err, &failed) && failed.Kind != cbc.KindThrottled {
		f.failure = err
	}
	f.mu.Unlock()
	f.free <- struct{}{}
}
