package history

import (
	"context"
	"slices"
	"sync/atomic"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// boundsCheck is what is known of how the server takes the bounds of a search. Reading needs not know, since it trims, but a
// number cannot be trimmed.
type boundsCheck struct {
	state atomic.Int32
	turns *turns // the numbers of a series come together, and one check is enough for all
}

const (
	boundsUnknown = iota
	boundsTaken   // to the microsecond
	boundsCut     // to milliseconds or seconds
)

// sampleRows is how many events a first count brings along, to check the bounds on.
const sampleRows = 50

// sample is how many rows a count asks for.
func (h *History) sample() int {
	if h.bounds.state.Load() == boundsUnknown {
		return min(sampleRows, h.config.Reach)
	}
	return 1
}

// checkBounds asks once for a window between two events whose answer is known from a sample, newest first: if another comes
// back, the server cuts the bounds, and the numbers it gives are blurred by what lies at the edges.
func (h *History) checkBounds(ctx context.Context, f auditlog.Filter, sample []auditlog.Event, cost *Cost) (err error) {
	defer func() {
		cost.Blurred = cost.Blurred || h.bounds.state.Load() == boundsCut
		cost.Unchecked = cost.Unchecked || h.bounds.state.Load() == boundsUnknown
	}()
	if h.bounds.state.Load() != boundsUnknown || h.coarse.Load() {
		return nil
	}
	between, want := known(sample)
	if len(want) == 0 {
		return nil
	}
	release, err := h.bounds.turns.take(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { release(err) }()
	if h.bounds.state.Load() != boundsUnknown {
		return nil
	}
	start, end := narrow(between)
	page, err := h.search(ctx, cbc.SearchRequest{Filter: f, Start: start, End: end, Order: cbc.NewestFirst, Rows: min(sampleRows, h.config.Reach)}, cost)
	if err != nil {
		return err
	}
	// An event more may have arrived meanwhile; one from outside, or one less, has no such excuse.
	state := int32(boundsTaken)
	arrange(page.Events)
	if len(within(page.Events, between)) < max(len(page.Events), len(want)) {
		state = boundsCut
	}
	h.bounds.state.CompareAndSwap(boundsUnknown, state)
	return nil
}

// known returns a window from behind one event of a sample to behind another, and the events in it, ascending. The window's
// edges are no whole seconds if possible. The sample's last millisecond is left out: it may go on beyond the sample.
func known(sample []auditlog.Event) (auditlog.TimeRange, []auditlog.Event) {
	events := slices.Clone(sample)
	arrange(events)
	if len(events) < 3 {
		return auditlog.TimeRange{}, nil
	}
	first := events[0].CreateTime.UnixMilli()
	for i := 1; i < len(events); i++ {
		low, high := events[i-1].CreateTime.UnixMilli(), events[i].CreateTime.UnixMilli()
		if low == first || low == high || low%1000 == 999 || high%1000 == 999 {
			continue
		}
		w := auditlog.TimeRange{From: low + 1, To: high + 1}
		return w, within(events, w)
	}
	return auditlog.TimeRange{}, nil
}

// BoundsTaken reports whether the server was seen to take the bounds of a search to the microsecond.
func (h *History) BoundsTaken() bool { return h.bounds.state.Load() == boundsTaken }
