package answer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
)

// firstSeen shows the groups that occur in the window and nowhere in the baseline before it.
func (a *answer) firstSeen(ctx context.Context) (frame.Frames, error) {
	g, err := a.grouped(ctx, buckets{})
	if err != nil {
		return nil, err
	}
	back := newLookback(a, g)
	if a.query.Source == query.SourceQueue {
		err = back.searchLedger(ctx)
	} else {
		err = back.search(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := back.confess(); err != nil {
		return nil, err
	}
	groups := back.unseen()
	shown := groups[:min(len(groups), a.query.Limit)]
	if len(shown) < len(groups) && a.whole {
		return nil, tooManyGroups(len(groups), a.query.Limit)
	}
	if len(shown) < len(groups) {
		a.inform("the %d largest of %d new groups are shown", len(shown), len(groups))
	}
	if err := a.takeRoom(ctx, len(shown)*pointsPerFrame); err != nil {
		return nil, err
	}
	a.limits(a.matched, !a.coverage.Complete, sum(shown))
	a.coverage.Read += back.read
	a.coverage.FromCache += back.kept
	meta := a.describe(a.matched, !a.coverage.Complete, sum(shown))
	if a.request.Numbers {
		return frame.Counts(a.query.GroupBy, shown, meta), nil
	}
	return frame.Top(a.query.GroupBy, shown, meta), nil
}

// suspect is a group of the window that may be new.
type suspect struct {
	group     frame.Group
	spellings spellings // of the window
	id        groupID
	seen      bool // it occurs in the baseline
	came      bool // a search for it brought an event of it
	// unspelled says that no event of the baseline has a spelling that the window has: another spelling may.
	unspelled bool
	deaf      bool               // one did not, although there is one in the window: its values cannot be asked for
	need      auditlog.TimeRange // the part of the baseline that has to be looked at yet
}

func (s *suspect) open() bool { return !s.seen && s.need.From < s.need.To }

// lookback finds out which groups of a window occur in the baseline before it.
type lookback struct {
	answer   *answer
	groups   *grouping // of the window
	suspects []*suspect
	baseline auditlog.TimeRange
	cloud    auditlog.Filter // what Carbon Black Cloud decides: without words in place of what the catalog derives, as absence must be certain
	memory   *Memory         // nil where looking again costs nothing

	read, kept int
	questions  int   // asked of Carbon Black Cloud
	fresh      int   // events that they brought
	failed     error // why not everything could be looked at
	cut        bool  // by maxEvents
}

func newLookback(a *answer, g *grouping) *lookback {
	from := a.request.Window.From
	l := &lookback{answer: a, groups: g, cloud: a.query.Filter.Cloud(), baseline: auditlog.TimeRange{From: from - a.query.Baseline.Milliseconds(), To: from}}
	if a.query.Source != query.SourceQueue {
		l.memory = a.answerer.Memory
	}
	for i, group := range g.groups {
		s := &suspect{group: group, spellings: g.spellings[i], need: l.baseline, id: identifyGroup(a.query.Filter, a.query.GroupBy, group.Values)}
		known := l.memory.recall(s.id)
		s.seen, s.need = known.seenIn(l.baseline), known.open(l.baseline)
		l.memory.sawAt(s.id, moment(group.First.UnixMilli(), a.coverage.Coarse))
		l.suspects = append(l.suspects, s)
	}
	return l
}

// moment is the span in which something happened: times may be written in whole seconds.
func moment(ms int64, coarse bool) auditlog.TimeRange {
	if coarse {
		return auditlog.TimeRange{From: ms, To: ms + 1000}
	}
	return auditlog.TimeRange{From: ms, To: ms + 1}
}

// unseen are the new groups, largest first.
func (l *lookback) unseen() []frame.Group {
	var groups []frame.Group
	for _, s := range l.suspects {
		if !s.seen && !s.open() {
			groups = append(groups, s.group)
		}
	}
	slices.SortFunc(groups, compareGroups)
	return groups
}

// pending are the groups that are not known to be new or not.
func (l *lookback) pending() []*suspect {
	var open []*suspect
	for _, s := range l.suspects {
		if s.open() {
			open = append(open, s)
		}
	}
	return open
}

// confess says which groups could not be looked up. What decides about an alert is then an error: it must neither fire for them nor
// be silent about them.
func (l *lookback) confess() error {
	l.acceptUnspelled()
	open := l.pending()
	if len(open) == 0 {
		return nil
	}
	a := l.answer
	if a.request.Numbers && l.failed != nil {
		return l.failed
	}
	reason := fmt.Sprintf("looking them all up takes more than %d searches", maxQuestions)
	switch {
	case l.failed != nil:
		reason = l.failed.Error()
	case l.cut:
		reason = fmt.Sprintf("the baseline holds more events to look through than may be read (maxEvents %d)", a.answerer.MaxEvents)
	}
	if a.request.Numbers {
		return query.Errorf("it is not known whether %d of %d groups are new, such as %s: %s; narrow the filter or shorten the baseline", len(open), len(l.suspects), l.example(open), reason)
	}
	a.warn("it is not known whether %d of %d groups are new, and they are left out, such as %s: %s", len(open), len(l.suspects), l.example(open), reason)
	return nil
}

// acceptUnspelled takes groups as new of which no spelling of the time range occurs in a baseline that is too large to be read. A rule
// then fires for an account that is only spelled in a new way, rather than being silent about one that is new.
func (l *lookback) acceptUnspelled() {
	if !l.cut || l.failed != nil {
		return
	}
	accepted := 0
	for _, s := range l.pending() {
		if s.unspelled {
			s.need = auditlog.TimeRange{}
			accepted++
		}
	}
	if accepted > 0 {
		l.answer.warn("%d groups are new as they are written here: whether the baseline has them in another spelling is not known, since it holds more events than may be read (maxEvents %d)",
			accepted, l.answer.answerer.MaxEvents)
	}
}

// maxExamples bounds how many groups a notice names.
const maxExamples = 3

func (l *lookback) example(open []*suspect) string {
	var shown []string
	for _, s := range open[:min(len(open), maxExamples)] {
		shown = append(shown, fmt.Sprintf("%q", strings.Join(s.group.Values, ", ")))
	}
	return strings.Join(shown, ", ")
}
