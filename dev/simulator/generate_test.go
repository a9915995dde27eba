package simulator

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHistoryDependsOnSeedOnly(t *testing.T) {
	history := func(seed uint64, start time.Time) []Event {
		return New(Config{Seed: seed, Now: func() time.Time { return start }, Generate: Generate{Days: 3, PerDay: 1000}}).Events()
	}
	first := history(1, noon)
	require.Equal(t, first, history(1, noon))
	require.NotEqual(t, first, history(2, noon))
	require.InDelta(t, 3000, len(first), 600)
	later := history(1, noon.Add(time.Hour))
	require.Equal(t, first[len(first)-1000:len(first)-900], overlap(later, first[len(first)-1000:len(first)-900]), "another start, the same past")
}

func overlap(events, like []Event) []Event {
	for i := range events {
		if events[i].CreateTime.Equal(like[0].CreateTime) {
			return events[i : i+len(like)]
		}
	}
	return nil
}

var placeholder = regexp.MustCompile(`\{([A-Za-z0-9]+)\}`)

func TestEveryPatternOccurs(t *testing.T) {
	unseen := map[string]*regexp.Regexp{}
	for _, p := range patterns {
		for _, name := range placeholder.FindAllStringSubmatch(p.text+p.url, -1) {
			require.Contains(t, fillers, name[1], p.text)
		}
		quoted := regexp.MustCompile(`\\\{[A-Za-z0-9]+\\\}`).ReplaceAllString(regexp.QuoteMeta(p.text), `(?s:.+)`)
		unseen[p.text] = regexp.MustCompile("^" + quoted + "$")
	}
	require.GreaterOrEqual(t, len(unseen), 60)
	for _, e := range New(Config{Now: func() time.Time { return noon }, Generate: Generate{Days: 20, PerDay: 3000}}).Events() {
		if placeholder.MatchString(e.Description + e.RequestURL) {
			require.Fail(t, "a placeholder was left", e.Description)
		}
		for text, pattern := range unseen {
			if pattern.MatchString(e.Description) {
				delete(unseen, text)
			}
		}
	}
	require.Empty(t, unseen)
}

func TestHistoryFollowsWorkingHours(t *testing.T) {
	s := New(Config{Now: func() time.Time { return noon }, Generate: Generate{Days: 28, PerDay: 2000}})
	var night, morning, weekend, twins, inOneMS int
	actors, descriptions := map[string]bool{}, map[string]int{}
	var last Event
	for _, e := range s.Events() {
		require.Equal(t, e.CreateTime, e.CreateTime.Truncate(time.Millisecond))
		require.Equal(t, DefaultOrgKey, e.OrgKey)
		actors[e.Actor] = true
		switch hour := e.CreateTime.Hour(); {
		case hour == 3:
			night++
		case hour == 9:
			morning++
		}
		if day := e.CreateTime.Weekday(); day == time.Saturday || day == time.Sunday {
			weekend++
		}
		if e.CreateTime.Equal(last.CreateTime) && e.Description == last.Description && e.Actor == last.Actor {
			inOneMS++
		}
		if strings.Contains(e.Description, `{"enable_auth_events":true}`) {
			require.True(t, e.Verbose)
			twins++
		}
		for _, sign := range []string{`"`, ",", "\n", "{", "é", "日本", "“"} {
			if strings.Contains(e.Description, sign) {
				descriptions[sign]++
			}
		}
		last = e
	}
	require.Greater(t, morning, 2*night)
	require.Less(t, weekend, len(s.Events())/5)
	require.Greater(t, inOneMS, 20)
	require.Greater(t, twins, 20)
	require.Greater(t, len(actors), 40)
	require.Len(t, descriptions, 7)
}

func TestFailedLoginsOccurInBursts(t *testing.T) {
	s := New(Config{Now: func() time.Time { return noon }, Generate: Generate{Days: 10, PerDay: 2000}})
	minutes := map[string]int{}
	for _, e := range s.Events() {
		if e.Flagged && e.Actor != "" {
			minutes[e.ActorIP+e.CreateTime.Format("2006-01-02T15:04")]++
		}
	}
	most := 0
	for _, n := range minutes {
		most = max(most, n)
	}
	require.GreaterOrEqual(t, most, 5)
}

func TestEventsKeepArriving(t *testing.T) {
	c := newCloud(t, Config{Generate: Generate{Days: 1, PerDay: 100, LivePerDay: 24_000, Lateness: 10 * time.Second}})
	before := c.Events()
	c.clock.advance(90 * time.Minute)
	after := c.Events()
	require.InDelta(t, 1500, len(after)-len(before), 300)
	require.Equal(t, before, after[:len(before)])
	late := 0
	for _, e := range after[len(before):] {
		require.True(t, e.CreateTime.After(noon))
		require.False(t, e.Arrives.After(c.clock.now()))
		if e.Arrives.After(e.CreateTime.Add(time.Second)) {
			late++
		}
	}
	require.Positive(t, late)
	quiet := newCloud(t, Config{Generate: Generate{Days: 1, PerDay: 100, LivePerDay: -1}})
	n := len(quiet.Events())
	quiet.clock.advance(day)
	require.Len(t, quiet.Events(), n)
}

func TestZeroConfig(t *testing.T) {
	s := New(Config{})
	require.Greater(t, len(s.Events()), 40_000)
	require.Equal(t, DefaultOrgKey, s.OrgKey())
	require.Len(t, s.Keys(), 4)
}

func BenchmarkAMillionEvents(b *testing.B) {
	for b.Loop() {
		s := New(Config{Now: func() time.Time { return noon }, Generate: Generate{Days: 30, PerDay: 34_000}})
		b.ReportMetric(float64(len(s.store.at(noon).sorted)), "events")
	}
}
