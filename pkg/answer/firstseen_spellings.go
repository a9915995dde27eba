package answer

import (
	"context"
	"maps"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

// rawKeys are the fields that derived fields are made of. Carbon Black Cloud can be asked for a raw value, and so for each spelling of
// an account or an address that is known, but not for all of them: only what it finds is certain, not what it does not find.
var rawKeys = map[auditlog.Key]auditlog.Key{auditlog.KeyAccount: auditlog.KeyActor, auditlog.KeyAddress: auditlog.KeyActorIP}

// maxSpellings bounds how many spellings of one value are asked for.
const maxSpellings = 20

// spellings are the raw values of a group, by field.
type spellings map[auditlog.Key][]string

// note adds the raw values of an event.
func (s spellings) note(e *auditlog.Event, keys []auditlog.Key) {
	for _, key := range keys {
		raw, derived := rawKeys[key]
		if !derived {
			continue
		}
		value := raw.Value(e, auditlog.Class{})
		if value != "" && len(s[raw]) < maxSpellings && !slices.Contains(s[raw], value) {
			s[raw] = append(s[raw], value)
		}
	}
}

// spelled are the groups that can be looked for by the spellings that the time range has of them.
func (l *lookback) spelled() []*suspect {
	keys := l.answer.query.GroupBy
	if !slices.ContainsFunc(keys, func(k auditlog.Key) bool { return rawKeys[k] != "" }) {
		return nil
	}
	return slices.DeleteFunc(l.pending(), func(s *suspect) bool {
		return slices.ContainsFunc(keys, func(k auditlog.Key) bool { return rawKeys[k] != "" && len(s.spellings[rawKeys[k]]) == 0 })
	})
}

// seekSpellings looks for accounts and addresses by their spellings in the time range, many at a time: most of them occur in the
// baseline as they are.
func (l *lookback) seekSpellings(ctx context.Context) error {
	groups := l.spelled()
	if len(groups) > maxAlone {
		return nil
	}
	for together := range slices.Chunk(groups, maxTogether) {
		if !l.may() || l.fresh+someRows >= l.answer.answerer.MaxEvents {
			return nil
		}
		if err := l.lookForSpellings(ctx, together, someRows); err != nil {
			return err
		}
	}
	return nil
}

// seekUnread looks for what is left, one group at a time, where the baseline was too large to be read.
func (l *lookback) seekUnread(ctx context.Context) error {
	groups := l.spelled()
	if !l.cut || len(groups) > maxAlone {
		return nil
	}
	for _, s := range groups {
		if l.failed != nil || l.questions >= maxQuestions {
			return nil
		}
		if err := l.lookForSpellings(ctx, []*suspect{s}, fewRows); err != nil {
			return err
		}
	}
	return nil
}

func (l *lookback) lookForSpellings(ctx context.Context, groups []*suspect, rows int) error {
	question := history.Question{
		Filter: l.spellingFilter(groups), Range: hull(groups), Order: cbc.NewestFirst, MaxEvents: rows, FirstRows: rows, MaxPages: 1, Mode: history.SkipSharedPage,
	}
	if question.Range.From >= question.Range.To {
		return nil
	}
	l.questions++
	coverage, err := l.look(ctx, groups, question)
	if err := l.settle(coverage, err); err != nil {
		return err
	}
	if len(groups) == 1 && l.failed == nil {
		groups[0].unspelled = !groups[0].seen && coverage.Complete
	}
	return nil
}

// spellingFilter narrows the filter to events that have one of the groups' spellings.
func (l *lookback) spellingFilter(groups []*suspect) auditlog.Filter {
	filter := l.cloud
	filter.Criteria = maps.Clone(filter.Criteria)
	if filter.Criteria == nil {
		filter.Criteria = auditlog.Terms{}
	}
	wanted := map[auditlog.Key][]string{}
	for _, s := range groups {
		for key, values := range s.spellings {
			wanted[key] = append(wanted[key], values...)
		}
	}
	for key, values := range wanted {
		slices.Sort(values)
		filter.Criteria[key] = slices.Compact(values)
	}
	return filter
}
