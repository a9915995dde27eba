package history

import "context"

// turns lets one asker at a time through, so that a question that several have is sent once: whoever waited finds the answer.
type turns chan struct{}

func newTurns() turns {
	t := make(turns, 1)
	t <- struct{}{}
	return t
}

// take waits for the turn; release must be called.
func (t turns) take(ctx context.Context) (release func(), err error) {
	select {
	case <-t:
		return func() { t <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
