package answer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

const (
	// maxSearches bounds how many searches one answer sends to look groups up.
	maxSearches = 120
	// maxTogether is how many groups one search looks for.
	maxTogether = 50
	// maxSearched is how many groups are searched for. For more, the baseline is read, newest events first.
	maxSearched = 500
	// fewRows and someRows are how many events a search for one or more groups returns: mostly the newest ones suffice.
	fewRows  = 50
	someRows = 1000
)

// search looks the groups up: in the archive, among cached events, then, for groups that cannot be searched for, among all events of the filter, and
// then by searches for the groups. Such a search also covers the group's first event of the time range: if it does not find that,
// whatever the reason, Carbon Black Cloud does not find the group by its values.
func (l *lookup) search(ctx context.Context) error {
	l.searchArchive(ctx)
	if err := l.read(ctx, l.pending(), history.Question{Filter: l.cloud, Mode: history.CacheOnly}); err != nil {
		return err
	}
	if err := l.searchSpellings(ctx); err != nil {
		return err
	}
	open := l.pending()
	unnamed := slices.DeleteFunc(slices.Clone(open), func(c *candidate) bool { return l.searchKeys(c) != "" })
	if len(open) > maxSearched || len(unnamed) > 0 {
		if len(open) <= maxSearched {
			open = unnamed
		}
		if err := l.read(ctx, open, history.Question{Filter: l.cloud}); err != nil {
			return err
		}
	}
	if err := l.searchUnread(ctx); err != nil {
		return err
	}
	for _, together := range l.batches() {
		if err := l.searchFor(ctx, together); err != nil {
			return err
		}
	}
	unsearchable := slices.DeleteFunc(l.pending(), func(c *candidate) bool { return !c.unsearchable })
	return l.read(ctx, unsearchable, history.Question{Filter: l.cloud})
}

// batches divides the groups into those that one search can look for: by the same keys, and in about the same part of the baseline.
func (l *lookup) batches() [][]*candidate {
	alike := map[string][]*candidate{}
	for _, s := range l.pending() {
		if keys := l.searchKeys(s); keys != "" {
			if s.missing.From > l.baseline.From {
				keys += " recent"
			}
			alike[keys] = append(alike[keys], s)
		}
	}
	var out [][]*candidate
	for _, keys := range slices.Sorted(maps.Keys(alike)) {
		out = slices.AppendSeq(out, slices.Chunk(alike[keys], maxTogether))
	}
	return out
}

// searchable reports whether a search finds events by a value of a key: whether or not case matters, it finds an actor and an address by
// their own values. Empty values, descriptions and derived fields cannot be searched for.
func searchable(key auditlog.Key, value string) bool {
	return (key == auditlog.KeyActor || key == auditlog.KeyActorIP) && value != ""
}

// searchKeys returns the keys by which a group can be searched for.
func (l *lookup) searchKeys(s *candidate) string {
	keys := ""
	for i, key := range l.plan.Query.GroupBy {
		if searchable(key, s.group.Values[i]) {
			keys += " " + string(key)
		}
	}
	return keys
}

// searchFor searches for groups, again and again for those not found yet. Where a search finds only events of other groups, because any
// actor goes with any address, halves are searched for separately.
func (l *lookup) searchFor(ctx context.Context, together []*candidate) error {
	for {
		if together = openAmong(together); len(together) == 0 {
			return nil
		}
		question := history.Question{Filter: l.filterFor(together), Mode: history.SkipSharedPage, FirstRows: fewRows}
		if len(together) > 1 {
			question.FirstRows, question.MaxPages = someRows, 1
		}
		if err := l.read(ctx, together, question); err != nil || l.failed != nil {
			return err
		}
		if len(together) == 1 {
			together[0].unsearchable = !together[0].found && l.maySearch()
			return nil
		}
		if !slices.ContainsFunc(together, func(s *candidate) bool { return !s.open() }) {
			break
		}
	}
	middle := len(together) / 2
	if err := l.searchFor(ctx, together[:middle]); err != nil {
		return err
	}
	return l.searchFor(ctx, together[middle:])
}

// filterFor narrows the filter to events that can belong to one of the groups, which have the same search keys.
func (l *lookup) filterFor(together []*candidate) auditlog.Filter {
	filter := l.cloud
	filter.Criteria = maps.Clone(filter.Criteria)
	if filter.Criteria == nil {
		filter.Criteria = auditlog.Terms{}
	}
	for i, key := range l.plan.Query.GroupBy {
		if !searchable(key, together[0].group.Values[i]) {
			continue
		}
		var values []string
		for _, s := range together {
			values = append(values, s.group.Values[i])
		}
		slices.Sort(values)
		filter.Criteria[key] = slices.Compact(values)
	}
	return filter
}

// read looks for groups among the events of a question, whose filter selects all of theirs, in what has to be read yet.
func (l *lookup) read(ctx context.Context, groups []*candidate, q history.Question) error {
	cacheOnly := q.Mode == history.CacheOnly
	q.Order, q.MaxEvents, q.Range = cbc.NewestFirst, l.MaxEvents, missingOf(groups)
	// The search also looks for the first event of the time range, unless it is unknown which events of a second belong to the range.
	verify := q.Mode == history.SkipSharedPage && !l.coarse
	if verify {
		for _, c := range groups {
			q.Range.To = max(q.Range.To, c.firstEvent+1)
		}
	}
	if q.Range.From >= q.Range.To || !cacheOnly && !l.maySearch() {
		return nil
	}
	if cacheOnly {
		q.MaxEvents = math.MaxInt
	} else {
		q.MaxEvents -= l.fresh
		l.searches++
	}
	r, err := l.visitBaseline(ctx, groups, q)
	if verify {
		groups = slices.DeleteFunc(slices.Clone(groups), func(c *candidate) bool { return !c.found })
	}
	if len(r.Uncertain) == 0 {
		l.removeRead(groups, r)
	}
	return l.judgeBaseline(r, err)
}

// visitBaseline reads the events of a question and notes which groups are among them.
func (l *lookup) visitBaseline(ctx context.Context, groups []*candidate, q history.Question) (reading, error) {
	r, err := l.visit(ctx, l.source, q, l.plan.Local, func(e *auditlog.Event, c auditlog.Class) bool {
		l.note(e, c)
		return slices.ContainsFunc(groups, (*candidate).open)
	})
	l.lookedAt.Read += r.Read
	l.lookedAt.FromCache += r.FromCache
	if q.MaxEvents != math.MaxInt {
		l.fresh += r.Read
		l.truncated = l.fresh >= l.MaxEvents
	}
	return r, err
}

// judgeBaseline takes failures into account.
func (l *lookup) judgeBaseline(r reading, err error) error {
	if r.Failure != nil && l.outdated(r, l.baseline) {
		return r.Failure
	}
	if r.Failure != nil && l.failed == nil {
		l.failed = r.Failure
		l.warn("the baseline is as of %s: Carbon Black Cloud cannot be reached now: %v", r.StaleSince.Format(stamp), r.Failure)
	}
	for _, uncertain := range r.Uncertain {
		l.failed = &QueueError{fmt.Errorf("the baseline is %s, and %w", l.baseline, uncertain)}
	}
	if len(r.Uncertain) == 0 {
		for _, warning := range r.Warnings {
			l.warn("baseline: %s", warning)
		}
	}
	if err == nil && r.Bad != nil {
		if err = l.badRecords(r.Bad); err == nil {
			l.warn("%v", r.Bad)
		}
	}
	if err != nil {
		l.failed = err
	}
	if _, ok := errors.AsType[*QueueError](err); ok {
		return err
	}
	return nil
}

// maySearch reports whether another search may be sent.
func (l *lookup) maySearch() bool { return l.failed == nil && !l.truncated && l.searches < maxSearches }

// missingOf returns the span of what has to be read yet for groups.
func missingOf(groups []*candidate) auditlog.TimeRange {
	var w auditlog.TimeRange
	for i, s := range groups {
		if i == 0 {
			w = s.missing
		} else {
			w = auditlog.TimeRange{From: min(w.From, s.missing.From), To: max(w.To, s.missing.To)}
		}
	}
	return w
}

// note marks the group of an event as found, and as seen if the event belongs to the baseline.
func (l *lookup) note(e *auditlog.Event, class auditlog.Class) {
	i, wanted := l.groups.position(e, class)
	if !wanted || l.candidates[i].seen {
		return
	}
	c := l.candidates[i]
	c.found = true
	if e.CreateTime.UnixMilli() >= l.baseline.To {
		return
	}
	c.seen = true
	l.memory.addSeen(c.id, moment(e.CreateTime.UnixMilli(), true))
}

// removeRead removes what was read completely from what is missing. Settled absences are remembered.
func (l *lookup) removeRead(groups []*candidate, r reading) {
	if r.TruncatedAt != 0 {
		return // where a millisecond could not be read completely, no group is known to be absent
	}
	settled := r.Covered
	settled.To = min(settled.To, l.baseline.To, r.AsOf.Add(-l.Settle).UnixMilli())
	for _, c := range groups {
		if !c.seen {
			c.missing = without(c.missing, r.Covered)
			l.memory.addAbsent(c.id, settled)
		}
	}
}
