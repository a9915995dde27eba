// Package answer answers queries: events are read, counted or listed, and become data frames with notices on what they cover.
package answer

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// History reads and counts events of the past.
type History interface {
	Read(ctx context.Context, q history.Question, coverage *history.Coverage, cost *history.Cost) iter.Seq2[history.Batch, error]
	Count(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, cost *history.Cost) (int, error)
	PageSize() int // the most events that one request reads
}

// Classifier names what an event's description tells.
type Classifier interface {
	ClassifyEvent(e *auditlog.Event) auditlog.Class
	Subjects
	// Prefilter is a Lucene text that finds everything that the filter's derived keys select, if there is one.
	Prefilter(f auditlog.Filter) (catalog.Prefilter, bool)
}

// Answerer answers the queries of one data source.
type Answerer struct {
	History    History
	Queue      Queue // nil when the settings do not enable it
	Classifier Classifier
	SearchPath string // where searches go, for the query inspector
	MaxEvents  int    // most events that one answer reads
	// MaxStale is how old an answer to an alert rule may be when Carbon Black Cloud cannot be asked. Panels take any age and say
	// so.
	MaxStale   time.Duration
	Settle     time.Duration     // how late an event may be: what is older does not change any more
	Fresh      time.Duration     // how old the end of the log may be in an answer that does not say so
	Memory     *Memory           // of the groups that were looked up; nil remembers nothing
	Words      *WordSearch       // nil never asks for words of descriptions
	Observe    func(frame.Stats) // records what an answer took; may be nil
	BudgetLeft func() int        // requests that may still be sent in the present five minutes; may be nil
}

// Request is one query with its circumstances.
type Request struct {
	Query         query.Query
	Window        auditlog.TimeRange
	Interval      time.Duration // the wanted width of a series' buckets
	MaxDataPoints int64
	// Numbers says that an alert rule or an expression asks, which can use nothing but numbers.
	Numbers bool
	// Alert says that it is an alert rule, and Now when it asks: events that may still come late are covered.
	Alert bool
	Now   time.Time
	// TakeRoom takes room for so many points of the answer, of about 24 bytes each, before they are made; nil: there is enough.
	TakeRoom func(ctx context.Context, points int64) error
}

// What makes up an answer, in points.
const (
	pointsPerFrame = 64
	pointsPerRow   = 32
)

func (a *answer) takeRoom(ctx context.Context, points int) error {
	if a.request.TakeRoom == nil || points == 0 {
		return nil
	}
	return a.request.TakeRoom(ctx, int64(points))
}

// Answer reads what the query needs and makes frames of it. The error is a *QueryError, or what reading failed with; then the
// frames say no more than what was sent.
func (p *Answerer) Answer(ctx context.Context, r Request) (frame.Frames, error) {
	if err := r.Window.Validate(); err != nil {
		return nil, query.Errorf("%v", err)
	}
	if err := p.available(r.Query); err != nil {
		return nil, err
	}
	a := p.prepare(r)
	frames, err := a.run(ctx)
	if err != nil && len(a.cost.Sent) > 0 {
		return frame.Failed(a.describe(0, true, 0)), err // the query inspector shows what was sent
	}
	return frames, err
}

// prepare makes an answer of a request.
func (p *Answerer) prepare(r Request) *answer {
	a := &answer{answerer: p, request: r, query: r.Query}
	a.extend()
	if r.Query.After != nil {
		a.query.Filter = r.Query.After.Combined(r.Query.Filter)
	}
	a.matcher, a.cloud = a.query.Filter.Local(), a.query.Filter.Cloud()
	if r.Query.AskedLimit > r.Query.Limit && !r.Alert {
		a.inform("at most %d rows or groups: the limit of %d is over the maximum events per query (maxEvents)", r.Query.Limit, r.Query.AskedLimit)
	}
	if r.Numbers && a.query.Type == query.TypeEvents && (r.Alert || a.query.Format != query.FormatTable) {
		a.query.Type = query.TypeCount
		if len(a.query.GroupBy) == 0 {
			a.query.GroupBy = []auditlog.Key{auditlog.KeyActor, auditlog.KeyActorIP, auditlog.KeyAction, auditlog.KeyOutcome}
		}
		a.inform("an alert rule or expression needs numbers: these are counts by %s instead of a list of events", strings.Join(names(a.query.GroupBy), ", "))
	}
	switch {
	case r.Alert, r.Numbers && (a.query.Type == query.TypeCount || a.query.Type == query.TypeSeries || a.query.Type == query.TypeFirstSeen):
		a.whole, a.query.Limit = true, maxFrames
	case a.query.Type == query.TypeCount || a.query.Type == query.TypeSeries:
		a.query.Limit = min(a.query.Limit, maxFrames)
	}
	a.classify = a.query.Type == query.TypeEvents || r.Query.NeedsCatalog() || slices.ContainsFunc(a.query.GroupBy, auditlog.Key.Derived) || a.query.Fold
	return a
}

// maxFrames bounds the groups that become a frame each.
const maxFrames = 10_000

// tooManyGroups is what a rule or an expression gets that would have to leave groups out: whatever it decided, it would decide on a
// part.
func tooManyGroups(groups, most int) error {
	return query.Errorf("there are %d groups, more than the %d that an alert rule or expression can evaluate: group by fewer fields, narrow the filter or shorten the time range", groups, most)
}

// shapes say how each shape is answered.
var shapes = map[query.Type]func(*answer, context.Context) (frame.Frames, error){
	query.TypeEvents:    (*answer).events,
	query.TypeCount:     (*answer).count,
	query.TypeSeries:    (*answer).series,
	query.TypeTop:       (*answer).top,
	query.TypeFirstSeen: (*answer).firstSeen,
}

// available refuses what the query model knows and this version or these settings cannot answer.
func (p *Answerer) available(q query.Query) error {
	if q.Source == query.SourceQueue && p.Queue == nil {
		return query.Errorf(`"source":"queue" is off: set queueEnabled in the data source's settings. Then the plugin consumes the queue of its API key, so that no other consumer of the same key gets those events: use a key for this data source alone`)
	}
	return nil
}

func order(q query.Query) cbc.Order {
	if q.Oldest {
		return cbc.OldestFirst
	}
	return cbc.NewestFirst
}

func names(keys []auditlog.Key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = string(k)
	}
	return out
}
