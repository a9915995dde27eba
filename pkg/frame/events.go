package frame

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Row is one event of a list.
type Row struct {
	Event *auditlog.Event
	Class auditlog.Class
	ID    string // unique in the answer and the same in every answer that holds the event
	// Folded are the other entries of the same policy edit.
	Folded []*auditlog.Event
}

// foldedText is the descriptions of what was folded into the row, a line each.
func (r Row) foldedText() string {
	lines := make([]string, len(r.Folded))
	for i, e := range r.Folded {
		lines[i] = strings.TrimRight(e.Description, "\r\n")
	}
	return strings.Join(lines, "\n")
}

// Logs makes a log (log-lines): each line says who did what, and the fields of the event are its labels.
func Logs(rows []Row, m Meta) Frames {
	timestamps := make([]time.Time, len(rows))
	bodies := make([]string, len(rows))
	severities := make([]string, len(rows))
	ids := make([]string, len(rows))
	for i, r := range rows {
		timestamps[i], bodies[i], severities[i], ids[i] = r.Event.CreateTime, r.Event.Description, r.Class.Severity, r.ID
	}
	if !m.DescriptionOnly {
		bodies = lines(rows)
	}
	frames := describe(Frames{data.NewFrame("",
		data.NewField("timestamp", nil, timestamps),
		data.NewField("body", nil, bodies),
		data.NewField("severity", nil, severities),
		data.NewField("id", nil, ids),
		data.NewField("labels", nil, labels(rows)),
	)}, data.FrameTypeLogLines, data.VisTypeLogs, m)
	custom := map[string]any{"limit": m.Limit, "total": m.Stats.Found}
	if len(m.SearchWords) > 0 {
		custom["searchWords"] = m.SearchWords
	}
	frames[0].Meta.Custom = custom
	return frames
}

// labels writes the labels of all rows into one buffer: a row costs no allocation of its own.
func labels(rows []Row) []json.RawMessage {
	out := make([]json.RawMessage, len(rows))
	ends := make([]int, len(rows))
	buf := make([]byte, 0, 448*len(rows))
	for i, r := range rows {
		buf = appendLabels(buf, r)
		ends[i] = len(buf)
	}
	start := 0
	for i, end := range ends {
		out[i] = buf[start:end:end]
		start = end
	}
	return out
}

func appendLabels(buf []byte, r Row) []byte {
	buf = append(buf, '{')
	label := func(name, value string) {
		if value == "" {
			return
		}
		if buf[len(buf)-1] != '{' {
			buf = append(buf, ',')
		}
		buf = append(auditlog.AppendJSONString(buf, name), ':')
		buf = auditlog.AppendJSONString(buf, value)
	}
	label("actor", r.Event.Actor)
	label("actor_ip", r.Event.ActorIP)
	label("description", r.Event.Description)
	label("category", r.Class.Category)
	label("action", r.Class.Action)
	label("outcome", r.Class.Outcome)
	label("code", r.Class.Code)
	for _, key := range derivedFields {
		if key != auditlog.KeyCode {
			label(string(key), key.Value(r.Event, r.Class))
		}
	}
	label("request_url", r.Event.RequestURL)
	label("flagged", strconv.FormatBool(r.Event.Flagged))
	label("verbose", strconv.FormatBool(r.Event.Verbose))
	label("org_key", r.Event.OrgKey)
	if len(r.Folded) > 0 {
		label("folded", strconv.Itoa(1+len(r.Folded)))
		label("folded_descriptions", r.foldedText())
	}
	for _, f := range r.Event.Extra {
		label(extraName(f.Name), plainValue(f.Value))
	}
	return append(buf, '}')
}

// derivedFields are the fields that the plugin derives from an event, beside those that are part of every table.
var derivedFields = []auditlog.Key{
	auditlog.KeyAccount, auditlog.KeyAddress, auditlog.KeySeverity, auditlog.KeyCode, auditlog.KeyTarget, auditlog.KeyTargetType,
}

// taken are the names of columns and labels that this plugin gives.
var taken = []string{"create_time", "actor", "actor_ip", "description", "category", "action", "outcome", "code", "request_url", "flagged", "verbose", "org_key", "id", "folded", "folded_descriptions", "account", "address", "severity", "target", "target_type"}

// extraName keeps a field that the vendor added later apart from a column of the same name, and two such fields from each
// other.
func extraName(name string) string {
	const prefix = "cbc_"
	base := name
	for strings.HasPrefix(base, prefix) {
		base = base[len(prefix):]
	}
	if slices.Contains(taken, base) {
		return prefix + name
	}
	return name
}

// plainValue is the text of a field's value: a string without its quotes, anything else as it is written.
func plainValue(raw json.RawMessage) string {
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return s
		}
	}
	return string(raw)
}

// Table makes a table of events with a column a field.
func Table(rows []Row, m Meta) Frames {
	n := len(rows)
	times := make([]time.Time, n)
	text := func(value func(Row) string) []string {
		out := make([]string, n)
		for i, r := range rows {
			out[i] = value(r)
		}
		return out
	}
	flag := func(value func(Row) bool) []bool {
		out := make([]bool, n)
		for i, r := range rows {
			out[i] = value(r)
		}
		return out
	}
	for i, r := range rows {
		times[i] = r.Event.CreateTime
	}
	f := data.NewFrame("",
		data.NewField("create_time", nil, times),
		data.NewField("actor", nil, text(func(r Row) string { return r.Event.Actor })),
		data.NewField("actor_ip", nil, text(func(r Row) string { return r.Event.ActorIP })),
		data.NewField("description", nil, text(func(r Row) string { return r.Event.Description })),
		data.NewField("category", nil, text(func(r Row) string { return r.Class.Category })),
		data.NewField("action", nil, text(func(r Row) string { return r.Class.Action })),
		data.NewField("outcome", nil, text(func(r Row) string { return r.Class.Outcome })),
		data.NewField("request_url", nil, text(func(r Row) string { return r.Event.RequestURL })),
		data.NewField("flagged", nil, flag(func(r Row) bool { return r.Event.Flagged })),
		data.NewField("verbose", nil, flag(func(r Row) bool { return r.Event.Verbose })),
		data.NewField("org_key", nil, text(func(r Row) string { return r.Event.OrgKey })),
		data.NewField("id", nil, text(func(r Row) string { return r.ID })),
	)
	if m.Fold {
		f.Fields = append(f.Fields, foldColumns(rows)...)
	}
	for _, key := range derivedFields {
		f.Fields = append(f.Fields, data.NewField(string(key), nil, text(func(r Row) string { return key.Value(r.Event, r.Class) })))
	}
	f.Fields = append(f.Fields, extraColumns(rows)...)
	for _, field := range f.Fields {
		if slices.Contains(filterable, field.Name) {
			on := true
			field.SetConfig(&data.FieldConfig{Filterable: &on})
		}
	}
	return describe(Frames{f}, data.FrameTypeTable, data.VisTypeTable, m)
}

// filterable are the columns whose cells Grafana lets a viewer filter for and out: the fields that criteria know.
var filterable = func() (names []string) {
	for _, key := range auditlog.Keys() {
		names = append(names, string(key))
	}
	return names
}()

// foldColumns say how many entries a row stands for, and what the others told.
func foldColumns(rows []Row) []*data.Field {
	counts, texts := make([]int64, len(rows)), make([]string, len(rows))
	for i, r := range rows {
		counts[i], texts[i] = int64(1+len(r.Folded)), r.foldedText()
	}
	return []*data.Field{data.NewField("folded", nil, counts), data.NewField("folded_descriptions", nil, texts)}
}

// extraColumns are the fields that this version does not know, one column a name, in the order of their names.
func extraColumns(rows []Row) []*data.Field {
	columns := map[string][]string{}
	var names []string
	for i, r := range rows {
		for _, f := range r.Event.Extra {
			name := extraName(f.Name)
			if columns[name] == nil {
				columns[name] = make([]string, len(rows))
				names = append(names, name)
			}
			columns[name][i] = plainValue(f.Value)
		}
	}
	slices.Sort(names)
	fields := make([]*data.Field, len(names))
	for i, name := range names {
		fields[i] = data.NewField(name, nil, columns[name])
	}
	return fields
}
