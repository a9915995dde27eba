package answer

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// DefaultSightings is how many groups a Memory keeps by default, some 500 bytes each.
const DefaultSightings = 20_000

// Memory remembers for all panels and alert rules of a data source when a group was seen, and in which settled spans it was absent. It is
// safe for concurrent use; what it forgets is searched for again.
type Memory struct {
	mu     sync.Mutex
	groups *lru.Cache[groupID, sighting]
}

// NewMemory returns an empty Memory of at most size groups; 0 means DefaultSightings.
func NewMemory(size int) *Memory {
	if size == 0 {
		size = DefaultSightings
	}
	groups, err := lru.New[groupID, sighting](size)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Memory{groups: groups}
}

// Forget forgets everything: what was found to have settled may not have.
func (m *Memory) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.groups.Purge()
}

// groupID identifies a group of the events that a filter selects.
type groupID [sha256.Size]byte

// identifyGroup hashes every part with its length, so that different groups differ.
func identifyGroup(f auditlog.Filter, keys []auditlog.Key, values []string) groupID {
	hash := sha256.New()
	part := func(text string) {
		_, _ = hash.Write(binary.AppendUvarint(nil, uint64(len(text)))) // a hash never fails
		_, _ = hash.Write([]byte(text))
	}
	part(f.Query)
	for _, terms := range [...]auditlog.Terms{f.Criteria, f.Exclusions} {
		for _, key := range auditlog.Keys() {
			part(strconv.Itoa(len(terms[key])))
			for _, value := range terms[key] {
				part(value)
			}
		}
	}
	for i, key := range keys {
		part(string(key))
		part(values[i])
	}
	return groupID(hash.Sum(nil))
}

// sighting is what is known about a group. Its slices are replaced, never changed.
type sighting struct {
	seen   []auditlog.TimeRange // when it was seen, ascending: a millisecond, or a second if no more is known
	absent []auditlog.TimeRange // settled spans without it, ascending and disjoint
}

const (
	maxSeen   = 8
	maxAbsent = 8
)

// seenIn reports whether the group is known to occur in a time range.
func (s sighting) seenIn(w auditlog.TimeRange) bool {
	return slices.ContainsFunc(s.seen, func(m auditlog.TimeRange) bool { return m.From >= w.From && m.To <= w.To })
}

// notAbsentIn returns what is left of a time range without the spans at its ends where the group is absent.
func (s sighting) notAbsentIn(w auditlog.TimeRange) auditlog.TimeRange {
	for _, a := range s.absent {
		if a.From <= w.From {
			w = without(w, a)
		}
	}
	for _, a := range slices.Backward(s.absent) {
		w = without(w, a)
	}
	return w
}

// without removes a span from an end of a time range. A span in its middle changes nothing.
func without(w, span auditlog.TimeRange) auditlog.TimeRange {
	switch {
	case span.From >= w.To || span.To <= w.From:
	case span.From <= w.From:
		w.From = min(span.To, w.To)
	case span.To >= w.To:
		w.To = span.From
	}
	return w
}

// of returns what is known about a group. A nil Memory knows nothing.
func (m *Memory) of(id groupID) sighting {
	if m == nil {
		return sighting{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known, _ := m.groups.Get(id)
	return known
}

// addSeen remembers when a group was seen. An event that arrived late ends an absence.
func (m *Memory) addSeen(id groupID, at auditlog.TimeRange) {
	m.change(id, func(s *sighting) {
		s.absent = slices.DeleteFunc(slices.Clone(s.absent), func(w auditlog.TimeRange) bool { return at.From < w.To && w.From < at.To })
		if slices.Contains(s.seen, at) {
			return
		}
		s.seen = append(slices.Clone(s.seen), at)
		slices.SortFunc(s.seen, byStart)
		if len(s.seen) > maxSeen {
			s.seen = thinned(s.seen)
		}
	})
}

// addAbsent remembers that a group does not occur in a settled span.
func (m *Memory) addAbsent(id groupID, span auditlog.TimeRange) {
	if span.From >= span.To {
		return
	}
	m.change(id, func(s *sighting) {
		var apart []auditlog.TimeRange
		for _, w := range s.absent {
			if w.To < span.From || span.To < w.From {
				apart = append(apart, w)
			} else {
				span = auditlog.TimeRange{From: min(w.From, span.From), To: max(w.To, span.To)}
			}
		}
		s.absent = append(apart, span)
		if len(s.absent) > maxAbsent {
			shortest := slices.MinFunc(s.absent, func(a, b auditlog.TimeRange) int { return cmp.Compare(a.To-a.From, b.To-b.From) })
			s.absent = slices.DeleteFunc(s.absent, func(w auditlog.TimeRange) bool { return w == shortest })
		}
		slices.SortFunc(s.absent, byStart)
	})
}

func (m *Memory) change(id groupID, change func(*sighting)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known, _ := m.groups.Get(id)
	change(&known)
	m.groups.Add(id, known)
}

func byStart(a, b auditlog.TimeRange) int { return cmp.Compare(a.From, b.From) }

// thinned drops the moment whose neighbours are nearest to each other. The first and the last stay, and the gaps grow evenly, so that a
// moving time range keeps holding one.
func thinned(seen []auditlog.TimeRange) []auditlog.TimeRange {
	least := 1
	for i := 2; i < len(seen)-1; i++ {
		if seen[i+1].From-seen[i-1].From < seen[least+1].From-seen[least-1].From {
			least = i
		}
	}
	return slices.Delete(seen, least, least+1)
}
