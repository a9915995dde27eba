// Package answer answers queries: a plan says what to do, a source yields events, and an aggregator makes a result of them, which
// becomes data frames with notices about what they cover.
package answer

import (
	"context"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/store"
)

// Classifier classifies events by their descriptions.
type Classifier interface {
	ClassifyEvent(e *auditlog.Event) auditlog.Class
	Subjects
}

// Answerer answers the queries of one data source.
type Answerer struct {
	History    History
	Archive    Archive // nil when the settings do not enable it
	Queue      Queue   // nil when the settings do not enable it
	Classifier Classifier
	SearchPath string // where searches go, for the query inspector
	MaxEvents  int    // maximum events that one answer reads
	// MaxStale is how old the end of the log may be in an answer to an alert rule when Carbon Black Cloud cannot be reached. Panels take
	// any age, with a notice.
	MaxStale   time.Duration
	Settle     time.Duration     // how late an event may become visible: older events no longer change
	Fresh      time.Duration     // how old the end of the log may be without a notice
	Memory     *Memory           // of the groups that were looked up; nil remembers nothing
	Observe    func(frame.Stats) // records what an answer took; may be nil
	BudgetLeft func() int        // requests that may still be sent in the present five minutes; may be nil
}

// Request is one query with its circumstances.
type Request struct {
	Query         query.Query
	Range         auditlog.TimeRange
	Interval      time.Duration // the wanted width of a series' buckets
	MaxDataPoints int64
	Numbers       bool // an alert rule or an expression asks, which can use nothing but numbers
	Alert         bool // it is an alert rule: the answer includes events that arrive late
	Now           time.Time
	// TakeRoom reserves room for points of the answer, of about 24 bytes each, before they are made; nil means there is enough.
	TakeRoom func(ctx context.Context, points int64) error
}

// The size of a part of an answer, in points.
const (
	pointsPerFrame = 64
	pointsPerRow   = 20
	textPerPoint   = 10 // bytes of the texts of a row or a group

	maxListPoints = 4_000_000 // of one list
)

// textOf returns the most that the texts of n of the groups can have, in points.
func textOf(groups []frame.Group, n int) int {
	total, longest := 0, 0
	for _, g := range groups {
		size := 0
		for _, value := range g.Values {
			size += len(value)
		}
		total, longest = total+size, max(longest, size)
	}
	return min(total, n*longest) / textPerPoint
}

// Answer reads what a query needs and makes frames of it. The error is a *query.Error, or what reading failed with; then the frames only
// say what was sent.
func (s *Answerer) Answer(ctx context.Context, r Request) (frame.Frames, error) {
	if err := ctx.Err(); err != nil { // a plan of many values takes a while
		return nil, err
	}
	plan, err := s.Plan(r)
	if err != nil {
		return nil, err
	}
	var cost history.Cost
	result, err := s.execute(ctx, plan, r.TakeRoom, &cost)
	if err != nil && len(cost.Sent) == 0 {
		return nil, err
	}
	result.Meta.Executed = s.executed(plan, cost.Sent)
	result.Meta.Stats.Calls, result.Meta.Stats.Wait = cost.Calls, cost.Waited
	s.record(&result.Meta.Stats)
	if err != nil {
		return frame.Failed(result.Meta), err
	}
	return frame.Build(result.Content, result.Meta), nil
}

// record reports the statistics of an answer and adds what is left of the budget.
func (s *Answerer) record(stats *frame.Stats) {
	if s.BudgetLeft != nil {
		stats.BudgetLeft = s.BudgetLeft()
	}
	if s.Observe != nil {
		s.Observe(*stats)
	}
}

// Plan plans the answer to a request.
func (s *Answerer) Plan(r Request) (Plan, error) {
	return NewPlan(r, Settings{
		MaxEvents: s.MaxEvents, Late: s.Settle + max(s.Fresh, s.MaxStale), MaxStale: s.MaxStale, Queue: s.Queue != nil,
	})
}

// Estimate returns the plan for a request and about how many API calls it needs, judged by what is archived, what is cached, and what
// earlier requests found. It sends nothing to Carbon Black Cloud.
func (s *Answerer) Estimate(ctx context.Context, r Request) (Plan, Knowledge, error) {
	plan, err := s.Plan(r)
	if err != nil || plan.Query.Source == query.SourceQueue {
		return plan, Knowledge{}, err
	}
	known := Knowledge{PageSize: s.History.PageSize()}
	asked := plan.Range
	if s.usesArchive(plan) {
		if state, err := s.Archive.State(ctx); err == nil {
			if covered := store.Within(state.Covered, asked); len(covered) == 1 && covered[0].From == asked.From {
				known.Archived, asked.From = true, covered[0].To
			}
		}
	}
	if known.Cached = asked.From >= asked.To; !known.Cached {
		known.Events, known.Cached = s.History.Estimate(plan.Cloud, asked)
	}
	return plan, known, nil
}
