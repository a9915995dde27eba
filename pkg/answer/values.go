package answer

import (
	"context"
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
)

// Value is a value of a key and the number of events that have it.
type Value struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// ValuesRequest asks for the values of a key. The queue takes no part in the answer.
type ValuesRequest struct {
	Key    auditlog.Key
	Filter auditlog.Filter // which events count; the zero Filter selects all
	Window auditlog.TimeRange
	Prefix string // what the values begin with, in upper or lower case
	Most   int    // values that are wanted
}

// Values returns the values of a key among the events of a window, most frequent first; equally frequent ones are in their own
// order. complete reports whether that is all of them, and each number whole: neither is so beyond Most, and where more events than
// may be read have been found or reading broke off.
func (p *Answerer) Values(ctx context.Context, r ValuesRequest) (values []Value, complete bool, err error) {
	if err := r.Window.Validate(); err != nil {
		return nil, false, query.Errorf("%v", err)
	}
	a := &answer{
		answerer: p, request: Request{Window: r.Window},
		query: query.Query{Type: query.TypeTop, Source: query.SourceSearch, Filter: r.Filter, GroupBy: []auditlog.Key{r.Key}, Limit: r.Most},
		cloud: r.Filter.Cloud(), matcher: r.Filter.Local(),
	}
	a.classify = r.Key.Derived() || r.Filter.Derived()
	g, err := a.grouped(ctx, buckets{})
	if err != nil {
		return nil, false, err
	}
	prefix := strings.ToLower(r.Prefix)
	groups := slices.DeleteFunc(g.groups, func(g frame.Group) bool { return !strings.HasPrefix(strings.ToLower(g.Values[0]), prefix) })
	slices.SortFunc(groups, compareGroups)
	shown := groups[:min(len(groups), r.Most)]
	values = make([]Value, len(shown))
	for i, g := range shown {
		values[i] = Value{g.Values[0], g.Count}
	}
	whole := a.coverage.Complete && a.coverage.Failure == nil && a.broken == nil
	a.describe(a.matched, !whole, sum(shown)) // it is counted like any answer
	return values, whole && len(shown) == len(groups), nil
}
