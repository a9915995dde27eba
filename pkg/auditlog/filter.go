package auditlog

import (
	"maps"
	"slices"
	"strings"
)

// Terms lists values by key. An event satisfies a key when it has one of its values. A key without values is ignored.
type Terms map[Key][]string

// Filter selects the events that match the Lucene string Query and all of Criteria, and none of Exclusions.
type Filter struct {
	Query      string
	Criteria   Terms
	Exclusions Terms
}

// Cloud returns the part of the filter that Carbon Black Cloud evaluates when events are read. It never selects less than the whole
// filter, even if the cloud matches more loosely than a [Matcher] does, for instance without regard to case:
//   - Derived keys are left out. An account or an address has many spellings in actor and actor_ip, and no search is known to find
//     them all.
//   - A key with an empty string among its values is left out: whether the cloud finds an event by a missing value is not
//     documented.
//   - Exclusions are left to the Matcher, except for keys that only the cloud can match.
func (f Filter) Cloud() Filter {
	out := Filter{Query: strings.TrimSpace(f.Query), Criteria: f.Criteria.cloud(), Exclusions: f.Exclusions.cloud()}
	maps.DeleteFunc(out.Exclusions, func(k Key, _ []string) bool { return !k.MatchedByCloud() })
	return out
}

// Derived reports whether the filter has a key whose values this plugin computes.
func (f Filter) Derived() bool { return f.uses(Key.Derived) }

// NeedsClass reports whether the filter has a key whose values come from the [Class] of an event.
func (f Filter) NeedsClass() bool { return f.uses(Key.NeedsClass) }

func (f Filter) uses(is func(Key) bool) bool {
	for _, terms := range [...]Terms{f.Criteria, f.Exclusions} {
		for key, values := range terms {
			if is(key) && len(values) > 0 {
				return true
			}
		}
	}
	return false
}

// Structured reports whether every part of the filter can be decided here, over events that were read without it.
func (f Filter) Structured() bool {
	if strings.TrimSpace(f.Query) != "" {
		return false
	}
	for _, terms := range [...]Terms{f.Criteria, f.Exclusions} {
		for key, values := range terms {
			if len(values) > 0 && key.MatchedByCloud() && !slices.Contains(values, "") {
				return false
			}
		}
	}
	return true
}

// CloudCount returns a filter whose number of hits in Carbon Black Cloud is the number of events that the whole filter selects, so
// that counting needs no reading. It returns false when a part of the filter can only be decided here. It relies on the cloud to
// compare actors, IP addresses and flags exactly.
func (f Filter) CloudCount() (Filter, bool) {
	for _, terms := range [...]Terms{f.Criteria, f.Exclusions} {
		for key, values := range terms {
			// A search takes one value of a flag, not both.
			if len(values) > 0 && (key.Derived() || slices.Contains(values, "") || (key.Boolean() && len(values) > 1)) {
				return Filter{}, false
			}
		}
	}
	out := Filter{Query: strings.TrimSpace(f.Query), Criteria: f.Criteria.cloud(), Exclusions: f.Exclusions.cloud()}
	// Several exclusions may mean "not all of them" to the cloud, where they mean "none of them" here.
	return out, len(out.Exclusions) <= 1
}

// CountedExactly reports whether the number of hits of CloudCount does not depend on how the cloud compares actors and IP addresses,
// which it may do without regard to case.
func (f Filter) CountedExactly() bool {
	for _, terms := range [...]Terms{f.Criteria, f.Exclusions} {
		if len(terms[KeyActor]) > 0 || len(terms[KeyActorIP]) > 0 {
			return false
		}
	}
	return true
}

func (t Terms) cloud() Terms {
	out := Terms{}
	for key, values := range t {
		if len(values) > 0 && !key.Derived() && !slices.Contains(values, "") {
			out[key] = values
		}
	}
	return out
}

// Local returns a matcher for the part of the filter that is decided here, over events that Cloud selected. Keys that the cloud
// matches by rules of its own are left to it.
func (f Filter) Local() Matcher {
	return f.matcher(false, func(key Key, values []string) bool { return !key.MatchedByCloud() || slices.Contains(values, "") })
}

// Everything returns a matcher for all of Criteria and Exclusions, for events that no search selected. A description or request URL
// matches a value that it contains as a phrase: the same words side by side, in any case, as in the cloud's query language.
func (f Filter) Everything() Matcher {
	return f.matcher(true, func(Key, []string) bool { return true })
}

// ByClass returns a matcher for the part of the filter on which all events of a catalog row agree.
func (f Filter) ByClass() Matcher {
	return f.matcher(false, func(key Key, _ []string) bool { return key.FixedByClass() })
}

func (f Filter) matcher(byPhrase bool, take func(Key, []string) bool) Matcher {
	conditions := func(t Terms) (out []condition) {
		for _, key := range keys {
			if values := t[key]; len(values) > 0 && take(key, values) {
				out = append(out, newCondition(key, values, byPhrase))
			}
		}
		return out
	}
	return Matcher{criteria: conditions(f.Criteria), exclusions: conditions(f.Exclusions)}
}
