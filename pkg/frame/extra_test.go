package frame_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
)

// However many fields the events have that this version does not know, a table has few columns and loses none of them.
func TestUnknownFieldsAreBoundedAndKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.IntRange(1, 120).Draw(t, "names")
		rows := make([]frame.Row, rapid.IntRange(1, 30).Draw(t, "rows"))
		count := map[string]int{}
		for i := range rows {
			e := &auditlog.Event{}
			for n := range names {
				if rapid.IntRange(0, n/8).Draw(t, "there") == 0 {
					name := fmt.Sprintf("field%03d", n)
					e.Extra = append(e.Extra, auditlog.Field{Name: name, Value: json.RawMessage(fmt.Sprintf(`"value %d of %d"`, n, i))})
					count[name]++
				}
			}
			rows[i] = frame.Row{Event: e}
		}
		f := frame.Table(rows, frame.Meta{})[0]
		known := len(frame.Table([]frame.Row{{Event: &auditlog.Event{}}}, frame.Meta{})[0].Fields)
		require.LessOrEqual(t, len(f.Fields), known+51)
		rarest := 1 << 20 // of the fields with a column
		for name, n := range count {
			if _, at := f.FieldByName(name); at >= 0 {
				rarest = min(rarest, n)
			}
		}
		for i, r := range rows {
			others := map[string]string{}
			if column, at := f.FieldByName("other_fields"); at >= 0 && column.At(i) != "" {
				require.NoError(t, json.Unmarshal([]byte(column.At(i).(string)), &others))
			}
			for _, field := range r.Event.Extra {
				if column, at := f.FieldByName(field.Name); at >= 0 {
					require.Equal(t, field.Text(), column.At(i))
					continue
				}
				require.Equal(t, field.Text(), others[field.Name])
				require.LessOrEqual(t, count[field.Name], rarest, "the rarest share the column")
			}
		}
	})
}

// A table whose events have a field of their own each takes no memory for their product.
func TestUnknownFieldsTakeNoColumnEach(t *testing.T) {
	rows := make([]frame.Row, 5000)
	for i := range rows {
		e := &auditlog.Event{}
		for n := range 20 {
			e.Extra = append(e.Extra, auditlog.Field{Name: fmt.Sprintf("f%d_%d", i, n), Value: json.RawMessage(`1`)})
		}
		rows[i] = frame.Row{Event: e}
	}
	f := frame.Table(rows, frame.Meta{})[0]
	require.Less(t, len(f.Fields), 80)
	column, at := f.FieldByName("other_fields")
	require.NotEqual(t, -1, at)
	require.Contains(t, column.At(4999), `"f4999_7":1`)
}
