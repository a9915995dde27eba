package answer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// answer is one query on its way to frames.
type answer struct {
	answerer *Answerer
	request  Request
	query    query.Query
	cloud    auditlog.Filter  // what Carbon Black Cloud decides
	matcher  auditlog.Matcher // what is decided here

	asked    auditlog.TimeRange // before it was widened
	late     time.Duration      // by which it was, at least
	whole    bool               // no group may be left out: it decides about an alert
	classify bool               // the catalog is needed
	pages    int                // the most to read; 0 is any

	cost     history.Cost
	coverage history.Coverage
	matched  int   // events read that pass the whole filter
	unknown  int   // of those, the ones the catalog does not know
	counted  int   // numbers that Carbon Black Cloud was asked for, or that were known
	exact    bool  // the numbers shown are whole, although not every event was read
	broken   error // what reading ended with
	notices  []frame.Notice
	folds    map[*auditlog.Event][]*auditlog.Event // what was folded into an event
}

// read visits the events that pass the filter, folded if that was asked for, until take wants no more. What was read before a
// failure is kept, but not where a number decides about an alert.
func (a *answer) read(ctx context.Context, all bool, take taker) error {
	if a.query.Fold {
		return a.readFolded(ctx, all, take)
	}
	return a.readEvents(ctx, all, take)
}

// readEvents visits the events that pass the filter as they are.
func (a *answer) readEvents(ctx context.Context, all bool, take taker) error {
	if a.query.Source == query.SourceQueue {
		return a.readLedger(ctx, take)
	}
	question := history.Question{Filter: a.cloud, Range: a.request.Window, Order: order(a.query), MaxEvents: a.answerer.MaxEvents, MaxPages: a.pages}
	unknown := catalog.Unknown()
	a.matched, a.unknown = 0, 0
	coverage, err := a.scanHistory(ctx, question, func(batch history.Batch) bool {
		more := true
		for e := range batch {
			var class auditlog.Class
			if a.classify {
				class = a.answerer.Classifier.ClassifyEvent(e)
			}
			if !a.matcher.Match(e, class) {
				continue
			}
			a.matched++
			if class == unknown {
				a.unknown++
			}
			more = take(e, class) && more
		}
		return more
	})
	a.coverage = coverage
	err = a.withoutBadRecords(err)
	if err == nil && coverage.Failure != nil && a.outdated(coverage, a.request.Window) {
		return coverage.Failure
	}
	if err == nil {
		return nil
	}
	if coverage.Read == 0 || a.request.Numbers {
		return err
	}
	a.broken = err
	a.warn("this answer is partial, it covers %s: %v", coverage.Covered, err)
	return nil
}

// scanHistory visits the batches of a question. Bad records are an error.
func (a *answer) scanHistory(ctx context.Context, q history.Question, visit func(history.Batch) (more bool)) (coverage history.Coverage, err error) {
	for batch, failure := range a.answerer.History.Read(ctx, q, &coverage, &a.cost) {
		if failure != nil {
			err = failure
		} else if !visit(batch) {
			break
		}
	}
	if err == nil && coverage.Bad != nil {
		err = coverage.Bad
	}
	return coverage, err
}

// withoutBadRecords makes a notice of an error that says that records cannot be read: everything else was. A number that decides about
// an alert must not leave them out.
func (a *answer) withoutBadRecords(err error) error {
	var bad *cbc.BadRecordsError
	if a.request.Numbers || !errors.As(err, &bad) {
		return err
	}
	a.warn("%v", bad)
	return nil
}

// outdated reports whether the end of a window was last looked at too long ago for a number that decides about an alert.
func (a *answer) outdated(c history.Coverage, w auditlog.TimeRange) bool {
	return a.request.Numbers && w.End().Sub(c.StaleSince) > a.answerer.MaxStale
}

// events lists the newest or oldest events.
func (a *answer) events(ctx context.Context) (frame.Frames, error) {
	var rows []frame.Row
	edge := 0 // rows of the instant that a reader who scrolls has seen the beginning of
	err := a.read(ctx, false, func(e *auditlog.Event, c auditlog.Class) bool {
		if a.query.Scrolls && a.atEdge(e) {
			edge++
		} else if len(rows)-edge >= a.query.Limit {
			return false
		}
		rows = append(rows, frame.Row{Event: e, Class: c})
		return len(rows)-edge < a.query.Limit || a.query.Scrolls
	})
	if err != nil {
		return nil, err
	}
	if err := a.takeRoom(ctx, len(rows)*pointsPerRow); err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].Folded = a.folds[rows[i].Event]
	}
	identify(rows)
	meta, err := a.meta(ctx, len(rows))
	if err != nil {
		return nil, err
	}
	if a.query.Format == query.FormatTable {
		return frame.Table(rows, meta), nil
	}
	return frame.Logs(rows, meta), nil
}

// atEdge reports whether an event lies in the millisecond where a reader who scrolls goes on: some events of it are on the screen
// already, and all of them are listed once more, beside the limit.
func (a *answer) atEdge(e *auditlog.Event) bool {
	if a.query.Oldest {
		return e.CreateTime.UnixMilli() <= a.request.Window.From
	}
	return e.CreateTime.UnixMilli() >= a.request.Window.To-1
}

// identify gives each row its id: the event's own, and for each further event that is equal in every field, its ordinal.
// Equal events are neighbours.
func identify(rows []frame.Row) {
	ordinal := 0
	for i := range rows {
		if i > 0 && auditlog.Compare(rows[i-1].Event, rows[i].Event) == 0 {
			ordinal++
		} else {
			ordinal = 0
		}
		rows[i].ID = rows[i].Event.ID().Row(ordinal)
	}
}

func sum(groups []frame.Group) int {
	n := int64(0)
	for _, g := range groups {
		n += g.Count
	}
	return int(n)
}

// meta tells how much there is beyond what was read.
func (a *answer) meta(ctx context.Context, shown int) (frame.Meta, error) {
	found, atLeast := a.matched, false
	if !a.coverage.Complete && a.query.Type == query.TypeEvents && a.query.Source != query.SourceQueue && a.broken == nil && a.coverage.Failure == nil {
		if n, whole := a.recall(ctx); whole {
			a.limits(n, false, shown)
			return a.describe(n, false, shown), nil
		}
	}
	if !a.coverage.Complete {
		atLeast = true
		a.counted++
		// After a failure nothing more is asked, and a number that may be capped takes many requests to verify.
		capped := a.query.Type == query.TypeEvents && a.coverage.Found == a.answerer.History.PageSize()
		if filter, ok := a.countable(); ok && a.broken == nil && a.coverage.Failure == nil && !capped {
			n, err := a.answerer.History.Count(ctx, filter, a.request.Window, &a.cost)
			if err == nil {
				// A number that may be off at the edges of the window does not tell that nothing is missing.
				found, atLeast = max(n, found), a.cost.Blurred || a.cost.Unchecked
			} else if a.request.Numbers {
				return frame.Meta{}, err
			}
		}
	}
	a.limits(found, atLeast, shown)
	return a.describe(found, atLeast, shown), nil
}

// countable returns a filter whose number of hits Carbon Black Cloud can tell, if it is the one to be asked.
func (a *answer) countable() (auditlog.Filter, bool) {
	filter, ok := a.query.Filter.CloudCount()
	return filter, ok && a.query.Source != query.SourceQueue && a.query.After == nil && !a.query.Fold
}

// recall counts what passes the filter where the whole window is at hand, or a page away: counting would ask for it every time.
func (a *answer) recall(ctx context.Context) (n int, whole bool) {
	before := *a
	err := a.peek(ctx)
	n, whole = a.matched, err == nil && a.coverage.Complete && a.coverage.Failure == nil
	before.cost = a.cost
	*a = before
	return n, whole
}

// limits says what is missing from the answer.
func (a *answer) limits(found int, atLeast bool, shown int) {
	of := fmt.Sprint(found)
	if atLeast {
		of = "at least " + of
	}
	which, end := "newest", "back to "+a.coverage.Covered.Start().Format(stamp)
	if a.query.Oldest {
		which, end = "oldest", "up to "+a.coverage.Covered.End().Format(stamp)
	}
	if a.cost.Blurred && a.exact {
		a.warn("the number of events found may be off by those of a second at each edge of the time range: Carbon Black Cloud does not keep to its milliseconds")
	}
	if !a.coverage.StaleSince.IsZero() {
		a.warn("as of %s: Carbon Black Cloud cannot be asked now: %v", a.coverage.StaleSince.Format(stamp), a.coverage.Failure)
	}
	if a.coverage.TruncatedAt != 0 {
		a.warn("one millisecond, %s, holds more events than a search of Carbon Black Cloud gives: some are missing or shown twice", auditlog.TimeRange{From: a.coverage.TruncatedAt, To: a.coverage.TruncatedAt + 1}.Start().Format(stamp))
	}
	switch {
	case a.query.Type == query.TypeEvents && shown == a.query.Limit:
		if found > shown || atLeast {
			a.inform("the %s %d of %s events are shown: raise the limit or shorten the time range to see the others", which, shown, of)
		}
	case !a.coverage.Complete && a.coverage.TruncatedAt == 0 && a.broken == nil && !a.exact && (atLeast || found > a.matched):
		a.warn("incomplete: of %s events found, the %s %d were read (maxEvents), %s; what lies beyond is missing here", of, which, a.coverage.Read, end)
	}
}

const stamp = "2006-01-02T15:04:05.000Z"

// describe collects what the answer says of itself.
func (a *answer) describe(found int, atLeast bool, shown int) frame.Meta {
	folded := 0
	for _, others := range a.folds {
		folded += len(others)
	}
	stats := frame.Stats{Found: found, FoundAtLeast: atLeast, Read: a.coverage.Read, Shown: shown, Calls: a.cost.Calls, Counted: a.counted, Wait: a.cost.Waited, Folded: folded, Classified: a.classify}
	if a.coverage.Read > 0 {
		stats.CacheShare = float64(a.coverage.FromCache) / float64(a.coverage.Read)
	}
	if a.matched > 0 {
		stats.Unknown = float64(a.unknown) / float64(a.matched)
	}
	if a.answerer.BudgetLeft != nil {
		stats.BudgetLeft = a.answerer.BudgetLeft()
	}
	if a.answerer.Observe != nil {
		a.answerer.Observe(stats)
	}
	return frame.Meta{
		Executed:    a.executed(),
		Notices:     a.notices,
		Stats:       stats,
		SearchWords: a.query.SearchWords(),
		Limit:       a.query.Limit,
		Fold:        a.query.Fold,
	}
}

// maxShownCalls bounds the requests that the query inspector shows.
const maxShownCalls = 5

// executed is what was sent, without the token, or what would have been.
func (a *answer) executed() string {
	var b strings.Builder
	if a.query.Source == query.SourceQueue {
		return "answered from the ledger of the API key's queue; every filter was applied by the plugin"
	}
	if len(a.cost.Sent) == 0 {
		question := cbc.SearchRequest{
			Filter: a.cloud, Start: a.request.Window.Start(), End: a.request.Window.End(), Order: order(a.query), Rows: a.answerer.History.PageSize(),
		}
		fmt.Fprintf(&b, "nothing was sent: answered from what was read before\nPOST %s\n%s", a.answerer.SearchPath, question.Body())
	}
	for i, r := range a.cost.Sent {
		if i == maxShownCalls {
			fmt.Fprintf(&b, "\n… and %d more", len(a.cost.Sent)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "POST %s\n%s", a.answerer.SearchPath, r.Body())
	}
	return b.String()
}

func (a *answer) inform(format string, args ...any) {
	a.notices = append(a.notices, frame.Notice{Text: sentence(format, args)})
}

func (a *answer) warn(format string, args ...any) {
	a.notices = append(a.notices, frame.Notice{Warning: true, Text: sentence(format, args)})
}

func sentence(format string, args []any) string {
	s := fmt.Sprintf(format, args...)
	return strings.ToUpper(s[:1]) + s[1:]
}
