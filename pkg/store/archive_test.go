package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

var archiveKey = cbc.APIKey{URL: "https://cbc.test:443", OrgKey: "ABCD1234", APIID: "P3KEDZJRI8"}

func newArchive(t testing.TB, dsn string, key cbc.APIKey) *Archive {
	t.Helper()
	a, err := NewArchive(dsn, key)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

func leadArchive(t testing.TB, a *Archive) *FillLease {
	t.Helper()
	l, err := a.Lead(context.Background())
	require.NoError(t, err)
	return l
}

// classByPrefix classifies by the first letter of the description.
func classByPrefix(version string) func(*auditlog.Event) auditlog.Class {
	return func(e *auditlog.Event) auditlog.Class {
		first := (e.Description + "-")[:1]
		return auditlog.Class{Category: "c" + first, Action: version, Outcome: "unknown", Severity: "info", Code: version + first}
	}
}

// archiveStart is where the events of the tests begin: two days before a new month.
var archiveStart = time.Date(2026, 8, 30, 0, 0, 0, 0, time.UTC)

// drawEvents makes events of four days, many of them at the same time and equal.
func drawEvents(t *rapid.T) []auditlog.Event {
	pick := func(label string, values ...string) string { return rapid.SampledFrom(values).Draw(t, label) }
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) auditlog.Event {
		if rapid.IntRange(0, 20).Draw(t, "strange") == 0 {
			e := strange()
			e.CreateTime = archiveStart.Add(time.Duration(rapid.IntRange(0, 345_599).Draw(t, "s")) * time.Second)
			return e
		}
		return auditlog.Event{
			CreateTime:  archiveStart.Add(time.Duration(rapid.IntRange(0, 96).Draw(t, "h"))*time.Hour - time.Duration(rapid.IntRange(0, 2).Draw(t, "ns"))),
			OrgKey:      pick("org", "ABCD1234", "OTHER"),
			Actor:       pick("actor", "", "Alice@Example.com", "alice@example.com", " bob ", "P7QK2ZRTA1"),
			ActorIP:     pick("ip", "", "203.0.113.7", "203.0.113.7:443", "2001:DB8::1", "::ffff:203.0.113.7", "somewhere"),
			Description: pick("description", "alpha", "beta", "Beta", ""),
			RequestURL:  pick("url", "", "/a"),
			Flagged:     rapid.Bool().Draw(t, "flagged"), Verbose: rapid.Bool().Draw(t, "verbose"),
		}
	}), 0, 60).Draw(t, "events")
}

func drawTerms(t *rapid.T) auditlog.Terms {
	values := map[auditlog.Key][]string{
		auditlog.KeyActor:    {"", "alice@example.com", "P7QK2ZRTA1", "nul \x00 and \u2028"},
		auditlog.KeyActorIP:  {"203.0.113.7", "", "somewhere"},
		auditlog.KeyAccount:  {"ALICE@example.com", "bob", ""},
		auditlog.KeyAddress:  {"203.0.113.7", "2001:db8:0::1", "203.0.113.0/24", "", "somewhere"},
		auditlog.KeyFlagged:  {"true", "false"},
		auditlog.KeyVerbose:  {"true"},
		auditlog.KeyCategory: {"ca", "cb", "cn", "none"},
		auditlog.KeyCode:     {"1a", "2B", "1-"},
	}
	terms := auditlog.Terms{}
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(mapKeys(values))), 0, 2, func(k auditlog.Key) auditlog.Key { return k }).Draw(t, "keys") {
		terms[key] = rapid.SliceOfN(rapid.SampledFrom(values[key]), 1, 3).Draw(t, "values")
	}
	return terms
}

func mapKeys[V any](m map[auditlog.Key]V) func(func(auditlog.Key) bool) {
	return func(yield func(auditlog.Key) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func drawRange(t *rapid.T) auditlog.TimeRange {
	from := rapid.IntRange(-10, 100).Draw(t, "from")
	to := rapid.IntRange(from+1, 110).Draw(t, "to")
	return auditlog.NewTimeRange(archiveStart.Add(time.Duration(from)*time.Hour), archiveStart.Add(time.Duration(to)*time.Hour))
}

// between returns the events of a time range in order.
func between(events []auditlog.Event, w auditlog.TimeRange) []auditlog.Event {
	var out []auditlog.Event
	for _, e := range events {
		if w.Contains(e.CreateTime) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b auditlog.Event) int { return auditlog.Compare(&a, &b) })
	return out
}

// Whatever ranges are filled, in whatever order and how often: the archive gives back each event of them once, in order, and its groups are
// those of the events.
func TestArchiveAnswersLikeTheEventsThemselves(t *testing.T) {
	database := pgtest.New(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		a, err := NewArchive(database.DSN, cbc.APIKey{URL: archiveKey.URL, OrgKey: "ABCD1234", APIID: fmt.Sprint("KEY", n)})
		require.NoError(t, err)
		defer a.Close()
		a.minBlock, a.maxLoose = rapid.IntRange(1, 40).Draw(t, "minBlock"), rapid.IntRange(1, 40).Draw(t, "maxLoose")
		l, err := a.Lead(context.Background())
		require.NoError(t, err)
		log, covered, version := drawEvents(t), []auditlog.TimeRange(nil), "1"
		for range rapid.IntRange(1, 4).Draw(t, "fills") {
			w := drawRange(t)
			version = rapid.SampledFrom([]string{"1", "2"}).Draw(t, "catalog")
			state, err := l.Add(context.Background(), Fill{Range: w, Events: between(log, w), Catalog: version, Class: classByPrefix(version)})
			require.NoError(t, err)
			if rapid.Bool().Draw(t, "pack early") {
				_, err = l.Pack(context.Background())
				require.NoError(t, err)
			}
			covered = addRange(covered, w)
			require.Equal(t, covered, state.Covered)
			require.EqualValues(t, len(everywhere(log, covered)), state.Events)
		}
		if rapid.Bool().Draw(t, "classify") {
			for more := true; more; {
				more, err = l.Classify(context.Background(), version, classByPrefix(version))
				require.NoError(t, err)
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "pack") {
			_, err = l.Pack(context.Background())
			require.NoError(t, err)
		}
		filter := auditlog.Filter{Criteria: drawTerms(t), Exclusions: drawTerms(t)}
		checkArchiveRead(t, a, log, covered, filter)
		checkArchiveGroups(t, a, log, filter, version)
	})
}

func everywhere(log []auditlog.Event, ranges []auditlog.TimeRange) []auditlog.Event {
	var out []auditlog.Event
	for _, r := range ranges {
		out = append(out, between(log, r)...)
	}
	return out
}

func checkArchiveRead(t *rapid.T, a *Archive, log []auditlog.Event, covered []auditlog.TimeRange, filter auditlog.Filter) {
	matcher, classOf := filter.Local(), classByPrefix("1")
	for _, order := range []cbc.Order{cbc.NewestFirst, cbc.OldestFirst} {
		w := drawRange(t)
		var got []string
		require.NoError(t, a.Read(context.Background(), filter, w, order, func(events []*auditlog.Event) bool {
			for _, e := range events {
				if matcher.Match(e, classOf(e)) {
					got = append(got, string(e.AppendJSON(nil)))
				}
			}
			return true
		}))
		var want []string
		for _, e := range everywhere(log, Within(covered, w)) {
			if matcher.Match(&e, classOf(&e)) {
				want = append(want, string(e.AppendJSON(nil)))
			}
		}
		if order == cbc.NewestFirst {
			slices.Reverse(want)
		}
		require.Equal(t, want, got)
	}
}

func checkArchiveGroups(t *rapid.T, a *Archive, log []auditlog.Event, filter auditlog.Filter, version string) {
	keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]auditlog.Key{
		auditlog.KeyActor, auditlog.KeyAccount, auditlog.KeyAddress, auditlog.KeyFlagged, auditlog.KeyCategory, auditlog.KeyDescription, auditlog.KeyCode,
	}), 0, 3, func(k auditlog.Key) auditlog.Key { return k }).Draw(t, "by")
	if !CanGroup(filter, keys) {
		return
	}
	g := Grouping{Filter: filter, Range: drawRange(t), Keys: keys, Catalog: version}
	width := (g.Range.To-g.Range.From)/3 + 1
	if rapid.Bool().Draw(t, "buckets") {
		g.Edges = []int64{g.Range.From, g.Range.From + width, g.Range.From + 2*width}
	}
	matcher, classOf := filter.Local(), classByPrefix(version)
	type numbers struct {
		n           int64
		first, last time.Time
	}
	note := func(groups map[string]numbers, name string, n int64, first, last time.Time) {
		old, known := groups[name]
		if !known || first.Before(old.first) {
			old.first = first
		}
		if !known || last.After(old.last) {
			old.last = last
		}
		old.n += n
		groups[name] = old
	}
	name := func(e *auditlog.Event) string {
		c, bucket := classOf(e), 0
		if len(g.Edges) > 0 {
			bucket = int((e.CreateTime.UnixMilli() - g.Range.From) / width)
		}
		values := make([]string, len(keys))
		for i, k := range keys {
			values[i] = k.Value(e, c)
		}
		return fmt.Sprint(bucket, strings.Join(values, "|"))
	}
	got, want := map[string]numbers{}, map[string]numbers{}
	held, err := a.Group(context.Background(), g, func(group Grouped) {
		note(got, fmt.Sprint(group.Bucket, strings.Join(group.Values, "|")), group.Count, group.First, group.Last)
	}, func(e *auditlog.Event) {
		if matcher.Match(e, classOf(e)) {
			note(got, name(e), 1, e.CreateTime, e.CreateTime)
		}
	})
	require.NoError(t, err)
	for _, e := range everywhere(log, held) {
		if matcher.Match(&e, classOf(&e)) {
			note(want, name(&e), 1, e.CreateTime, e.CreateTime)
		}
	}
	require.Equal(t, want, got)
}

// A page of the database ends in the middle of a millisecond, which is nevertheless returned whole.
func TestArchiveReadsACrowdedMillisecondWhole(t *testing.T) {
	a := newArchive(t, pgtest.New(t).DSN, archiveKey)
	log := make([]auditlog.Event, 6_000)
	for i := range log {
		log[i] = auditlog.Event{CreateTime: archiveStart.Add(time.Duration(i/2500) * time.Millisecond), Description: fmt.Sprint(i)}
	}
	w := auditlog.NewTimeRange(archiveStart, archiveStart.Add(time.Second))
	_, err := leadArchive(t, a).Add(context.Background(), Fill{Range: w, Events: log, Class: classByPrefix("1")})
	require.NoError(t, err)
	for _, order := range []cbc.Order{cbc.NewestFirst, cbc.OldestFirst} {
		seen := map[int64]int{}
		require.NoError(t, a.Read(context.Background(), auditlog.Filter{}, w, order, func(events []*auditlog.Event) bool {
			parts := map[int64]int{}
			for _, e := range events {
				parts[e.CreateTime.UnixMilli()]++
			}
			for at, n := range parts {
				require.Zero(t, seen[at], "a millisecond came in two parts")
				seen[at] = n
			}
			return true
		}))
		first := archiveStart.UnixMilli()
		require.Equal(t, map[int64]int{first: 2500, first + 1: 2500, first + 2: 1000}, seen)
	}
}

// Only one replica fills, and one that was thought dead changes nothing afterwards.
func TestArchiveLeaseFencesOffAnEarlierHolder(t *testing.T) {
	database := pgtest.New(t)
	here, there := newArchive(t, database.DSN, archiveKey), newArchive(t, database.DSN, archiveKey)
	l := leadArchive(t, here)
	_, err := there.Lead(context.Background())
	require.ErrorIs(t, err, ErrHeld)

	execute(t, database.DSN, `update cbc_audit_archive set leased_until = 1`) // a minute passes
	taken := leadArchive(t, there)
	w := auditlog.NewTimeRange(archiveStart, archiveStart.Add(time.Hour))
	_, err = l.Add(context.Background(), Fill{Range: w, Events: []auditlog.Event{{CreateTime: archiveStart}}, Class: classByPrefix("1")})
	require.ErrorIs(t, err, ErrNotLeading)
	state, err := here.State(context.Background())
	require.NoError(t, err)
	require.Empty(t, state.Covered)
	require.Zero(t, state.Events)

	l.Release(context.Background()) // of a lease that is lost: the other one stays
	_, err = here.Lead(context.Background())
	require.ErrorIs(t, err, ErrHeld)
	taken.Release(context.Background())
	leadArchive(t, here)
}

func execute(t testing.TB, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), sql)
	require.NoError(t, err)
}

// Months go as a whole, once every archive of the database has passed them and nobody can be reading them.
func TestArchiveDropsWholeMonths(t *testing.T) {
	database := pgtest.New(t)
	a, other := newArchive(t, database.DSN, archiveKey), newArchive(t, database.DSN, cbc.APIKey{URL: "h", OrgKey: "o", APIID: "i"})
	l, m := leadArchive(t, a), leadArchive(t, other)
	at := func(month time.Month, day int) int64 {
		return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC).UnixMilli()
	}
	fill := Fill{Range: auditlog.TimeRange{From: at(5, 1), To: at(8, 1)}, Class: classByPrefix("1")}
	for month := range time.Month(3) {
		fill.Events = append(fill.Events, auditlog.Event{CreateTime: time.UnixMilli(at(5+month, 10))})
	}
	for _, lease := range []*FillLease{l, m} {
		_, err := lease.Add(context.Background(), fill)
		require.NoError(t, err)
	}
	months := func() []string {
		conn, err := pgx.Connect(context.Background(), database.DSN)
		require.NoError(t, err)
		defer conn.Close(context.Background())
		rows, err := conn.Query(context.Background(), `select inhrelid::regclass::text from pg_inherits where inhparent = 'cbc_audit_archived'::regclass order by 1`)
		require.NoError(t, err)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return names
	}
	all := []string{"cbc_audit_archived_2026_05", "cbc_audit_archived_2026_06", "cbc_audit_archived_2026_07"}

	require.NoError(t, l.Trim(context.Background(), at(6, 15)))
	require.Equal(t, all, months(), "somebody may be reading")
	state, err := a.State(context.Background())
	require.NoError(t, err)
	require.Equal(t, []auditlog.TimeRange{{From: at(6, 15), To: at(8, 1)}}, state.Covered)

	execute(t, database.DSN, `update cbc_audit_archive set state = jsonb_set(state::jsonb, '{dropAfter}', '1')::text`)
	require.NoError(t, l.Trim(context.Background(), at(6, 15)))
	require.Equal(t, all, months(), "the other archive covers them")

	require.NoError(t, m.Trim(context.Background(), at(7, 2)))
	execute(t, database.DSN, `update cbc_audit_archive set state = jsonb_set(state::jsonb, '{dropAfter}', '1')::text`)
	require.NoError(t, m.Trim(context.Background(), at(7, 2)))
	require.Equal(t, all[1:], months())

	var left int
	require.NoError(t, a.Read(context.Background(), auditlog.Filter{}, auditlog.TimeRange{From: at(6, 15), To: at(8, 1)}, cbc.OldestFirst, func(events []*auditlog.Event) bool {
		left += len(events)
		return true
	}))
	require.Equal(t, 1, left)
	_, err = l.Add(context.Background(), fill) // a month that was deleted can be filled again
	require.NoError(t, err)
	require.Equal(t, all, months())
}
