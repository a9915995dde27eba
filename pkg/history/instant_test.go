package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// crowdedInstant returns events of one millisecond, with a neighbor on each side.
func crowdedInstant(n int, name func(i int) (actor, address string)) []simulator.Event {
	events := []simulator.Event{{CreateTime: origin.Add(-time.Millisecond), Actor: "before"}, {CreateTime: origin.Add(time.Millisecond), Actor: "after"}}
	for i := range n {
		actor, address := name(i)
		events = append(events, simulator.Event{CreateTime: origin, Actor: actor, ActorIP: address, Description: fmt.Sprint("number ", i)})
	}
	return events
}

func TestAnInstantWithMoreEventsThanASearchReaches(t *testing.T) {
	const reach = 100
	hour := auditlog.NewTimeRange(origin.Add(-time.Hour), origin.Add(time.Hour))
	distinct := func(i int) (string, string) { return fmt.Sprintf("user%d@example.com", i), "" }
	for name, c := range map[string]struct {
		n        int
		name     func(i int) (actor, address string)
		switches simulator.Switches
		filter   auditlog.Filter
		part     bool // it cannot be read whole
	}{
		"distinct actors":         {n: reach + 1, name: distinct},
		"many pages":              {n: 2*reach + reach/2, name: distinct},
		"one actor, addresses":    {n: 2 * reach, name: func(i int) (string, string) { return "a@example.com", fmt.Sprintf("192.0.2.%d", i%100) }},
		"a frequent one and none": {n: 2*reach - 1, name: func(i int) (string, string) { return []string{"a@example.com", ""}[i%2], "" }},
		"in any case of letters": {n: 2*reach - 2, name: func(i int) (string, string) { return []string{"ann", "ANN", "bob"}[i%3], "" },
			switches: simulator.Switches{CriteriaCase: "insensitive"}, part: true},
		"shuffled":      {n: 2 * reach, name: distinct, switches: simulator.Switches{Ties: "shuffled"}},
		"whole seconds": {n: 2 * reach, name: distinct, switches: simulator.Switches{TimeDigits: "0"}},
		"filtered":      {n: 3 * reach, name: distinct, filter: auditlog.Filter{Query: "description:number"}},
		"by a list of actors": {n: 3 * reach, name: func(i int) (string, string) { return fmt.Sprint("user", i%10), "" },
			filter: auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: {"user1", "user2", "user3", "user4", "user5"}}}},
		"all alike":           {n: reach + 1, name: func(int) (string, string) { return "a@example.com", "" }, part: true},
		"too many":            {n: 40 * reach, name: distinct, part: true},
		"the count is capped": {n: 2 * reach, name: distinct, switches: simulator.Switches{CapNumFound: true}, part: true},
	} {
		t.Run(name, func(t *testing.T) {
			c.switches.Reach, c.switches.MaxRows = reach, reach
			for _, order := range []cbc.Order{cbc.NewestFirst, cbc.OldestFirst} {
				w := newWorld(t, origin.Add(24*time.Hour), crowdedInstant(c.n, c.name), c.switches, Config{Settle: time.Minute})
				for range 2 { // the second time from the cache
					got, coverage, cost := w.ask(t, c.filter, hour, order, true)
					require.Equal(t, c.part, coverage.TruncatedAt != 0)
					require.LessOrEqual(t, cost.Calls, maxInstantPages+30)
					if !c.part {
						require.ElementsMatch(t, descriptions(w, c.filter, hour), descriptionsOf(got))
					}
				}
			}
		})
	}
}

func descriptionsOf(events []auditlog.Event) []string {
	out := make([]string, len(events))
	for i := range events {
		out[i] = events[i].Actor + " " + events[i].Description
	}
	return out
}

// descriptions returns what a filter selects in the simulator, which matches every description with the word number.
func descriptions(w *world, f auditlog.Filter, window auditlog.TimeRange) (out []string) {
	wanted := f.Criteria[auditlog.KeyActor]
	for _, e := range w.sim.Events() {
		if window.Contains(e.CreateTime) && (len(wanted) == 0 || slices.Contains(wanted, e.Actor)) && (f.Query == "" || e.Description != "") {
			out = append(out, e.Actor+" "+e.Description)
		}
	}
	return out
}

// However the events of an instant are named and the server compares names, an answer is complete or says that it is not.
func TestInstantsAreWholeOrSaySo(t *testing.T) {
	const reach = 20
	hour := auditlog.NewTimeRange(origin.Add(-time.Hour), origin.Add(time.Hour))
	rapid.Check(t, func(t *rapid.T) {
		actors := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "A", "b", "a b", "*", "c@example.com", "C@example.com"}), 1, 6).Draw(t, "actors")
		addresses := rapid.SliceOfN(rapid.SampledFrom([]string{"", "192.0.2.1", "192.0.2.1:80", "2001:db8::1"}), 1, 4).Draw(t, "addresses")
		events := crowdedInstant(rapid.IntRange(15, 90).Draw(t, "n"), func(i int) (string, string) {
			return actors[i%len(actors)], addresses[i/3%len(addresses)]
		})
		w := newWorld(t, origin.Add(24*time.Hour), events, simulator.Switches{
			Reach: reach, MaxRows: reach,
			CriteriaCase: rapid.SampledFrom([]string{"sensitive", "insensitive"}).Draw(t, "case"),
			Ties:         rapid.SampledFrom([]string{"stable", "shuffled"}).Draw(t, "ties"),
			CapNumFound:  rapid.Bool().Draw(t, "capped"),
		}, Config{Settle: time.Minute})
		got, coverage, _ := w.ask(t, auditlog.Filter{}, hour, rapid.SampledFrom([]cbc.Order{cbc.NewestFirst, cbc.OldestFirst}).Draw(t, "order"), true)
		if coverage.TruncatedAt == 0 {
			require.ElementsMatch(t, descriptions(w, auditlog.Filter{}, hour), descriptionsOf(got))
		}
	})
}
