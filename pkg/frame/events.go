package frame

import (
	"cmp"
	"encoding/json"
	"maps"
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

// foldedText returns the descriptions of what was folded into the row, one per line.
func (r Row) foldedText() string {
	lines := make([]string, len(r.Folded))
	for i, e := range r.Folded {
		lines[i] = strings.TrimRight(e.Description, "\r\n")
	}
	return strings.Join(lines, "\n")
}

// foldedBetween returns the times of the first and the last entry of the row.
func (r Row) foldedBetween() (first, last time.Time) {
	first, last = r.Event.CreateTime.UTC(), r.Event.CreateTime.UTC()
	for _, e := range r.Folded {
		switch at := e.CreateTime.UTC(); {
		case at.IsZero():
		case at.Before(first):
			first = at
		case at.After(last):
			last = at
		}
	}
	return first, last
}

// Logs makes a log (log-lines): each line says who did what, and the fields of the event are its labels.
func Logs(rows []Row, m Meta) Frames {
	body := column("body", rows, func(r Row) string { return r.Event.Description })
	if !m.DescriptionOnly {
		body = data.NewField("body", nil, lines(rows))
	}
	frames := describe(Frames{data.NewFrame("",
		column("timestamp", rows, func(r Row) time.Time { return r.Event.CreateTime }),
		body,
		column("severity", rows, func(r Row) string { return r.Class.Severity }),
		column("id", rows, func(r Row) string { return r.ID }),
		data.NewField("labels", nil, labels(rows)),
	)}, data.FrameTypeLogLines, data.VisTypeLogs, m)
	custom := map[string]any{"limit": m.Limit, "total": m.Stats.Found}
	if len(m.SearchWords) > 0 {
		custom["searchWords"] = m.SearchWords
	}
	frames[0].Meta.Custom = custom
	return frames
}

// labels returns the labels of all rows.
func labels(rows []Row) []json.RawMessage {
	out := make([]json.RawMessage, len(rows))
	ends, buf := appendEach(rows, 448, appendLabels)
	start := 0
	for i, end := range ends {
		out[i] = buf[start:end:end]
		start = end
	}
	return out
}

// appendEach appends something of each row to one buffer, so that a row costs no allocation of its own, and returns where each ends.
func appendEach(rows []Row, sizeOfOne int, add func([]byte, Row) []byte) (ends []int, buf []byte) {
	ends, buf = make([]int, len(rows)), make([]byte, 0, sizeOfOne*len(rows))
	for i, r := range rows {
		buf = add(buf, r)
		ends[i] = len(buf)
	}
	return ends, buf
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
		first, last := r.foldedBetween()
		label("folded_from", first.Format(time.RFC3339Nano))
		label("folded_until", last.Format(time.RFC3339Nano))
	}
	for _, f := range r.Event.Extra {
		label(extraName(f.Name), f.Text())
	}
	return append(buf, '}')
}

// derivedFields are the fields that the plugin derives from an event, in addition to the first columns of a table.
var derivedFields = []auditlog.Key{
	auditlog.KeyAccount, auditlog.KeyAddress, auditlog.KeySeverity, auditlog.KeyCode, auditlog.KeyTarget, auditlog.KeyTargetType,
}

// taken are the names of the plugin's own columns and labels.
var taken = []string{"create_time", "actor", "actor_ip", "description", "category", "action", "outcome", "code", "request_url", "flagged", "verbose", "org_key", "id", "folded", "folded_descriptions", "folded_from", "folded_until", "account", "address", "severity", "target", "target_type", otherFields}

// extraName names a field that this version does not know, so that it differs from all columns and from other such fields.
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

// Table makes a table of events with a column per field.
func Table(rows []Row, m Meta) Frames {
	f := data.NewFrame("",
		column("create_time", rows, func(r Row) time.Time { return r.Event.CreateTime }),
		column("actor", rows, func(r Row) string { return r.Event.Actor }),
		column("actor_ip", rows, func(r Row) string { return r.Event.ActorIP }),
		column("description", rows, func(r Row) string { return r.Event.Description }),
		column("category", rows, func(r Row) string { return r.Class.Category }),
		column("action", rows, func(r Row) string { return r.Class.Action }),
		column("outcome", rows, func(r Row) string { return r.Class.Outcome }),
		column("request_url", rows, func(r Row) string { return r.Event.RequestURL }),
		column("flagged", rows, func(r Row) bool { return r.Event.Flagged }),
		column("verbose", rows, func(r Row) bool { return r.Event.Verbose }),
		column("org_key", rows, func(r Row) string { return r.Event.OrgKey }),
		column("id", rows, func(r Row) string { return r.ID }),
	)
	if m.Fold {
		f.Fields = append(f.Fields,
			column("folded", rows, func(r Row) int64 { return int64(1 + len(r.Folded)) }), column("folded_descriptions", rows, Row.foldedText))
	}
	for _, key := range derivedFields {
		f.Fields = append(f.Fields, column(string(key), rows, func(r Row) string { return key.Value(r.Event, r.Class) }))
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

// column makes a field with a value per row.
func column[Row, Value any](name string, rows []Row, value func(Row) Value) *data.Field {
	values := make([]Value, len(rows))
	for i, r := range rows {
		values[i] = value(r)
	}
	return data.NewField(name, nil, values)
}

// filterable are the columns whose cells a viewer can filter for and out: the fields of criteria.
var filterable = func() (names []string) {
	for _, key := range auditlog.Keys() {
		names = append(names, string(key))
	}
	return names
}()

// Bounds of the columns for fields that this version does not know. Events of many kinds may have many, and each takes a cell of every row.
const (
	maxExtraColumns = 50
	maxExtraCells   = 2_000_000
	otherFields     = "other_fields"
)

// extraColumns returns the fields that this version does not know, one column per name, in the order of their names. Where there are too
// many, the rarest ones share a column: it has them as a JSON object.
func extraColumns(rows []Row) []*data.Field {
	if len(rows) == 0 {
		return nil
	}
	names, rest := extraNames(rows, max(min(maxExtraColumns, maxExtraCells/len(rows)), 1))
	columns := make(map[string][]string, len(names)+1)
	if rest {
		names = append(names, otherFields)
	}
	for _, name := range names {
		columns[name] = make([]string, len(rows))
	}
	for i, r := range rows {
		var others auditlog.Event
		for _, f := range r.Event.Extra {
			if column := columns[extraName(f.Name)]; column != nil {
				column[i] = f.Text()
			} else {
				others.Extra = append(others.Extra, f)
			}
		}
		if len(others.Extra) > 0 {
			columns[otherFields][i] = others.ExtraJSON()
		}
	}
	fields := make([]*data.Field, len(names))
	for i, name := range names {
		fields[i] = data.NewField(name, nil, columns[name])
	}
	return fields
}

// extraNames returns the names of the most frequent fields that this version does not know, sorted, and whether there are more.
func extraNames(rows []Row, most int) (names []string, more bool) {
	count := map[string]int{}
	for _, r := range rows {
		for _, f := range r.Event.Extra {
			count[extraName(f.Name)]++
		}
	}
	names = slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(a, b))
	})
	if more = len(names) > most; more {
		names = names[:most]
	}
	slices.Sort(names)
	return names, more
}
