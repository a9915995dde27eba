package answer

import (
	"slices"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
)

// Plan is what will be done to answer a query. It is a value: nothing changes it.
type Plan struct {
	Query     query.Query        // with the type, the limit and the groups of the answer
	Requested auditlog.TimeRange // by Grafana
	Range     auditlog.TimeRange // that is read; a rule's begins earlier
	Filter    auditlog.Filter    // all events that have to be looked at
	Cloud     auditlog.Filter    // the part of the filter that Carbon Black Cloud evaluates
	Local     auditlog.Matcher   // the part that is evaluated here
	Count     *auditlog.Filter   // selects the same events if Carbon Black Cloud can count them, else nil
	Order     cbc.Order
	MaxEvents int           // maximum events to read
	MaxStale  time.Duration // how old the end of the log may be for numbers
	Numbers   bool          // for an alert rule or an expression: a part is an error
	Alert     bool          // for an alert rule: points are as wide as it asks
	Whole     bool          // no group may be left out
	Classify  bool          // events have to be classified
	Notices   []frame.Notice

	buckets    buckets // of a series
	minBuckets buckets // of a series of which each bucket is counted by a request
}

// Settings are the settings of a data source that a plan depends on.
type Settings struct {
	MaxEvents int           // maximum events that one answer reads
	Late      time.Duration // how much earlier the range of a rule that ends now begins, for late events
	MaxStale  time.Duration // how old the end of the log may be in an answer to a rule
	Queue     bool          // the queue is enabled
}

// maxFrames bounds the groups that become a frame each.
const maxFrames = 10_000

// maxCounted bounds the buckets that are counted one by one: each takes a request.
const maxCounted = 120

// NewPlan plans the answer to a request. It reads nothing.
func NewPlan(r Request, s Settings) (Plan, error) {
	if err := r.Range.Validate(); err != nil {
		return Plan{}, query.Errorf("%v", err)
	}
	if r.Query.Source == query.SourceQueue && !s.Queue {
		return Plan{}, query.Errorf(`"source":"queue" is off: set queueEnabled in the data source's settings. Then the plugin consumes the queue of its API key, and no other client of the same key gets those events: use a key for this data source alone`)
	}
	p := Plan{
		Query: r.Query, Requested: r.Range, Range: r.Range, Filter: r.Query.Filter, Order: cbc.NewestFirst,
		MaxEvents: s.MaxEvents, MaxStale: s.MaxStale, Numbers: r.Numbers, Alert: r.Alert,
	}
	if r.Query.Oldest {
		p.Order = cbc.OldestFirst
	}
	if r.Query.After != nil {
		p.Filter = r.Query.After.Combined(r.Query.Filter)
	}
	p.chooseRange(r, s.Late)
	p.chooseShape(r)
	p.splitFilter()
	p.Classify = p.Query.Type == query.TypeEvents || r.Query.NeedsCatalog() || slices.ContainsFunc(p.Query.GroupBy, auditlog.Key.Derived) || p.Query.Fold
	return p, nil
}

// chooseRange lets the time range of an alert rule begin earlier when it ends so close to the present that some of its events may still
// arrive. An event that one evaluation cannot see, because it arrives late or because the answer was stale, then lies in the range of
// the next, as long as the rule's range is no shorter than the time between two evaluations. The end stays: nothing fires later.
func (p *Plan) chooseRange(r Request, late time.Duration) {
	if !r.Alert || r.Range.End().Add(late).Before(r.Now) {
		late = 0
	}
	p.Range.From -= late.Milliseconds()
	if p.Query.Type == query.TypeSeries {
		p.buckets, p.minBuckets = r.buckets(r.MaxDataPoints, late), r.buckets(min(maxPoints(r.MaxDataPoints), maxCounted), late)
		if r.Numbers {
			p.Range.From = p.buckets.start
		}
	}
	if late > 0 {
		p.Notices = inform(p.Notices, "time range extended by %s to include late events; an event may count in two evaluations", span(time.Duration(r.Range.From-p.Range.From)*time.Millisecond))
	}
}

// buckets divides the time range of a series.
func (r Request) buckets(maxDataPoints int64, late time.Duration) buckets {
	if !r.Numbers {
		return newBuckets(r.Range, r.Interval, maxDataPoints)
	}
	interval := r.Interval
	if r.Alert {
		interval = intervalOfRule(r.Range, interval)
	}
	return wholeBuckets(r.Range, interval, late, maxDataPoints)
}

// chooseShape turns a list into counts where numbers are needed, and bounds the rows or groups.
func (p *Plan) chooseShape(r Request) {
	q := &p.Query
	if q.AskedLimit > q.Limit && !r.Alert {
		p.Notices = inform(p.Notices, "showing at most %s rows or groups: the limit of %s exceeds the maximum events per query (maxEvents)", thousands(q.Limit), thousands(q.AskedLimit))
	}
	if r.Numbers && q.Type == query.TypeEvents && (r.Alert || q.Format != query.FormatTable) {
		q.Type = query.TypeCount
		if len(q.GroupBy) == 0 {
			q.GroupBy = []auditlog.Key{auditlog.KeyActor, auditlog.KeyActorIP, auditlog.KeyAction, auditlog.KeyOutcome}
		}
		p.Notices = inform(p.Notices, "showing counts by %s instead of a list of events: an alert rule or expression needs numbers", names(q.GroupBy))
	}
	framed := q.Type == query.TypeCount || q.Type == query.TypeSeries
	switch {
	case r.Alert, r.Numbers && (framed || q.Type == query.TypeFirstSeen):
		p.Whole, q.Limit = true, maxFrames
	case framed:
		q.Limit = min(q.Limit, maxFrames)
	}
}

// splitFilter divides the filter into what Carbon Black Cloud evaluates and what is evaluated here.
func (p *Plan) splitFilter() {
	p.Cloud, p.Local = p.Filter.Cloud(), p.Filter.Local()
	if p.Query.Source == query.SourceQueue {
		p.Cloud, p.Local = auditlog.Filter{}, p.Filter.Everything()
		return
	}
	if count, ok := p.Filter.CloudCount(); ok && p.Query.After == nil && !p.Query.Fold {
		p.Count = &count
	}
}

func names(keys []auditlog.Key) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = string(k)
	}
	return strings.Join(out, ", ")
}
