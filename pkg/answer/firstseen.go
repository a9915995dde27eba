package answer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// firstSeen shows the groups that occur in the time range and not in the baseline before it.
func (x *execution) firstSeen(ctx context.Context) (Result, error) {
	g, r, err := x.group(ctx, buckets{})
	if err != nil {
		return Result{}, err
	}
	l := newLookup(x, g, r.Coarse)
	if x.plan.Query.Source == query.SourceQueue {
		err = l.read(ctx, l.candidates, history.Question{Mode: history.CacheOnly})
	} else {
		err = l.search(ctx)
	}
	if err == nil {
		err = l.reportUnknown()
	}
	if err != nil {
		return Result{}, err
	}
	groups := l.newGroups()
	shown := groups[:min(len(groups), x.plan.Query.Limit)]
	if len(shown) < len(groups) && x.plan.Whole {
		return Result{}, tooManyGroups(len(groups), x.plan.Query.Limit)
	}
	if len(shown) < len(groups) {
		x.inform("showing the %s largest of %s new groups", thousands(len(shown)), thousands(len(groups)))
	}
	if err := x.takeRoom(ctx, len(shown)*pointsPerFrame+textOf(shown, len(shown))); err != nil {
		return Result{}, err
	}
	content := frame.Content{Shape: frame.ShapeTop, Keys: x.plan.Query.GroupBy, Groups: shown}
	if x.plan.Numbers {
		content.Shape = frame.ShapeCounts
	}
	return x.complete(content, r, r.matched, !r.Complete), nil
}

// candidate is a group of the time range that may be new.
type candidate struct {
	group      frame.Group
	firstEvent int64     // of the time range, in milliseconds
	spellings  spellings // in the time range
	id         groupID
	seen       bool // it occurs in the baseline
	found      bool // a search for it returned an event of it
	// unspelled means that no event of the baseline has a spelling that the time range has: another spelling may occur.
	unspelled    bool
	unsearchable bool               // a search for it returned nothing, although there is an event: its values cannot be searched for
	missing      auditlog.TimeRange // the part of the baseline that has to be read yet
}

func (c *candidate) open() bool { return !c.seen && c.missing.From < c.missing.To }

// lookup finds out which groups of a time range occur in the baseline before it.
type lookup struct {
	*execution
	coarse     bool      // times are whole seconds
	groups     *grouping // of the time range
	candidates []*candidate
	baseline   auditlog.TimeRange
	cloud      auditlog.Filter // without words in place of what the catalog derives, because absence must be certain
	memory     *Memory         // nil if reading again costs nothing

	searches  int   // sent
	fresh     int   // events that they returned
	failed    error // why not everything could be read
	truncated bool  // by MaxEvents
}

func newLookup(x *execution, g *grouping, coarse bool) *lookup {
	q, from := x.plan.Query, x.plan.Range.From
	l := &lookup{
		execution: x, coarse: coarse, groups: g, cloud: x.plan.Filter.Cloud(),
		baseline: auditlog.TimeRange{From: from - q.Baseline.Milliseconds(), To: from},
	}
	if q.Source != query.SourceQueue {
		l.memory = x.Memory
	}
	for i, group := range g.groups {
		c := &candidate{group: group, firstEvent: group.First.UnixMilli(), spellings: g.spellings[i], id: identifyGroup(x.plan.Filter, q.GroupBy, group.Values)}
		known := l.memory.of(c.id)
		c.seen, c.missing = known.seenIn(l.baseline), known.notAbsentIn(l.baseline)
		l.memory.addSeen(c.id, moment(c.firstEvent, coarse))
		l.candidates = append(l.candidates, c)
	}
	return l
}

// moment returns the span in which something happened: times may be whole seconds.
func moment(ms int64, coarse bool) auditlog.TimeRange {
	if coarse {
		return auditlog.TimeRange{From: ms, To: ms + 1000}
	}
	return auditlog.TimeRange{From: ms, To: ms + 1}
}

// newGroups returns the new groups, largest first.
func (l *lookup) newGroups() []frame.Group {
	var groups []frame.Group
	for _, c := range l.candidates {
		if !c.seen && !c.open() {
			groups = append(groups, c.group)
		}
	}
	slices.SortFunc(groups, compareGroups)
	return groups
}

// pending returns the groups that are not known to be new or not.
func (l *lookup) pending() []*candidate { return openAmong(l.candidates) }

func openAmong(candidates []*candidate) (open []*candidate) {
	for _, c := range candidates {
		if c.open() {
			open = append(open, c)
		}
	}
	return open
}

// reportUnknown adds a notice about the groups that could not be looked up. For numbers it is an error: a rule must neither fire for
// them nor ignore them.
func (l *lookup) reportUnknown() error {
	l.acceptUnspelled()
	open := l.pending()
	if len(open) == 0 {
		return nil
	}
	if l.plan.Numbers && l.failed != nil {
		return l.failed
	}
	reason := fmt.Sprintf("looking them all up takes more than %d searches", maxSearches)
	switch {
	case l.failed != nil:
		reason = l.failed.Error()
	case l.truncated:
		reason = fmt.Sprintf("the baseline holds more events to look through than may be read (maxEvents %d)", l.MaxEvents)
	}
	if l.plan.Numbers {
		return query.Errorf("it is not known whether %d of %d groups are new, such as %s: %s; narrow the filter or shorten the baseline", len(open), len(l.candidates), examples(open), reason)
	}
	l.warn("it is not known whether %d of %d groups are new, and they are left out, such as %s: %s", len(open), len(l.candidates), examples(open), reason)
	return nil
}

// acceptUnspelled takes groups as new if no spelling of theirs in the time range occurs in a baseline that is too large to be read. A rule
// then fires for an account with a new spelling, rather than ignore a new account.
func (l *lookup) acceptUnspelled() {
	if !l.truncated || l.failed != nil {
		return
	}
	accepted := 0
	for _, c := range l.pending() {
		if c.unspelled {
			c.missing = auditlog.TimeRange{}
			accepted++
		}
	}
	if accepted > 0 {
		l.warn("%d groups count as new by their spelling: the baseline holds more events than may be read (maxEvents %d), so other spellings were not looked for", accepted, l.MaxEvents)
	}
}

// maxExamples bounds how many groups a notice names.
const maxExamples = 3

func examples(open []*candidate) string {
	var shown []string
	for _, c := range open[:min(len(open), maxExamples)] {
		name := strings.Join(c.group.Values, ", ")
		if name == "" {
			name = "(none)"
		}
		shown = append(shown, strconv.Quote(name))
	}
	return strings.Join(shown, ", ")
}
