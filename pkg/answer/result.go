package answer

import (
	"context"
	"fmt"
	"strings"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// Result is what an aggregator made of events: rows or groups, and what they cover.
type Result struct {
	Content frame.Content
	Meta    frame.Meta
}

// result completes content with the number of events found and the notices of the reading it was made of.
func (x *execution) result(ctx context.Context, content frame.Content, r reading) (Result, error) {
	found, atLeast, err := x.found(ctx, r)
	if err != nil {
		return Result{}, err
	}
	return x.complete(content, r, found, atLeast), nil
}

// complete adds notices and statistics to content.
func (x *execution) complete(content frame.Content, r reading, found int, atLeast bool) Result {
	shown := content.Events()
	x.notices = append(x.notices, r.notices...)
	x.addLimits(r, found, atLeast, shown)
	folded := 0
	for _, others := range r.folded {
		folded += len(others)
	}
	stats := frame.Stats{
		Found: found, FoundAtLeast: atLeast, Read: r.Read + x.lookedAt.Read, Shown: shown, Counted: x.counted, Folded: folded, Classified: x.plan.Classify,
	}
	if stats.Read > 0 {
		stats.CacheShare = float64(r.FromCache+x.lookedAt.FromCache) / float64(stats.Read)
	}
	if r.matched > 0 {
		stats.Unknown = float64(r.unknown) / float64(r.matched)
	}
	q := x.plan.Query
	return Result{content, frame.Meta{
		Notices: x.notices, Stats: stats, SearchWords: q.SearchWords(), Limit: q.Limit, Fold: q.Fold, DescriptionOnly: q.DescriptionOnly,
	}}
}

// found returns how many events match. atLeast means that there may be more.
func (x *execution) found(ctx context.Context, r reading) (found int, atLeast bool, err error) {
	if r.Complete {
		return r.matched, false, nil
	}
	list := x.plan.Query.Type == query.TypeEvents
	if list && x.isArchived(ctx) {
		if _, all, err := x.groupBy(ctx, nil, buckets{}); err == nil && all.Complete && !all.failed() {
			return all.matched, false, nil
		}
	}
	if list && x.plan.Query.Source != query.SourceQueue && !r.failed() {
		// If all is cached or one page away, reading is cheaper than counting.
		all, err := x.readFirstPage(ctx)
		if err == nil && all.Complete && all.Failure == nil {
			return all.matched, false, nil
		}
	}
	x.counted++
	// After a failure nothing more is requested, and a number that may be capped takes many requests to verify.
	if x.plan.Count == nil || r.failed() || list && r.Found == x.History.PageSize() {
		return r.matched, true, nil
	}
	n, err := x.source.Count(ctx, *x.plan.Count, x.plan.Range, x.cost)
	switch {
	case err == nil:
		return max(n, r.matched), x.cost.Blurred || x.cost.Unchecked, nil
	case x.plan.Numbers:
		return 0, false, err
	}
	return r.matched, true, nil
}

// addLimits adds notices about what is missing from the answer.
func (x *execution) addLimits(r reading, found int, atLeast bool, shown int) {
	q := x.plan.Query
	total := thousands(found)
	if atLeast {
		total = "at least " + total
	}
	which, end := "newest", "back to "+r.Covered.Start().Format(stamp)
	if q.Oldest {
		which, end = "oldest", "up to "+r.Covered.End().Format(stamp)
	}
	if x.cost.Blurred && x.exact {
		x.warn("counts may be off by the events of one second at each edge of the time range, because Carbon Black Cloud rounds time bounds")
	}
	if !r.StaleSince.IsZero() {
		x.warn("as of %s: Carbon Black Cloud cannot be reached now: %v", r.StaleSince.Format(stamp), r.Failure)
	}
	if r.TruncatedAt != 0 {
		x.warn("some events of %s are missing or shown twice: this millisecond holds more events than a search returns", formatMillis(r.TruncatedAt))
	}
	switch {
	case q.Type == query.TypeEvents && shown == q.Limit:
		if found > shown || atLeast {
			x.inform("showing the %s %s of %s events. Raise the limit or shorten the time range to see the others.", which, thousands(shown), total)
		}
	case !r.Complete && r.TruncatedAt == 0 && r.partial == nil && !x.exact && (atLeast || found > r.matched):
		x.warn("incomplete: %s events match, but only the %s %s events were read (maxEvents), %s", total, which, thousands(r.Read), end)
	}
}

// maxShownCalls bounds the requests that the query inspector shows.
const maxShownCalls = 5

// executed returns what was sent, without the token, or what would have been.
func (s *Answerer) executed(p Plan, sent []cbc.SearchRequest) string {
	if p.Query.Source == query.SourceQueue {
		return "answered from the store of the API key's queue; the plugin applied every filter"
	}
	var b strings.Builder
	if len(sent) == 0 && s.usesArchive(p) {
		return "nothing was sent: answered from the archive and the cache"
	}
	if len(sent) == 0 {
		request := cbc.SearchRequest{Filter: p.Cloud, Start: p.Range.Start(), End: p.Range.End(), Order: p.Order, Rows: s.History.PageSize()}
		fmt.Fprintf(&b, "nothing was sent: answered from the cache\nPOST %s\n%s", s.SearchPath, request.Body())
	}
	for i, r := range sent {
		if i == maxShownCalls {
			fmt.Fprintf(&b, "\n… and %d more", len(sent)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "POST %s\n%s", s.SearchPath, r.Body())
	}
	return b.String()
}

// tooManyGroups is the error for a rule or an expression that would have to leave groups out: it would decide on a part.
func tooManyGroups(groups, limit int) error {
	return query.Errorf("there are %d groups, more than the %d that an alert rule or expression can evaluate: group by fewer fields, narrow the filter or shorten the time range", groups, limit)
}

// tooManyEvents is the error where numbers would be of a part of the events, and too low.
func (x *execution) tooManyEvents(c history.Coverage) error {
	if c.TruncatedAt != 0 {
		return query.Errorf("one millisecond of the time range holds more events than a search returns, so a number would be too low: narrow the filter")
	}
	return query.Errorf("the time range holds more events than may be read (maxEvents %d), so a number would be too low and a group could be missing: shorten the range or narrow the filter", x.MaxEvents)
}
