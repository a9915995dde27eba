package history

import "context"

// Scan reads a question to its end, or until visit returns false. Bad records are an error.
func (h *History) Scan(ctx context.Context, q Question, cost *Cost, visit func(Batch) (more bool)) (Coverage, error) {
	var coverage Coverage
	var failure error
	for batch, err := range h.Read(ctx, q, &coverage, cost) {
		if err != nil {
			failure = err
		} else if !visit(batch) {
			break
		}
	}
	if failure == nil && coverage.Bad != nil {
		failure = coverage.Bad
	}
	return coverage, failure
}

// Len counts the events of a batch.
func Len(b Batch) (n int) {
	for range b {
		n++
	}
	return n
}
