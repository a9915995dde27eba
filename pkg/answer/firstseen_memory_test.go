package answer

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// A memory never claims what it was not told, whatever it was told before, and forgets what was late.
func TestMemoryClaimsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, id := NewMemory(1), groupID{1}
		seen, absent := map[int64]bool{}, map[int64]bool{}
		draw := func() auditlog.TimeRange {
			from := rapid.Int64Range(0, 60).Draw(t, "from")
			return auditlog.TimeRange{From: from, To: from + rapid.Int64Range(0, 25).Draw(t, "span")}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch w := draw(); rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				m.addSeen(id, auditlog.TimeRange{From: w.From, To: w.From + 1})
				seen[w.From] = true
				delete(absent, w.From)
			case 1, 2:
				m.addAbsent(id, w)
				for at := w.From; at < w.To; at++ {
					absent[at] = true
				}
			default:
				known := m.of(id)
				if known.seenIn(w) {
					require.True(t, anyIn(seen, w), "it was seen in %v", w)
				}
				open := known.notAbsentIn(w)
				require.True(t, open.From >= w.From && open.To <= w.To)
				for at := w.From; at < w.To; at++ {
					if at < open.From || at >= open.To {
						require.True(t, absent[at], "%d of %v was not looked at", at, w)
					}
				}
			}
		}
	})
}

func anyIn(marks map[int64]bool, w auditlog.TimeRange) bool {
	for at := w.From; at < w.To; at++ {
		if marks[at] {
			return true
		}
	}
	return false
}

func TestMemoryForgets(t *testing.T) {
	m, id := NewMemory(0), groupID{1}
	m.addAbsent(id, auditlog.TimeRange{From: 5, To: 9})
	m.Forget()
	require.Zero(t, m.of(id))
}

// A window that moves on goes on to hold a moment at which the group was seen, however often it is seen.
func TestMemoryServesAMovingWindow(t *testing.T) {
	m, id := NewMemory(0), groupID{1}
	for now := int64(0); now < 20_000; now++ {
		if now > 2000 {
			require.True(t, m.of(id).seenIn(auditlog.TimeRange{From: now - 2000, To: now}), "at %d", now)
		}
		m.addSeen(id, auditlog.TimeRange{From: now, To: now + 1})
		require.LessOrEqual(t, len(m.of(id).seen), maxSeen)
	}
}

func TestGroupsAreToldApart(t *testing.T) {
	keys := []auditlog.Key{auditlog.KeyActor, auditlog.KeyActorIP}
	id := identifyGroup(auditlog.Filter{}, keys, []string{"a", "b"})
	require.Equal(t, id, identifyGroup(auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: nil}}, keys, []string{"a", "b"}))
	for _, other := range []groupID{
		identifyGroup(auditlog.Filter{}, keys, []string{"ab", ""}),
		identifyGroup(auditlog.Filter{}, keys[:1], []string{"a"}),
		identifyGroup(auditlog.Filter{Query: "a"}, keys, []string{"a", "b"}),
		identifyGroup(auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: {"a"}}}, keys, []string{"a", "b"}),
		identifyGroup(auditlog.Filter{Exclusions: auditlog.Terms{auditlog.KeyActor: {"a"}}}, keys, []string{"a", "b"}),
	} {
		require.NotEqual(t, id, other)
	}
}
