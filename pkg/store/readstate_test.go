package store

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

var lates = Policy{Late: 10, Lookback: 1000}

func gap(from, to, ready int64) Gap {
	return Gap{TimeRange: auditlog.TimeRange{From: from, To: to}, Ready: ready}
}

func TestBookOfAQuietLife(t *testing.T) {
	b := ReadState{Now: 5000}
	b.Begin("1", lates)
	require.Equal(t, []Gap{gap(4000, 5010, 5010)}, b.Gaps, "an empty store is filled by a search")
	b.Finish("1", false)
	require.Zero(t, b.Drained)
	b.Now = 5001
	b.Begin("2", lates)
	b.Now = 5003
	b.Finish("2", true)
	require.Equal(t, ReadState{Now: 5003, Opened: 5000, From: 4000, Since: 5001, Drained: 5001, Gaps: b.Gaps}, b, "it was empty when the read began")
	require.Len(t, b.Gaps, 1)
	b.CloseGaps(auditlog.TimeRange{From: 0, To: 9000}, 5009)
	require.Len(t, b.Gaps, 1, "the search began too early to find all")
	b.CloseGaps(auditlog.TimeRange{From: 4001, To: 9000}, 9000)
	require.Len(t, b.Gaps, 1, "the search was too short")
	require.Zero(t, b.NextAudit(lates), "while a gap is open nobody can be blamed")
	b.CloseGaps(auditlog.TimeRange{From: 4000, To: 5010}, 5010)
	require.Empty(t, b.Gaps)
	b.Now, b.Drained = 6500, 6400
	require.Equal(t, auditlog.TimeRange{From: 5000, To: 6390}, b.NextAudit(lates), "however long ago the last one was")
	b.Drained = 5000 + 2*AuditOverlap.Milliseconds()
	require.Equal(t, auditlog.TimeRange{From: 5000, To: 6000 + AuditOverlap.Milliseconds()}, b.NextAudit(lates), "part by part")
	b.Now, b.Drained = 5900, 6400
	require.Equal(t, auditlog.TimeRange{From: 5000, To: 6390}, b.NextAudit(lates))
	b.MarkAudited(auditlog.TimeRange{From: 5000, To: 6390}, 3)
	require.Equal(t, []int64{6390, 3, 5900}, []int64{b.Audited, int64(b.Missing), b.LastForeignRead})
	b.Now = 6000
	b.MarkAudited(auditlog.TimeRange{From: 5000, To: 6380}, 0)
	require.Equal(t, []int64{6390, 3, 5900}, []int64{b.Audited, int64(b.Missing), b.LastForeignRead}, "what was found stays true")
	b.MarkAudited(auditlog.TimeRange{From: 5000, To: 6390}, 2)
	require.Equal(t, []int64{2, 6000, 5900}, []int64{int64(b.Missing), b.LastForeignRead, b.FirstForeignRead})
	b.Now += maxAuditsApart.Milliseconds() + 1
	b.MarkAudited(auditlog.TimeRange{From: 5000, To: 6390}, 1)
	require.Equal(t, []int64{b.Now, b.Now}, []int64{b.LastForeignRead, b.FirstForeignRead}, "another story")
}

func TestBookOfLosses(t *testing.T) {
	b := ReadState{Now: 200, Opened: 1, Since: 100, Drained: 100}
	b.Begin("1", lates)
	b.Now = 220
	b.Lose("1", b.Drained, lates)
	require.Equal(t, ReadState{Now: 220, Opened: 1, Since: 100, Drained: 100, Gaps: []Gap{gap(90, 230, 230)}}, b)
	b.Now = 300
	b.Begin("2", lates)
	b.Finish("2", true)
	b.Now = 400
	b.Begin("3", lates)
	b.Now = 500
	b.Begin("4", lates)
	require.Equal(t, []Gap{gap(90, 230, 230), gap(290, 510, 510)}, b.Gaps, "nothing was heard of the third")
	b.Finish("3", true)
	require.Equal(t, int64(300), b.Drained, "the third came too late to say so")
	require.Equal(t, "4", b.Reading)
	b.Finish("4", false)
	b.Now = 505
	b.Lose("3", b.Drained, lates)
	require.Equal(t, []Gap{gap(90, 230, 230), gap(290, 515, 515)}, b.Gaps)
	b.Lose("0", 250, lates)
	require.Equal(t, []Gap{gap(90, 230, 230), gap(240, 515, 515)}, b.Gaps, "a reader of the past took what had arrived since then")
}

// Whatever happens, an instant at which a batch may have been lost stays in a gap until a search that is late enough covers it.
func TestGapsStayUntilTheyAreSearched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := ReadState{}
		open := map[int64]int64{} // instants that may miss events, and when a search can find them
		reading, began, drained := false, int64(0), int64(0)
		lose := func() {
			from := drained - lates.Late
			if drained == 0 {
				from = b.Now - lates.Lookback
			}
			for ms := from; ms < b.Now+lates.Late; ms++ {
				open[ms] = b.Now + lates.Late
			}
		}
		for n := range rapid.IntRange(1, 40).Draw(t, "steps") {
			b.Now += int64(rapid.IntRange(1, 30).Draw(t, "wait"))
			id := string(rune('a' + n%26))
			switch rapid.SampledFrom([]string{"begin", "finish", "drain", "lose", "search"}).Draw(t, "step") {
			case "begin":
				if reading || b.Opened == 0 {
					lose()
				}
				b.Begin(id, lates)
				reading, began = true, b.Now
			case "finish":
				b.Finish(b.Reading, false)
				reading = false
			case "drain":
				if reading {
					b.Finish(b.Reading, true)
					reading, drained = false, began
				}
			case "lose":
				if reading {
					lose()
					b.Lose(b.Reading, drained, lates)
					reading = false
				}
			case "search":
				if len(b.Gaps) == 0 {
					continue
				}
				g := rapid.SampledFrom(b.Gaps).Draw(t, "gap")
				b.CloseGaps(g.TimeRange, b.Now)
				for ms, ready := range open {
					if ready <= b.Now && g.From <= ms && ms < g.To {
						delete(open, ms)
					}
				}
			}
			for ms := range open {
				require.True(t, inGap(b, ms), "%d is in no gap of %v", ms, b.Gaps)
			}
			for i := 1; i < len(b.Gaps); i++ {
				require.Less(t, b.Gaps[i-1].To, b.Gaps[i].From, "gaps are apart and ascending")
			}
		}
	})
}

func inGap(b ReadState, ms int64) bool {
	for _, g := range b.Gaps {
		if g.From <= ms && ms < g.To {
			return true
		}
	}
	return false
}
