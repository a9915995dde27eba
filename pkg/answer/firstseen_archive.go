package answer

import (
	"context"
	"maps"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/store"
)

// searchArchive looks the groups up in the archived part of the baseline, by one question to the database.
func (l *lookup) searchArchive(ctx context.Context) {
	s, ok := l.source.(*archiveSource)
	open := l.pending()
	if !ok || len(open) == 0 || l.plan.Query.After != nil || l.plan.Query.Fold {
		return
	}
	question := store.Grouping{Filter: l.narrowedTo(open), Range: missingOf(open), Keys: l.plan.Query.GroupBy}
	if !store.CanGroup(question.Filter, question.Keys) || len(s.coveredParts(ctx, question.Range)) == 0 {
		return
	}
	held, err := s.archive.Group(ctx, question, func(g store.Grouped) {
		l.lookedAt.Read += int(g.Count)
		l.lookedAt.FromCache += int(g.Count)
		if i, wanted := l.groups.locate(g.Values); wanted && !l.candidates[i].seen {
			l.candidates[i].seen = true
			l.memory.addSeen(l.candidates[i].id, moment(g.Last.UnixMilli(), true))
		}
	}, func(e *auditlog.Event) {
		if class := l.classify(e); l.plan.Local.Match(e, class) {
			l.note(e, class)
		}
	})
	if err != nil {
		return // it is searched for instead
	}
	for _, c := range open {
		for _, part := range held {
			if !c.seen {
				c.missing = without(c.missing, part)
				l.memory.addAbsent(c.id, part)
			}
		}
	}
}

// narrowedTo narrows the filter to events that can belong to one of some groups, if they are few.
func (l *lookup) narrowedTo(groups []*candidate) auditlog.Filter {
	filter := l.plan.Filter
	if len(groups) > maxSearched {
		return filter
	}
	filter.Criteria = maps.Clone(filter.Criteria)
	if filter.Criteria == nil {
		filter.Criteria = auditlog.Terms{}
	}
	for i, key := range l.plan.Query.GroupBy {
		if len(filter.Criteria[key]) > 0 || key.NeedsClass() || key.MatchedByCloud() || key == auditlog.KeyAddress {
			continue
		}
		values := map[string]bool{}
		for _, c := range groups {
			values[c.group.Values[i]] = true
		}
		for value := range values {
			filter.Criteria[key] = append(filter.Criteria[key], value)
		}
	}
	return filter
}
