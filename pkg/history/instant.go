package history

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Bounds of reading an instant in parts.
const (
	maxInstantPages = 12
	maxSplitValues  = 500  // of one search
	maxExclusions   = 1000 // of one search, as they add up
)

// instantParts reads an instant that holds more events than a search reaches. It splits the events by actor or by address: one search asks
// for some values, another one excludes them. How Carbon Black Cloud compares values is not documented, so nothing is assumed: the parts
// are used only if their numbers add up to the number of the whole, and no event is in the wrong part.
type instantParts struct {
	scan   *scan
	span   auditlog.TimeRange
	bounds bounds
	pages  int
}

// errInseparable means that an instant cannot be read in parts.
var errInseparable = errors.New("the events of an instant cannot be told apart by actor or address")

// readInParts returns all events of an instant. It reports false if that cannot be verified.
func (s *scan) readInParts(ctx context.Context, part auditlog.TimeRange, b bounds) (events []auditlog.Event, ok bool, err error) {
	p := instantParts{scan: s, span: part, bounds: b}
	events, _, err = p.read(ctx, s.filter)
	var failed *cbc.Error
	switch {
	case err == nil:
		return events, true, nil
	case errors.Is(err, errInseparable), errors.As(err, &failed) && !failed.Temporary() && ctx.Err() == nil:
		return nil, false, nil // the server may refuse so many values
	}
	return nil, false, err
}

// read returns the events that a filter selects, and how many records there are, readable or not.
func (p *instantParts) read(ctx context.Context, f auditlog.Filter) (events []auditlog.Event, found int, err error) {
	if p.pages == maxInstantPages {
		return nil, 0, errInseparable
	}
	p.pages++
	page, err := p.scan.pageOf(ctx, f, p.span, p.scan.reach(), 0, p.bounds)
	switch {
	case err != nil:
		return nil, 0, err
	case records(page) == page.Found && p.pages > 1: // the number of the whole exceeds the reach, so numbers are not capped
		return page.Events, page.Found, nil
	case page.Found <= p.scan.reach():
		return nil, 0, errInseparable
	}
	key, values := splitBy(page.Events)
	excluded := slices.Concat(f.Exclusions[key], values)
	if len(values) == 0 || len(excluded) > maxExclusions {
		return nil, 0, errInseparable
	}
	with, n, err := p.read(ctx, auditlog.Filter{Query: f.Query, Criteria: replaced(f.Criteria, key, values), Exclusions: f.Exclusions})
	if err != nil {
		return nil, 0, err
	}
	without, m, err := p.read(ctx, auditlog.Filter{Query: f.Query, Criteria: f.Criteria, Exclusions: replaced(f.Exclusions, key, excluded)})
	if err != nil {
		return nil, 0, err
	}
	if n+m != page.Found || !separated(with, without, key, values) {
		return nil, 0, errInseparable
	}
	return append(with, without...), page.Found, nil
}

// splitBy returns the key, and those of its values, that split events most evenly: the most frequent values, up to half of the events.
func splitBy(events []auditlog.Event) (best auditlog.Key, chosen []string) {
	most := 0
	for _, key := range []auditlog.Key{auditlog.KeyActor, auditlog.KeyActorIP} {
		counts := map[string]int{}
		for i := range events {
			counts[rawValue(&events[i], key)]++
		}
		delete(counts, "") // whether a search finds a missing value is not documented
		values := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
		})
		values = values[:min(len(values), maxSplitValues)]
		covered, n := 0, 0
		for n < len(values) && (n == 0 || covered+counts[values[n]] <= len(events)/2) {
			covered += counts[values[n]]
			n++
		}
		if score := min(covered, len(events)-covered); score > most {
			most, best, chosen = score, key, values[:n]
		}
	}
	return best, chosen
}

func rawValue(e *auditlog.Event, key auditlog.Key) string {
	if key == auditlog.KeyActor {
		return e.Actor
	}
	return e.ActorIP
}

// separated reports whether the events with the values of a key, and no others, are in the first of two parts.
func separated(with, without []auditlog.Event, key auditlog.Key, values []string) bool {
	chosen := make(map[string]bool, len(values))
	for _, v := range values {
		chosen[v] = true
	}
	has := func(e auditlog.Event) bool { return chosen[rawValue(&e, key)] }
	return !slices.ContainsFunc(without, has) && !slices.ContainsFunc(with, func(e auditlog.Event) bool { return !has(e) })
}

func replaced(t auditlog.Terms, key auditlog.Key, values []string) auditlog.Terms {
	out := auditlog.Terms{key: values}
	for k, v := range t {
		if k != key {
			out[k] = v
		}
	}
	return out
}
