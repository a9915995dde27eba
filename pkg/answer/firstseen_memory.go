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

// DefaultSightings is how many groups a Memory knows of when nobody says otherwise, some 500 bytes each.
const DefaultSightings = 20_000

// Memory keeps what lookups of groups learned, for every panel and alert rule of a data source: when a group was seen, and in
// which settled spans it was not. It is safe for concurrent use, and whatever it forgets is only asked for again.
type Memory struct {
	mu     sync.Mutex
	groups *lru.Cache[groupID, sighting]
}

// NewMemory returns a Memory that knows nothing yet, and never of more groups than most; 0 means DefaultSightings.
func NewMemory(most int) *Memory {
	if most == 0 {
		most = DefaultSightings
	}
	groups, err := lru.New[groupID, sighting](most)
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

// groupID names a group of the events that a filter selects.
type groupID [sha256.Size]byte

// identifyGroup hashes every part with its length, so that no two groups look alike.
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

// sighting is what is known of a group. Its slices are replaced, never changed.
type sighting struct {
	seen   []auditlog.TimeRange // moments at which it was seen, ascending: a millisecond, or a second where no more is known
	absent []auditlog.TimeRange // settled spans without it, ascending and apart
}

const (
	maxSeen   = 8
	maxAbsent = 8
)

// seenIn reports whether the group is known to occur in a window.
func (s sighting) seenIn(w auditlog.TimeRange) bool {
	return slices.ContainsFunc(s.seen, func(m auditlog.TimeRange) bool { return m.From >= w.From && m.To <= w.To })
}

// open is what is left of a window when the spans without the group are taken off its ends.
func (s sighting) open(w auditlog.TimeRange) auditlog.TimeRange {
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

// without takes a span off an end of a window. A span in its middle changes nothing.
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

// recall returns what is known of a group. A nil Memory knows nothing.
func (m *Memory) recall(id groupID) sighting {
	if m == nil {
		return sighting{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known, _ := m.groups.Get(id)
	return known
}

// sawAt notes that a group was seen. It was late if it was thought absent then.
func (m *Memory) sawAt(id groupID, at auditlog.TimeRange) {
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

// missed notes that a group does not occur in a settled span.
func (m *Memory) missed(id groupID, span auditlog.TimeRange) {
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

// thinned leaves out the moment that is missed least: the one whose neighbours are nearest to each other. The first and the last
// stay, and the gaps grow evenly, so that a window that moves on goes on to hold one.
func thinned(seen []auditlog.TimeRange) []auditlog.TimeRange {
	least := 1
	for i := 2; i < len(seen)-1; i++ {
		if seen[i+1].From-seen[i-1].From < seen[least+1].From-seen[least-1].From {
			least = i
		}
	}
	return slices.Delete(seen, least, least+1)
}
