package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// reader answers one question: it hands over what is known and reads what is not, from one end of the window to the other.
type reader struct {
	history  *History
	question Question
	cost     *Cost
	visit    func(Batch) bool
	rest     auditlog.TimeRange // what is not handed over yet
	came     int64              // when the question was asked: an answer at hand is as good as it was then, however long the wait
	ready    []piece            // what was read while choosing, in the order of the question
	coverage Coverage
	bad      badRecords
	pages    int // asked for
	stopped  bool
}

func (r *reader) backwards() bool { return r.question.Order != cbc.OldestFirst }

func (r *reader) now() int64 { return r.history.now() }

func (r *reader) run(ctx context.Context) error {
	t, err := r.choose(ctx)
	r.coverage.AsOf = time.UnixMilli(r.came).UTC()
	defer r.expire()
	idle, before, read := 0, r.rest, 0
	for r.rest.From < r.rest.To && !r.stopped {
		// A crawl without events is no progress: a server that ignores the window could be asked a millisecond at a time.
		if moved := (before.To - before.From) - (r.rest.To - r.rest.From); moved >= 1000 || r.coverage.Read > read {
			idle, before, read = 0, r.rest, r.coverage.Read
		}
		if len(r.ready) > 0 && r.next(r.ready[0].window) {
			r.hand(r.ready[0].events, r.ready[0].window, false)
			r.ready = r.ready[1:]
			continue
		}
		known, part := r.history.cache.at(t, r.rest, r.backwards(), r.came)
		switch {
		case known != nil:
			r.date(known)
			r.hand(within(known.events, part), part, true)
			continue
		case err != nil: // nothing more is asked after a failure
		case r.question.Known:
			return nil
		case r.question.Pages > 0 && (r.pages >= r.question.Pages || r.history.cache.crowdedAt(t, part, r.history.config.Reach)):
			r.coverage.Found = max(r.coverage.Found, r.history.cache.crowd(t, r.question.Window))
			return nil // a page would not bring it to its end
		case idle == maxIdle:
			return ErrStuck
		case r.worthwhile():
			idle++
			err = r.parallel(ctx, t)
		default:
			idle++
			_, err = r.fetch(ctx, t, part, r.hand)
		}
		if err != nil && !r.outdated(t, err) {
			return err
		}
	}
	return nil
}

// date takes into account of when an answer at hand is.
func (r *reader) date(known *extent) {
	if known.until == 0 {
		return
	}
	if asked := time.UnixMilli(known.asked).UTC(); asked.Before(r.coverage.AsOf) {
		r.coverage.AsOf = asked
	}
	if until := time.UnixMilli(known.until).UTC(); r.coverage.Until.IsZero() || until.Before(r.coverage.Until) {
		r.coverage.Until = until
	}
}

// expire says until when what was asked just now stands.
func (r *reader) expire() {
	if r.coverage.Until.IsZero() {
		r.coverage.Until = time.UnixMilli(r.now()).UTC().Add(r.history.config.Fresh)
	}
}

// maxIdle bounds the requests that bring nothing: a server that breaks every rule must not be asked for ever.
const maxIdle = 20

// ErrStuck says that searches of a window bring no event of it, although it is not empty.
var ErrStuck = errors.New("Carbon Black Cloud answers searches of a time range with events of another")

// choose picks what the question is answered from. A filter of which every part can be decided here is answered from the
// unfiltered events of the window, if they fit a page: then all panels of a dashboard share one request. Otherwise, or where
// only Carbon Black Cloud can decide, the filter is sent and has a track of its own.
func (r *reader) choose(ctx context.Context) (*track, error) {
	c, window := r.history.cache, r.question.Window
	base, own := c.track(auditlog.Filter{}), c.track(r.question.Filter)
	if r.question.Known {
		return r.further(base, own), nil
	}
	if base == own || r.question.Own || !r.question.Filter.Structured() || !c.covers(base, window, r.came) && (r.question.Alone || c.covers(own, window, r.came)) {
		return own, nil
	}
	for w := window; w.From < w.To; {
		known, part := c.at(base, w, r.backwards(), r.came)
		if known != nil {
			w = r.behind(w, part)
			continue
		}
		if c.crowdedAt(base, part, r.history.config.Reach) {
			return r.leave(own), nil
		}
		finished, err := r.fetch(ctx, base, part, func(events []auditlog.Event, got auditlog.TimeRange, _ bool) {
			r.ready = append(r.ready, piece{events, got, false})
			w = r.behind(w, got)
		})
		if err != nil {
			return base, err
		}
		if !finished || len(r.bad.records) > 0 { // whether the filter selects what cannot be read is not to be decided here
			return r.leave(own), nil
		}
	}
	return base, nil
}

// leave forgets what was learned of the unfiltered events, and goes on with the filter's own.
func (r *reader) leave(own *track) *track {
	r.ready, r.pages, r.coverage, r.bad = nil, 0, Coverage{}, badRecords{}
	return own
}

// behind is what is left of a window behind a part, in the order of the question.
func (r *reader) behind(w, part auditlog.TimeRange) auditlog.TimeRange {
	if r.backwards() {
		return auditlog.TimeRange{From: w.From, To: part.From}
	}
	return auditlog.TimeRange{From: part.To, To: w.To}
}

// next reports whether a part is the next one to hand over.
func (r *reader) next(part auditlog.TimeRange) bool {
	if r.backwards() {
		return part.To == r.rest.To
	}
	return part.From == r.rest.From
}

// taker is handed the events of a part, ascending; kept tells that they were at hand.
type taker func(events []auditlog.Event, part auditlog.TimeRange, kept bool)

// fetch reads one page of a gap, keeps it, and hands it over; finished tells that nothing of the gap is left. Who had to wait
// for the turn may find the gap filled, and returns without reading.
func (r *reader) fetch(ctx context.Context, t *track, gap auditlog.TimeRange, hand taker) (finished bool, err error) {
	release, err := r.history.cache.turn(ctx, t, gap)
	if err != nil {
		return false, err
	}
	defer func() { release(err) }()
	if known, still := r.history.cache.at(t, gap, r.backwards(), r.came); known != nil || still != gap {
		return true, nil
	}
	r.pages++
	rows := 0
	if r.pages == 1 && t.key == keyOf(r.question.Filter) {
		rows = r.question.Rows
	}
	step, err := r.page(ctx, t, gap, rows, r.cost, hand)
	if r.coverage.Found == 0 {
		r.coverage.Found = step.found
	}
	r.coverage.Cut = max(r.coverage.Cut, step.cut)
	r.bad.add(step.bad)
	return step.finished, err
}

// step is what one page brought.
type step struct {
	found    int
	cut      int64
	bad      []cbc.BadRecord
	finished bool
}

// page reads one page of a gap, of at most rows events if that is above 0, and keeps it. It changes nothing of the reader.
func (r *reader) page(ctx context.Context, t *track, gap auditlog.TimeRange, rows int, cost *Cost, hand taker) (step, error) {
	asked := r.now()
	var out step
	ask := gap
	open := r.history.open(t, gap, asked)
	if open {
		ask.To = max(gap.To, asked)
	}
	if r.backwards() && gap.From == r.question.Window.From && !r.history.coarse.Load() {
		m := margin(r.question.Window)
		ask.From -= (gap.From%m + m) % m // also before 1970
	}
	s := &scan{history: r.history, filter: t.filter, order: r.question.Order, cost: cost, rest: ask, strict: gap, rows: rows}
	s.emit = func(events []auditlog.Event, part auditlog.TimeRange, whole bool) {
		switch {
		case !whole:
			out.cut = part.From
		case len(s.bad.records) > 0: // whoever asks again must be told of them, too
		case !s.coarse: // where an event lies in its second is not known, so it cannot be cut out again
			r.history.keep(t, events, part, asked, open && part.To == ask.To)
		}
		if inside := intersect(part, gap); inside == part {
			hand(events, part, false)
		} else if inside.From < inside.To {
			hand(within(events, inside), inside, false)
		}
	}
	err := s.step(ctx)
	out.found, out.bad, out.finished = s.found, s.bad.records, s.rest.From >= s.rest.To
	if err == nil && !out.finished {
		r.history.cache.noteCrowd(t, gap, s.found)
	}
	return out, err
}

// margin rounds where a window begins: viewers of one dashboard who come a moment apart then find it read.
func margin(w auditlog.TimeRange) int64 {
	if w.To-w.From < 3_600_000 {
		return 1000
	}
	return 10_000
}

// open reports whether a gap reaches so near to the present that it is asked for up to the present: whoever asks a moment later
// then finds the end of the log read.
func (h *History) open(t *track, gap auditlog.TimeRange, asked int64) bool {
	fresh := h.config.Fresh.Milliseconds()
	if fresh == 0 || h.coarse.Load() || gap.To < asked-fresh {
		return false
	}
	above := auditlog.TimeRange{From: gap.To, To: max(gap.To, asked+fresh)}
	known, free := h.cache.at(t, above, false, asked)
	return known == nil && free == above
}

// keep puts what was read into the cache: what has settled for good, and the end that has not for a little while. If that is
// the end of the log, it stands for what happens in that little while, too.
func (h *History) keep(t *track, events []auditlog.Event, part auditlog.TimeRange, asked int64, open bool) {
	now := h.now()
	if now < asked {
		return // the clock was set back meanwhile
	}
	settled := max(min(asked-h.config.Settle.Milliseconds(), part.To), part.From)
	if old := (auditlog.TimeRange{From: part.From, To: settled}); old.From < old.To {
		h.cache.put(t, &extent{window: old, events: slices.Clone(within(events, old)), asked: asked})
	}
	fresh := h.config.Fresh.Milliseconds()
	if end := (auditlog.TimeRange{From: settled, To: part.To}); end.From < end.To && fresh > 0 {
		events := slices.Clone(within(events, end)) // a page has room for 10,000 events, however few it holds
		if open {
			end.To = max(end.To, now+fresh)
		}
		h.cache.put(t, &extent{window: end, events: events, asked: asked, until: asked + fresh})
	}
}

// hand gives the events of a part to the asker, as many as Max allows, and moves on behind them.
func (r *reader) hand(events []auditlog.Event, part auditlog.TimeRange, kept bool) {
	batch := Batch{events: events, order: r.question.Order}
	if room := r.question.Max - r.coverage.Read; batch.Len() > room {
		next := batch.at(room).CreateTime.UnixMilli()
		if r.backwards() {
			part.From = min(next+1, part.To)
		} else {
			part.To = max(next, part.From)
		}
		batch = batch.first(room)
		r.stopped = true
	}
	r.coverage.Read += batch.Len()
	if kept {
		r.coverage.Kept += batch.Len()
	}
	r.rest = r.behind(r.rest, part)
	if batch.Len() > 0 && !r.visit(batch) {
		r.stopped = true
	}
}

// outdated answers the end of the window, if it cannot be asked for now, with what it was when it was last looked at, and says
// when that was.
func (r *reader) outdated(t *track, err error) bool {
	var failed *cbc.Error
	if r.coverage.Failure != nil || !errors.As(err, &failed) || !failed.Temporary() {
		return false
	}
	old := r.history.cache.end(t, r.rest)
	if old == nil || !r.backwards() && old.window.From > r.rest.From || r.backwards() && r.rest.To != r.question.Window.To {
		return false
	}
	part := auditlog.TimeRange{From: max(old.window.From, r.rest.From), To: r.rest.To}
	r.coverage.Stale, r.coverage.Failure = time.UnixMilli(old.asked).UTC(), err
	r.date(old)
	r.hand(within(old.events, part), part, true)
	return true
}

// Reading in parallel is worth it from this many pages a part on: each part ends with a page that is not full.
const (
	pagesAPart = 8
	maxParts   = 4
)

// worthwhile reports whether so much is left to read that several parts should be read at a time.
func (r *reader) worthwhile() bool {
	found := r.coverage.Found
	return r.question.All && found <= r.question.Max && found-r.coverage.Read >= 2*pagesAPart*r.history.config.Reach
}

// piece is a part that was read out of turn.
type piece struct {
	events []auditlog.Event
	window auditlog.TimeRange
	kept   bool
}

// parallel reads the rest in parts of equal length at a time. They are handed over in order, up to where one failed.
func (r *reader) parallel(ctx context.Context, t *track) (err error) {
	release, err := r.history.cache.turn(ctx, t, r.rest)
	if err != nil {
		return err
	}
	defer func() { release(err) }()
	if known, gap := r.history.cache.at(t, r.rest, r.backwards(), r.came); known != nil || gap != r.rest {
		return nil // who had the turn before has read it, or some of it
	}
	n := min(maxParts, (r.coverage.Found-r.coverage.Read)/(pagesAPart*r.history.config.Reach))
	whole, pieces, costs, cuts := r.rest, make([][]piece, n), make([]Cost, n), make([]int64, n)
	bad := make([][]cbc.BadRecord, n)
	var group errgroup.Group
	for i := range n {
		length := (whole.To - whole.From) / int64(n)
		w := auditlog.TimeRange{From: whole.From + int64(i)*length, To: whole.From + int64(i+1)*length}
		if i == n-1 {
			w.To = whole.To
		}
		at := i // in the order of the question
		if r.backwards() {
			at = n - 1 - i
		}
		group.Go(func() error {
			return Guard(func() (err error) {
				pieces[at], cuts[at], bad[at], err = r.part(ctx, t, w, &costs[at])
				return err
			})
		})
	}
	err = group.Wait()
	for i := range n {
		r.cost.Add(costs[i])
		r.coverage.Cut = max(r.coverage.Cut, cuts[i])
		r.bad.add(bad[i])
	}
	for _, p := range pieces {
		for _, got := range p {
			if r.next(got.window) && !r.stopped {
				r.hand(got.events, got.window, got.kept)
			}
		}
	}
	return err
}

// part reads a window to its end.
func (r *reader) part(ctx context.Context, t *track, w auditlog.TimeRange, cost *Cost) (pieces []piece, cut int64, bad []cbc.BadRecord, err error) {
	take := func(events []auditlog.Event, window auditlog.TimeRange, kept bool) {
		pieces = append(pieces, piece{events, window, kept})
		w = r.behind(w, window)
	}
	for w.From < w.To && err == nil {
		known, part := r.history.cache.at(t, w, r.backwards(), r.came)
		if known != nil {
			take(within(known.events, part), part, true)
			continue
		}
		var got step
		got, err = r.page(ctx, t, part, 0, cost, take)
		cut = max(cut, got.cut)
		bad = append(bad, got.bad...)
	}
	return pieces, cut, bad, err
}
