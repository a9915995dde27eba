package answer

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/store"
)

// Archive holds settled events that searches have found, and groups them by itself.
type Archive interface {
	// State says what it holds.
	State(ctx context.Context) (store.ArchiveState, error)
	// Read is [store.Archive.Read].
	Read(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, order cbc.Order, visit func([]*auditlog.Event) (more bool)) error
	// Group is [store.Archive.Group]. It returns the part of the time range that it answered.
	Group(ctx context.Context, g store.Grouping, take func(store.Grouped), single func(*auditlog.Event)) (held []auditlog.TimeRange, err error)
}

// SharedEnd is an [Archive] whose replicas share the end of the log, which is not settled: one reads it for all.
type SharedEnd interface {
	// End returns the events of the end, nil where they have to be read.
	End(ctx context.Context, r auditlog.TimeRange, fresh time.Duration, read func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool)) *store.End
}

// archiveSource is the source of archived events where there are some, and of searches elsewhere.
type archiveSource struct {
	search  search
	archive Archive
	grouped []auditlog.TimeRange // parts that are answered already: they are not read
	fresh   time.Duration        // how old the end of the log may be without a notice

	once    sync.Once
	covered []auditlog.TimeRange
	failure error
}

// coveredParts returns what is archived of a time range. An archive that cannot be asked holds nothing.
func (s *archiveSource) coveredParts(ctx context.Context, r auditlog.TimeRange) []auditlog.TimeRange {
	s.once.Do(func() {
		state, err := s.archive.State(ctx)
		s.covered, s.failure = state.Covered, err
	})
	return store.Within(s.covered, r)
}

// Count counts archived events in the database, and the others by searches.
func (s *archiveSource) Count(ctx context.Context, f auditlog.Filter, r auditlog.TimeRange, cost *history.Cost) (int, error) {
	if !store.CanGroup(f, nil) || len(s.coveredParts(ctx, r)) == 0 {
		return s.search.Count(ctx, f, r, cost)
	}
	matcher, n := f.Everything(), 0
	held, err := s.archive.Group(ctx, store.Grouping{Filter: f, Range: r}, func(g store.Grouped) { n += int(g.Count) }, func(e *auditlog.Event) {
		if matcher.Match(e, auditlog.Class{}) {
			n++
		}
	})
	if err != nil {
		return s.search.Count(ctx, f, r, cost)
	}
	for _, rest := range store.Outside(held, r) {
		if rest.To == r.To && rest.From > r.From {
			if end := s.end(ctx, rest, cost); end != nil {
				for i := range end.Events {
					if matcher.Match(&end.Events[i], auditlog.Class{}) {
						n++
					}
				}
				continue
			}
		}
		m, err := s.search.Count(ctx, f, rest, cost)
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// part is a piece of a time range that is read from one place.
type part struct {
	auditlog.TimeRange
	archived, grouped bool
}

// parts divides a time range, in the order of reading.
func (s *archiveSource) parts(ctx context.Context, q history.Question) []part {
	var parts []part
	add := func(ranges []auditlog.TimeRange, archived, grouped bool) {
		for _, r := range ranges {
			parts = append(parts, part{r, archived, grouped})
		}
	}
	add(store.Within(s.grouped, q.Range), false, true)
	for _, left := range store.Outside(s.grouped, q.Range) {
		covered := s.coveredParts(ctx, left)
		add(covered, true, false)
		add(store.Outside(covered, left), false, false)
	}
	slices.SortFunc(parts, func(a, b part) int {
		if q.Order == cbc.NewestFirst {
			return int(b.From - a.From)
		}
		return int(a.From - b.From)
	})
	return parts
}

// Read implements [Source].
func (s *archiveSource) Read(ctx context.Context, q history.Question, report *Report, cost *history.Cost) iter.Seq2[history.Batch, error] {
	if !q.Filter.Structured() || len(s.grouped) == 0 && len(s.coveredParts(ctx, q.Range)) == 0 {
		return func(yield func(history.Batch, error) bool) {
			for batch, err := range s.search.Read(ctx, q, report, cost) {
				if !yield(batch, err) {
					break
				}
			}
			s.warn(report)
		}
	}
	return func(yield func(history.Batch, error) bool) {
		r := &archiveReader{source: s, ctx: ctx, question: q, report: report, cost: cost, yield: yield, missing: q.Range}
		r.run()
		report.Covered = r.covered()
		report.Complete = r.missing.From >= r.missing.To && report.TruncatedAt == 0
	}
}

// warn says that the archive cannot be asked.
func (s *archiveSource) warn(report *Report) {
	if s.failure != nil && !errors.Is(s.failure, store.ErrUnproved) {
		report.Warnings = append(report.Warnings, "the archive cannot be read, so this was answered by searches: "+s.failure.Error())
	}
}

// archiveReader reads one time range part by part.
type archiveReader struct {
	source   *archiveSource
	ctx      context.Context
	question history.Question
	report   *Report
	cost     *history.Cost
	yield    func(history.Batch, error) bool
	missing  auditlog.TimeRange // not returned yet
	searched int                // events that searches returned
	stopped  bool
}

func (r *archiveReader) backwards() bool { return r.question.Order == cbc.NewestFirst }

// reached notes that everything up to an instant, in the order of reading, is returned.
func (r *archiveReader) reached(p auditlog.TimeRange) {
	if r.backwards() {
		r.missing.To = p.From
	} else {
		r.missing.From = p.To
	}
}

func (r *archiveReader) covered() auditlog.TimeRange {
	if r.backwards() {
		return auditlog.TimeRange{From: r.missing.To, To: r.question.Range.To}
	}
	return auditlog.TimeRange{From: r.question.Range.From, To: r.missing.From}
}

func (r *archiveReader) run() {
	for _, p := range r.source.parts(r.ctx, r.question) {
		switch {
		case p.grouped:
			r.reached(p.TimeRange)
		case p.archived:
			if left, err := r.readArchive(p.TimeRange); err != nil {
				r.report.Warnings = append(r.report.Warnings, "a part of the archive cannot be read, and was answered by searches: "+err.Error())
				r.search(left)
			}
		default:
			if !r.sharedEnd(p.TimeRange) {
				r.search(p.TimeRange)
			}
		}
		if r.stopped {
			return
		}
	}
}

// readArchive returns what is left of a part where the archive failed.
func (r *archiveReader) readArchive(p auditlog.TimeRange) (left auditlog.TimeRange, err error) {
	left = p
	err = r.source.archive.Read(r.ctx, r.question.Filter, p, r.question.Order, func(events []*auditlog.Event) bool {
		r.report.Read += len(events)
		r.report.FromCache += len(events)
		last := events[len(events)-1].CreateTime.UnixMilli()
		if r.backwards() {
			left.To = last
		} else {
			left.From = last + 1
		}
		r.reached(auditlog.TimeRange{From: last, To: last + 1})
		r.stopped = !r.yield(pointers(events), nil) || r.report.Read >= r.question.MaxEvents
		return !r.stopped
	})
	if err == nil && !r.stopped {
		r.reached(p)
	}
	return left, err
}

// pointers yields events.
func pointers(events []*auditlog.Event) history.Batch {
	return func(yield func(*auditlog.Event) bool) {
		for _, e := range events {
			if !yield(e) {
				return
			}
		}
	}
}

// maxEnd bounds the end of the log that is read for all replicas: the archive follows it.
const maxEnd = 15 * time.Minute

// end returns the end of the log from an instant on as one replica has read it for all, nil if it has to be searched.
func (s *archiveSource) end(ctx context.Context, r auditlog.TimeRange, cost *history.Cost) *store.End {
	shared, ok := s.archive.(SharedEnd)
	if !ok || r.Duration() > maxEnd {
		return nil
	}
	return shared.End(ctx, r, s.fresh, func(ctx context.Context, w auditlog.TimeRange) ([]auditlog.Event, bool) {
		return s.readEnd(ctx, w, cost)
	})
}

// readEnd reads a time range that ends now, by a search without a filter.
func (s *archiveSource) readEnd(ctx context.Context, w auditlog.TimeRange, cost *history.Cost) (events []auditlog.Event, whole bool) {
	var report Report
	for batch, err := range s.search.Read(ctx, history.Question{Range: w, Order: cbc.OldestFirst, MaxEvents: cbc.MaxRows}, &report, cost) {
		if err != nil {
			return nil, false
		}
		for e := range batch {
			events = append(events, *e)
		}
	}
	return events, report.Complete && report.Failure == nil && report.Bad == nil && !report.Coarse
}

// sharedEnd returns a part as one replica has read it for all. It returns false if the part has to be searched.
func (r *archiveReader) sharedEnd(p auditlog.TimeRange) bool {
	if p.To != r.question.Range.To || p.From == r.question.Range.From || r.question.Mode == history.CacheOnly {
		return false
	}
	end := r.source.end(r.ctx, p, r.cost)
	if end == nil || len(end.Events) > r.question.MaxEvents {
		return false
	}
	events := make([]*auditlog.Event, len(end.Events))
	for i := range events {
		events[i] = &end.Events[i]
	}
	if r.backwards() {
		slices.Reverse(events)
	}
	r.report.Read += len(events)
	r.report.FromCache += len(events)
	r.searched += len(events)
	now := time.Now()
	r.report.add(Report{Coverage: history.Coverage{AsOf: now.Add(-end.Age).UTC(), Until: now.Add(r.source.fresh - end.Age).UTC()}})
	r.reached(p)
	r.stopped = len(events) > 0 && !r.yield(pointers(events), nil)
	return true
}

// search reads a part by searches.
func (r *archiveReader) search(p auditlog.TimeRange) {
	if p.From >= p.To {
		return
	}
	q := r.question
	q.Range, q.MaxEvents = p, q.MaxEvents-r.searched
	var sub Report
	for batch, err := range r.source.search.Read(r.ctx, q, &sub, r.cost) {
		if !r.yield(batch, err) || err != nil {
			r.stopped = true
			break
		}
	}
	r.searched += sub.Read
	r.reached(sub.Covered)
	r.stopped = r.stopped || !sub.Complete && sub.TruncatedAt == 0
	r.report.add(sub)
}

// add adds the report of another part.
func (r *Report) add(o Report) {
	r.Found += o.Found
	r.Read += o.Read
	r.FromCache += o.FromCache
	r.TruncatedAt = max(r.TruncatedAt, o.TruncatedAt)
	r.Coarse = r.Coarse || o.Coarse
	if o.Failure != nil {
		r.Failure, r.StaleSince = o.Failure, o.StaleSince
	}
	if o.Bad != nil && r.Bad != nil {
		r.Bad = &cbc.BadRecordsError{Records: slices.Concat(r.Bad.Records, o.Bad.Records), Count: r.Bad.Count + o.Bad.Count}
	} else if o.Bad != nil {
		r.Bad = o.Bad
	}
	if r.AsOf.IsZero() || !o.AsOf.IsZero() && o.AsOf.Before(r.AsOf) {
		r.AsOf = o.AsOf
	}
	if r.Until.IsZero() || !o.Until.IsZero() && o.Until.Before(r.Until) {
		r.Until = o.Until
	}
	r.Uncertain, r.Warnings = append(r.Uncertain, o.Uncertain...), append(r.Warnings, o.Warnings...)
}

// archived returns the source if the archive can group the events of a filter, and holds all of a time range up to its end at least:
// then counting there costs nothing, and only the end has to be searched.
func (x *execution) archived(ctx context.Context, f auditlog.Filter, keys []auditlog.Key, r auditlog.TimeRange) (*archiveSource, bool) {
	s, ok := x.source.(*archiveSource)
	if !ok || x.plan.Query.After != nil || x.plan.Query.Fold || !store.CanGroup(f, keys) {
		return nil, false
	}
	covered := s.coveredParts(ctx, r)
	return s, len(covered) == 1 && covered[0].From == r.From
}

// isArchived reports whether the events of the plan can be counted in the archive.
func (x *execution) isArchived(ctx context.Context) bool {
	_, ok := x.archived(ctx, x.plan.Filter, nil, x.plan.Range)
	return ok
}

// addHorizon says where the time range has events that Carbon Black Cloud no longer has.
func (x *execution) addHorizon(ctx context.Context) {
	if x.Archive == nil || x.plan.Query.Source == query.SourceQueue {
		return
	}
	state, err := x.Archive.State(ctx)
	if err != nil || state.CloudFrom <= x.plan.Range.From {
		return
	}
	if x.usesArchive(x.plan) {
		x.inform("events before %s come from the archive: Carbon Black Cloud no longer has them", formatMillis(state.CloudFrom))
	} else {
		x.warn("events before %s are missing: Carbon Black Cloud no longer has them, and the archive cannot evaluate this query", formatMillis(state.CloudFrom))
	}
}

// groupArchived adds the groups of the archived part of the plan's time range, and returns the source of the rest.
func (x *execution) groupArchived(ctx context.Context, g *grouping) (reading, Source) {
	s, ok := x.archived(ctx, x.plan.Filter, g.keys, x.plan.Range)
	if !ok || g.keepSpellings {
		return reading{}, x.source
	}
	question := store.Grouping{Filter: x.plan.Filter, Range: x.plan.Range, Keys: g.keys, Edges: g.buckets.edges()}
	all, unknown := newGrouping(g.keys, g.buckets), catalog.Unknown()
	var r reading
	held, err := s.archive.Group(ctx, question, func(group store.Grouped) {
		r.matched += int(group.Count)
		if x.plan.Classify && group.Class == unknown {
			r.unknown += int(group.Count)
		}
		all.addGroup(group)
	}, func(e *auditlog.Event) {
		if class := x.classify(e); x.plan.Local.Match(e, class) {
			r.matched++
			all.add(e, class)
		}
	})
	if err != nil {
		return reading{}, x.source // it is read instead, and says what fails
	}
	*g = *all
	r.Read, r.FromCache = r.matched, r.matched
	return r, &archiveSource{search: s.search, archive: s.archive, grouped: held, fresh: s.fresh}
}

// usesArchive reports whether the plan may be answered from the archive.
func (s *Answerer) usesArchive(p Plan) bool {
	return s.Archive != nil && p.Query.Source != query.SourceQueue && p.Cloud.Structured()
}
