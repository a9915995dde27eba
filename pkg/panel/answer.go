package panel

import (
	"context"
	"fmt"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
)

// answer is one query on its way to frames.
type answer struct {
	panel   *Panel
	request Request
	query   Query
	cloud   auditlog.Filter  // what Carbon Black Cloud decides
	matcher auditlog.Matcher // what is decided here

	cost     history.Cost
	coverage history.Coverage
	matched  int  // events read that pass the whole filter
	unknown  int  // of those, the ones the catalog does not know
	broken   bool // reading ended with a failure
	notices  []frame.Notice
}

// read visits the events that pass the filter, until take wants no more. What was read before a failure is kept, but not where
// a number decides about an alert.
func (a *answer) read(ctx context.Context, most int, take func(*auditlog.Event, auditlog.Class) (more bool)) error {
	question := history.Question{Filter: a.cloud, Window: a.request.Window, Order: order(a.query), Max: most}
	unknown := auditlog.Unknown()
	coverage, err := a.panel.History.Scan(ctx, question, &a.cost, func(batch []auditlog.Event) bool {
		more := true
		for i := range batch {
			class := a.panel.Classifier.Classify(batch[i].Description)
			if !a.matcher.Match(&batch[i], class) {
				continue
			}
			a.matched++
			if class == unknown {
				a.unknown++
			}
			more = take(&batch[i], class) && more
		}
		return more
	})
	a.coverage = coverage
	if err == nil {
		return nil
	}
	if coverage.Read == 0 || a.request.Numbers {
		return err
	}
	a.broken = true
	a.warn("this answer is partial, it covers %s: %v", coverage.Covered, err)
	return nil
}

// events lists the newest or oldest events.
func (a *answer) events(ctx context.Context) (frame.Frames, error) {
	rows := make([]frame.Row, 0, a.query.Limit)
	err := a.read(ctx, a.panel.MaxEvents, func(e *auditlog.Event, c auditlog.Class) bool {
		if len(rows) < a.query.Limit {
			rows = append(rows, frame.Row{Event: e, Class: c})
		}
		return len(rows) < a.query.Limit
	})
	if err != nil {
		return nil, err
	}
	identify(rows)
	meta, err := a.meta(ctx, len(rows))
	if err != nil {
		return nil, err
	}
	if a.query.Format == FormatTable {
		return frame.Table(rows, meta), nil
	}
	return frame.Logs(rows, meta), nil
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
		rows[i].ID = rows[i].Event.ID().String()
		if ordinal > 0 {
			rows[i].ID = fmt.Sprintf("%s-%d", rows[i].ID, ordinal)
		}
	}
}

// count makes one number a group.
func (a *answer) count(ctx context.Context) (frame.Frames, error) {
	if filter, ok := a.query.Filter.CloudCount(); ok && len(a.query.GroupBy) == 0 {
		return a.total(ctx, filter)
	}
	shown, rest, left, err := a.grouped(ctx, buckets{})
	if err != nil {
		return nil, err
	}
	if left > 0 {
		a.inform("the %d largest of %d groups are shown; the others have %d events together", len(shown), len(shown)+left, rest.Count)
	}
	meta, err := a.meta(ctx, sum(shown))
	return frame.Counts(a.query.GroupBy, shown, meta), err
}

// total counts without groups. What does not fit the first page is counted by Carbon Black Cloud.
func (a *answer) total(ctx context.Context, filter auditlog.Filter) (frame.Frames, error) {
	if err := a.read(ctx, a.panel.MaxEvents, func(*auditlog.Event, auditlog.Class) bool { return false }); err != nil {
		return nil, err
	}
	n := a.matched
	if !a.coverage.Complete {
		var err error
		if n, err = a.panel.History.Count(ctx, filter, a.request.Window, &a.cost); err != nil {
			return nil, err
		}
	}
	return frame.Counts(nil, []frame.Group{{Count: int64(n)}}, a.describe(n, false, n)), nil
}

// series counts by time.
func (a *answer) series(ctx context.Context) (frame.Frames, error) {
	b := newBuckets(a.request.Window, a.request.Interval, a.request.MaxDataPoints)
	shown, rest, left, err := a.grouped(ctx, b)
	if err != nil {
		return nil, err
	}
	if left > 0 {
		if a.request.Numbers {
			a.inform("the %d largest of %d groups are used; the others have %d events together", len(shown), len(shown)+left, rest.Count)
		} else {
			shown = append(shown, rest)
		}
	}
	meta, err := a.meta(ctx, sum(shown))
	return frame.Series(a.query.GroupBy, b.times(), shown, meta), err
}

// top tables the largest groups.
func (a *answer) top(ctx context.Context) (frame.Frames, error) {
	shown, rest, left, err := a.grouped(ctx, buckets{})
	if err != nil {
		return nil, err
	}
	if len(a.query.GroupBy) == 0 && len(shown) == 0 {
		shown = []frame.Group{{}} // everything is one group, of no event
	}
	if left > 0 {
		a.inform("the %d largest of %d groups are shown; the others have %d events together", len(shown), len(shown)+left, rest.Count)
	}
	meta, err := a.meta(ctx, sum(shown))
	return frame.Top(a.query.GroupBy, shown, meta), err
}

// grouped reads everything into groups.
func (a *answer) grouped(ctx context.Context, b buckets) (shown []frame.Group, rest frame.Group, left int, err error) {
	g := newGrouping(a.query.GroupBy, b)
	err = a.read(ctx, a.panel.MaxEvents, func(e *auditlog.Event, c auditlog.Class) bool {
		g.add(e, c)
		return true
	})
	if err != nil {
		return nil, frame.Group{}, 0, err
	}
	shown, rest, left = g.largest(a.query.Limit)
	return shown, rest, left, nil
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
	if !a.coverage.Complete {
		atLeast = true
		if filter, ok := a.query.Filter.CloudCount(); ok {
			n, err := a.panel.History.Count(ctx, filter, a.request.Window, &a.cost)
			if err == nil {
				found, atLeast = max(n, found), false
			} else if a.request.Numbers {
				return frame.Meta{}, err
			}
		}
	}
	a.limits(found, atLeast, shown)
	return a.describe(found, atLeast, shown), nil
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
	if a.coverage.Cut != 0 {
		a.warn("one millisecond, %s, holds more events than a search of Carbon Black Cloud gives: some are missing or shown twice", auditlog.Window{From: a.coverage.Cut, To: a.coverage.Cut + 1}.Start().Format(stamp))
	}
	switch {
	case a.query.Shape == ShapeEvents && shown == a.query.Limit:
		if found > shown || atLeast {
			a.inform("the %s %d of %s events are shown: raise the limit or shorten the time range to see the others", which, shown, of)
		}
	case !a.coverage.Complete && a.coverage.Cut == 0 && !a.broken && (atLeast || found > a.matched):
		a.warn("incomplete: of %s events found, the %s %d were read (maxEvents), %s; what lies beyond is missing here", of, which, a.coverage.Read, end)
	}
}

const stamp = "2006-01-02T15:04:05.000Z"

// describe collects what the answer says of itself.
func (a *answer) describe(found int, atLeast bool, shown int) frame.Meta {
	stats := frame.Stats{Found: found, FoundAtLeast: atLeast, Read: a.coverage.Read, Shown: shown, Calls: a.cost.Calls}
	if a.matched > 0 {
		stats.Unknown = float64(a.unknown) / float64(a.matched)
	}
	return frame.Meta{
		Executed:    a.executed(),
		Notices:     a.notices,
		Stats:       stats,
		SearchWords: searchWords(a.query.Filter.Query),
		Limit:       a.query.Limit,
	}
}

// mostShownCalls bounds the requests that the query inspector shows.
const mostShownCalls = 5

// executed is what was sent, without the token.
func (a *answer) executed() string {
	var b strings.Builder
	for i, r := range a.cost.Sent {
		if i == mostShownCalls {
			fmt.Fprintf(&b, "\n… and %d more", len(a.cost.Sent)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "POST %s\n%s", a.panel.SearchPath, r.Body())
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
