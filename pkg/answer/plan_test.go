package answer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/query"
)

// planEnd is when the time ranges of the tests end.
var planEnd = time.Date(2026, 3, 10, 10, 0, 0, 0, time.UTC)

var planSettings = Settings{MaxEvents: 100_000, Late: 2 * time.Minute, MaxStale: time.Minute, Queue: true}

// planOf plans a query of the last hour, changed by change.
func planOf(t *testing.T, text string, change func(*Request)) Plan {
	t.Helper()
	q, err := query.Parse([]byte(text), catalog.Default(), planSettings.MaxEvents)
	require.NoError(t, err)
	r := Request{Query: q, Range: auditlog.NewTimeRange(planEnd.Add(-time.Hour), planEnd), Now: planEnd, Interval: time.Minute, MaxDataPoints: 100}
	if change != nil {
		change(&r)
	}
	p, err := NewPlan(r, planSettings)
	require.NoError(t, err)
	return p
}

func asRule(r *Request)       { r.Alert, r.Numbers = true, true }
func asExpression(r *Request) { r.Numbers = true }

func TestPlanFilter(t *testing.T) {
	for name, test := range map[string]struct {
		query    string
		cloud    auditlog.Terms
		lucene   string
		count    bool
		classify bool
		here     string
	}{
		"nothing":           {`{"queryType":"count"}`, nil, "", true, false, ""},
		"raw field":         {`{"queryType":"count","criteria":{"actor":["a"]}}`, auditlog.Terms{"actor": {"a"}}, "", true, false, ""},
		"Lucene":            {`{"queryType":"count","query":"login"}`, nil, "login", true, false, ""},
		"derived field":     {`{"queryType":"count","criteria":{"category":["grant"]}}`, nil, "", false, true, "category"},
		"both":              {`{"queryType":"count","criteria":{"actor":["a"],"outcome":["failure"]}}`, auditlog.Terms{"actor": {"a"}}, "", false, true, "outcome"},
		"exclusion":         {`{"queryType":"count","exclusions":{"actor":["a"]}}`, nil, "", true, false, "actor"},
		"groups":            {`{"queryType":"count","groupBy":["account"]}`, nil, "", true, true, ""},
		"fold":              {`{"queryType":"count","fold":true}`, nil, "", false, true, ""},
		"events":            {`{}`, nil, "", true, true, ""},
		"queue":             {`{"queryType":"count","source":"queue","criteria":{"actor":["a"]}}`, nil, "", false, false, "actor"},
		"an event, after 3": {`{"queryType":"count","criteria":{"outcome":["success"]},"groupBy":["actor"],"after":{"criteria":{"outcome":["failure"]},"atLeast":3}}`, nil, "", false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := planOf(t, test.query, nil)
			require.Equal(t, test.lucene, p.Cloud.Query)
			if test.cloud == nil {
				require.Empty(t, p.Cloud.Criteria)
			} else {
				require.Equal(t, test.cloud, p.Cloud.Criteria)
			}
			require.Equal(t, test.count, p.Count != nil)
			require.Equal(t, test.classify, p.Classify)
			require.Equal(t, test.here, p.evaluatedHere())
		})
	}
}

func TestPlanRange(t *testing.T) {
	ago := func(d time.Duration) func(*Request) {
		return func(r *Request) {
			asRule(r)
			r.Now = planEnd.Add(d)
		}
	}
	for name, test := range map[string]struct {
		query   string
		change  func(*Request)
		earlier time.Duration
		notices int
	}{
		"panel":                   {`{"queryType":"count"}`, nil, 0, 0},
		"expression":              {`{"queryType":"count"}`, asExpression, 0, 0},
		"rule":                    {`{"queryType":"count"}`, asRule, 2 * time.Minute, 1},
		"rule, just in time":      {`{"queryType":"count"}`, ago(2 * time.Minute), 2 * time.Minute, 1},
		"rule of the past":        {`{"queryType":"count"}`, ago(2*time.Minute + time.Millisecond), 0, 0},
		"rule, whole buckets":     {`{"queryType":"series"}`, func(r *Request) { asRule(r); r.Interval = 10 * time.Minute }, 10 * time.Minute, 1},
		"expression, no bucket":   {`{"queryType":"series"}`, asExpression, 0, 0},
		"panel, partial buckets":  {`{"queryType":"series"}`, func(r *Request) { r.Interval = 7 * time.Minute }, 0, 0},
		"rule on the queue, late": {`{"queryType":"count","source":"queue"}`, asRule, 2 * time.Minute, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := planOf(t, test.query, test.change)
			require.Equal(t, planEnd, p.Range.End(), "the end stays")
			require.Equal(t, p.Requested.From-test.earlier.Milliseconds(), p.Range.From)
			require.Len(t, p.Notices, test.notices)
		})
	}
}

func TestPlanShape(t *testing.T) {
	for name, test := range map[string]struct {
		query  string
		change func(*Request)
		typ    query.Type
		limit  int
		groups int
		whole  bool
		order  cbc.Order
	}{
		"list":                     {`{}`, nil, query.TypeEvents, 500, 0, false, cbc.NewestFirst},
		"oldest":                   {`{"sort":"asc","limit":7}`, nil, query.TypeEvents, 7, 0, false, cbc.OldestFirst},
		"list in a rule":           {`{}`, asRule, query.TypeCount, maxFrames, 4, true, cbc.NewestFirst},
		"list in an expression":    {`{}`, asExpression, query.TypeCount, maxFrames, 4, true, cbc.NewestFirst},
		"grouped list in a rule":   {`{"groupBy":["actor"]}`, asRule, query.TypeCount, maxFrames, 1, true, cbc.NewestFirst},
		"table in an expression":   {`{"format":"table"}`, asExpression, query.TypeEvents, 500, 0, false, cbc.NewestFirst},
		"table in a rule":          {`{"format":"table"}`, asRule, query.TypeCount, maxFrames, 4, true, cbc.NewestFirst},
		"top":                      {`{"queryType":"top","groupBy":["actor"],"limit":3}`, nil, query.TypeTop, 3, 1, false, cbc.NewestFirst},
		"top in an expression":     {`{"queryType":"top","groupBy":["actor"],"limit":3}`, asExpression, query.TypeTop, 3, 1, false, cbc.NewestFirst},
		"top in a rule":            {`{"queryType":"top","groupBy":["actor"],"limit":3}`, asRule, query.TypeTop, maxFrames, 1, true, cbc.NewestFirst},
		"frames are bounded":       {`{"queryType":"series","groupBy":["actor"],"limit":50000}`, nil, query.TypeSeries, maxFrames, 1, false, cbc.NewestFirst},
		"first seen in expression": {`{"queryType":"firstSeen","groupBy":["actor"]}`, asExpression, query.TypeFirstSeen, maxFrames, 1, true, cbc.NewestFirst},
	} {
		t.Run(name, func(t *testing.T) {
			p := planOf(t, test.query, test.change)
			require.Equal(t, test.typ, p.Query.Type)
			require.Equal(t, test.limit, p.Query.Limit)
			require.Len(t, p.Query.GroupBy, test.groups)
			require.Equal(t, test.whole, p.Whole)
			require.Equal(t, test.order, p.Order)
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	hour := auditlog.NewTimeRange(planEnd.Add(-time.Hour), planEnd)
	for name, test := range map[string]struct {
		request Request
		message string
	}{
		"no range":        {Request{}, "the time range is empty"},
		"an inverted one": {Request{Range: auditlog.TimeRange{From: 2, To: 1}}, "the time range is inverted"},
		"queue is off":    {Request{Range: hour, Query: query.Query{Source: query.SourceQueue}}, "set queueEnabled"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewPlan(test.request, Settings{MaxEvents: 10})
			var bad *query.Error
			require.ErrorAs(t, err, &bad)
			require.ErrorContains(t, err, test.message)
		})
	}
}

// Planning is pure: a request can be planned twice, and what a plan was made of stays as it was.
func TestPlanIsImmutable(t *testing.T) {
	q, err := query.Parse([]byte(`{"criteria":{"actor":["a"],"outcome":["failure"]}}`), catalog.Default(), 100)
	require.NoError(t, err)
	r := Request{Query: q, Range: auditlog.NewTimeRange(planEnd.Add(-time.Hour), planEnd), Now: planEnd, Alert: true, Numbers: true}
	first, err := NewPlan(r, planSettings)
	require.NoError(t, err)
	second, err := NewPlan(r, planSettings)
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Empty(t, r.Query.GroupBy)
}

func TestPlanCallsAndDescription(t *testing.T) {
	const page = 10_000
	for name, test := range map[string]struct {
		query string
		known Knowledge
		calls int
		want  string
	}{
		"unknown":            {`{}`, Knowledge{}, 1, "Reads the events of 1 hour, in at least 1 request."},
		"cached":             {`{}`, Knowledge{Cached: true}, 0, "Answered from the cache."},
		"list of many":       {`{"sort":"asc"}`, Knowledge{Events: 50_000}, 2, "Reads the events of 1 hour, in about 2 requests."},
		"filtered list":      {`{"criteria":{"outcome":["failure"]}}`, Knowledge{Events: 50_000}, 5, "Reads the events of 1 hour, in about 5 requests; the plugin filters by outcome."},
		"total":              {`{"queryType":"count"}`, Knowledge{Events: 50_000}, 2, "Counts the events of 1 hour, in about 2 requests."},
		"small total":        {`{"queryType":"count"}`, Knowledge{Events: 5_000}, 1, "Reads the events of 1 hour, in about 1 request."},
		"groups":             {`{"queryType":"count","groupBy":["account"]}`, Knowledge{Events: 25_000}, 3, "Reads the events of 1 hour, in about 3 requests."},
		"series":             {`{"queryType":"series"}`, Knowledge{Events: 25_000}, 3, "Reads the events of 1 hour, in about 3 requests."},
		"series of too many": {`{"queryType":"series"}`, Knowledge{Events: 250_000}, 61, "Counts the events of 1 hour in buckets of 1 minute, in about 61 requests."},
		"top of too many":    {`{"queryType":"top","groupBy":["actor"],"limit":10}`, Knowledge{Events: 250_000}, 20, "Reads the events of 1 hour, in about 20 requests."},
		"first seen":         {`{"queryType":"firstSeen","groupBy":["actor"]}`, Knowledge{Events: 10}, 2, "Reads the events of 1 hour and looks their groups up in the 30 days before, in about 2 requests."},
		"queue":              {`{"source":"queue"}`, Knowledge{}, 0, "Answered from the store of the queue."},
	} {
		t.Run(name, func(t *testing.T) {
			test.known.PageSize = page
			p := planOf(t, test.query, nil)
			require.Equal(t, test.calls, p.Calls(test.known))
			require.Equal(t, test.want, p.Describe(test.known))
		})
	}
}
