package panel

import (
	"encoding/json"
	"maps"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// After narrows a query to events that others came before: in the same group, in the same window, at an earlier time, and at
// least so many of them. "A log-in that succeeded after five that failed" is one.
type After struct {
	Criteria   auditlog.Terms // in place of the query's own criteria and exclusions of the same keys
	Exclusions auditlog.Terms
	AtLeast    int
}

// mostAfter bounds how many events are wanted before another.
const mostAfter = 10_000

func (p *parser) after(raw json.RawMessage) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return wrongType("after", `an object such as {"criteria":{"outcome":["failure"]},"atLeast":5}`, raw)
	}
	after := &After{AtLeast: 1}
	for _, name := range sortedKeys(object) {
		var err error
		switch name {
		case "criteria":
			after.Criteria, err = p.terms("after.criteria", object[name])
		case "exclusions":
			after.Exclusions, err = p.terms("after.exclusions", object[name])
		case "atLeast":
			if json.Unmarshal(object[name], &after.AtLeast) != nil || after.AtLeast < 1 || after.AtLeast > mostAfter {
				err = badQuery("after.atLeast must be a whole number from 1 to %d, not %s", mostAfter, cut(string(object[name])))
			}
		default:
			err = badQuery("after has an unknown key %q: allowed are atLeast, criteria, exclusions", cut(name))
		}
		if err != nil {
			return err
		}
	}
	p.query.After = after
	return nil
}

// checkAfter looks at what only the whole query shows.
func (p *parser) checkAfter() error {
	after, shape := p.query.After, p.query.Shape
	if after == nil {
		return nil
	}
	if shape != ShapeCount && shape != ShapeSeries && shape != ShapeTop || len(p.query.GroupBy) == 0 {
		return badQuery(`"after" needs "groupBy", whose groups it looks at one by one, and the queryType count, series or top`)
	}
	keys := after.keys()
	if len(keys) == 0 {
		return badQuery(`"after" needs criteria or exclusions that tell the events that come before`)
	}
	for _, key := range keys {
		switch {
		case key.MatchedByCloud():
			return badQuery("after cannot tell events apart by %s, which only Carbon Black Cloud can match", key)
		case slices.Contains(p.query.GroupBy, key):
			return badQuery("after and groupBy name both %s: the events before would be in another group", key)
		}
	}
	return nil
}

// keys are the keys in which the events before differ from those that are wanted.
func (a *After) keys() []auditlog.Key {
	keys := slices.Collect(maps.Keys(a.Criteria))
	keys = slices.AppendSeq(keys, maps.Keys(a.Exclusions))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// both returns the filter that selects the events that are wanted and those before them: neither's own keys take part.
func (a *After) both(wanted auditlog.Filter) auditlog.Filter {
	out := auditlog.Filter{Query: wanted.Query, Criteria: maps.Clone(wanted.Criteria), Exclusions: maps.Clone(wanted.Exclusions)}
	for _, key := range a.keys() {
		delete(out.Criteria, key)
		delete(out.Exclusions, key)
	}
	return out
}

// before returns the filter of the events before.
func (a *After) before(wanted auditlog.Filter) auditlog.Filter {
	out := a.both(wanted)
	out.Criteria, out.Exclusions = joined(out.Criteria, a.Criteria), joined(out.Exclusions, a.Exclusions)
	return out
}

func joined(a, b auditlog.Terms) auditlog.Terms {
	out := auditlog.Terms{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// derived tells whether the catalog decides about events.
func (q Query) derived() bool {
	return q.Filter.Derived() || q.After != nil && q.After.before(q.Filter).Derived()
}

// sequence holds events until it is known what came before them.
type sequence struct {
	keys           []auditlog.Key
	wanted, before auditlog.Matcher
	atLeast        int
	steps          []step
}

type step struct {
	event  auditlog.Event
	class  auditlog.Class
	wanted bool
	before bool
}

func newSequence(q Query) *sequence {
	return &sequence{keys: q.GroupBy, wanted: q.Filter.Local(), before: q.After.before(q.Filter).Local(), atLeast: q.After.AtLeast}
}

// add takes an event that either filter may select.
func (s *sequence) add(e *auditlog.Event, c auditlog.Class) {
	if wanted, before := s.wanted.Match(e, c), s.before.Match(e, c); wanted || before {
		s.steps = append(s.steps, step{*e, c, wanted, before})
	}
}

// replay hands on the wanted events that have enough others before them, and returns how many they are. Events of the same
// instant are not before each other.
func (s *sequence) replay(take func(*auditlog.Event, auditlog.Class)) (n int) {
	slices.SortStableFunc(s.steps, func(a, b step) int { return a.event.CreateTime.Compare(b.event.CreateTime) })
	groups := newGrouping(s.keys, buckets{})
	var counts, pending []int // by group: earlier events, and those of the instant that is looked at
	for i := 0; i < len(s.steps); {
		end := i
		for end < len(s.steps) && s.steps[end].event.CreateTime.Equal(s.steps[i].event.CreateTime) {
			st := &s.steps[end]
			group := groups.find(&st.event, st.class)
			if group == len(counts) {
				counts, pending = append(counts, 0), append(pending, 0)
			}
			if st.wanted && counts[group] >= s.atLeast {
				take(&st.event, st.class)
				n++
			}
			if st.before {
				pending[group]++
			}
			end++
		}
		for ; i < end; i++ {
			group := groups.find(&s.steps[i].event, s.steps[i].class)
			counts[group], pending[group] = counts[group]+pending[group], 0
		}
	}
	return n
}
