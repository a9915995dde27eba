package answer

import (
	"context"
	"maps"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

// rawKeys are the fields that derived fields are made of. A search finds raw values, and so each known spelling of an account or an
// address, but not all spellings: what it finds is certain, what it does not find is not.
var rawKeys = map[auditlog.Key]auditlog.Key{auditlog.KeyAccount: auditlog.KeyActor, auditlog.KeyAddress: auditlog.KeyActorIP}

// maxSpellings bounds how many spellings of one value are searched for.
const maxSpellings = 20

// spellings are the raw values of a group, by field.
type spellings map[auditlog.Key][]string

// add adds the raw values of an event.
func (s spellings) add(e *auditlog.Event, keys []auditlog.Key) {
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

// spelled returns the groups that can be searched for by their spellings in the time range.
func (l *lookup) spelled() []*candidate {
	keys := l.plan.Query.GroupBy
	if !slices.ContainsFunc(keys, func(k auditlog.Key) bool { return rawKeys[k] != "" }) {
		return nil
	}
	return slices.DeleteFunc(l.pending(), func(s *candidate) bool {
		return slices.ContainsFunc(keys, func(k auditlog.Key) bool { return rawKeys[k] != "" && len(s.spellings[rawKeys[k]]) == 0 })
	})
}

// searchSpellings searches for accounts and addresses by their spellings in the time range, many at a time: most occur in the baseline
// with the same spelling.
func (l *lookup) searchSpellings(ctx context.Context) error {
	groups := l.spelled()
	if len(groups) > maxSearched {
		return nil
	}
	for together := range slices.Chunk(groups, maxTogether) {
		if !l.maySearch() || l.fresh+someRows >= l.MaxEvents {
			return nil
		}
		if err := l.searchForSpellings(ctx, together, someRows); err != nil {
			return err
		}
	}
	return nil
}

// searchUnread searches for what is left, one group at a time, where the baseline was too large to be read.
func (l *lookup) searchUnread(ctx context.Context) error {
	groups := l.spelled()
	if !l.truncated || len(groups) > maxSearched {
		return nil
	}
	for _, s := range groups {
		if l.failed != nil || l.searches >= maxSearches {
			return nil
		}
		if err := l.searchForSpellings(ctx, []*candidate{s}, fewRows); err != nil {
			return err
		}
	}
	return nil
}

func (l *lookup) searchForSpellings(ctx context.Context, groups []*candidate, rows int) error {
	question := history.Question{
		Filter: l.spellingFilter(groups), Range: missingOf(groups), Order: cbc.NewestFirst, MaxEvents: rows, FirstRows: rows, MaxPages: 1, Mode: history.SkipSharedPage,
	}
	if question.Range.From >= question.Range.To {
		return nil
	}
	l.searches++
	r, err := l.visitBaseline(ctx, groups, question)
	if err := l.judgeBaseline(r, err); err != nil {
		return err
	}
	if len(groups) == 1 && l.failed == nil {
		groups[0].unspelled = !groups[0].seen && r.Complete
	}
	return nil
}

// spellingFilter narrows the filter to events that have one of the groups' spellings.
func (l *lookup) spellingFilter(groups []*candidate) auditlog.Filter {
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
