package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// matcher reports whether an event matches; a nil matcher matches every event.
type matcher func(*Event) bool

// filter is the part of a request that selects events, apart from the time range.
type filter struct {
	match matcher
	key   string // equal for equal filters; "" if the filter depends on the clock
}

func (q *searchRequest) filter(sw *Switches) (filter, *apiError) {
	all := slices.Concat(q.criteria.include(sw), q.exclusions.exclude(sw))
	if strings.TrimSpace(q.query) != "" {
		match, err := compileQuery(q.query, sw)
		if err != nil {
			return filter{}, badQuery(err)
		}
		all = append(all, match)
	}
	switch len(all) {
	case 0:
		return filter{}, nil
	case 1:
		return filter{all[0], q.filterKey(sw)}, nil
	}
	match := func(e *Event) bool {
		for _, match := range all {
			if !match(e) {
				return false
			}
		}
		return true
	}
	return filter{match, q.filterKey(sw)}, nil
}

func (q *searchRequest) filterKey(sw *Switches) string {
	if q.exclusions.time != nil {
		return ""
	}
	key, err := json.Marshal([]any{q.criteria.lists, q.criteria.flags, q.exclusions.lists, q.exclusions.flags, q.query})
	if err != nil {
		return ""
	}
	return fmt.Sprint(string(key), sw.CriteriaCase, sw.DescriptionMatch, sw.EmptyList, sw.DefaultOperator, sw.DefaultField, sw.UnknownField)
}

// include requires one of its values for every key.
func (c criteria) include(sw *Switches) []matcher {
	var all []matcher
	for name, values := range c.lists {
		if len(values) > 0 || sw.EmptyList == "nothing" {
			all = append(all, anyOf(name, values, sw))
		}
	}
	for name, want := range c.flags {
		all = append(all, flagIs(name, want))
	}
	return all
}

// exclude drops events that match any key. An empty list excludes nothing.
func (c criteria) exclude(sw *Switches) []matcher {
	var all []matcher
	for name, values := range c.lists {
		hit := anyOf(name, values, sw)
		all = append(all, func(e *Event) bool { return !hit(e) })
	}
	for name, flag := range c.flags {
		all = append(all, flagIs(name, !flag))
	}
	if c.time != nil {
		w := *c.time
		all = append(all, func(e *Event) bool { return !w.contains(e.CreateTime, sw) })
	}
	return all
}

func flagIs(name string, want bool) matcher {
	if name == "flagged" {
		return func(e *Event) bool { return e.Flagged == want }
	}
	return func(e *Event) bool { return e.Verbose == want }
}

func anyOf(name string, values []string, sw *Switches) matcher {
	hits := make([]func(string) bool, len(values))
	for i, value := range values {
		hits[i] = valueMatch(name, value, sw)
	}
	field := textField(name)
	return func(e *Event) bool {
		text := field(e)
		for _, hit := range hits {
			if hit(text) {
				return true
			}
		}
		return false
	}
}

// valueMatch compares a value of a criterion with a field.
func valueMatch(name, value string, sw *Switches) func(string) bool {
	mode := "exact"
	if name == "description" {
		mode = sw.DescriptionMatch
	}
	insensitive := sw.CriteriaCase == "insensitive"
	switch mode {
	case "phrase":
		want := tokens(value)
		return func(text string) bool { return hasPhrase(text, want) }
	case "tokens":
		want := tokens(value)
		return func(text string) bool {
			return !slices.ContainsFunc(want, func(token string) bool { return !hasPhrase(text, []string{token}) })
		}
	case "substring":
		if insensitive {
			value = strings.ToLower(value)
			return func(text string) bool { return strings.Contains(strings.ToLower(text), value) }
		}
		return func(text string) bool { return strings.Contains(text, value) }
	}
	if insensitive {
		return func(text string) bool { return strings.EqualFold(text, value) }
	}
	return func(text string) bool { return text == value }
}

// textField returns a field of an event as a string.
func textField(name string) func(*Event) string {
	switch name {
	case "actor":
		return func(e *Event) string { return e.Actor }
	case "actor_ip":
		return func(e *Event) string { return e.ActorIP }
	case "request_url":
		return func(e *Event) string { return e.RequestURL }
	case "org_key":
		return func(e *Event) string { return e.OrgKey }
	case "flagged":
		return func(e *Event) string { return strconv.FormatBool(e.Flagged) }
	case "verbose":
		return func(e *Event) string { return strconv.FormatBool(e.Verbose) }
	}
	return func(e *Event) string { return e.Description }
}

func (w window) contains(t time.Time, sw *Switches) bool {
	afterStart := w.start == nil || t.After(*w.start) || (!sw.ExclusiveStart && t.Equal(*w.start))
	beforeEnd := w.end == nil || t.Before(*w.end) || (!sw.ExclusiveEnd && t.Equal(*w.end))
	return afterStart && beforeEnd
}

// cut returns the events inside the window; events are ascending.
func (w *window) cut(events []*Event, sw *Switches) []*Event {
	if w == nil {
		return events
	}
	from, to := 0, len(events)
	if w.start != nil {
		from = firstAt(events, *w.start, sw.ExclusiveStart)
	}
	if w.end != nil {
		to = firstAt(events, *w.end, !sw.ExclusiveEnd)
	}
	return events[from:max(from, to)]
}
