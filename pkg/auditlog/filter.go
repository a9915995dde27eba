package auditlog

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Key names a property of an event that can be filtered and grouped by.
type Key string

// The first six keys are Carbon Black Cloud's own criteria; the last three are derived from the description by the Catalog.
const (
	KeyActor       Key = "actor"
	KeyActorIP     Key = "actor_ip"
	KeyRequestURL  Key = "request_url"
	KeyDescription Key = "description"
	KeyFlagged     Key = "flagged"
	KeyVerbose     Key = "verbose"
	KeyCategory    Key = "category"
	KeyAction      Key = "action"
	KeyOutcome     Key = "outcome"
)

// Keys lists every key in the order in which they are shown.
func Keys() []Key {
	return []Key{KeyActor, KeyActorIP, KeyRequestURL, KeyDescription, KeyFlagged, KeyVerbose, KeyCategory, KeyAction, KeyOutcome}
}

// Derived tells whether the key comes from the Catalog, so that Carbon Black Cloud cannot filter by it.
func (k Key) Derived() bool { return k == KeyCategory || k == KeyAction || k == KeyOutcome }

// Boolean tells whether the key's values are "true" and "false".
func (k Key) Boolean() bool { return k == KeyFlagged || k == KeyVerbose }

// MatchedByCloud tells whether only Carbon Black Cloud knows how the key's values are matched: whether by phrase, by word or by
// the whole field is not documented.
func (k Key) MatchedByCloud() bool { return k == KeyDescription || k == KeyRequestURL }

// Value returns the event's value of the key; "" is an empty or missing one.
func (k Key) Value(e *Event, c Class) string {
	switch k {
	case KeyActor:
		return e.Actor
	case KeyActorIP:
		return e.ActorIP
	case KeyRequestURL:
		return e.RequestURL
	case KeyDescription:
		return e.Description
	case KeyFlagged:
		return strconv.FormatBool(e.Flagged)
	case KeyVerbose:
		return strconv.FormatBool(e.Verbose)
	case KeyCategory:
		return c.Category
	case KeyAction:
		return c.Action
	case KeyOutcome:
		return c.Outcome
	}
	return ""
}

// Terms are the wanted values by key: one of the values of every key. A key without values says nothing.
type Terms map[Key][]string

// Filter selects events: those that match the Lucene text Query and all of Criteria, and none of Exclusions.
type Filter struct {
	Query      string
	Criteria   Terms
	Exclusions Terms
}

// Cloud returns the part of the filter that Carbon Black Cloud evaluates when events are read. It never selects less than the
// whole filter, even if the cloud matches more loosely than [Matcher] does, for instance without regard to case:
//   - derived keys stay behind, and so does a key with an empty value among its values, because whether the cloud finds an
//     event by the absence of a value is not documented;
//   - exclusions are left to the Matcher, but for keys that only the cloud can match.
func (f Filter) Cloud() Filter {
	out := Filter{Query: strings.TrimSpace(f.Query), Criteria: f.Criteria.cloud(), Exclusions: f.Exclusions.cloud()}
	maps.DeleteFunc(out.Exclusions, func(k Key, _ []string) bool { return !k.MatchedByCloud() })
	return out
}

// Derived tells whether the filter asks for what the Catalog makes of an event.
func (f Filter) Derived() bool {
	for _, terms := range [...]Terms{f.Criteria, f.Exclusions} {
		for key, values := range terms {
			if key.Derived() && len(values) > 0 {
				return true
			}
		}
	}
	return false
}

// Underived is the filter without what it asks of the Catalog's words.
func (f Filter) Underived() Filter {
	return Filter{Query: f.Query, Criteria: f.Criteria.underived(), Exclusions: f.Exclusions.underived()}
}

func (t Terms) underived() Terms {
	out := maps.Clone(t)
	maps.DeleteFunc(out, func(k Key, _ []string) bool { return k.Derived() })
	return out
}

// Structured tells whether every part of the filter can be decided here, over events that were read without it.
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

// CloudCount returns a filter whose number of hits in Carbon Black Cloud is the number of events that the whole filter
// selects, so that counting needs no reading. There is none when a part of the filter can only be decided here. It relies on
// the cloud to compare actors, addresses and flags exactly.
func (f Filter) CloudCount() (Filter, bool) {
	for _, terms := range [...]Terms{f.Criteria, f.Exclusions} {
		for key, values := range terms {
			// Both values of a flag at once cannot be said to the cloud.
			if len(values) > 0 && (key.Derived() || slices.Contains(values, "") || (key.Boolean() && len(values) > 1)) {
				return Filter{}, false
			}
		}
	}
	out := Filter{Query: strings.TrimSpace(f.Query), Criteria: f.Criteria.cloud(), Exclusions: f.Exclusions.cloud()}
	// Several exclusions may mean "not all of them" to the cloud, where they mean "none of them" here.
	return out, len(out.Exclusions) <= 1
}

// CountedExactly tells whether the number of hits of CloudCount does not depend on how the cloud compares actors and addresses,
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

// Local returns a matcher for the part of the filter that is decided here, over events that Cloud selected. Keys that the
// cloud matches by rules of its own are left to it.
func (f Filter) Local() Matcher {
	return Matcher{criteria: f.Criteria.local(), exclusions: f.Exclusions.local()}
}

func (t Terms) local() []wanted {
	return t.wanted(func(key Key, values []string) bool { return !key.MatchedByCloud() || slices.Contains(values, "") })
}

// Everything returns a matcher for all of Criteria and Exclusions, for events that no search selected. A description or request
// URL matches a value that stands in it as a phrase: the same words side by side, in any case, as in the cloud's query language.
func (f Filter) Everything() Matcher {
	all := func(Key, []string) bool { return true }
	m := Matcher{criteria: f.Criteria.wanted(all), exclusions: f.Exclusions.wanted(all)}
	for _, list := range [...][]wanted{m.criteria, m.exclusions} {
		for i := range list {
			list[i].phrases = list[i].key.MatchedByCloud()
		}
	}
	return m
}

// ByClass returns a matcher for the part of the filter that the class of an event decides.
func (f Filter) ByClass() Matcher {
	derived := func(key Key, _ []string) bool { return key.Derived() }
	return Matcher{criteria: f.Criteria.wanted(derived), exclusions: f.Exclusions.wanted(derived)}
}

func (t Terms) wanted(take func(Key, []string) bool) []wanted {
	var out []wanted
	for _, key := range Keys() {
		if values := t[key]; len(values) > 0 && take(key, values) {
			out = append(out, wanted{key: key, values: values})
		}
	}
	return out
}

// Matcher decides about one event. The zero Matcher takes every event.
type Matcher struct{ criteria, exclusions []wanted }

type wanted struct {
	key     Key
	values  []string
	phrases bool // a value matches as a phrase, too
}

// Match tells whether the event passes.
func (m Matcher) Match(e *Event, c Class) bool {
	for _, w := range m.criteria {
		if !w.match(e, c) {
			return false
		}
	}
	for _, w := range m.exclusions {
		if w.match(e, c) {
			return false
		}
	}
	return true
}

func (w wanted) match(e *Event, c Class) bool {
	value := w.key.Value(e, c)
	return slices.Contains(w.values, value) || w.phrases && slices.ContainsFunc(w.values, func(phrase string) bool { return holds(value, phrase) })
}

// holds tells whether a text holds a phrase: the same words side by side, in any case.
func holds(text, phrase string) bool {
	want := words(phrase)
	have := words(text)
	for i := 0; len(want) > 0 && i+len(want) <= len(have); i++ {
		if slices.EqualFunc(want, have[i:i+len(want)], strings.EqualFold) {
			return true
		}
	}
	return false
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
