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

// Carbon Black Cloud knows no category, action or outcome. Where more events match than one answer may read, the plugin searches for
// words of the descriptions instead, and the catalog decides among what comes back.
//
// How searches find words is not documented. So this is tested first on known events, and again every hour. Also, all cached events that
// pass the filter must be among those that the words find. One that is not ends the use of words for good, and the answer is the
// incomplete one without them, with a notice.

// WordSearch knows whether searches find descriptions by their words. It is safe for concurrent use.
type WordSearch struct {
	now     func() time.Time
	testing chan struct{} // held by whoever tests it
	mu      sync.Mutex
	last    wordTest
}

// wordTest is the result of a test.
type wordTest struct {
	at      time.Time // zero means never
	events  int       // that were known and found
	refused bool      // one was not found
}

// trustTime is how long words are used before they are tested again.
const trustTime = time.Hour

// NewWordSearch returns one that is not tested yet. now is the clock.
func NewWordSearch(now func() time.Time) *WordSearch {
	w := &WordSearch{now: now, testing: make(chan struct{}, 1)}
	w.testing <- struct{}{}
	return w
}

// lastTest returns the last test, and reports whether it is still valid.
func (w *WordSearch) lastTest() (t wordTest, valid bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last, w.last.refused || !w.last.at.IsZero() && w.now().Sub(w.last.at) < trustTime
}

func (w *WordSearch) record(t wordTest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.refused {
		w.last = t
	}
}

// prefilter returns the words to search for, if they help. A query with its own Lucene string is sent as it is: how Carbon Black Cloud
// would read the two together is not documented.
func (x *execution) prefilter() (catalog.Prefilter, bool) {
	if x.Words == nil || x.plan.Query.Source == query.SourceQueue || x.plan.Cloud.Query != "" {
		return catalog.Prefilter{}, false
	}
	if t, _ := x.Words.lastTest(); t.refused {
		return catalog.Prefilter{}, false
	}
	words, ok := x.Classifier.Prefilter(x.plan.Filter)
	if x.plan.Numbers && !words.Sure {
		return catalog.Prefilter{}, false // a number that may be too low decides no alert
	}
	return words, ok
}

// exceedsMaxEvents reports whether the answer would be incomplete because of MaxEvents. roughly allows an estimate by one page, unless
// its count may be capped; else everything is read, which caches it for the answer.
func (x *execution) exceedsMaxEvents(ctx context.Context, roughly bool) bool {
	list, limit := x.plan.Query.Type == query.TypeEvents, x.plan.Query.Limit
	enough := func(r reading) bool { return r.Complete || r.Failure != nil || list && r.matched >= limit }
	page, err := x.readFirstPage(ctx)
	if err != nil || enough(page) {
		return false
	}
	if roughly && page.Found != x.History.PageSize() {
		return page.FromCache+page.Found > x.MaxEvents
	}
	n := 0
	all, err := x.read(ctx, 0, func(*auditlog.Event, auditlog.Class) bool { n++; return !list || n < limit })
	return err == nil && all.partial == nil && !enough(all)
}

// answerByWords answers by words, unless they cannot be trusted.
func (x *execution) answerByWords(ctx context.Context, words catalog.Prefilter) (Result, bool) {
	t, ok := x.testWords(ctx)
	if !ok {
		return Result{}, false
	}
	byWords := x.newExecution(x.plan.withWords(words.Query, wordNotice(x.notices, words, t)), x.cost)
	byWords.reserve = x.reserve
	result, err := aggregators[x.plan.Query.Type](byWords, ctx)
	if err != nil || !byWords.agreesWith(ctx, x.plan.Cloud) {
		if isRejected(err) {
			x.Words.record(wordTest{refused: true})
		}
		return Result{}, false
	}
	return result, true
}

func wordNotice(notices []frame.Notice, words catalog.Prefilter, t wordTest) []frame.Notice {
	const how = "there are more events than one answer reads (maxEvents), so the plugin searched for words of the descriptions"
	notices = slices.Clip(notices)
	if words.Sure {
		return inform(notices, "%s; a test at %s found all of %d events by their words", how, t.at.UTC().Format(stamp), t.events)
	}
	return warn(notices, "possibly incomplete: %s, and a description in which such a word is joined to another may not be found", how)
}

// isRejected reports whether Carbon Black Cloud does not accept the query.
func isRejected(err error) bool {
	var failed *cbc.Error
	return errors.As(err, &failed) && failed.Kind == cbc.KindQuery
}

// agreesWith reports whether all cached events of the plain filter that match are among those that the words found.
func (x *execution) agreesWith(ctx context.Context, plain auditlog.Filter) bool {
	q := history.Question{Filter: plain, Range: x.settledRange(), Order: x.plan.Order, MaxEvents: x.MaxEvents, Mode: history.CacheOnly}
	all, cached, _ := x.collect(ctx, q, x.plan.Local)
	q.Filter = x.plan.Cloud
	found, byWords, _ := x.collect(ctx, q, x.plan.Local)
	if anyMissing(all, found, overlap(cached.Covered, byWords.Covered)) {
		x.Words.record(wordTest{refused: true})
		return false
	}
	return true
}

// settledRange returns the part of the time range in which no event can be missing because it is late.
func (x *execution) settledRange() auditlog.TimeRange {
	r := x.plan.Range
	return auditlog.TimeRange{From: r.From, To: max(r.From, min(r.To, x.Words.now().Add(-x.Settle).UnixMilli()))}
}

// fewSamples is how many known events words are tested on, if they are varied enough; else a page of them.
const fewSamples = 500

// testWords finds out whether descriptions are found by their words, unless that is known: a search for words of known events must find
// all of them.
func (x *execution) testWords(ctx context.Context) (wordTest, bool) {
	select {
	case <-x.Words.testing:
	case <-ctx.Done():
		return wordTest{}, false
	}
	defer func() { x.Words.testing <- struct{}{} }()
	if t, valid := x.Words.lastTest(); valid {
		return t, !t.refused
	}
	q := history.Question{Filter: x.plan.Cloud, Range: x.settledRange(), Order: x.plan.Order}
	page := x.History.PageSize()
	for _, q.MaxEvents = range []int{min(fewSamples, page), page} {
		sample, r, err := x.collect(ctx, q, x.plan.Filter.Underived().Local())
		descriptions := make([]string, len(sample))
		for i, e := range sample {
			descriptions[i] = e.Description
		}
		probe, ok := catalog.NewWordProbe(descriptions)
		if !ok || err != nil || r.Failure != nil || r.TruncatedAt != 0 {
			continue
		}
		t, ok := x.compareWords(ctx, probe, sample, r.Covered)
		if ok {
			x.Words.record(t)
		}
		return t, ok && !t.refused
	}
	return wordTest{}, false
}

// compareWords searches for the words of a sample that holds all events of its time range. It returns false if that is not possible now.
func (x *execution) compareWords(ctx context.Context, probe catalog.WordProbe, sample []*auditlog.Event, span auditlog.TimeRange) (wordTest, bool) {
	filter := x.plan.Cloud
	filter.Query = probe.Query
	found, r, err := x.collect(ctx, history.Question{Filter: filter, Range: span, Order: x.plan.Order, MaxEvents: 2 * cbc.MaxRows}, auditlog.Matcher{})
	if isRejected(err) {
		return wordTest{refused: true}, true
	}
	if err != nil || !r.Complete || r.Failure != nil {
		return wordTest{}, false
	}
	expected := slices.DeleteFunc(slices.Clone(sample), func(e *auditlog.Event) bool { return !probe.Expects(e.Description) })
	return wordTest{at: x.Words.now(), events: len(expected), refused: anyMissing(expected, found, span)}, true
}

// collect returns the events of a question that match, as far as they can be read.
func (x *execution) collect(ctx context.Context, q history.Question, matcher auditlog.Matcher) (events []*auditlog.Event, r reading, err error) {
	if q.Range.From >= q.Range.To {
		return nil, r, nil
	}
	r, err = x.visit(ctx, q, matcher, func(e *auditlog.Event, _ auditlog.Class) bool {
		events = append(events, e)
		return true
	})
	if err == nil && r.Bad != nil {
		err = x.badRecords(r.Bad)
	}
	return events, r, err
}

// anyMissing reports whether some of the wanted events of a time range are not among others. Equal events count.
func anyMissing(wanted, among []*auditlog.Event, span auditlog.TimeRange) bool {
	n := map[auditlog.ID]int{}
	for _, e := range wanted {
		if span.Contains(e.CreateTime) {
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
