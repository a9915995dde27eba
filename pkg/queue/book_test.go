package queue

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

var lates = policy{late: 10, lookback: 1000}

func gap(from, to, ready int64) Gap {
	return Gap{TimeRange: auditlog.TimeRange{From: from, To: to}, Ready: ready}
}

func TestBookOfAQuietLife(t *testing.T) {
	b := Book{Now: 5000}
	b.begin("1", lates)
	require.Equal(t, []Gap{gap(4000, 5010, 5010)}, b.Gaps, "an empty ledger is filled by a search")
	b.finish("1", false)
	require.Zero(t, b.Drained)
	b.Now = 5001
	b.begin("2", lates)
	b.Now = 5003
	b.finish("2", true)
	require.Equal(t, Book{Now: 5003, Opened: 5000, From: 4000, Since: 5001, Drained: 5001, Gaps: b.Gaps}, b, "it was empty when the read began")
	require.Len(t, b.Gaps, 1)
	b.close(auditlog.TimeRange{From: 0, To: 9000}, 5009)
	require.Len(t, b.Gaps, 1, "the search began too early to find all")
	b.close(auditlog.TimeRange{From: 4001, To: 9000}, 9000)
	require.Len(t, b.Gaps, 1, "the search was too short")
	require.Zero(t, b.audit(lates), "while a gap is open nobody can be blamed")
	b.close(auditlog.TimeRange{From: 4000, To: 5010}, 5010)
	require.Empty(t, b.Gaps)
	b.Now, b.Drained = 6500, 6400
	require.Equal(t, auditlog.TimeRange{From: 5000, To: 6390}, b.audit(lates), "however long ago the last one was")
	b.Drained = 5000 + 2*auditOverlap.Milliseconds()
	require.Equal(t, auditlog.TimeRange{From: 5000, To: 6000 + auditOverlap.Milliseconds()}, b.audit(lates), "part by part")
	b.Now, b.Drained = 5900, 6400
	require.Equal(t, auditlog.TimeRange{From: 5000, To: 6390}, b.audit(lates))
	b.audited(auditlog.TimeRange{From: 5000, To: 6390}, 3)
	require.Equal(t, []int64{6390, 3, 5900}, []int64{b.Audited, int64(b.Missing), b.Suspected})
	b.Now = 6000
	b.audited(auditlog.TimeRange{From: 5000, To: 6380}, 0)
	require.Equal(t, []int64{6390, 3, 5900}, []int64{b.Audited, int64(b.Missing), b.Suspected}, "what was found stays true")
	b.audited(auditlog.TimeRange{From: 5000, To: 6390}, 2)
	require.Equal(t, []int64{2, 6000, 5900}, []int64{int64(b.Missing), b.Suspected, b.Suspects})
	b.Now += suspicion.Milliseconds() + 1
	b.audited(auditlog.TimeRange{From: 5000, To: 6390}, 1)
	require.Equal(t, []int64{b.Now, b.Now}, []int64{b.Suspected, b.Suspects}, "another story")
}

func TestBookOfLosses(t *testing.T) {
	b := Book{Now: 200, Opened: 1, Since: 100, Drained: 100}
	b.begin("1", lates)
	b.Now = 220
	b.lose("1", b.Drained, lates)
	require.Equal(t, Book{Now: 220, Opened: 1, Since: 100, Drained: 100, Gaps: []Gap{gap(90, 230, 230)}}, b)
	b.Now = 300
	b.begin("2", lates)
	b.finish("2", true)
	b.Now = 400
	b.begin("3", lates)
	b.Now = 500
	b.begin("4", lates)
	require.Equal(t, []Gap{gap(90, 230, 230), gap(290, 510, 510)}, b.Gaps, "nothing was heard of the third")
	b.finish("3", true)
	require.Equal(t, int64(300), b.Drained, "the third came too late to say so")
	require.Equal(t, "4", b.Reading)
	b.finish("4", false)
	b.Now = 505
	b.lose("3", b.Drained, lates)
	require.Equal(t, []Gap{gap(90, 230, 230), gap(290, 515, 515)}, b.Gaps)
	b.lose("0", 250, lates)
	require.Equal(t, []Gap{gap(90, 230, 230), gap(240, 515, 515)}, b.Gaps, "a reader of the past took what had arrived since then")
}

// Whatever happens, an instant at which a batch may have been lost stays in a gap until a search that is late enough covers it.
func TestGapsStayUntilTheyAreSearched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Book{}
		open := map[int64]int64{} // instants that may miss events, and when a search can find them
		reading, began, drained := false, int64(0), int64(0)
		lose := func() {
			from := drained - lates.late
			if drained == 0 {
				from = b.Now - lates.lookback
			}
			for ms := from; ms < b.Now+lates.late; ms++ {
				open[ms] = b.Now + lates.late
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
				b.begin(id, lates)
				reading, began = true, b.Now
			case "finish":
				b.finish(b.Reading, false)
				reading = false
			case "drain":
				if reading {
					b.finish(b.Reading, true)
					reading, drained = false, began
				}
			case "lose":
				if reading {
					lose()
					b.lose(b.Reading, drained, lates)
					reading = false
				}
			case "search":
				if len(b.Gaps) == 0 {
					continue
				}
				g := rapid.SampledFrom(b.Gaps).Draw(t, "gap")
				b.close(g.TimeRange, b.Now)
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

func inGap(b Book, ms int64) bool {
	for _, g := range b.Gaps {
		if g.From <= ms && ms < g.To {
			return true
		}
	}
	return false
}
