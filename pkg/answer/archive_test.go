package answer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/store"
)

// classified is an archive whose classes were made by the default catalog.
type classified struct{ *store.Archive }

func (c classified) Group(ctx context.Context, g store.Grouping, take func(store.Grouped), single func(*auditlog.Event)) ([]auditlog.TimeRange, error) {
	g.Catalog = catalog.Default().Fingerprint()
	return c.Archive.Group(ctx, g, take, single)
}

// openArchive opens an empty archive of its own.
func openArchive(t require.TestingT, database *pgtest.Database, name string) classified {
	a, err := store.NewArchive(database.DSN, cbc.APIKey{URL: "https://cbc.test:443", OrgKey: "ABCD1234", APIID: name})
	require.NoError(t, err)
	return classified{a}
}

// fillArchive covers time ranges.
func fillArchive(t require.TestingT, a classified, sim *simulator.Server, ranges ...auditlog.TimeRange) {
	l, err := a.Lead(context.Background())
	require.NoError(t, err)
	for _, r := range ranges {
		_, err := l.Add(context.Background(), store.Fill{
			Range: r, Events: truth(sim, auditlog.Filter{}, r), Catalog: catalog.Default().Fingerprint(), Class: catalog.Default().ClassifyEvent,
		})
		require.NoError(t, err)
	}
	for more := true; more; {
		more, err = l.Pack(context.Background())
		require.NoError(t, err)
	}
}

// Whatever the archive covers, an answer is that of brute force.
func TestAnswersFromTheArchiveEqualBruteForce(t *testing.T) {
	database, n := pgtest.New(t), 0
	checkAnswers(t, func(t *rapid.T, p *answer.Answerer, sim *simulator.Server) {
		n++
		a := openArchive(t, database, fmt.Sprint("KEY", n))
		t.Cleanup(a.Close)
		p.Archive = a
		var covered []auditlog.TimeRange
		for range rapid.IntRange(0, 3).Draw(t, "fills") {
			covered = append(covered, drawWindow(t))
		}
		if rapid.Bool().Draw(t, "all") {
			covered = append(covered, auditlog.TimeRange{From: origin.UnixMilli() - 10_000, To: origin.UnixMilli() + 10_000})
		}
		fillArchive(t, a, sim, covered...)
	})
}

// Every query type has the same answer with an archive as without.
func TestArchiveChangesNoAnswer(t *testing.T) {
	database, n := pgtest.New(t), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		events := drawEvents(t, false)
		plain, sim := newPanel(t, events, simulator.Switches{})
		archived, _ := newPanel(t, events, simulator.Switches{})
		a := openArchive(t, database, fmt.Sprint("KEY", n))
		defer a.Close()
		archived.Archive = a
		fillArchive(t, a, sim, drawWindow(t), drawWindow(t))
		key := rapid.SampledFrom([]auditlog.Key{auditlog.KeyActor, auditlog.KeyAccount, auditlog.KeyAddress, auditlog.KeyCategory, auditlog.KeyTarget}).Draw(t, "key")
		q := query.Query{
			Type:   rapid.SampledFrom([]query.Type{query.TypeFirstSeen, query.TypeTop, query.TypeEvents, query.TypeSeries}).Draw(t, "type"),
			Source: query.SourceSearch, Format: query.FormatTable, GroupBy: []auditlog.Key{key}, Limit: 100, Baseline: 2 * time.Second, Filter: drawFilter(t),
			Fold: rapid.Bool().Draw(t, "fold"),
		}
		if q.Type == query.TypeEvents {
			q.GroupBy = nil
		} else {
			q.Fold = false
		}
		r := answer.Request{Query: q, Range: drawWindow(t), Interval: 100 * time.Millisecond, MaxDataPoints: 50, Now: origin.Add(time.Hour)}
		for range 2 { // the second one may find groups remembered
			want, err := plain.Answer(context.Background(), r)
			require.NoError(t, err)
			got, err := archived.Answer(context.Background(), r)
			require.NoError(t, err)
			require.Equal(t, content(t, want), content(t, got))
		}
	})
}

// content is what frames hold, without what they say about how it was found.
func content(t require.TestingT, frames frame.Frames) string {
	for _, f := range frames {
		f.Meta = nil
	}
	text, err := json.Marshal(frames)
	require.NoError(t, err)
	return string(text)
}

// statistic returns a number that the query inspector shows.
func statistic(t require.TestingT, f *data.Frame, name string) float64 {
	for _, s := range f.Meta.Stats {
		if s.DisplayName == name {
			return s.Value
		}
	}
	require.Fail(t, "no statistic", name)
	return 0
}

// hour of events, the older half of which is archived, and the requests that were sent.
func archivedHour(t *testing.T) (p *answer.Answerer, a classified, sim *simulator.Server, hour auditlog.TimeRange) {
	var events []simulator.Event
	for i := range 1200 {
		events = append(events, simulator.Event{CreateTime: origin.Add(time.Duration(i)*3*time.Second + time.Millisecond), Actor: fmt.Sprint("user", i%7), Description: "Login failed"})
	}
	p, sim = newPanel(t, events, simulator.Switches{})
	a = openArchive(t, pgtest.New(t), "KEY")
	t.Cleanup(a.Close)
	p.Archive = a
	hour = auditlog.NewTimeRange(origin, origin.Add(time.Hour))
	return p, a, sim, hour
}

// What is archived costs no request, however many events there are, and however few may be read.
func TestArchivedAnswersTakeNoRequests(t *testing.T) {
	p, a, sim, hour := archivedHour(t)
	fillArchive(t, a, sim, hour)
	p.MaxEvents = 10
	for name, q := range map[string]query.Query{
		"count":    {Type: query.TypeCount, Limit: 10},
		"by actor": {Type: query.TypeCount, GroupBy: []auditlog.Key{auditlog.KeyActor}, Limit: 10},
		"top":      {Type: query.TypeTop, GroupBy: []auditlog.Key{auditlog.KeyCategory}, Limit: 10},
		"series":   {Type: query.TypeSeries, GroupBy: []auditlog.Key{auditlog.KeyOutcome}, Limit: 10},
		"list":     {Type: query.TypeEvents, Format: query.FormatTable, Limit: 5, Filter: auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyOutcome: {"failure"}}}},
		"folded":   {Type: query.TypeEvents, Format: query.FormatTable, Limit: 5, Fold: true},
	} {
		t.Run(name, func(t *testing.T) {
			q.Source = query.SourceSearch
			frames, err := p.Answer(context.Background(), answer.Request{Query: q, Range: hour, Interval: time.Minute, MaxDataPoints: 100})
			require.NoError(t, err)
			require.Empty(t, warnings(frames))
			require.Zero(t, statistic(t, frames[0], "API calls"))
			if !q.Fold { // a folded list is not read beyond its limit
				require.EqualValues(t, 1200, statistic(t, frames[0], "Events found"))
			}
		})
	}
}

// broken is an archive whose database fails, from the beginning or while it is read.
type broken struct {
	answer.Archive
	state, group, read error
}

func (b broken) State(ctx context.Context) (store.ArchiveState, error) {
	if b.state != nil {
		return store.ArchiveState{}, b.state
	}
	return b.Archive.State(ctx)
}

func (b broken) Group(ctx context.Context, g store.Grouping, take func(store.Grouped), single func(*auditlog.Event)) ([]auditlog.TimeRange, error) {
	held, err := b.Archive.Group(ctx, g, take, single)
	return held, errors.Join(err, b.group)
}

func (b broken) Read(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, order cbc.Order, visit func([]*auditlog.Event) bool) error {
	pages := 0
	err := b.Archive.Read(ctx, f, w, order, func(events []*auditlog.Event) bool {
		pages++
		return visit(events) && (pages < 1 || b.read == nil)
	})
	return errors.Join(err, b.read)
}

// An archive that fails costs requests, never events.
func TestFailingArchiveIsReplacedBySearches(t *testing.T) {
	failure := errors.New("PostgreSQL failed: it is off")
	for name, how := range map[string]broken{"at once": {state: failure}, "in the middle": {group: failure, read: failure}} {
		t.Run(name, func(t *testing.T) {
			p, a, sim, hour := archivedHour(t)
			fillArchive(t, a, sim, auditlog.TimeRange{From: hour.From, To: hour.From + 1_800_000})
			how.Archive = a
			p.Archive = how
			for _, keys := range [][]auditlog.Key{nil, {auditlog.KeyActor}, {auditlog.KeyTarget}} {
				frames, err := p.Answer(context.Background(), answer.Request{Query: query.Query{Type: query.TypeTop, Source: query.SourceSearch, GroupBy: keys, Limit: 10}, Range: hour})
				require.NoError(t, err)
				sum := int64(0)
				count, _ := frames[0].FieldByName("count")
				for i := range count.Len() {
					sum += count.At(i).(int64)
				}
				require.EqualValues(t, 1200, sum)
				require.Contains(t, fmt.Sprint(warnings(frames)), "archive")
			}
		})
	}
}

// horizon is an archive of which Carbon Black Cloud no longer has everything.
type horizon struct {
	classified
	from int64
}

func (h horizon) State(ctx context.Context) (store.ArchiveState, error) {
	s, err := h.classified.State(ctx)
	s.CloudFrom = h.from
	return s, err
}

// An answer says which of its events only the archive has, and a Lucene query, which cannot see them, says that.
func TestAnswersSayWhatTheCloudHasDeleted(t *testing.T) {
	p, a, sim, hour := archivedHour(t)
	fillArchive(t, a, sim, hour)
	p.Archive = horizon{a, hour.From + 600_000}
	for lucene, want := range map[string]string{"": "come from the archive", "description:login": "are missing"} {
		q := query.Query{Type: query.TypeTop, Source: query.SourceSearch, Limit: 10, Filter: auditlog.Filter{Query: lucene}}
		for from, says := range map[int64]bool{hour.From: true, hour.From + 600_000: false} {
			frames, err := p.Answer(context.Background(), answer.Request{Query: q, Range: auditlog.TimeRange{From: from, To: hour.To}})
			require.NoError(t, err)
			text := fmt.Sprint(frames[0].Meta.Notices)
			if says {
				require.Contains(t, text, "Events before 2026-03-10T10:09:59.000Z "+want)
			} else {
				require.NotContains(t, text, "Events before")
			}
		}
	}
}

// What the database cannot group is read, up to the maximum, so that no viewer fills the memory; a rule gets an error instead of a part.
func TestArchivedEventsThatAreReadAreBounded(t *testing.T) {
	p, a, sim, hour := archivedHour(t)
	fillArchive(t, a, sim, hour)
	p.MaxEvents = 10
	q := query.Query{Type: query.TypeTop, Source: query.SourceSearch, GroupBy: []auditlog.Key{auditlog.KeyTarget}, Limit: 10}
	frames, err := p.Answer(context.Background(), answer.Request{Query: q, Range: hour})
	require.NoError(t, err)
	require.Less(t, statistic(t, frames[0], "Events read"), 1200.0)
	require.Contains(t, fmt.Sprint(warnings(frames)), "Incomplete")
	_, err = p.Answer(context.Background(), answer.Request{Query: q, Range: hour, Numbers: true})
	require.ErrorContains(t, err, "maxEvents")
}

// ended is an archive whose end of the log another replica has read.
type ended struct {
	classified
	events []auditlog.Event
}

func (a ended) End(_ context.Context, r auditlog.TimeRange, _ time.Duration, _ func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool)) *store.End {
	end := &store.End{Range: r}
	for _, e := range a.events {
		if r.Contains(e.CreateTime) {
			end.Events = append(end.Events, e)
		}
	}
	return end
}

// What one replica has read of the end of the log is not requested by another, whatever it asks.
func TestTheEndOfTheLogIsReadOnce(t *testing.T) {
	p, a, sim, hour := archivedHour(t)
	fillArchive(t, a, sim, auditlog.TimeRange{From: hour.From, To: hour.To - 120_000})
	p.Archive = ended{a, truth(sim, auditlog.Filter{}, hour)}
	p.Fresh = time.Hour
	for name, q := range map[string]query.Query{
		"count":    {Type: query.TypeCount, Limit: 10},
		"filtered": {Type: query.TypeCount, Limit: 10, Filter: auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyOutcome: {"failure"}}}},
		"by actor": {Type: query.TypeCount, GroupBy: []auditlog.Key{auditlog.KeyActor}, Limit: 10},
		"series":   {Type: query.TypeSeries, Limit: 10},
		"list":     {Type: query.TypeEvents, Format: query.FormatTable, Limit: 5},
	} {
		t.Run(name, func(t *testing.T) {
			q.Source = query.SourceSearch
			frames, err := p.Answer(context.Background(), answer.Request{Query: q, Range: hour, Interval: time.Minute, MaxDataPoints: 100})
			require.NoError(t, err)
			require.Zero(t, statistic(t, frames[0], "API calls"))
			require.EqualValues(t, 1200, statistic(t, frames[0], "Events found"))
		})
	}
}
