// Package query is the query model of panels, alert rules, exports and live tails. It parses and checks queries and adds defaults. It is
// pure: it reads nothing.
package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Type is what an answer looks like.
type Type string

// The query types.
const (
	TypeEvents    Type = "events"
	TypeCount     Type = "count"
	TypeSeries    Type = "series"
	TypeTop       Type = "top"
	TypeFirstSeen Type = "firstSeen"
	// The last two are about the plugin itself: its state, and which panels and rules spend its requests.
	TypeStatus  Type = "status"
	TypeCallers Type = "callers"
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

// Query is a parsed query: every value is checked or a default.
type Query struct {
	Type    Type
	Source  Source
	Format  Format
	Filter  auditlog.Filter
	GroupBy []auditlog.Key
	Limit   int
	// AskedLimit is the requested limit if it exceeds the maximum, else 0.
	AskedLimit int
	Scrolls    bool          // Explore requests more rows while a user scrolls
	Oldest     bool          // the oldest events instead of the newest
	Baseline   time.Duration // how far firstSeen looks back; 30 days by default
	After      *After        // nil means that earlier events do not matter
	Fold       bool          // one row for all entries of one policy edit
	// DescriptionOnly leaves the account and the address out of the lines of a log.
	DescriptionOnly bool
}

// Error is the error of an invalid query. Its text names the key and lists what is allowed.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// Errorf returns an Error with a formatted text.
func Errorf(format string, args ...any) *Error {
	return &Error{text: strings.ToValidUTF8(fmt.Sprintf(format, args...), "\ufffd")} // a query may quote bytes that gRPC cannot send
}

// Vocabulary lists the values that the derived keys can have.
type Vocabulary interface {
	Categories() []string
	Actions() []string
	Outcomes() []string
}

// parser reads one query.
type parser struct {
	query      Query
	vocabulary Vocabulary
	maxEvents  int
	bytes      int // of all values
}

// members maps the keys of the query model to the functions that parse them.
var members = map[string]func(*parser, json.RawMessage) error{
	"schemaVersion": (*parser).schemaVersion,
	"queryType":     (*parser).queryType,
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
	"line":          (*parser).line,

	"supportingQueryType": (*parser).supporting,
}

// Parse reads a query as Grafana sends it. maxEvents bounds the limit.
func Parse(raw []byte, v Vocabulary, maxEvents int) (Query, error) {
	p := &parser{
		query:      Query{Type: TypeEvents, Source: SourceSearch, Format: FormatLogs, Limit: min(defaultLimit, maxEvents), Baseline: defaultBaseline},
		vocabulary: v,
		maxEvents:  maxEvents,
	}
	var object map[string]json.RawMessage
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &object); err != nil {
			return Query{}, Errorf("the query is not a JSON object: %v", err)
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
		case !slices.Contains(rules.GrafanaKeys, name):
			return Query{}, Errorf("the query has an unknown key %q: allowed are %s", cut(name), list(rules.Keys))
		}
	}
	return p.query, p.check()
}

// check checks keys against each other.
func (p *parser) check() error {
	if p.query.Type == TypeFirstSeen && len(p.query.GroupBy) == 0 {
		return Errorf(`"queryType":"firstSeen" needs "groupBy": name the keys whose new values to find, such as ["actor","actor_ip"]`)
	}
	if n := p.bytes; n > rules.Limits.FilterBytes {
		return Errorf("criteria and exclusions have %d bytes of values together, more than the %d that are allowed: use fewer values", n, rules.Limits.FilterBytes)
	}
	if p.query.Source == SourceQueue && strings.TrimSpace(p.query.Filter.Query) != "" {
		return Errorf(`Lucene text cannot be applied to "source":"queue": use criteria and exclusions, or "source":"search"`)
	}
	return p.checkAfter()
}

func (p *parser) schemaVersion(raw json.RawMessage) error {
	var version int
	if err := json.Unmarshal(raw, &version); err != nil {
		return wrongType("schemaVersion", "a whole number", raw)
	}
	if version < 1 || version > SchemaVersion {
		return Errorf("schemaVersion %d is not understood: this version of the plugin knows 1", version)
	}
	return nil
}

func (p *parser) queryType(raw json.RawMessage) error {
	if string(raw) == `""` {
		return nil // Grafana writes an empty string into a new query
	}
	value, err := oneOf("queryType", raw, rules.QueryTypes)
	p.query.Type = Type(value)
	return err
}

func (p *parser) source(raw json.RawMessage) error {
	value, err := oneOf("source", raw, rules.Sources)
	p.query.Source = Source(value)
	return err
}

func (p *parser) format(raw json.RawMessage) error {
	value, err := oneOf("format", raw, rules.Formats)
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
		return wrongType("query", "a string", raw)
	}
	if n := len(p.query.Filter.Query); n > rules.Limits.LuceneBytes {
		return Errorf("query has %d bytes, more than the %d that a Lucene query may have: move lists of values to criteria", n, rules.Limits.LuceneBytes)
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
		if !key.Known() {
			return Errorf("groupBy has an unknown key %q: allowed are %s", cut(name), auditlog.KeyList())
		}
		if slices.Contains(p.query.GroupBy, key) {
			return Errorf("groupBy names %q twice", cut(name))
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
		return Errorf("limit %d is out of range: allowed are 1 to %d (maxEvents in the data source's settings)", p.query.Limit, p.maxEvents)
	}
	if p.query.Limit > p.maxEvents {
		p.query.AskedLimit, p.query.Limit = p.query.Limit, p.maxEvents
	}
	return nil
}

// supporting reads the reason for which Grafana sends a query. Unknown reasons of later versions of Grafana are ignored.
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
		return Errorf(`baseline %q is not understood: expected a number and a unit (m, h, d, w), at most 90d, such as "30d"`, cut(text))
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

func (p *parser) fold(raw json.RawMessage) error {
	if err := json.Unmarshal(raw, &p.query.Fold); err != nil {
		return wrongType("fold", "true or false", raw)
	}
	return nil
}

func (p *parser) line(raw json.RawMessage) error {
	_, err := oneOf("line", raw, rules.Lines)
	p.query.DescriptionOnly = err == nil
	return err
}

// oneOf reads a string that must be one of a few.
func oneOf(name string, raw json.RawMessage, allowed []string) (string, error) {
	var value string
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", wrongType(name, "one of "+list(allowed), raw)
	}
	if !slices.Contains(allowed, value) {
		return "", Errorf("%s has an unknown value %q: allowed are %s", name, cut(value), list(allowed))
	}
	return value, nil
}

func wrongType(name, want string, raw json.RawMessage) error {
	return Errorf("%s must be %s, not %s", name, want, cut(string(raw)))
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }

// maxQuoted bounds how much of a query an error quotes, in bytes.
const maxQuoted = 60

func cut(s string) string {
	if len(s) > maxQuoted {
		return strings.ToValidUTF8(s[:maxQuoted], "") + "…"
	}
	return s
}

func list(values []string) string { return strings.Join(values, ", ") }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
