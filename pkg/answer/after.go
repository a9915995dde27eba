package answer

import (
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/query"
)

// sequence collects events to find those that enough others came before, as "after" of a query asks.
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

func newSequence(q query.Query) *sequence {
	return &sequence{keys: q.GroupBy, wanted: q.Filter.Local(), before: q.After.Before(q.Filter).Local(), atLeast: q.After.AtLeast}
}

// add adds an event that either filter may select.
func (s *sequence) add(e *auditlog.Event, c auditlog.Class) {
	if wanted, before := s.wanted.Match(e, c), s.before.Match(e, c); wanted || before {
		s.steps = append(s.steps, step{*e, c, wanted, before})
	}
}

// replay passes on the wanted events that enough others came before, and returns their number. Events of the same instant are not before
// each other.
func (s *sequence) replay(take func(*auditlog.Event, auditlog.Class)) (n int) {
	slices.SortStableFunc(s.steps, func(a, b step) int { return a.event.CreateTime.Compare(b.event.CreateTime) })
	groups := newGrouping(s.keys, buckets{})
	var counts, pending []int // by group: earlier events, and those of the current instant
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
