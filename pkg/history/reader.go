package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// reader answers one question: it returns what is cached and requests what is not, from one end of the time range to the other.
type reader struct {
	history     *History
	question    Question
	cost        *Cost
	visit       func(Batch) (more bool)
	missing     auditlog.TimeRange // not returned yet
	requestedAt int64              // a cached answer is as good as it was then, however long the wait
	ready       []piece            // read while choosing the track, in the order of the question
	coverage    Coverage
	bad         badRecords
	pages       int // requested
	barren      int // since the last event; see scan
	stopped     bool
}

// piece is a part of the time range with its events, ascending.
type piece struct {
	events []auditlog.Event
	part   auditlog.TimeRange
}

func (r *reader) backwards() bool { return r.question.Order != cbc.OldestFirst }

func (r *reader) now() int64 { return r.history.now() }

func (r *reader) run(ctx context.Context) error {
	t, err := r.chooseTrack(ctx)
	r.coverage.AsOf = time.UnixMilli(r.requestedAt).UTC()
	defer r.setUntil()
	idle, before, read := 0, r.missing, 0
	for r.missing.From < r.missing.To && !r.stopped {
		// A crawl without events is no progress: a server that ignores the time range could be asked a millisecond at a time.
		if moved := (before.To - before.From) - (r.missing.To - r.missing.From); moved >= 1000 || r.coverage.Read > read {
			idle, before, read = 0, r.missing, r.coverage.Read
		}
		if len(r.ready) > 0 && r.isNext(r.ready[0].part) {
			r.deliver(r.ready[0].events, r.ready[0].part, false)
			r.ready = r.ready[1:]
			continue
		}
		cached, part := r.history.cache.at(t, r.missing, r.backwards(), r.requestedAt)
		switch {
		case cached != nil:
			r.recordAge(cached)
			r.deliver(within(cached.events, part), part, true)
			continue
		case err != nil: // nothing more is requested after a failure
		case r.question.Mode == CacheOnly:
			return nil
		case r.atPageLimit(t, part):
			r.coverage.Found = max(r.coverage.Found, r.history.cache.estimate(t, r.question.Range))
			return nil
		case idle == maxIdle:
			return ErrStuck
		default:
			idle++
			_, err = r.fetch(ctx, t, part, r.deliver)
		}
		if err != nil && !r.deliverStale(t, err) {
			return err
		}
	}
	return nil
}

// atPageLimit reports whether no further page may be requested, or whether one is known not to be enough.
func (r *reader) atPageLimit(t *track, part auditlog.TimeRange) bool {
	most := r.question.MaxPages
	return most > 0 && (r.pages >= most || r.history.cache.exceedsPage(t, part, r.history.config.Reach))
}

// recordAge records how old a cached part is.
func (r *reader) recordAge(cached *extent) {
	if cached.until == 0 {
		return
	}
	if requested := time.UnixMilli(cached.requestedAt).UTC(); requested.Before(r.coverage.AsOf) {
		r.coverage.AsOf = requested
	}
	if until := time.UnixMilli(cached.until).UTC(); r.coverage.Until.IsZero() || until.Before(r.coverage.Until) {
		r.coverage.Until = until
	}
}

// setUntil records until when what was just requested stays valid.
func (r *reader) setUntil() {
	if r.coverage.Until.IsZero() {
		r.coverage.Until = time.UnixMilli(r.now()).UTC().Add(r.history.config.Fresh)
	}
}

// maxIdle bounds the requests that bring nothing, for a server that breaks every rule.
const maxIdle = 20

// ErrStuck means that searches of a time range return no event of it, although it is not empty.
var ErrStuck = errors.New("Carbon Black Cloud answers searches of a time range with events of another")

// chooseTrack picks what the question is answered from. A filter that can be decided here completely is answered from the unfiltered
// events of the time range, if they fit a page: then all panels of a dashboard share one request. Otherwise the filter is sent and has
// a track of its own.
func (r *reader) chooseTrack(ctx context.Context) (*track, error) {
	c := r.history.cache
	base, own := c.track(auditlog.Filter{}), c.track(r.question.Filter)
	if base == own || r.question.Mode == ServerFiltered || !r.question.Filter.Structured() {
		return own, nil
	}
	if r.question.Mode == CacheOnly {
		if r.cachedLength(own) > r.cachedLength(base) {
			return own, nil
		}
		return base, nil
	}
	if !c.covers(base, r.question.Range, r.requestedAt) && (r.question.Mode == SkipSharedPage || c.covers(own, r.question.Range, r.requestedAt)) {
		return own, nil
	}
	for w := r.question.Range; w.From < w.To; {
		cached, part := c.at(base, w, r.backwards(), r.requestedAt)
		if cached != nil {
			w = r.after(w, part)
			continue
		}
		if c.exceedsPage(base, part, r.history.config.Reach) {
			return r.reset(own), nil
		}
		finished, err := r.fetch(ctx, base, part, func(events []auditlog.Event, got auditlog.TimeRange, _ bool) {
			r.ready = append(r.ready, piece{events, got})
			w = r.after(w, got)
		})
		if err != nil {
			return base, err
		}
		if !finished || len(r.bad.records) > 0 { // whether the filter selects what cannot be read cannot be decided here
			return r.reset(own), nil
		}
	}
	return base, nil
}

// reset forgets what was read of the unfiltered events, to go on with the filter's own track.
func (r *reader) reset(own *track) *track {
	r.ready, r.pages, r.coverage, r.bad = nil, 0, Coverage{}, badRecords{}
	return own
}

// cachedLength returns how much of the time range, in milliseconds, a track has without a gap, from the end where reading begins.
func (r *reader) cachedLength(t *track) int64 {
	w := r.question.Range
	for w.From < w.To {
		cached, part := r.history.cache.at(t, w, r.backwards(), r.requestedAt)
		if cached == nil {
			break
		}
		w = r.after(w, part)
	}
	return r.question.Range.To - r.question.Range.From - (w.To - w.From)
}

// after returns what is left of a time range after a part, in the order of the question.
func (r *reader) after(w, part auditlog.TimeRange) auditlog.TimeRange {
	if r.backwards() {
		return auditlog.TimeRange{From: w.From, To: part.From}
	}
	return auditlog.TimeRange{From: part.To, To: w.To}
}

// isNext reports whether a part is the next one to deliver.
func (r *reader) isNext(part auditlog.TimeRange) bool {
	if r.backwards() {
		return part.To == r.missing.To
	}
	return part.From == r.missing.From
}

// deliverFunc takes the events of a part, ascending.
type deliverFunc func(events []auditlog.Event, part auditlog.TimeRange, fromCache bool)

// fetch reads one page of a gap, caches it, and delivers it. finished reports that nothing of the gap is left. After a wait for another
// caller's request the gap may be filled; then fetch returns without reading.
func (r *reader) fetch(ctx context.Context, t *track, gap auditlog.TimeRange, deliver deliverFunc) (finished bool, err error) {
	release, err := r.history.cache.flight(ctx, t).acquire(ctx, gap.From)
	if err != nil {
		return false, err
	}
	defer func() { release(err) }()
	if cached, still := r.history.cache.at(t, gap, r.backwards(), r.requestedAt); cached != nil || still != gap {
		return true, nil
	}
	r.pages++
	return r.readPage(ctx, t, gap, deliver)
}

// readPage reads one page of a gap, caches it, and delivers it.
func (r *reader) readPage(ctx context.Context, t *track, gap auditlog.TimeRange, deliver deliverFunc) (finished bool, err error) {
	requestedAt := r.now()
	fetched := gap
	open := r.history.isOpen(t, gap, requestedAt)
	if open {
		fetched.To = max(gap.To, requestedAt)
	}
	if r.backwards() && gap.From == r.question.Range.From && !r.history.coarse.Load() {
		m := startRounding(r.question.Range)
		fetched.From -= (gap.From%m + m) % m // also before 1970
	}
	s := &scan{history: r.history, filter: t.filter, order: r.question.Order, cost: r.cost, missing: fetched, requested: gap, barren: r.barren}
	if r.pages == 1 && t.key == keyOf(r.question.Filter) {
		s.rows = r.question.FirstRows
	}
	s.emit = func(events []auditlog.Event, part auditlog.TimeRange, whole bool) {
		switch {
		case !whole:
			r.coverage.TruncatedAt = max(r.coverage.TruncatedAt, part.From)
		case len(s.bad.records) > 0: // the next caller must be told about them, too
		case !s.coarse: // where an event lies in its second is unknown, so it could not be cut out of the cache again
			r.history.store(t, events, part, requestedAt, open && part.To == fetched.To)
		}
		if inside := intersect(part, gap); inside == part {
			deliver(events, part, false)
		} else if inside.From < inside.To {
			deliver(within(events, inside), inside, false)
		}
	}
	err = s.step(ctx)
	if r.coverage.Found == 0 {
		r.coverage.Found = s.found
	}
	r.bad.add(s.bad.records)
	if finished = s.missing.From >= s.missing.To; finished {
		s.barren = 0
	}
	r.barren = s.barren
	if err == nil && !finished {
		r.history.cache.recordOverflow(t, gap, s.found)
	}
	return finished, err
}

// startRounding returns the milliseconds to which the start of a time range is rounded down: viewers of one dashboard who load it a
// moment apart then find it cached.
func startRounding(r auditlog.TimeRange) int64 {
	if r.To-r.From < 3_600_000 {
		return 1000
	}
	return 10_000
}

// isOpen reports whether a gap ends so close to the present that it is requested up to the present: whoever asks a moment later then
// finds the end of the log cached.
func (h *History) isOpen(t *track, gap auditlog.TimeRange, requestedAt int64) bool {
	fresh := h.config.Fresh.Milliseconds()
	if fresh == 0 || h.coarse.Load() || gap.To < requestedAt-fresh {
		return false
	}
	above := auditlog.TimeRange{From: gap.To, To: max(gap.To, requestedAt+fresh)}
	cached, free := h.cache.at(t, above, false, requestedAt)
	return cached == nil && free == above
}

// store caches what was read: settled events for good, and the unsettled end for a little while. The end of the log stands for what
// happens in that little while, too.
func (h *History) store(t *track, events []auditlog.Event, part auditlog.TimeRange, requestedAt int64, open bool) {
	now := h.now()
	if now < requestedAt {
		return // the clock was set back meanwhile
	}
	settled := max(min(requestedAt-h.config.Settle.Milliseconds(), part.To), part.From)
	if old := (auditlog.TimeRange{From: part.From, To: settled}); old.From < old.To {
		h.cache.put(t, &extent{span: old, events: slices.Clone(within(events, old)), requestedAt: requestedAt})
	}
	fresh := h.config.Fresh.Milliseconds()
	if end := (auditlog.TimeRange{From: settled, To: part.To}); end.From < end.To && fresh > 0 {
		events := slices.Clone(within(events, end)) // a page has room for 10,000 events, however few it holds
		if open {
			end.To = max(end.To, now+fresh)
		}
		h.cache.put(t, &extent{span: end, events: events, requestedAt: requestedAt, until: requestedAt + fresh})
	}
}

// deliver returns the events of a part to the caller, as many as MaxEvents allows, and moves on.
func (r *reader) deliver(events []auditlog.Event, part auditlog.TimeRange, fromCache bool) {
	if r.stopped {
		return
	}
	if room := r.question.MaxEvents - r.coverage.Read; len(events) > room {
		if r.backwards() {
			cut := len(events) - room
			part.From = min(events[cut-1].CreateTime.UnixMilli()+1, part.To)
			events = events[cut:]
		} else {
			part.To = max(events[room].CreateTime.UnixMilli(), part.From)
			events = events[:room]
		}
		r.stopped = true
	}
	r.coverage.Read += len(events)
	if fromCache {
		r.coverage.FromCache += len(events)
	}
	r.missing = r.after(r.missing, part)
	if len(events) == 0 {
		return
	}
	batch := ascending(events)
	if r.backwards() {
		batch = descending(events)
	}
	if !r.visit(batch) {
		r.stopped = true
	}
}

// deliverStale answers the end of the time range, if it cannot be requested now, with its last known state, and says how old that is.
func (r *reader) deliverStale(t *track, err error) bool {
	var failed *cbc.Error
	if r.coverage.Failure != nil || !errors.As(err, &failed) || !failed.Temporary() {
		return false
	}
	old := r.history.cache.end(t, r.missing)
	if old == nil || !r.backwards() && old.span.From > r.missing.From || r.backwards() && r.missing.To != r.question.Range.To {
		return false
	}
	part := auditlog.TimeRange{From: max(old.span.From, r.missing.From), To: r.missing.To}
	r.coverage.StaleSince, r.coverage.Failure = time.UnixMilli(old.requestedAt).UTC(), err
	r.recordAge(old)
	r.deliver(within(old.events, part), part, true)
	return true
}

// Estimate returns about how many events a time range holds for a filter, 0 if unknown, and whether all of them are cached. It sends
// nothing.
func (h *History) Estimate(f auditlog.Filter, r auditlog.TimeRange) (events int, cached bool) {
	now := h.now()
	own := h.cache.track(f)
	if base := h.cache.track(auditlog.Filter{}); f.Structured() && h.cache.covers(base, r, now) {
		return h.cache.estimate(own, r), true
	}
	return h.cache.estimate(own, r), h.cache.covers(own, r, now)
}
