package query

import (
	"encoding/json"
	"slices"
	"strconv"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// terms reads criteria or exclusions: an object of lists of strings, with flagged and verbose as booleans. null and empty lists are
// ignored.
func (p *parser) terms(name string, raw json.RawMessage) (auditlog.Terms, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, wrongType(name, "an object of lists by key", raw)
	}
	terms := auditlog.Terms{}
	for _, member := range sortedKeys(object) {
		key := auditlog.Key(member)
		if !key.Known() {
			return nil, Errorf("%s has an unknown key %q: allowed are %s", name, cut(member), auditlog.KeyList())
		}
		values, err := p.values(name+"."+member, key, object[member])
		if err != nil {
			return nil, err
		}
		if len(values) > 0 {
			terms[key] = values
		}
	}
	return terms, nil
}

// values reads the values of one key and removes duplicates.
func (p *parser) values(name string, key auditlog.Key, raw json.RawMessage) ([]string, error) {
	if isNull(raw) {
		return nil, nil
	}
	values, isList := stringList(raw)
	switch {
	case key.Boolean():
		var flag bool
		if err := json.Unmarshal(raw, &flag); err == nil {
			return []string{strconv.FormatBool(flag)}, nil
		}
		if !isList || len(values) > 0 {
			return nil, wrongType(name, "true or false", raw)
		}
	case !isList:
		return nil, wrongType(name, "a list of strings", raw)
	}
	if n := len(values); n > rules.Limits.ValuesPerField {
		return nil, Errorf("%s has %d values, more than the %d that are allowed: use fewer, or for addresses a network such as 203.0.113.0/24", name, n, rules.Limits.ValuesPerField)
	}
	for _, v := range values {
		p.bytes += len(v)
		if err := key.CheckValue(v); err != nil {
			return nil, Errorf("%s: %v", name, err)
		}
		if len(v) > rules.Limits.ValueBytes {
			return nil, Errorf("%s has a value of %d bytes, more than the %d that are allowed: %q", name, len(v), rules.Limits.ValueBytes, cut(v))
		}
	}
	if allowed := p.allowed(key); allowed != nil {
		for _, v := range values {
			if !slices.Contains(allowed, v) {
				return nil, Errorf("%s has an unknown value %q: allowed are %s", name, cut(v), list(allowed))
			}
		}
	}
	slices.Sort(values)
	return slices.Compact(values), nil
}

// stringList reads a list of strings.
func stringList(raw json.RawMessage) ([]string, bool) {
	var items []*string
	if json.Unmarshal(raw, &items) != nil || slices.Contains(items, nil) {
		return nil, false
	}
	values := make([]string, len(items))
	for i, item := range items {
		values[i] = *item
	}
	return values, true
}

// allowed returns the values that a derived key can have, nil if it can have any.
func (p *parser) allowed(key auditlog.Key) []string {
	switch key {
	case auditlog.KeyCategory:
		return p.vocabulary.Categories()
	case auditlog.KeyAction:
		return p.vocabulary.Actions()
	case auditlog.KeyOutcome:
		return p.vocabulary.Outcomes()
	}
	return nil
}
