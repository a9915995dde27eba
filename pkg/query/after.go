package query

import (
	"encoding/json"
	"maps"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// After narrows a query to events that follow at least AtLeast others: in the same group and time range, at an earlier time. An example is
// a successful login after five failed ones.
type After struct {
	Criteria   auditlog.Terms // of the earlier events: these replace the query's criteria and exclusions of the same keys
	Exclusions auditlog.Terms
	AtLeast    int
}

// maxAfter bounds AtLeast.
const maxAfter = 10_000

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
			if json.Unmarshal(object[name], &after.AtLeast) != nil || after.AtLeast < 1 || after.AtLeast > maxAfter {
				err = Errorf("after.atLeast must be a whole number from 1 to %d, not %s", maxAfter, cut(string(object[name])))
			}
		default:
			err = Errorf("after has an unknown key %q: allowed are atLeast, criteria, exclusions", cut(name))
		}
		if err != nil {
			return err
		}
	}
	p.query.After = after
	return nil
}

// checkAfter checks "after" against the rest of the query.
func (p *parser) checkAfter() error {
	after, queryType := p.query.After, p.query.Type
	if after == nil {
		return nil
	}
	if queryType != TypeCount && queryType != TypeSeries && queryType != TypeTop || len(p.query.GroupBy) == 0 {
		return Errorf(`"after" needs "groupBy", because it compares events of the same group, and the queryType count, series or top`)
	}
	keys := after.keys()
	if len(keys) == 0 {
		return Errorf(`"after" needs criteria or exclusions that select the earlier events`)
	}
	for _, key := range keys {
		switch {
		case key.MatchedByCloud():
			return Errorf("after cannot use %s, which only Carbon Black Cloud can match: use other criteria", key)
		case slices.Contains(p.query.GroupBy, key):
			return Errorf("after and groupBy both name %s: the earlier events would be in another group", key)
		}
	}
	return nil
}

// keys returns the keys by which the earlier events differ from the wanted ones.
func (a *After) keys() []auditlog.Key {
	keys := slices.Collect(maps.Keys(a.Criteria))
	keys = slices.AppendSeq(keys, maps.Keys(a.Exclusions))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Combined returns a filter that selects both the wanted and the earlier events: it leaves out the keys by which they differ.
func (a *After) Combined(wanted auditlog.Filter) auditlog.Filter {
	out := auditlog.Filter{Query: wanted.Query, Criteria: maps.Clone(wanted.Criteria), Exclusions: maps.Clone(wanted.Exclusions)}
	for _, key := range a.keys() {
		delete(out.Criteria, key)
		delete(out.Exclusions, key)
	}
	return out
}

// Before returns the filter of the earlier events.
func (a *After) Before(wanted auditlog.Filter) auditlog.Filter {
	out := a.Combined(wanted)
	out.Criteria, out.Exclusions = joined(out.Criteria, a.Criteria), joined(out.Exclusions, a.Exclusions)
	return out
}

func joined(a, b auditlog.Terms) auditlog.Terms {
	out := auditlog.Terms{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// NeedsCatalog reports whether the query filters by values that the plugin derives.
func (q Query) NeedsCatalog() bool {
	return q.Filter.Derived() || q.After != nil && q.After.Before(q.Filter).Derived()
}
