// Package clock waits, and notices when the system's clock is set back: what was remembered by the wrong time is then no longer valid.
package clock

import (
	"context"
	"sync"
	"time"
)

// Sleep waits until d has passed. If the context ends first, it returns the context's error.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// slack is what a clock may be set back without any consequence: small corrections are normal.
const slack = time.Second

// Watch compares the times of a clock with the time that has passed. The zero Watch is ready for use, and safe for concurrent use.
type Watch struct {
	mu   sync.Mutex
	last time.Time
}

// SetBack reports whether the clock was set back since the call before. Where the times hold a monotonic reading, as those of
// time.Now do, it is found however long ago that call was; otherwise only if now is before the time of that call.
func (w *Watch) SetBack(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.last
	if w.last = now; last.IsZero() {
		return false
	}
	passed := max(now.Sub(last), 0)
	shown := now.Round(0).Sub(last.Round(0)) // Round takes the monotonic reading away
	return passed-shown > slack
}
