package answer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// Carbon Black Cloud cannot be asked for a category, an action or an outcome. Where there are more events than one answer may
// read, it is asked for words of the descriptions instead, and the catalog decides among what comes back.
//
// How it finds words is not documented. So it is tried out first on events that are known, and again every hour; and whatever
// passes the filter among the events at hand must be among those that the words bring. An event that is not there ends the use
// of words for good, and the answer is what it is without them: an incomplete one that says so.

// WordSearch knows whether Carbon Black Cloud finds descriptions by their words. It is safe for concurrent use.
type WordSearch struct {
	now  func() time.Time
	turn chan struct{} // of who tries it out
	mu   sync.Mutex
	last trial
}

// trial is what was found out, and when.
type trial struct {
	at      time.Time // zero is never
	events  int       // that were known and came back
	refused bool      // one did not
}

// trustFor is how long words are used before they are tried out again.
const trustFor = time.Hour

// NewWordSearch returns one that has found out nothing yet. now is the clock.
func NewWordSearch(now func() time.Time) *WordSearch {
	w := &WordSearch{now: now, turn: make(chan struct{}, 1)}
	w.turn <- struct{}{}
	return w
}

// known returns what was found out, and whether that still stands.
func (w *WordSearch) known() (t trial, stands bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last, w.last.refused || !w.last.at.IsZero() && w.now().Sub(w.last.at) < trustFor
}

func (w *WordSearch) learn(t trial) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.refused {
		w.last = t
	}
}

// run answers the query, by words where too many events would have to be read otherwise.
func (a *answer) run(ctx context.Context) (frame.Frames, error) {
	shape := shapes[a.query.Type]
	words, ok := a.prefilter()
	if !ok || !a.exceeds(ctx, words.Sure) {
		return shape(a, ctx)
	}
	narrowed := *a
	narrowed.notices = slices.Clip(a.notices)
	if frames, ok := narrowed.byWords(ctx, words); ok {
		*a = narrowed
		return frames, nil
	}
	a.cost = narrowed.cost
	return shape(a, ctx)
}

// prefilter returns the words to ask for, if they help. A query with a Lucene text of its own is sent as it is: how Carbon Black
// Cloud would read the two together is not documented.
func (a *answer) prefilter() (catalog.Prefilter, bool) {
	w := a.answerer.Words
	if w == nil || a.query.Source == query.SourceQueue || a.cloud.Query != "" {
		return catalog.Prefilter{}, false
	}
	if t, _ := w.known(); t.refused {
		return catalog.Prefilter{}, false
	}
	words, ok := a.answerer.Classifier.Prefilter(a.query.Filter)
	if a.request.Numbers && !words.Sure {
		return catalog.Prefilter{}, false // a number that may be too low decides about no alert
	}
	return words, ok
}

// exceeds reports whether the answer would be incomplete because of the most events that may be read. A page tells about how many
// there are; where that is to be known for certain, or the number may be a capped one, only reading tells. What is read is at hand
// for the answer.
func (a *answer) exceeds(ctx context.Context, roughly bool) bool {
	look := *a
	look.notices = slices.Clip(a.notices)
	defer func() { a.cost = look.cost }()
	lists, limit := a.query.Type == query.TypeEvents, a.query.Limit
	enough := func() bool {
		return look.coverage.Complete || look.coverage.Failure != nil || lists && look.matched >= limit
	}
	if look.peek(ctx) != nil || enough() {
		return false
	}
	if found := look.coverage.Found; roughly && found != look.answerer.History.PageSize() {
		return look.coverage.FromCache+found > look.answerer.MaxEvents
	}
	n := 0
	err := look.read(ctx, !lists, func(*auditlog.Event, auditlog.Class) bool { n++; return !lists || n < limit })
	return err == nil && look.broken == nil && !enough()
}

// byWords answers by words, unless they cannot be trusted.
func (a *answer) byWords(ctx context.Context, words catalog.Prefilter) (frame.Frames, bool) {
	t, ok := a.tryOut(ctx)
	if !ok {
		return nil, false
	}
	plain := a.cloud
	a.cloud.Query = words.Query
	a.noteWords(words, t)
	frames, err := shapes[a.query.Type](a, ctx)
	if err != nil || !a.agrees(ctx, plain) {
		if rejected(err) {
			a.answerer.Words.learn(trial{refused: true})
		}
		return nil, false
	}
	return frames, true
}

func (a *answer) noteWords(words catalog.Prefilter, t trial) {
	const how = "there are more events than one answer reads (maxEvents), so Carbon Black Cloud was asked for words of the descriptions"
	if words.Sure {
		a.inform("%s; that it finds all of them by their words was tried out at %s on %d events", how, t.at.UTC().Format(stamp), t.events)
		return
	}
	a.warn("possibly incomplete: %s, and a description in which such a word is joined to another may not be found", how)
}

// rejected tells that Carbon Black Cloud does not take the text.
func rejected(err error) bool {
	var failed *cbc.Error
	return errors.As(err, &failed) && failed.Kind == cbc.KindQuery
}

// agrees reports whether all events at hand that pass are among those that the words brought.
func (a *answer) agrees(ctx context.Context, plain auditlog.Filter) bool {
	question := history.Question{Filter: plain, Range: a.settled(), Order: order(a.query), MaxEvents: a.answerer.MaxEvents, Mode: history.CacheOnly}
	all, known := a.collect(ctx, question, a.passes)
	question.Filter = a.cloud
	found, brought := a.collect(ctx, question, a.passes)
	if missing(all, found, overlap(known.Covered, brought.Covered)) {
		a.answerer.Words.learn(trial{refused: true})
		return false
	}
	return true
}

func (a *answer) passes(e *auditlog.Event) bool {
	return a.matcher.Match(e, a.answerer.Classifier.ClassifyEvent(e))
}

// settled is the part of the window in which no event can be missing because it is late.
func (a *answer) settled() auditlog.TimeRange {
	w := a.request.Window
	return auditlog.TimeRange{From: w.From, To: max(w.From, min(w.To, a.answerer.Words.now().Add(-a.answerer.Settle).UnixMilli()))}
}

// fewSamples is how many known events words are tried out on, if they are of kinds enough; else it is a page of them.
const fewSamples = 500

// tryOut finds out whether descriptions are found by their words, unless that is known: a search for words of events that are
// known must bring all of them.
func (a *answer) tryOut(ctx context.Context) (trial, bool) {
	w := a.answerer.Words
	select {
	case <-w.turn:
	case <-ctx.Done():
		return trial{}, false
	}
	defer func() { w.turn <- struct{}{} }()
	if t, stands := w.known(); stands {
		return t, !t.refused
	}
	underived := a.query.Filter.Underived().Local()
	selected := func(e *auditlog.Event) bool { return underived.Match(e, auditlog.Class{}) }
	question := history.Question{Filter: a.cloud, Range: a.settled(), Order: order(a.query)}
	page := a.answerer.History.PageSize()
	for _, question.MaxEvents = range []int{min(fewSamples, page), page} {
		sample, coverage := a.collect(ctx, question, selected)
		descriptions := make([]string, len(sample))
		for i, e := range sample {
			descriptions[i] = e.Description
		}
		probe, ok := catalog.NewWordProbe(descriptions)
		if !ok || coverage.Failure != nil || coverage.TruncatedAt != 0 {
			continue
		}
		t, ok := a.compare(ctx, probe, sample, coverage.Covered)
		if ok {
			w.learn(t)
		}
		return t, ok && !t.refused
	}
	return trial{}, false
}

// compare asks for the words of a sample, which is everything in its window. It tells false when that could not be done now.
func (a *answer) compare(ctx context.Context, probe catalog.WordProbe, sample []*auditlog.Event, w auditlog.TimeRange) (trial, bool) {
	filter := a.cloud
	filter.Query = probe.Query
	found, coverage, err := a.scan(ctx, history.Question{Filter: filter, Range: w, Order: order(a.query), MaxEvents: 2 * cbc.MaxRows}, anyEvent)
	if rejected(err) {
		return trial{refused: true}, true
	}
	if err != nil || !coverage.Complete || coverage.Failure != nil {
		return trial{}, false
	}
	expected := slices.DeleteFunc(slices.Clone(sample), func(e *auditlog.Event) bool { return !probe.Expects(e.Description) })
	return trial{at: a.answerer.Words.now(), events: len(expected), refused: missing(expected, found, w)}, true
}

func anyEvent(*auditlog.Event) bool { return true }

// collect reads events, as far as it can.
func (a *answer) collect(ctx context.Context, q history.Question, want func(*auditlog.Event) bool) ([]*auditlog.Event, history.Coverage) {
	events, coverage, err := a.scan(ctx, q, want)
	if err != nil {
		coverage.Failure = err
	}
	return events, coverage
}

func (a *answer) scan(ctx context.Context, q history.Question, want func(*auditlog.Event) bool) ([]*auditlog.Event, history.Coverage, error) {
	var events []*auditlog.Event
	if q.Range.From >= q.Range.To {
		return nil, history.Coverage{}, nil
	}
	coverage, err := a.scanHistory(ctx, q, func(batch history.Batch) bool {
		for e := range batch {
			if want(e) {
				events = append(events, e)
			}
		}
		return true
	})
	return events, coverage, a.withoutBadRecords(err)
}

// missing reports whether some of the wanted events of a window are not among others. Equal events count.
func missing(wanted, among []*auditlog.Event, w auditlog.TimeRange) bool {
	n := map[auditlog.ID]int{}
	for _, e := range wanted {
		if w.Contains(e.CreateTime) {
			n[e.ID()]++
		}
	}
	for _, e := range among {
		n[e.ID()]--
	}
	for _, left := range n {
		if left > 0 {
			return true
		}
	}
	return false
}
