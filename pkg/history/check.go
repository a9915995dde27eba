package history

import (
	"context"
	"slices"
	"sync/atomic"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// boundsCheck is what is known about how the server treats the bounds of a search. Reading need not know, because it drops events
// outside the range; a count cannot.
type boundsCheck struct {
	state  atomic.Int32
	flight *flight // the counts of a series come together, and one check serves all
}

const (
	boundsUnknown = iota
	boundsExact   // to the microsecond
	boundsRounded // to milliseconds or seconds
)

// sampleRows is the number of events that a first count returns to check the bounds with.
const sampleRows = 50

// sample returns how many rows a count requests.
func (h *History) sample() int {
	if h.bounds.state.Load() == boundsUnknown {
		return min(sampleRows, h.config.Reach)
	}
	return 1
}

// checkBounds requests once a time range between two events whose answer is known from a sample, newest first. If the answer differs,
// the server rounds the bounds, and its counts may be off at the edges of a time range.
func (h *History) checkBounds(ctx context.Context, f auditlog.Filter, sample []auditlog.Event, cost *Cost) (err error) {
	defer func() {
		cost.Blurred = cost.Blurred || h.bounds.state.Load() == boundsRounded
		cost.Unchecked = cost.Unchecked || h.bounds.state.Load() == boundsUnknown
	}()
	if h.bounds.state.Load() != boundsUnknown || h.coarse.Load() {
		return nil
	}
	between, want := checkRange(sample)
	if len(want) == 0 {
		return nil
	}
	release, err := h.bounds.flight.acquire(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { release(err) }()
	if h.bounds.state.Load() != boundsUnknown {
		return nil
	}
	start, end := Narrow(between)
	page, err := h.search(ctx, cbc.SearchRequest{Filter: f, Start: start, End: end, Order: cbc.NewestFirst, Rows: min(sampleRows, h.config.Reach)}, cost)
	if err != nil {
		return err
	}
	// One more event may have arrived meanwhile; an event from outside, or a missing one, means rounded bounds.
	state := int32(boundsExact)
	sortByTime(page.Events)
	if len(within(page.Events, between)) < max(len(page.Events), len(want)) {
		state = boundsRounded
	}
	h.bounds.state.CompareAndSwap(boundsUnknown, state)
	return nil
}

// checkRange returns a time range from after one event of a sample to after another, and the events in it, ascending. Its bounds are no
// whole seconds. The sample's first millisecond is left out: it may hold events beyond the sample.
func checkRange(sample []auditlog.Event) (auditlog.TimeRange, []auditlog.Event) {
	events := slices.Clone(sample)
	sortByTime(events)
	if len(events) < 3 {
		return auditlog.TimeRange{}, nil
	}
	first := events[0].CreateTime.UnixMilli()
	for i := 1; i < len(events); i++ {
		low, high := events[i-1].CreateTime.UnixMilli(), events[i].CreateTime.UnixMilli()
		if low == first || low == high || low%1000 == 999 || high%1000 == 999 {
			continue
		}
		r := auditlog.TimeRange{From: low + 1, To: high + 1}
		return r, within(events, r)
	}
	return auditlog.TimeRange{}, nil
}

// BoundsTaken reports whether the server was seen to take the bounds of a search to the microsecond.
func (h *History) BoundsTaken() bool { return h.bounds.state.Load() == boundsExact }
