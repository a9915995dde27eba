// Package panel answers panel queries: a query is parsed and checked, its events are read, counted or listed, and what comes
// out is made into data frames, with a word on what it covers.
package panel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Shape is what an answer looks like.
type Shape string

// The shapes of an answer.
const (
	ShapeEvents    Shape = "events"
	ShapeCount     Shape = "count"
	ShapeSeries    Shape = "series"
	ShapeTop       Shape = "top"
	ShapeFirstSeen Shape = "firstSeen"
	// The last two tell of the plugin itself, and not of events: how it is, and who spends its requests.
	ShapeStatus  Shape = "status"
	ShapeCallers Shape = "callers"
)

// Source is where an answer comes from.
type Source string

// The sources of an answer.
const (
	SourceSearch Source = "search"
	SourceQueue  Source = "queue"
)

// Format is how a list of events is laid out.
type Format string

// The formats of a list of events.
const (
	FormatLogs  Format = "logs"
	FormatTable Format = "table"
)

// SchemaVersion is the newest version of the query model that is understood.
const SchemaVersion = 1

const defaultLimit = 500

// Query is a panel query in the words of the domain: everything is checked and has its default.
type Query struct {
	Shape   Shape
	Source  Source
	Format  Format
	Filter  auditlog.Filter
	GroupBy []auditlog.Key
	Limit   int
	// AskedLimit is the limit that was asked for, where it is over the most that is allowed.
	AskedLimit int
	Scrolls    bool          // Explore asks for more rows while somebody scrolls
	Oldest     bool          // the oldest events instead of the newest
	Baseline   time.Duration // how far firstSeen looks back, 30 days if nothing is said
	After      *After        // nil: whatever came before
	Fold       bool          // one row for all entries of one policy edit
}

// QueryError is a query that cannot be answered as it is. Its text names the key and lists what is allowed.
type QueryError struct{ text string }

func (e *QueryError) Error() string { return e.text }

func badQuery(format string, args ...any) *QueryError {
	return &QueryError{text: fmt.Sprintf(format, args...)}
}

// Vocabulary lists the values that the derived keys can have.
type Vocabulary interface {
	Categories() []string
	Actions() []string
	Outcomes() []string
}

// grafanaKeys are members of a query that Grafana adds for itself. Its editor of alert rules writes instant and range into every query.
var grafanaKeys = []string{
	"refId", "datasource", "datasourceId", "hide", "key", "intervalMs", "maxDataPoints", "timeRange", "relativeTimeRange",
	"queryCachingTTL", "requestId", "queryGroupId", "scopes", "adhocFilters", "type", "resultAssertions", "instant", "range",
}

// parser reads one query.
type parser struct {
	query      Query
	vocabulary Vocabulary
	maxEvents  int
}

// members are the keys of the query model, each with its reader.
var members = map[string]func(*parser, json.RawMessage) error{
	"schemaVersion": (*parser).schemaVersion,
	"queryType":     (*parser).shape,
	"source":        (*parser).source,
	"format":        (*parser).format,
	"query":         (*parser).lucene,
	"criteria":      (*parser).criteria,
	"exclusions":    (*parser).exclusions,
	"groupBy":       (*parser).groupBy,
	"limit":         (*parser).limit,
	"sort":          (*parser).sort,
	"baseline":      (*parser).baseline,
	"after":         (*parser).after,
	"fold":          (*parser).fold,

	"supportingQueryType": (*parser).supporting,
}

// ParseQuery reads a query as Grafana sends it. maxEvents bounds the limit.
func ParseQuery(raw []byte, v Vocabulary, maxEvents int) (Query, error) {
	p := &parser{
		query:      Query{Shape: ShapeEvents, Source: SourceSearch, Format: FormatLogs, Limit: min(defaultLimit, maxEvents), Baseline: defaultBaseline},
		vocabulary: v,
		maxEvents:  maxEvents,
	}
	var object map[string]json.RawMessage
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &object); err != nil {
			return Query{}, badQuery("the query is not a JSON object: %v", err)
		}
	}
	for _, name := range sortedKeys(object) {
		read, known := members[name]
		switch {
		case known:
			if isNull(object[name]) {
				continue
			}
			if err := read(p, object[name]); err != nil {
				return Query{}, err
			}
		case !slices.Contains(grafanaKeys, name):
			return Query{}, badQuery("the query has an unknown key %q: allowed are %s", cut(name), list(queryKeys()))
		}
	}
	return p.query, p.check()
}

// check looks at what only the whole query shows.
func (p *parser) check() error {
	if p.query.Shape == ShapeFirstSeen && len(p.query.GroupBy) == 0 {
		return badQuery(`"queryType":"firstSeen" needs "groupBy": name the keys whose first appearance is wanted, such as ["actor","actor_ip"]`)
	}
	if p.query.Source == SourceQueue && strings.TrimSpace(p.query.Filter.Query) != "" {
		return badQuery(`Lucene text cannot be applied to "source":"queue": use criteria and exclusions, or "source":"search"`)
	}
	return p.checkAfter()
}

func (p *parser) schemaVersion(raw json.RawMessage) error {
	var version int
	if err := json.Unmarshal(raw, &version); err != nil {
		return wrongType("schemaVersion", "a whole number", raw)
	}
	if version < 1 || version > SchemaVersion {
		return badQuery("schemaVersion %d is not understood: this version of the plugin knows 1", version)
	}
	return nil
}

func (p *parser) shape(raw json.RawMessage) error {
	if string(raw) == `""` {
		return nil // Grafana writes the empty text into a new query
	}
	allowed := []string{string(ShapeEvents), string(ShapeCount), string(ShapeSeries), string(ShapeTop), string(ShapeFirstSeen), string(ShapeStatus), string(ShapeCallers)}
	value, err := oneOf("queryType", raw, allowed)
	p.query.Shape = Shape(value)
	return err
}

func (p *parser) source(raw json.RawMessage) error {
	value, err := oneOf("source", raw, []string{string(SourceSearch), string(SourceQueue)})
	p.query.Source = Source(value)
	return err
}

func (p *parser) format(raw json.RawMessage) error {
	value, err := oneOf("format", raw, []string{string(FormatLogs), string(FormatTable)})
	p.query.Format = Format(value)
	return err
}

func (p *parser) sort(raw json.RawMessage) error {
	value, err := oneOf("sort", raw, []string{"desc", "asc"})
	p.query.Oldest = value == "asc"
	return err
}

func (p *parser) lucene(raw json.RawMessage) error {
	if err := json.Unmarshal(raw, &p.query.Filter.Query); err != nil {
		return wrongType("query", "a text", raw)
	}
	return nil
}

func (p *parser) criteria(raw json.RawMessage) (err error) {
	p.query.Filter.Criteria, err = p.terms("criteria", raw)
	return err
}

func (p *parser) exclusions(raw json.RawMessage) (err error) {
	p.query.Filter.Exclusions, err = p.terms("exclusions", raw)
	return err
}

func (p *parser) groupBy(raw json.RawMessage) error {
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return wrongType("groupBy", "a list of keys", raw)
	}
	for _, name := range names {
		key := auditlog.Key(name)
		if !slices.Contains(auditlog.Keys(), key) {
			return badQuery("groupBy has an unknown key %q: allowed are %s", cut(name), list(keyNames()))
		}
		if slices.Contains(p.query.GroupBy, key) {
			return badQuery("groupBy names %q twice", cut(name))
		}
		p.query.GroupBy = append(p.query.GroupBy, key)
	}
	return nil
}

func (p *parser) limit(raw json.RawMessage) error {
	var limit float64
	if err := json.Unmarshal(raw, &limit); err != nil || limit != math.Trunc(limit) {
		return wrongType("limit", "a whole number", raw)
	}
	p.query.Limit = int(min(max(limit, math.MinInt32), math.MaxInt32))
	if p.query.Limit < 1 {
		return badQuery("limit %d is out of range: allowed are 1 to %d (maxEvents in the data source's settings)", p.query.Limit, p.maxEvents)
	}
	if p.query.Limit > p.maxEvents {
		p.query.AskedLimit, p.query.Limit = p.query.Limit, p.maxEvents
	}
	return nil
}

// supporting reads why Grafana asks. Words that a later version of Grafana brings change nothing.
func (p *parser) supporting(raw json.RawMessage) error {
	p.query.Scrolls = string(raw) == `"infiniteScroll"`
	return nil
}

func (p *parser) baseline(raw json.RawMessage) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return wrongType("baseline", `a duration such as "30d"`, raw)
	}
	d, ok := duration(text)
	if !ok || d <= 0 || d > maxBaseline {
		return badQuery(`baseline %q is not understood: expected a number and a unit (m, h, d, w), at most 90d, such as "30d"`, cut(text))
	}
	p.query.Baseline = d
	return nil
}

const (
	defaultBaseline = 30 * 24 * time.Hour
	maxBaseline     = 90 * 24 * time.Hour
)

func duration(text string) (time.Duration, bool) {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if text == "" {
		return 0, false
	}
	unit := units[text[len(text)-1]]
	n, err := strconv.Atoi(text[:len(text)-1])
	if err != nil || unit == 0 || n > int(maxBaseline/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// oneOf reads a text that must be one of a few.
func oneOf(name string, raw json.RawMessage, allowed []string) (string, error) {
	var value string
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", wrongType(name, "one of "+list(allowed), raw)
	}
	if !slices.Contains(allowed, value) {
		return "", badQuery("%s has an unknown value %q: allowed are %s", name, cut(value), list(allowed))
	}
	return value, nil
}

func wrongType(name, want string, raw json.RawMessage) error {
	return badQuery("%s must be %s, not %s", name, want, cut(string(raw)))
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }

// queryKeys are the keys that a user may write.
func queryKeys() []string {
	return slices.DeleteFunc(sortedKeys(members), func(name string) bool { return name == "supportingQueryType" })
}

// maxQuoted bounds what an error quotes of a query.
const maxQuoted = 60

func cut(s string) string {
	if len(s) > maxQuoted {
		return strings.ToValidUTF8(s[:maxQuoted], "") + "…"
	}
	return s
}

func keyNames() []string {
	names := make([]string, 0, len(auditlog.Keys()))
	for _, k := range auditlog.Keys() {
		names = append(names, string(k))
	}
	return names
}

func list(values []string) string { return strings.Join(values, ", ") }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
