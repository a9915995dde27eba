package answer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// execution answers one plan.
type execution struct {
	*Answerer
	plan     Plan
	source   Source
	reserve  func(ctx context.Context, points int64) error
	cost     *history.Cost // of the whole request
	notices  []frame.Notice
	counted  int     // numbers that were requested, or cached
	exact    bool    // the numbers shown are complete although not every event was read
	lookedAt reading // further events that were read, to look groups up
}

// aggregators answer each query type.
var aggregators = map[query.Type]func(*execution, context.Context) (Result, error){
	query.TypeEvents:    (*execution).list,
	query.TypeCount:     (*execution).count,
	query.TypeSeries:    (*execution).series,
	query.TypeTop:       (*execution).top,
	query.TypeFirstSeen: (*execution).firstSeen,
}

// execute answers a plan.
func (s *Answerer) execute(ctx context.Context, p Plan, reserve func(context.Context, int64) error, cost *history.Cost) (Result, error) {
	x := s.newExecution(p, cost)
	x.reserve = reserve
	x.addHorizon(ctx)
	return aggregators[p.Query.Type](x, ctx)
}

func (s *Answerer) newExecution(p Plan, cost *history.Cost) *execution {
	x := &execution{Answerer: s, plan: p, cost: cost, source: search{s.History}, notices: p.Notices[:len(p.Notices):len(p.Notices)]}
	switch {
	case p.Query.Source == query.SourceQueue:
		x.source = queueSource{s.Queue}
	case s.usesArchive(p):
		x.source = &archiveSource{search: search{s.History}, archive: s.Archive, fresh: s.Fresh}
	}
	return x
}

func (x *execution) takeRoom(ctx context.Context, points int) error {
	if x.reserve == nil || points == 0 {
		return nil
	}
	return x.reserve(ctx, int64(points))
}

// classify classifies an event if the plan needs it.
func (x *execution) classify(e *auditlog.Event) auditlog.Class {
	if !x.plan.Classify {
		return auditlog.Class{}
	}
	return x.Classifier.ClassifyEvent(e)
}

// reading is what reading events brought.
type reading struct {
	Report
	matched int   // events that pass the whole filter
	unknown int   // of those, events that the catalog does not know
	partial error // why reading ended early
	notices []frame.Notice
	folded  map[*auditlog.Event][]*auditlog.Event // what was folded into an event
}

// failed reports whether something could not be read now.
func (r reading) failed() bool { return r.partial != nil || r.Failure != nil }

// taker takes events in the order of the plan and reports whether it wants more.
type taker = func(*auditlog.Event, auditlog.Class) (more bool)

// lookEvery is after how many events of a batch a reading looks whether its caller has left: a batch may be all that is stored.
const lookEvery = 64

// visit passes the events that match to take, until it wants no more: a batch is always finished.
func (x *execution) visit(ctx context.Context, source Source, q history.Question, matcher auditlog.Matcher, take taker) (r reading, err error) {
	unknown := catalog.Unknown()
	for batch, failure := range source.Read(ctx, q, &r.Report, x.cost) {
		if failure != nil {
			err = failure
			break
		}
		more, looked := true, 0
		for e := range batch {
			if looked++; looked%lookEvery == 0 && ctx.Err() != nil {
				return r, ctx.Err()
			}
			class := x.classify(e)
			if !matcher.Match(e, class) {
				continue
			}
			r.matched++
			if class == unknown {
				r.unknown++
			}
			more = take(e, class) && more
		}
		if !more {
			break
		}
	}
	return r, err
}

// read passes the events of the plan to take, folded if the query says so. It requests at most maxPages pages if that is above 0. What
// was read before a failure is kept, except where numbers are needed.
func (x *execution) read(ctx context.Context, source Source, maxPages int, take taker) (reading, error) {
	p := x.plan
	q := history.Question{Filter: p.Cloud, Range: p.Range, Order: p.Order, MaxEvents: p.MaxEvents, MaxPages: maxPages}
	if !p.Query.Fold {
		r, err := x.visit(ctx, source, q, p.Local, take)
		return r, x.judge(&r, q.Range, err)
	}
	f := &folder{subjects: x.Classifier, span: p.Range, take: take, more: true, others: map[*auditlog.Event][]*auditlog.Event{}}
	q.Range = wholeSeconds(p.Range)
	r, err := x.visit(ctx, source, q, p.Local, f.add)
	f.flush()
	r.matched, r.unknown, r.folded = f.matched, f.unknown, f.others
	err = x.judge(&r, q.Range, err)
	r.Covered = overlap(r.Covered, p.Range)
	return r, err
}

// readFirstPage reads what is cached and at most one page. A partial reading is an error.
func (x *execution) readFirstPage(ctx context.Context) (reading, error) {
	r, err := x.read(ctx, x.source, 1, takeAll)
	if err == nil {
		err = r.partial
	}
	return r, err
}

// readAll reads all events, where counts cannot be trusted. A partial reading is an error.
func (x *execution) readAll(ctx context.Context) (reading, error) {
	x.cost.Blurred = false
	r, err := x.read(ctx, x.source, 0, takeAll)
	if err == nil {
		err = r.partial
	}
	return r, err
}

func takeAll(*auditlog.Event, auditlog.Class) bool { return true }

// judge decides whether a reading can be used: numbers are never of a part, while a list or a panel gets what there is, and notices.
func (x *execution) judge(r *reading, span auditlog.TimeRange, err error) error {
	numbers := x.plan.Numbers
	for _, uncertain := range r.Uncertain {
		if numbers && err == nil {
			err = &QueueError{fmt.Errorf("the number is not known: %w", uncertain)}
		}
		r.notices = warn(r.notices, "%v", uncertain)
	}
	if err == nil && r.Bad != nil {
		if err = x.badRecords(r.Bad); err == nil {
			r.notices = warn(r.notices, "%v", r.Bad)
		}
	}
	for _, warning := range r.Warnings {
		r.notices = warn(r.notices, "%s", warning)
	}
	if err == nil && r.Failure != nil && x.outdated(*r, span) {
		return r.Failure
	}
	var queue *QueueError
	if err == nil || numbers || r.Read == 0 || errors.As(err, &queue) {
		return err
	}
	r.partial = err
	r.notices = warn(r.notices, "partial answer: it covers only %s: %v", r.Covered, err)
	return nil
}

// badRecords returns an error about records that cannot be read, if numbers are needed: they must not leave them out.
func (x *execution) badRecords(bad *cbc.BadRecordsError) error {
	switch {
	case !x.plan.Numbers:
		return nil
	case x.plan.Query.Source == query.SourceQueue:
		return &QueueError{bad}
	}
	return bad
}

// outdated reports whether the end of a time range was last read too long ago for numbers.
func (x *execution) outdated(r reading, span auditlog.TimeRange) bool {
	return x.plan.Numbers && span.End().Sub(r.StaleSince) > x.MaxStale
}

const stamp = "2006-01-02T15:04:05.000Z"

func formatMillis(ms int64) string { return time.UnixMilli(ms).UTC().Format(stamp) }

func (x *execution) inform(format string, args ...any) {
	x.notices = inform(x.notices, format, args...)
}

func (x *execution) warn(format string, args ...any) { x.notices = warn(x.notices, format, args...) }

func inform(notices []frame.Notice, format string, args ...any) []frame.Notice {
	return append(notices, frame.Notice{Text: sentence(format, args)})
}

func warn(notices []frame.Notice, format string, args ...any) []frame.Notice {
	return append(notices, frame.Notice{Warning: true, Text: sentence(format, args)})
}

func sentence(format string, args []any) string {
	s := fmt.Sprintf(format, args...)
	return strings.ToUpper(s[:1]) + s[1:]
}

// thousands writes a number with separators.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
