package cbc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// row is an event as a file may hold it.
type row struct {
	text    string
	created string // as it is written, "" if there is none
}

// drawRow writes an event: most have the members of the one before, some have others, in another order or with other spaces.
func drawRow(t *rapid.T, names []string, space string) row {
	var r row
	var b strings.Builder
	b.WriteString("{" + space)
	for i, name := range names {
		if i > 0 {
			b.WriteString("," + space)
		}
		value := rapid.SampledFrom([]string{
			`"x"`, `""`, `"a \"create_time\":\"b\", }"`, `"\\"`, `"\\\""`, "null", "true", "12.5e3", `{"create_time":"no"}`, `"},{\"actor\":{"`, `"\"}"`, `[{"a":["}"]},"]"]`, `"Zürich ☃"`,
			`"` + strings.Repeat("long ", 30) + `"`,
		}).Draw(t, "value")
		if name == "create_time" {
			value = rapid.SampledFrom([]string{`"2026-03-10T09:00:00.000Z"`, `"2026-03-10T09:00:01Z"`, `""`}).Draw(t, "time")
			r.created = strings.Trim(value, `"`)
		}
		b.WriteString(`"` + name + `":` + space + value)
	}
	b.WriteString(space + "}")
	r.text = b.String()
	return r
}

// fileInSteps is a file of which some bytes more are at hand each time that more is needed.
type fileInSteps struct {
	JSONRows
	file            []byte
	pos, have, step int
}

func (f *fileInSteps) head() (head []byte, err error) {
	err = f.untilFound(func(b []byte, last bool) error {
		n, err := f.Head(b, last)
		head = b[:n]
		return err
	})
	f.pos += len(head)
	return head, err
}

func (f *fileInSteps) next() (gap, event []byte, err error) {
	err = f.untilFound(func(b []byte, last bool) error {
		between, n, err := f.Next(b, last)
		gap, event = b[:between], b[between:between+n]
		return err
	})
	f.pos += len(gap) + len(event)
	return gap, event, err
}

func (f *fileInSteps) untilFound(find func(b []byte, last bool) error) error {
	for {
		err := find(f.file[f.pos:f.have], f.have == len(f.file))
		if !errors.Is(err, ErrMore) {
			return err
		}
		f.have = min(f.have+f.step, len(f.file))
	}
}

// Whatever the events look like, each comes as it is, with its own time, and no byte of the file is lost.
func TestJSONRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SampledFrom([][]string{{"actor", "create_time", "description", "request_url"}, {"actor", "description", "create_time"}}).Draw(t, "first names")
		space := ""
		var rows []row
		for range rapid.IntRange(1, 12).Draw(t, "rows") {
			if rapid.IntRange(0, 3).Draw(t, "another shape") == 0 {
				names = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"actor", "create_time", "description", "create_timer", "x"}), 0, 5, rapid.ID[string]).Draw(t, "names")
				space = rapid.SampledFrom([]string{"", " ", "\n  "}).Draw(t, "space")
			}
			rows = append(rows, drawRow(t, names, space))
		}
		open, gap, shut := "[", ",\n", "]\n"
		if rapid.Bool().Draw(t, "wrapped") {
			open, shut = `{"num_found":3,"results":[`, `],"more":{"results":[]}}`
		}
		texts := make([]string, len(rows))
		for i, r := range rows {
			texts[i] = r.text
		}
		file := open + strings.Join(texts, gap) + shut
		require.True(t, json.Valid([]byte(file)), file)

		f := &fileInSteps{file: []byte(file), step: rapid.SampledFrom([]int{1, 100, 1 << 20}).Draw(t, "step")}
		head, err := f.head()
		require.NoError(t, err)
		all := bytes.Clone(head)
		for _, want := range rows {
			between, event, err := f.next()
			require.NoError(t, err, file)
			require.Equal(t, want.text, string(event))
			require.Equal(t, want.created, string(f.CreateTime()))
			all = append(append(all, between...), event...)
		}
		_, _, err = f.next()
		require.ErrorIs(t, err, io.EOF)
		tail := f.file[f.pos:]
		require.NoError(t, f.Tail(head, tail))
		require.Error(t, f.Tail(head, tail[:max(0, bytes.IndexByte(tail, ']'))]))
		require.Equal(t, file, string(append(all, tail...)))
	})
}

// FuzzJSONRows holds the events and their times against the standard library's reader, for files that it takes for sound.
func FuzzJSONRows(f *testing.F) {
	f.Add(`[{"create_time":"a"},{"create_time":"b"}]`)
	f.Add(`[{"a":1,"create_time":"x"},{"a":1,"create_time":2},{"a":1},{}]`)
	f.Add(`[{"a" : [1,{"b":"\\"}]} , {"a" : "\"}"}]`)
	f.Fuzz(func(t *testing.T, file string) {
		var objects []json.RawMessage
		if json.Unmarshal([]byte(file), &objects) != nil || objects == nil {
			return
		}
		rows := &fileInSteps{file: []byte(file), step: 1 + len(file)%7}
		_, err := rows.head()
		require.NoError(t, err)
		for _, object := range objects {
			_, event, err := rows.next()
			if object[0] != '{' {
				var malformed *RowError
				require.ErrorAs(t, err, &malformed)
				require.Equal(t, string(object), string(event))
				continue
			}
			require.NoError(t, err)
			require.Equal(t, string(object), string(event))
			require.Equal(t, lastTime(t, object), string(rows.CreateTime()))
		}
		_, _, err = rows.next()
		require.ErrorIs(t, err, io.EOF)
	})
}

// lastTime is the text of the last member that is called create_time, without escapes in its name, if it is a string.
func lastTime(t *testing.T, object []byte) (last string) {
	d := json.NewDecoder(bytes.NewReader(object))
	_, err := d.Token()
	require.NoError(t, err)
	for d.More() {
		before := d.InputOffset()
		name, err := d.Token()
		require.NoError(t, err)
		plain := bytes.HasSuffix(bytes.TrimSpace(object[before:d.InputOffset()]), []byte(`"create_time"`))
		var value json.RawMessage
		require.NoError(t, d.Decode(&value))
		if name == "create_time" && plain {
			last = ""
			if value[0] == '"' {
				last = string(value[1 : len(value)-1])
			}
		}
	}
	return last
}

// A row that is malformed costs itself only, wherever it stands.
func TestMalformedJSONRows(t *testing.T) {
	good := []string{`{"create_time":"1","x":"},{"}`, `{"create_time":"2","a":"\"b\\"}`, `{"create_time":"3"}`}
	for _, bad := range []string{
		`3`, `null`, `"x"`, `[]`, `{"a":2 "b":3}`, `{"a" 2}`, `{a:2}`, `{"a":tru}`, `{"a":1.}`, `{"a":-}`, `{"a":"\x"}`, `{"a":"\u12"}`, "{\"a\":\"\t\"}", `{"a":}`, `{"a":1,}`, `{,}`, `{"a"}`,
		`{"a":"b}`, `{"a:"b"}`, `{"a":["x":1]}`, `{"create_time":"x","description":"no end}`, `{"a":nul,"create_time":"9"}`, `{"a":00}`,
	} {
		for place := range len(good) + 1 {
			rows := append(append(append([]string{}, good[:place]...), bad), good[place:]...)
			unclosed := strings.Count(strings.ReplaceAll(bad, `\"`, ""), `"`)%2 == 1
			for envelope, file := range map[string]string{
				"list": "[" + strings.Join(rows, ",") + "]", "spaced": "[ " + strings.Join(rows, " ,\n ") + " ]", "wrapped": `{"results":[` + strings.Join(rows, ", ") + `],"x":1}`,
				"lines": strings.Join(rows, "\n") + "\n", "lines without end": strings.Join(rows, "\r\n"),
			} {
				if place == len(good) && unclosed && !strings.HasPrefix(envelope, "lines") || place == 0 && strings.HasPrefix(envelope, "lines") {
					continue // nothing tells where the row ends, or what the file is
				}
				for _, step := range []int{1, 7, 1 << 20} {
					f := &fileInSteps{file: []byte(file), step: step}
					_, err := f.head()
					require.NoError(t, err, file)
					var got []string
					malformed := 0
					for {
						_, event, err := f.next()
						if _, ok := errors.AsType[*RowError](err); ok {
							malformed++
							continue
						}
						if err != nil {
							require.ErrorIs(t, err, io.EOF, file)
							break
						}
						got = append(got, string(event))
					}
					require.Equal(t, good, got, file)
					require.Equal(t, 1, malformed, file)
				}
			}
		}
	}
}

// Whether a string is well-formed is what the standard library says, wherever in it the odd character stands.
func TestWellFormedString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"a", "long enough", "\x1f", " ", "\\n", "\\\\", "\\\"", "\\u00e9", "\\x", "\\u12", "é", "\x7f", "\n", "\xff", "[", "\x00"})).Draw(t, "parts")
		value := []byte(`"` + strings.Join(parts, "") + `"`)
		require.Equal(t, json.Valid(value), wellFormedString(value), "%q", value)
	})
}

func TestJSONRowsThatBreakOff(t *testing.T) {
	for _, file := range []string{`[{"a":1}`, `[{"a":1},{"a":2`, `[{"a":1},{"a"`, `[{"a":1},`, `[{"a":1},{"a":2 "b"`, `[{"a":"b}]`} {
		f := &fileInSteps{file: []byte(file), step: 1}
		_, err := f.head()
		require.NoError(t, err)
		for err == nil {
			_, _, err = f.next()
		}
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, file)
	}
}
