package export

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

func drawTerms(t *rapid.T, name string) auditlog.Terms {
	choices := map[auditlog.Key][]string{
		auditlog.KeyActor:    {"mary@example.org", "MARY@example.org", "", "=cmd", "nobody"},
		auditlog.KeyActorIP:  {"192.0.2.1", "", "2001:db8::1"},
		auditlog.KeyFlagged:  {"true", "false"},
		auditlog.KeyVerbose:  {"true", "false"},
		auditlog.KeyCategory: {"authentication", "policy", "other"},
		auditlog.KeyAccount:  {"mary@example.org", "abcdefghij", "ABCDEFGHIJ", "nobody"},
		auditlog.KeyAddress:  {"192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "198.51.100.0/24"},
	}
	terms := auditlog.Terms{}
	for _, key := range auditlog.Keys() {
		values := choices[key]
		if values == nil {
			continue
		}
		if rapid.IntRange(0, 4).Draw(t, name+" has "+string(key)) > 0 {
			continue
		}
		most := len(values)
		if key.Boolean() {
			most = 1
		}
		terms[key] = rapid.SliceOfNDistinct(rapid.SampledFrom(values), 1, most, rapid.ID[string]).Draw(t, name+" "+string(key))
	}
	return terms
}

func drawSwitches(t *rapid.T) simulator.Switches {
	word := func(name string, words ...string) string { return rapid.SampledFrom(words).Draw(t, name) }
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	sw := simulator.Switches{
		ExclusiveStart: flag("exclusive start"), ExclusiveEnd: flag("exclusive end"), BoundPrecision: word("bounds", "none", "ms", "s"),
		CriteriaCase: word("case", "sensitive", "insensitive"), OmitFalse: flag("omit false"), EmptyText: word("empty", "null", "empty", "absent", "mixed"),
		TimeDigits: word("digits", "3", "3", "0", "6", "9", "trim"), CapNumFound: flag("cap"), Ties: word("ties", "stable", "shuffled"),
		NumAvailable: word("available", "reach", "found", "page", "absent"), ExtraKeys: flag("extra keys"), DefaultSort: word("sort", "newest", "oldest"),
		ExportStatus: rapid.SampledFrom([]int{200, 201, 202, 303}).Draw(t, "export status"), JobIDType: word("id", "int", "string"),
		JobIDKey: word("id key", "job_id", "jobId", "ref_url"), JobInProgress: flag("in progress"), JobProgress: flag("progress"),
		JobPolls: rapid.IntRange(-1, 4).Draw(t, "polls"), JobEarly404: rapid.IntRange(0, 2).Draw(t, "early 404"),
		ProgressRoute: word("progress route", "right", "stuck", "missing"), EarlyDownload: word("early", "serve", "404", "409", "empty"),
		DownloadRedirect: word("redirect", "none", "same", "other"), CSVHeader: word("header", "names", "titles", "none"),
		CSVLineEnding: word("ending", "crlf", "lf"), CSVBOM: flag("byteOrderMark"), JSONEnvelope: word("envelope", "array", "results", "ndjson"),
		Gzip: word("gzip", "off", "accepted", "always"), Empty204: flag("204"), ExportRowCap: rapid.SampledFrom([]int{0, 0, 0, 40}).Draw(t, "row cap"),
	}
	if flag("other columns") {
		sw.CSVColumns = rapid.Permutation([]string{"create_time", "org_key", "actor", "actor_ip", "request_url", "description", "flagged", "verbose"}).Draw(t, "columns")
	}
	return sw
}

// The file of an export holds the events of the search, as a multiset, however the cloud does what is not documented.
func TestFileIsTheSearch(t *testing.T) {
	events := sample(240)
	for i := 100; i < 140; i++ {
		events[i].CreateTime = events[i].CreateTime.Add(999_999 * time.Nanosecond) // as fine as a time can be written
	}
	rapid.Check(t, func(rt *rapid.T) {
		run := &cleanups{T: rt}
		defer run.end()
		sw := drawSwitches(rt)
		w := newWorld(run, events, sw)
		from := origin.Add(-24*time.Hour + time.Duration(rapid.IntRange(-1000, 80_000_000).Draw(rt, "from"))*time.Millisecond)
		to := from.Add(time.Duration(rapid.IntRange(1, 80_000_000).Draw(rt, "length")) * time.Millisecond)
		if i := rapid.IntRange(-1, len(events)-1).Draw(rt, "edge"); i >= 0 {
			from = events[i].CreateTime // an edge on an event
		}
		if i := rapid.IntRange(-1, len(events)-1).Draw(rt, "end"); i >= 0 && events[i].CreateTime.After(from) {
			to = events[i].CreateTime
		}
		if to.Sub(from) < 2*time.Millisecond {
			to = from.Add(time.Hour)
		}
		r := Request{
			Query: json.RawMessage(`{}`), TimeRange: auditlog.NewTimeRange(from, to), Who: "mary",
			Filter: auditlog.Filter{Criteria: drawTerms(rt, "criteria"), Exclusions: drawTerms(rt, "exclusions")},
			Format: rapid.SampledFrom([]cbc.ExportFormat{cbc.ExportCSV, cbc.ExportJSON}).Draw(rt, "format"),
		}
		r.Filter.Query = rapid.SampledFrom([]string{"", "", "", "description:policy", "-flagged:true"}).Draw(rt, "lucene")
		phrases := rapid.IntRange(0, 5).Draw(rt, "phrases") == 0
		if phrases {
			r.Filter.Criteria[auditlog.KeyDescription] = []string{"logged in", "two"}
		}
		x := w.complete(rt, r)
		d := fetch(rt, w.Service, x.ID, false)
		units := map[string]time.Duration{"3": time.Millisecond, "6": time.Microsecond}
		want := w.records(r.Filter, r.TimeRange, max(units[sw.TimeDigits], time.Nanosecond))
		if sw.TimeDigits == "0" || sw.TimeDigits == "trim" || phrases || r.Filter.Query != "" {
			want = w.searched(rt, r.Filter, r.TimeRange) // only the server knows: then its choice is the search's
		}
		same(rt, want, parsed(rt, d), x.Reason, d.String())
		m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
		require.NoError(rt, err)
		require.Equal(rt, len(want), m.Rows)
		require.True(rt, m.Complete, m.Note)
	})
}

// cleanups run at the end of one run of a property.
type cleanups struct {
	*rapid.T
	list []func()
}

func (c *cleanups) Cleanup(f func()) { c.list = append(c.list, f) }

func (c *cleanups) end() {
	for _, f := range c.list {
		f()
	}
}

// searched returns the events that searches find, each as one string, sorted.
func (w *world) searched(t require.TestingT, f auditlog.Filter, window auditlog.TimeRange) []string {
	var out []string
	var cost history.Cost
	var coverage history.Coverage
	for batch, err := range w.config.OwnPast().Read(context.Background(), question(f.Cloud(), window), &coverage, &cost) {
		require.NoError(t, err)
		for e := range batch {
			if f.Local().Match(e, catalog.Default().ClassifyEvent(e)) {
				out = append(out, record(*e))
			}
		}
	}
	require.True(t, coverage.Complete)
	slices.Sort(out)
	return out
}
