package export

import (
	"context"
	"time"

	"carbonblack-auditlog-datasource/pkg/history"
)

// stallTimeout bounds how long the sink may take for a chunk of at most 1 MiB.
const stallTimeout = time.Minute

// stallGuard passes a file on to a sink, and fails if the sink does not take a chunk in time. A goroutine that is blocked in the sink is
// left behind; it ends with the call that the sink belongs to.
type stallGuard struct {
	ctx   context.Context
	sink  Sink
	after func(time.Duration) <-chan time.Time
	steps chan func() error
	done  chan error // has room for the result of a step that was left behind
}

func newStallGuard(ctx context.Context, sink Sink, after func(time.Duration) <-chan time.Time) *stallGuard {
	g := &stallGuard{ctx: ctx, sink: sink, after: after, steps: make(chan func() error), done: make(chan error, 1)}
	go func() {
		for step := range g.steps {
			g.done <- history.Guard(step)
		}
	}()
	return g
}

// Begin passes on the announcement of the file.
func (g *stallGuard) Begin(f File) error { return g.run(func() error { return g.sink.Begin(f) }) }

// Write passes on a chunk. After an error the chunk may still be in use.
func (g *stallGuard) Write(chunk []byte) error {
	return g.run(func() error { return g.sink.Write(chunk) })
}

func (g *stallGuard) run(step func() error) error {
	stalled := g.after(stallTimeout)
	g.steps <- step
	select {
	case err := <-g.done:
		return err
	case <-stalled:
		return ErrStalled
	case <-g.ctx.Done():
		return g.ctx.Err()
	}
}

// close ends the guard. Nothing may be passed on afterwards, nor after an error.
func (g *stallGuard) close() { close(g.steps) }
