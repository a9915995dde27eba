package history

import (
	"context"
	"errors"
	"sync"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// turns lets one asker at a time through, so that a question that several have is sent once: whoever waited finds the answer,
// or is told the failure. One after the other would wait for a host that does not answer otherwise.
type turns struct {
	free   chan struct{}
	mu     sync.Mutex
	ended  int   // how many have had their turn
	about  int64 // what the last one asked for
	failed error // how it failed, if that holds for whoever waited, too
}

func newTurns() *turns {
	t := &turns{free: make(chan struct{}, 1)}
	t.free <- struct{}{}
	return t
}

// alike is how far apart, in milliseconds, the starts of two windows may be that are taken for the same question.
const alike = 10_000

// take waits for the turn to ask about a window that begins at a time; release must be called, with how it went.
func (t *turns) take(ctx context.Context, about int64) (release func(error), err error) {
	t.mu.Lock()
	ended := t.ended
	t.mu.Unlock()
	select {
	case <-t.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended > ended && t.failed != nil && max(t.about-about, about-t.about) <= alike {
		t.free <- struct{}{}
		return nil, t.failed
	}
	return func(err error) {
		t.mu.Lock()
		t.ended, t.about, t.failed = t.ended+1, about, nil
		var failed *cbc.Error
		// A refusal for the rate limit depends on the asker's deadline, and costs nothing.
		if ctx.Err() == nil && errors.As(err, &failed) && failed.Kind != cbc.KindThrottled {
			t.failed = err
		}
		t.mu.Unlock()
		t.free <- struct{}{}
	}, nil
}
