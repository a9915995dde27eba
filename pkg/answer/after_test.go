package answer

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/query"
)

const loginAfterFailures = `{"queryType":"count","criteria":{"category":["authentication"],"outcome":["success"]},"groupBy":["actor"],
	"after":{"criteria":{"outcome":["failure"]},"atLeast":3}}`

// A sequence finds what a look at all pairs of events finds, in whatever order it gets them.
func TestSequenceFindsWhatComesAfter(t *testing.T) {
	query, err := query.Parse([]byte(loginAfterFailures), catalog.Default(), 100)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		drawn := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) auditlog.Event {
			return auditlog.Event{
				CreateTime:  time.UnixMilli(int64(rapid.IntRange(0, 12).Draw(t, "ms"))),
				Actor:       rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "actor"),
				Description: rapid.SampledFrom([]string{"Login failed", "Logged in successfully", "Policy A was modified"}).Draw(t, "description"),
			}
		}), 0, 40).Draw(t, "events")
		query.After.AtLeast = rapid.IntRange(1, 4).Draw(t, "atLeast")

		want := map[string]int{}
		for _, e := range drawn {
			earlier := 0
			for _, f := range drawn {
				if f.Actor == e.Actor && f.Description == "Login failed" && f.CreateTime.Before(e.CreateTime) {
					earlier++
				}
			}
			if e.Description == "Logged in successfully" && earlier >= query.After.AtLeast {
				want[e.Actor]++
			}
		}
		s, got, total := newSequence(query), map[string]int{}, 0
		for i := range drawn {
			s.add(&drawn[i], catalog.Default().Classify(drawn[i].Description))
		}
		n := s.replay(func(e *auditlog.Event, _ auditlog.Class) { got[e.Actor]++; total++ })
		require.Equal(t, want, got)
		require.Equal(t, total, n)
	})
}

// The events before are those of the query, but for the keys that after names.
func TestAfterReplacesKeys(t *testing.T) {
	query, err := query.Parse([]byte(`{"queryType":"top","query":"x","criteria":{"category":["authentication"],"outcome":["success"],"flagged":false},
		"exclusions":{"actor":["z"]},"groupBy":["actor_ip"],"after":{"criteria":{"outcome":["failure"]},"exclusions":{"flagged":true}}}`), catalog.Default(), 100)
	require.NoError(t, err)
	require.Equal(t, 1, query.After.AtLeast)
	require.Equal(t, auditlog.Filter{
		Query: "x", Criteria: auditlog.Terms{"category": {"authentication"}}, Exclusions: auditlog.Terms{"actor": {"z"}},
	}, query.After.Combined(query.Filter))
	require.Equal(t, auditlog.Filter{
		Query: "x", Criteria: auditlog.Terms{"category": {"authentication"}, "outcome": {"failure"}}, Exclusions: auditlog.Terms{"actor": {"z"}, "flagged": {"true"}},
	}, query.After.Before(query.Filter))
}

func TestAfterThatMakesNoSense(t *testing.T) {
	for raw, want := range map[string]string{
		`"queryType":"count","groupBy":["actor"],"after":3`:                                                  `after must be an object`,
		`"queryType":"count","groupBy":["actor"],"after":{"least":3}`:                                        `unknown key "least"`,
		`"queryType":"count","groupBy":["actor"],"after":{"atLeast":3}`:                                      `needs criteria or exclusions`,
		`"queryType":"count","groupBy":["actor"],"after":{"criteria":{"outcome":["failure"]},"atLeast":0}`:   `after.atLeast must be`,
		`"queryType":"count","groupBy":["actor"],"after":{"criteria":{"outcome":["failure"]},"atLeast":1.5}`: `after.atLeast must be`,
		`"queryType":"count","groupBy":["actor"],"after":{"criteria":{"outcome":["maybe"]}}`:                 `after.criteria.outcome has an unknown value`,
		`"queryType":"count","groupBy":["actor"],"after":{"criteria":{"description":["x"]}}`:                 `only Carbon Black Cloud can match`,
		`"queryType":"count","groupBy":["outcome"],"after":{"criteria":{"outcome":["failure"]}}`:             `both name outcome`,
		`"queryType":"count","after":{"criteria":{"outcome":["failure"]}}`:                                   `needs "groupBy"`,
		`"queryType":"events","groupBy":["actor"],"after":{"criteria":{"outcome":["failure"]}}`:              `the queryType count, series or top`,
	} {
		_, err := query.Parse(fmt.Appendf(nil, "{%s}", raw), catalog.Default(), 100)
		var wrong *query.Error
		require.ErrorAs(t, err, &wrong, raw)
		require.ErrorContains(t, err, want, raw)
	}
}
