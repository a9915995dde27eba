package answer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
)

// failedLogins are failed logins from n addresses, ending at origin.
func failedLogins(n int) []simulator.Event {
	events := make([]simulator.Event, n)
	for i := range events {
		events[i] = simulator.Event{
			CreateTime: origin.Add(-time.Duration(i+1) * 100 * time.Millisecond), Actor: fmt.Sprint("user", i, "@example.com"),
			ActorIP: fmt.Sprintf("198.51.%d.%d", i/250, i%250), Description: "Login failed",
		}
	}
	return events
}

// parsed is a query as Grafana sends it.
func parsed(t *testing.T, text string, maxEvents int) query.Query {
	t.Helper()
	q, err := query.Parse([]byte(text), catalog.Default(), maxEvents)
	require.NoError(t, err)
	return q
}

func TestRulesEvaluateEveryGroup(t *testing.T) {
	const groups = 1200
	hour := auditlog.NewTimeRange(origin.Add(-time.Hour), origin)
	for _, text := range []string{
		`{"queryType":"count","groupBy":["actor_ip"]}`,
		`{"queryType":"count","groupBy":["address"],"limit":1}`,
		`{"queryType":"series","groupBy":["actor_ip"]}`,
		`{"queryType":"firstSeen","groupBy":["actor"],"baseline":"1h"}`,
		`{"queryType":"top","groupBy":["account"],"limit":10}`,
		`{"queryType":"events"}`,
		`{"queryType":"events","format":"table","limit":5}`,
	} {
		w := newWorld(t, origin, worldConfig{settle: time.Minute, maxEvents: 100_000, events: failedLogins(groups)})
		for _, alert := range []bool{true, false} {
			q := parsed(t, text, 100_000)
			if !alert && (q.Type == query.TypeTop || q.Type == query.TypeEvents && q.Format == query.FormatTable) {
				continue // an expression asked for these rows
			}
			frames, err := w.panel.Answer(context.Background(), answer.Request{Query: q, Range: hour, Numbers: true, Alert: alert, Now: w.now,
				Interval: time.Minute, MaxDataPoints: 100})
			require.NoError(t, err, text)
			if q.Type == query.TypeTop {
				require.Equal(t, groups, frames[0].Rows(), text)
				continue
			}
			require.Len(t, frames, groups, text)
		}
	}
}

// groupedQueries has a query of each type that gives groups, as an alert rule or a numeric expression asks it.
var groupedQueries = []string{
	`{"queryType":"count","groupBy":["actor"]}`,
	`{"queryType":"count","groupBy":["account","address","action"]}`,
	`{"queryType":"series","groupBy":["actor"]}`,
	`{"queryType":"firstSeen","groupBy":["actor"],"baseline":"1h"}`,
	`{"queryType":"events"}`,
}

// A rule of any query type decides on every group, up to the bound. Beyond that it gets an error that names the bound.
func TestRulesAndManyGroups(t *testing.T) {
	hour := auditlog.NewTimeRange(origin.Add(-time.Hour), origin)
	const bound = 10_000
	for _, n := range []int{bound, bound + 1} {
		w := newWorld(t, origin, worldConfig{settle: time.Minute, maxEvents: 100_000, events: failedLogins(n)})
		ask := func(text string, numbers, alert bool) (frame.Frames, error) {
			return w.panel.Answer(context.Background(), answer.Request{Query: parsed(t, text, 100_000), Range: hour, Numbers: numbers, Alert: alert,
				Now: w.now, Interval: time.Hour, MaxDataPoints: 1})
		}
		for _, text := range append([]string{`{"queryType":"top","groupBy":["actor"]}`, `{"queryType":"events","format":"table"}`}, groupedQueries...) {
			frames, err := ask(text[:len(text)-1]+`,"limit":3}`, true, true)
			requireGroups(t, frames, err, n, bound, text)
		}
		for _, text := range groupedQueries {
			frames, err := ask(text, true, false)
			requireGroups(t, frames, err, n, bound, "expression "+text)
		}
		for _, text := range groupedQueries[:3] {
			frames, err := ask(text[:len(text)-1]+`,"limit":100000}`, false, false)
			require.NoError(t, err, text)
			switch series := strings.Contains(text, "series"); {
			case n == bound:
				require.Equal(t, bound, len(frames), text)
			case series:
				require.Equal(t, bound+1, len(frames), "the others are one more series")
			default:
				require.Equal(t, bound, len(frames), text)
				require.Contains(t, frames[0].Meta.Notices[0].Text, "10,000 largest of 10,001", text)
			}
		}
	}
}

func requireGroups(t *testing.T, frames frame.Frames, err error, n, bound int, text string) {
	t.Helper()
	if n > bound {
		require.ErrorContains(t, err, fmt.Sprintf("%d groups, more than the %d", n, bound), text)
		return
	}
	require.NoError(t, err, text)
	groups := len(frames)
	if groups == 1 {
		groups = frames[0].Rows()
	}
	require.Equal(t, n, groups, text)
}

// counts are the values of the one series of an answer.
func counts(t *testing.T, frames frame.Frames) []int64 {
	t.Helper()
	require.Len(t, frames, 1)
	values := make([]int64, frames[0].Rows())
	for i := range values {
		values[i] = frames[0].Fields[1].At(i).(int64)
	}
	return values
}

// Grafana's editor of alert rules writes an interval of a second. A threshold on the maximum or the last point must fire all the same.
func TestARateFiresWithGrafanasDefaults(t *testing.T) {
	var events []simulator.Event
	for at := origin.Add(-20 * time.Minute); at.Before(origin); at = at.Add(5 * time.Second) {
		events = append(events, simulator.Event{CreateTime: at, Actor: "a@example.com", Description: "Login failed"})
	}
	w := newWorld(t, origin, worldConfig{settle: time.Minute, maxEvents: 1000, events: events})
	for span, most := range map[time.Duration]int{time.Minute: 3, 5 * time.Minute: 5, 15 * time.Minute: 4, 20 * time.Minute: 4} {
		frames, err := w.panel.Answer(context.Background(), answer.Request{
			Query: parsed(t, `{"queryType":"series"}`, 1000), Range: auditlog.NewTimeRange(origin.Add(-span), origin), Numbers: true, Alert: true, Now: w.now,
			Interval: time.Second, MaxDataPoints: 43_200,
		})
		require.NoError(t, err)
		points := counts(t, frames)
		require.LessOrEqual(t, len(points), most, span)
		for _, n := range points[1:] {
			require.GreaterOrEqual(t, n, int64(12), "at least a minute each: %v", points)
		}
	}
}

// However the range lies, every point that a rule or an expression sees is a whole one.
func TestNoPartialPoints(t *testing.T) {
	var events []simulator.Event
	for at := origin.Add(-3 * time.Hour); at.Before(origin.Add(time.Hour)); at = at.Add(30 * time.Second) {
		events = append(events, simulator.Event{CreateTime: at, Actor: "a@example.com", Description: "Login failed"})
	}
	for _, c := range []struct{ offset, span, interval time.Duration }{
		{2 * time.Minute, 30 * time.Minute, 5 * time.Minute}, {0, 30 * time.Minute, 5 * time.Minute}, {17 * time.Second, time.Hour, 10 * time.Minute},
		{time.Second, 7 * time.Minute, time.Minute}, {90 * time.Second, time.Hour, time.Hour},
	} {
		for _, alert := range []bool{true, false} {
			now := origin.Add(-time.Hour).Add(c.offset)
			w := newWorld(t, now, worldConfig{settle: time.Minute, maxEvents: 10_000, events: events})
			frames, err := w.panel.Answer(context.Background(), answer.Request{
				Query: parsed(t, `{"queryType":"series"}`, 10_000), Range: auditlog.NewTimeRange(now.Add(-c.span), now), Numbers: true, Alert: alert, Now: now,
				Interval: c.interval, MaxDataPoints: 1000,
			})
			require.NoError(t, err)
			full := int64(c.interval / (30 * time.Second))
			for i, n := range counts(t, frames) {
				require.Equal(t, full, n, "point %d of %+v, alert %t", i, c, alert)
			}
		}
	}
}

// Points that Carbon Black Cloud counts one by one are whole, too.
func TestNoPartialPointsWhereEachIsCounted(t *testing.T) {
	var events []simulator.Event
	for at := origin.Add(-26 * time.Hour); at.Before(origin); at = at.Add(10 * time.Second) {
		events = append(events, simulator.Event{CreateTime: at, Actor: "a@example.com", Description: "Login failed"})
	}
	for _, alert := range []bool{true, false} {
		w := newWorld(t, origin, worldConfig{settle: time.Minute, maxEvents: 1000, events: events, switches: simulator.Switches{Reach: 500, MaxRows: 500}})
		frames, err := w.panel.Answer(context.Background(), answer.Request{
			Query: parsed(t, `{"queryType":"series"}`, 1000), Range: auditlog.NewTimeRange(origin.Add(-24*time.Hour), origin), Numbers: true, Alert: alert, Now: w.now,
			Interval: time.Minute, MaxDataPoints: 43_200,
		})
		if alert {
			require.ErrorContains(t, err, "use a shorter time range, or a longer interval", "a limit per minute would be compared with a count of many")
			continue
		}
		require.NoError(t, err)
		points := counts(t, frames)
		for i, n := range points {
			require.Equal(t, points[1], n, "point %d of %d", i, len(points))
		}
	}
}

func TestWeeksBeginOnMonday(t *testing.T) {
	w := newWorld(t, origin, worldConfig{settle: time.Minute, maxEvents: 1000, events: failedLogins(3)})
	for _, interval := range []time.Duration{7 * 24 * time.Hour, 14 * 24 * time.Hour, 28 * 24 * time.Hour} {
		frames, err := w.panel.Answer(context.Background(), answer.Request{
			Query: parsed(t, `{"queryType":"series"}`, 1000), Range: auditlog.NewTimeRange(origin.Add(-100*24*time.Hour), origin),
			Interval: interval, MaxDataPoints: 1000,
		})
		require.NoError(t, err)
		for i := range frames[0].Rows() {
			at := frames[0].Fields[0].At(i).(time.Time)
			require.Equal(t, time.Monday, at.Weekday(), at)
			require.Zero(t, at.Unix()%(24*3600), "at midnight in UTC")
		}
	}
}

// A SQL expression reads the columns of a table; an alert rule gets numbers of the same query.
func TestAnExpressionGetsTheTable(t *testing.T) {
	w := newWorld(t, origin, worldConfig{settle: time.Minute, maxEvents: 1000, events: failedLogins(3)})
	hour := auditlog.NewTimeRange(origin.Add(-time.Hour), origin)
	q := parsed(t, `{"queryType":"events","format":"table"}`, 1000)
	frames, err := w.panel.Answer(context.Background(), answer.Request{Query: q, Range: hour, Numbers: true, Now: w.now})
	require.NoError(t, err)
	require.Len(t, frames, 1)
	require.Equal(t, 3, frames[0].Rows())
	require.Equal(t, "actor", frames[0].Fields[1].Name)
	frames, err = w.panel.Answer(context.Background(), answer.Request{Query: q, Range: hour, Numbers: true, Alert: true, Now: w.now})
	require.NoError(t, err)
	require.Len(t, frames, 3)
	require.Equal(t, "numeric-multi", string(frames[0].Meta.Type))
}

func TestALimitOverTheMaximumIsCut(t *testing.T) {
	w := newWorld(t, origin, worldConfig{settle: time.Minute, maxEvents: 100, events: failedLogins(120)})
	q := parsed(t, `{"limit":500}`, 100)
	require.Equal(t, 100, q.Limit)
	frames, err := w.panel.Answer(context.Background(), answer.Request{Query: q, Range: auditlog.NewTimeRange(origin.Add(-time.Hour), origin), Now: w.now})
	require.NoError(t, err)
	require.Equal(t, 100, frames[0].Rows())
	require.Contains(t, frames[0].Meta.Notices[0].Text, "the limit of 500 exceeds the maximum events per query")
}

// Whoever scrolls in Explore comes to every event, however crowded a millisecond is, and to none twice.
func TestScrollingComesToEveryEvent(t *testing.T) {
	for name, crowd := range map[string]int{"one": 1, "a page": 50, "more than a page": 120, "many pages": 1030, "more than a search reaches": 10_001} {
		for _, sort := range []string{"desc", "asc"} {
			t.Run(name+" "+sort, func(t *testing.T) {
				var events []simulator.Event
				for i := range crowd {
					events = append(events, simulator.Event{CreateTime: origin, Actor: fmt.Sprint("user", i), Description: "Login failed"})
				}
				for i := range 130 { // on both sides, two in each millisecond
					at := origin.Add(time.Duration(i/2-32) * time.Millisecond)
					events = append(events, simulator.Event{CreateTime: at, Actor: fmt.Sprint("other", i), Description: "Login failed"})
				}
				w := newWorld(t, origin.Add(time.Hour), worldConfig{settle: time.Minute, maxEvents: 100_000, events: events})
				window := auditlog.NewTimeRange(origin.Add(-time.Hour), origin.Add(time.Hour))
				seen := map[string]bool{}
				query := fmt.Sprintf(`{"limit":50,"sort":%q}`, sort)
				for page := 0; ; page++ {
					require.Less(t, page, 20, "no end")
					frames, err := w.panel.Answer(context.Background(), answer.Request{Query: parsed(t, query, 100_000), Range: window, Now: w.now})
					require.NoError(t, err)
					rows, fresh := frames[0].Rows(), 0
					var last time.Time
					for i := range rows {
						last = frames[0].Fields[0].At(i).(time.Time)
						if id := idOf(frames[0], i); !seen[id] {
							seen[id] = true
							fresh++
						}
					}
					if fresh == 0 {
						break
					}
					query = fmt.Sprintf(`{"limit":50,"sort":%q,"supportingQueryType":"infiniteScroll"}`, sort)
					if sort == "desc" {
						window.To = last.UnixMilli() + 1
					} else {
						window.From = last.UnixMilli()
					}
				}
				require.Len(t, seen, len(events))
			})
		}
	}
}

func idOf(f *data.Frame, row int) string {
	for _, field := range f.Fields {
		if field.Name == "id" {
			return field.At(row).(string)
		}
	}
	return ""
}

// Long texts of groups take room, as those of rows do.
func TestRoomCountsTexts(t *testing.T) {
	var events []simulator.Event
	for i := range 500 {
		description := fmt.Sprint(i, " ", strings.Repeat("policy settings ", 500))
		events = append(events, simulator.Event{CreateTime: origin.Add(-time.Duration(i+1) * time.Second), Actor: "a@example.com", Description: description})
	}
	for _, text := range []string{
		`{"queryType":"events","format":"table"}`, `{"queryType":"count","groupBy":["description"]}`, `{"queryType":"top","groupBy":["description"]}`,
		`{"queryType":"series","groupBy":["description"]}`, `{"queryType":"firstSeen","groupBy":["description"],"baseline":"1h"}`,
	} {
		w := newWorld(t, origin, worldConfig{settle: time.Minute, maxEvents: 1000, events: events})
		taken := int64(0)
		_, err := w.panel.Answer(context.Background(), answer.Request{
			Query: parsed(t, text, 1000), Range: auditlog.NewTimeRange(origin.Add(-time.Hour), origin), Now: w.now, Interval: time.Hour, MaxDataPoints: 1,
			TakeRoom: func(_ context.Context, points int64) error { taken += points; return nil },
		})
		require.NoError(t, err)
		require.GreaterOrEqual(t, taken*24, int64(500*8000), text)
	}
}
