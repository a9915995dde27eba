package plugin

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// Room for the answers of the process, in points. A point takes about 24 bytes in a frame and twice as many while the frame is encoded
// and sent, so this and the memory limit keep the process under 512 MB.
const (
	panelRoom = 4_000_000
	// ruleRoom is kept for alert rules: panels cannot take it.
	ruleRoom = 2_000_000
)

var panelAnswers, ruleAnswers = semaphore.NewWeighted(panelRoom), semaphore.NewWeighted(ruleRoom)

// room is the memory of the answers to one request.
type room struct {
	all   *semaphore.Weighted
	total int64

	mu   sync.Mutex
	held int64
}

func newRoom(lane ratelimit.Lane) *room {
	if lane == ratelimit.LaneAlert {
		return &room{all: ruleAnswers, total: ruleRoom}
	}
	return &room{all: panelAnswers, total: panelRoom}
}

// take reserves room for points. A request that holds none waits until there is room. One that holds some does not wait, as others may be
// waiting for what it holds.
func (r *room) take(ctx context.Context, points int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.held+points > r.total, r.held > 0 && !r.all.TryAcquire(points):
		return query.Errorf("the answers of this request are too large together: ask for fewer groups, points, rows or queries, or for a shorter time range")
	case r.held == 0:
		if err := r.all.Acquire(ctx, points); err != nil {
			return err
		}
	}
	r.held += points
	return nil
}

// releaseWhenSent releases the room once the request is over: gRPC ends its context when the response is encoded and on its way.
func (r *room) releaseWhenSent(request context.Context) {
	if request.Done() == nil { // it never ends
		r.release()
		return
	}
	context.AfterFunc(request, r.release)
}

func (r *room) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.Release(r.held)
	r.held = 0
}

type roomKey struct{}

func roomOf(ctx context.Context) *room {
	r, _ := ctx.Value(roomKey{}).(*room)
	if r == nil {
		return newRoom(ratelimit.LaneOf(ctx))
	}
	return r
}
