package auditlog

import "slices"

// Matcher decides whether an event passes a filter. The zero Matcher passes every event. The cost per event hardly depends on how many
// values the filter lists.
type Matcher struct{ criteria, exclusions []condition }

// Match reports whether the event passes.
func (m Matcher) Match(e *Event, c Class) bool {
	for i := range m.criteria {
		if !m.criteria[i].match(e, c) {
			return false
		}
	}
	for i := range m.exclusions {
		if m.exclusions[i].match(e, c) {
			return false
		}
	}
	return true
}

// condition holds when an event has one of the listed values of a key.
type condition struct {
	key       Key
	few       []string            // the values, when there are few
	many      map[string]struct{} // the values, when there are many
	addresses *addressSet         // the values of KeyAddress
	phrases   *phraseSet          // nil when only whole values match
}

// maxFew is the number of values up to which a list is searched faster than a map.
const maxFew = 8

func newCondition(key Key, values []string, byPhrase bool) condition {
	c := condition{key: key}
	switch key {
	case KeyAddress:
		c.addresses = newAddressSet(values)
		return c
	case KeyAccount:
		values = slices.Clone(values)
		for i := range values {
			values[i] = Account(values[i])
		}
	}
	if byPhrase && key.MatchedByCloud() {
		c.phrases = newPhraseSet(values)
	}
	if len(values) <= maxFew {
		c.few = values
		return c
	}
	c.many = make(map[string]struct{}, len(values))
	for _, value := range values {
		c.many[value] = struct{}{}
	}
	return c
}

func (c *condition) match(e *Event, class Class) bool {
	if c.addresses != nil {
		return c.addresses.contains(e.ActorIP)
	}
	value := c.key.Value(e, class)
	if c.many != nil {
		if _, found := c.many[value]; found {
			return true
		}
	} else if slices.Contains(c.few, value) {
		return true
	}
	return c.phrases != nil && c.phrases.foundIn(value)
}
