package answer

import (
	"context"
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

const (
	// maxQuestions bounds how many searches one answer takes to look groups up.
	maxQuestions = 120
	// maxTogether is how many groups one search looks for.
	maxTogether = 50
	// maxAlone is how many groups are looked up by searches for them. For more, the baseline is read, newest events first.
	maxAlone = 500
	// fewRows are the events that a search for groups brings along: mostly the newest ones tell.
	fewRows  = 50
	someRows = 1000
)

// search looks the groups up: among what is at hand, then, where Carbon Black Cloud cannot be asked for a group, among all
// events of the filter, and then by searches for the groups alone. Such a search also asks for the group's first event of the
// window: if that does not come, whatever the reason, Carbon Black Cloud does not find the group by its values.
func (l *lookback) search(ctx context.Context) error {
	if err := l.scan(ctx, l.pending(), history.Question{Filter: l.cloud, Mode: history.CacheOnly}); err != nil {
		return err
	}
	if err := l.seekSpellings(ctx); err != nil {
		return err
	}
	open := l.pending()
	wordless := slices.DeleteFunc(slices.Clone(open), func(s *suspect) bool { return l.narrowed(s) != "" })
	if len(open) > maxAlone || len(wordless) > 0 {
		if len(open) <= maxAlone {
			open = wordless
		}
		if err := l.scan(ctx, open, history.Question{Filter: l.cloud}); err != nil {
			return err
		}
	}
	if err := l.seekUnread(ctx); err != nil {
		return err
	}
	for _, together := range l.batches() {
		if err := l.seek(ctx, together); err != nil {
			return err
		}
	}
	deaf := slices.DeleteFunc(l.pending(), func(s *suspect) bool { return !s.deaf })
	return l.scan(ctx, deaf, history.Question{Filter: l.cloud})
}

// batches divides the groups into those that one search can look for: by the same keys, and in about the same part of the
// baseline.
func (l *lookback) batches() [][]*suspect {
	alike := map[string][]*suspect{}
	for _, s := range l.pending() {
		if keys := l.narrowed(s); keys != "" {
			if s.need.From > l.baseline.From {
				keys += " recent"
			}
			alike[keys] = append(alike[keys], s)
		}
	}
	var out [][]*suspect
	for _, keys := range slices.Sorted(maps.Keys(alike)) {
		out = slices.AppendSeq(out, slices.Chunk(alike[keys], maxTogether))
	}
	return out
}

// askable reports whether Carbon Black Cloud can be asked for a value of a key: whatever it makes of upper and lower case, it finds
// an actor and an address by their own values. Empty values, descriptions and what the catalog derives cannot be asked for.
func askable(key auditlog.Key, value string) bool {
	return (key == auditlog.KeyActor || key == auditlog.KeyActorIP) && value != ""
}

// narrowed names the keys by which Carbon Black Cloud can be asked for a group.
func (l *lookback) narrowed(s *suspect) string {
	keys := ""
	for i, key := range l.answer.query.GroupBy {
		if askable(key, s.group.Values[i]) {
			keys += " " + string(key)
		}
	}
	return keys
}

// seek looks for groups by one search after the other, each for those that the one before did not find. Where it finds only
// events of other groups, because any actor goes with any address, halves are looked for apart.
func (l *lookback) seek(ctx context.Context, together []*suspect) error {
	for {
		together = slices.DeleteFunc(slices.Clone(together), func(s *suspect) bool { return !s.open() })
		if len(together) == 0 {
			return nil
		}
		question := history.Question{Filter: l.filterFor(together), Mode: history.SkipSharedPage, FirstRows: fewRows}
		if len(together) > 1 {
			question.FirstRows, question.MaxPages = someRows, 1
		}
		if err := l.scan(ctx, together, question); err != nil || l.failed != nil {
			return err
		}
		if len(together) == 1 {
			together[0].deaf = !together[0].came && l.may()
			return nil
		}
		if !slices.ContainsFunc(together, func(s *suspect) bool { return !s.open() }) {
			break
		}
	}
	middle := len(together) / 2
	if err := l.seek(ctx, together[:middle]); err != nil {
		return err
	}
	return l.seek(ctx, together[middle:])
}

// filterFor narrows the filter to events that can belong to one of the groups, which are asked for by the same keys.
func (l *lookback) filterFor(together []*suspect) auditlog.Filter {
	filter := l.cloud
	filter.Criteria = maps.Clone(filter.Criteria)
	if filter.Criteria == nil {
		filter.Criteria = auditlog.Terms{}
	}
	for i, key := range l.answer.query.GroupBy {
		if !askable(key, together[0].group.Values[i]) {
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

// scan looks for groups among the events of a question, whose filter selects all of theirs, in what has to be looked at yet.
func (l *lookback) scan(ctx context.Context, groups []*suspect, q history.Question) error {
	a := l.answer
	q.Order, q.MaxEvents = cbc.NewestFirst, a.answerer.MaxEvents
	q.Range = hull(groups)
	alone := q.Mode == history.SkipSharedPage && !a.coverage.Coarse // else it is not known which of a second's events are the window's
	if alone {
		for _, s := range groups {
			q.Range.To = max(q.Range.To, s.group.First.UnixMilli()+1)
		}
	}
	if q.Range.From >= q.Range.To || q.Mode != history.CacheOnly && !l.may() {
		return nil
	}
	if q.Mode == history.CacheOnly {
		q.MaxEvents = math.MaxInt // what is at hand is not read again
	} else {
		q.MaxEvents -= l.fresh
		l.questions++
	}
	coverage, err := l.look(ctx, groups, q)
	if alone {
		groups = slices.DeleteFunc(slices.Clone(groups), func(s *suspect) bool { return !s.came })
	}
	l.learn(groups, coverage)
	return l.settle(coverage, err)
}

// look reads the events of a question and notes which groups are among them.
func (l *lookback) look(ctx context.Context, groups []*suspect, q history.Question) (history.Coverage, error) {
	a := l.answer
	coverage, err := a.scanHistory(ctx, q, func(batch history.Batch) bool {
		for e := range batch {
			l.observe(e, a.matcher)
		}
		return slices.ContainsFunc(groups, (*suspect).open)
	})
	l.read += coverage.Read
	l.kept += coverage.FromCache
	if q.Mode != history.CacheOnly {
		l.fresh += coverage.Read
		l.cut = l.fresh >= a.answerer.MaxEvents
	}
	return coverage, err
}

// settle takes a failure into account.
func (l *lookback) settle(coverage history.Coverage, err error) error {
	a := l.answer
	if coverage.Failure != nil && a.outdated(coverage, l.baseline) {
		return coverage.Failure
	}
	if coverage.Failure != nil && l.failed == nil {
		l.failed = coverage.Failure
		a.warn("the baseline is as of %s: Carbon Black Cloud cannot be asked now: %v", coverage.StaleSince.Format(stamp), coverage.Failure)
	}
	if err = a.withoutBadRecords(err); err != nil {
		l.failed = err
	}
	return nil
}

// may reports whether Carbon Black Cloud is asked once more.
func (l *lookback) may() bool { return l.failed == nil && !l.cut && l.questions < maxQuestions }

// hull is the span that holds what has to be looked at for all of the groups.
func hull(groups []*suspect) auditlog.TimeRange {
	var w auditlog.TimeRange
	for i, s := range groups {
		if i == 0 {
			w = s.need
		} else {
			w = auditlog.TimeRange{From: min(w.From, s.need.From), To: max(w.To, s.need.To)}
		}
	}
	return w
}

// observe marks the group of an event as found, and as seen if the event is one of the baseline.
func (l *lookback) observe(e *auditlog.Event, matcher auditlog.Matcher) {
	a := l.answer
	var class auditlog.Class
	if a.classify {
		class = a.answerer.Classifier.ClassifyEvent(e)
	}
	if !matcher.Match(e, class) {
		return
	}
	i, wanted := l.groups.position(e, class)
	if !wanted || l.suspects[i].seen {
		return
	}
	l.suspects[i].came = true
	if e.CreateTime.UnixMilli() >= l.baseline.To {
		return
	}
	l.suspects[i].seen = true
	l.memory.sawAt(l.suspects[i].id, moment(e.CreateTime.UnixMilli(), true))
}

// learn takes what was read whole off what has to be looked at. What has settled of it is remembered.
func (l *lookback) learn(groups []*suspect, c history.Coverage) {
	if c.TruncatedAt != 0 {
		return // where a millisecond could not be read whole, nobody is known to be absent
	}
	settled := c.Covered
	settled.To = min(settled.To, l.baseline.To, c.AsOf.Add(-l.answer.answerer.Settle).UnixMilli())
	for _, s := range groups {
		if !s.seen {
			s.need = without(s.need, c.Covered)
			l.memory.missed(s.id, settled)
		}
	}
}

// position returns where the event's group is, if it is there.
func (g *grouping) position(e *auditlog.Event, c auditlog.Class) (int, bool) {
	key := g.scratch[:0]
	for _, k := range g.keys {
		value := k.Value(e, c)
		if len(g.keys) > 1 {
			key = binary.AppendUvarint(key, uint64(len(value)))
		}
		key = append(key, value...)
	}
	g.scratch = key
	i, ok := g.index[string(key)]
	return i, ok
}
