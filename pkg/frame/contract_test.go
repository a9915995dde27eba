package frame_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/frame"
)

// Grafana's expressions take frames by their type, and only with a version.
func TestEveryFrameIsTyped(t *testing.T) {
	types := map[string]data.FrameType{
		"logs": data.FrameTypeLogLines, "table": data.FrameTypeTable, "counts": data.FrameTypeNumericMulti,
		"series": data.FrameTypeTimeSeriesMulti, "top": data.FrameTypeNumericLong,
	}
	for name, frames := range answers() {
		require.NotEmpty(t, frames, name)
		shape, _, _ := strings.Cut(name, "_")
		for i, f := range frames {
			require.Equal(t, types[shape], f.Meta.Type, name)
			require.Equal(t, data.FrameTypeVersion{0, 1}, f.Meta.TypeVersion, name)
			require.Equal(t, frames[0].Meta.ExecutedQueryString, f.Meta.ExecutedQueryString, name)
			require.Equal(t, i == 0, len(f.Meta.Stats) > 0, "only the first frame of %s has stats: Grafana adds them up", name)
			if i > 0 {
				require.Empty(t, f.Meta.Notices, name)
			}
			length, err := f.RowLen()
			require.NoError(t, err, name)
			require.Equal(t, f.Fields[0].Len(), length, name)
		}
	}
}

// uniqueFields checks that no two fields of a frame, and no two numbers of an answer, have the same name and labels.
func uniqueFields(t require.TestingT, frames frame.Frames) {
	numbers := map[string]bool{}
	for _, f := range frames {
		names := map[string]bool{}
		for _, field := range f.Fields {
			id := field.Name + field.Labels.String()
			require.False(t, names[id], "field %s is there twice", id)
			names[id] = true
			if field.Type() == data.FieldTypeInt64 {
				require.False(t, numbers[id], "number %s is there twice", id)
				numbers[id] = true
			}
		}
	}
}

func TestFieldsAreUnique(t *testing.T) {
	for _, frames := range answers() {
		uniqueFields(t, frames)
	}
}

func TestSeriesContract(t *testing.T) {
	for name, frames := range answers() {
		if !strings.HasPrefix(name, "series") {
			continue
		}
		for _, f := range frames {
			require.Len(t, f.Fields, 2, name)
			require.Equal(t, data.FieldTypeTime, f.Fields[0].Type(), name)
			require.Equal(t, data.FieldTypeInt64, f.Fields[1].Type(), name)
			require.Empty(t, f.Fields[0].Labels, name)
			require.Equal(t, len(hours), f.Rows(), name)
			for i, at := range hours {
				require.Equal(t, at, f.Fields[0].At(i), name)
			}
		}
	}
}

// The sum of what is not shown must stay apart from a group that happens to be called the same.
func TestRestIsNotAGroupCalledOther(t *testing.T) {
	other := frame.Group{Values: []string{"other"}, Buckets: []int64{1, 1, 1}}
	remaining := frame.Group{Values: []string{"other"}, Buckets: []int64{2, 2, 2}, Rest: true}
	frames := frame.Series(byActor, hours, []frame.Group{other, remaining}, frame.Meta{})
	uniqueFields(t, frames)
	require.Equal(t, data.Labels{"actor": "other"}, frames[0].Fields[1].Labels)
}

// Without a group with events there is still one number, 0, for an alert to look at.
func TestNothingIsZero(t *testing.T) {
	counts := frame.Counts(byActor, nil, frame.Meta{})
	require.Len(t, counts, 1)
	require.Nil(t, counts[0].Fields[0].Labels)
	require.Equal(t, int64(0), counts[0].Fields[0].At(0))
	series := frame.Series(byActor, hours, nil, frame.Meta{})
	require.Len(t, series, 1)
	require.Nil(t, series[0].Fields[1].Labels)
	for i := range hours {
		require.Equal(t, int64(0), series[0].Fields[1].At(i))
	}
}

// hostile draws what an attacker might put into a field of a log.
func hostile() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", `"`, `\`, `","flagged":"true`, "\x00", "\x7f", "\u2028", "</script>", "\xff\xfe", "{{ .X }}", "a\nb", "😀", "category", "cbc_id",
	}))
}

// hostileRow draws a row; the names of its further fields differ, as those of a decoded event do.
func hostileRow(t *rapid.T) frame.Row {
	text := func(what string) string { return hostile().Draw(t, what) }
	e := &auditlog.Event{
		CreateTime: time.Unix(0, rapid.Int64().Draw(t, "time")).UTC(), OrgKey: text("org_key"), Actor: text("actor"), ActorIP: text("actor_ip"),
		RequestURL: text("request_url"), Description: text("description"), Flagged: rapid.Bool().Draw(t, "flagged"),
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.Map(hostile(), valid), 0, 4, rapid.ID[string]).Draw(t, "further names") {
		raw, err := json.Marshal(text("further value"))
		require.NoError(t, err)
		e.Extra = append(e.Extra, auditlog.Field{Name: name, Value: raw})
	}
	return frame.Row{Event: e, Class: catalog.Default().ClassifyEvent(e), ID: e.ID().String()}
}

// valid puts the replacement character in the place of each byte that is no UTF-8.
func valid(s string) string { return string([]rune(s)) }

func TestLabelsAreJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := []frame.Row{hostileRow(t), hostileRow(t)}
		f := frame.Logs(list, frame.Meta{})[0]
		for i, r := range list {
			raw, ok := f.Fields[4].At(i).(json.RawMessage)
			require.True(t, ok)
			require.True(t, utf8.Valid(raw))
			require.Equal(t, wantLabels(r), objectOf(t, raw))
		}
		_, err := data.FrameToJSON(f, data.IncludeAll)
		require.NoError(t, err)
	})
}

// wantLabels are the labels of a row.
func wantLabels(r frame.Row) map[string]string {
	labels := map[string]string{
		"actor": r.Event.Actor, "actor_ip": r.Event.ActorIP, "request_url": r.Event.RequestURL, "org_key": r.Event.OrgKey, "flagged": "false", "verbose": "false",
		"category": r.Class.Category, "action": r.Class.Action, "outcome": r.Class.Outcome, "code": r.Class.Code, "description": r.Event.Description,
	}
	for _, key := range []auditlog.Key{auditlog.KeyAccount, auditlog.KeyAddress, auditlog.KeySeverity, auditlog.KeyTarget, auditlog.KeyTargetType} {
		labels[string(key)] = key.Value(r.Event, r.Class)
	}
	if r.Event.Flagged {
		labels["flagged"] = "true"
	}
	for _, f := range r.Event.Extra {
		name := f.Name
		switch name { // the names among those of hostile that the plugin has taken
		case "category", "cbc_id":
			name = "cbc_" + name
		}
		var value string
		if json.Unmarshal(f.Value, &value) == nil {
			labels[name] = value
		}
	}
	for name, value := range labels {
		if labels[name] = valid(value); value == "" {
			delete(labels, name)
		}
	}
	return labels
}

// objectOf reads an object of texts in which no name occurs twice.
func objectOf(t *rapid.T, raw []byte) map[string]string {
	object := map[string]string{}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	token, err := d.Token()
	require.NoError(t, err)
	require.Equal(t, json.Delim('{'), token)
	for d.More() {
		name, err := d.Token()
		require.NoError(t, err)
		value, err := d.Token()
		require.NoError(t, err)
		text, ok := name.(string)
		require.True(t, ok)
		require.NotContains(t, object, text)
		object[text], ok = value.(string)
		require.True(t, ok)
	}
	return object
}

// No column is lost or shared, whatever fields the vendor adds.
func TestTableColumnsAreUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := []frame.Row{hostileRow(t), hostileRow(t), hostileRow(t)}
		frames := frame.Table(list, frame.Meta{})
		uniqueFields(t, frames)
		further := map[string]bool{}
		for _, r := range list {
			for _, f := range r.Event.Extra {
				further[f.Name] = true
			}
		}
		require.Len(t, frames[0].Fields, 18+len(further))
		_, err := frames[0].RowLen()
		require.NoError(t, err)
	})
}
