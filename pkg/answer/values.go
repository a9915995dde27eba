package answer

import (
	"context"
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// Value is a value of a key and how many events have it.
type Value struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// ValuesRequest asks for the values of a key among events found by searches; the queue is never read.
type ValuesRequest struct {
	Key    auditlog.Key
	Filter auditlog.Filter // which events count; the zero Filter selects all
	Range  auditlog.TimeRange
	Prefix string // of the values, ignoring case
	Max    int    // maximum values to return
}

// Values returns the values of a key, most frequent first and then in their own order. complete reports whether these are all values and
// each count is exact: neither holds beyond Max, nor where more events were found than may be read or reading ended early.
func (s *Answerer) Values(ctx context.Context, r ValuesRequest) (values []Value, complete bool, err error) {
	plan, err := s.Plan(Request{Range: r.Range, Query: query.Query{
		Type: query.TypeTop, Source: query.SourceSearch, Filter: r.Filter, GroupBy: []auditlog.Key{r.Key}, Limit: r.Max,
	}})
	if err != nil {
		return nil, false, err
	}
	var cost history.Cost
	x := s.newExecution(plan, &cost)
	g, reading, err := x.group(ctx, buckets{})
	if err != nil {
		return nil, false, err
	}
	prefix := strings.ToLower(r.Prefix)
	groups := slices.DeleteFunc(g.groups, func(g frame.Group) bool { return !strings.HasPrefix(strings.ToLower(g.Values[0]), prefix) })
	slices.SortFunc(groups, compareGroups)
	groups, all := groups[:min(len(groups), r.Max)], len(groups) <= r.Max
	values = make([]Value, 0, len(groups))
	for _, g := range groups {
		values = append(values, Value{g.Values[0], g.Count})
	}
	result := x.complete(frame.Content{Groups: groups}, reading, reading.matched, !reading.Complete)
	s.record(&result.Meta.Stats)
	return values, all && reading.Complete && !reading.failed() && reading.Bad == nil, nil
}
