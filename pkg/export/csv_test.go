package export

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// relayed returns what becomes of a job's file whose export is of the year 2026.
func relayed(t require.TestingT, file io.Reader, format cbc.ExportFormat, safe bool) (string, *rowFilter, error) {
	out := newChunkWriter(&download{}, File{}, time.Now)
	k := (&Service{}).newRowFilter(year(format))
	var err error
	if format == cbc.ExportCSV {
		err = copyCSV(newRowBuffer(file, out), k, Options{Safe: safe})
	} else {
		_, err = copyJSON(newRowBuffer(file, out), k)
	}
	if err == nil {
		err = k.check()
	}
	if err != nil {
		return "", k, err
	}
	require.NoError(t, out.end())
	return out.sink.(*download).String(), k, nil
}

func year(format cbc.ExportFormat) token {
	w := auditlog.NewTimeRange(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	return token{Job: "1", Filter: &auditlog.Filter{}, From: w.From, To: w.To, Format: format, Expected: expectedCounts{Bounds: narrow}}
}

const at = "2026-03-10T09:00:00.000Z"

func TestSafeCells(t *testing.T) {
	for cell, want := range map[string]string{
		`=1+1`: `'=1+1`, `+49`: `'+49`, `-2`: `'-2`, `@SUM(A1)`: `'@SUM(A1)`, "\tx": "'\tx", "\x01": "'\x01", "\x7f": "'\x7f",
		`"=1,2"`: `"'=1,2"`, "\"\r\nx\"": "\"'\r\nx\"", `"-""x"""`: `"'-""x"""`, "\"\tx\"": "\"'\tx\"",
		``: ``, `a=1`: `a=1`, `""`: `""`, `"""=1"`: `"""=1"`, `'=1`: `'=1`, ` =1`: `' =1`, ` a=1`: ` a=1`, `" "`: `" "`, `"a, b"`: `"a, b"`, `Zürich`: `Zürich`,
	} {
		for _, ending := range []string{"\r\n", "\n"} {
			file := "description,create_time,actor" + ending + cell + "," + at + "," + cell + ending
			got, k, err := relayed(t, strings.NewReader(file), cbc.ExportCSV, true)
			require.NoError(t, err, cell)
			require.Equal(t, "description,create_time,actor"+ending+want+","+at+","+want+ending, got)
			require.Equal(t, 1, k.rows)
			exact, _, err := relayed(t, strings.NewReader(file), cbc.ExportCSV, false)
			require.NoError(t, err)
			require.Equal(t, file, exact, "byte for byte without the switch")
		}
	}
}

// formulaPrefixes are invisible.
var formulaPrefixes = []string{
	" ", "   ", "\u00a0", "\u200b", "\ufeff", "\u2003", "\u3000", "\u202e", "\u2060", "\u00ad", "\u180e", "\u2028", "\u0085", "\u3164", "\u115f", "\ufe0f",
	"\U000e0020", "\u034f", "\u2800", "\ufffe", "\x07", "\xa0", "\xff", "\u200f", "\u2066",
}

func TestFormulasBehindWhatCannotBeSeen(t *testing.T) {
	for _, prefix := range append(formulaPrefixes, "", "\t", "\r", "\n", "\r\n", "\v", "\f", "\x00") {
		for _, start := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "−", "⁺", "₌"} {
			require.True(t, isFormula(prefix+start+"1+1"), "%q", prefix+start)
			require.True(t, isFormula([]byte(prefix+start)), "%q", prefix+start)
		}
		require.Equal(t, prefix != "" && (prefix[0] < ' '), isFormula(prefix+"mary"), "%q", prefix)
	}
	for _, text := range []string{"", "mary", "Zürich", "1=1", "a@b", "東京", "'=1", "\"=1\"", "–1", "×", "# =1", "é=1", " a", "\u00a0a", "(=1)", "🔒=1"} {
		require.False(t, isFormula(text), text)
	}
}

// In both kinds of file a cell is guarded if and only if its first visible character starts a formula, or if it begins with a control
// character. Nothing else of the file changes.
func TestFormulaGuard(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		blank := rapid.Map(rapid.SliceOfN(rapid.SampledFrom(formulaPrefixes), 0, 3), func(parts []string) string { return strings.Join(parts, "") })
		text := blank.Draw(rt, "prefix") + rapid.SampledFrom([]string{"=1+1", "＝1", "+49", "－2", "@x", "mary", "a=1", "", "Zürich", "\"=1\""}).Draw(rt, "text") +
			rapid.SampledFrom([]string{"", " x", ", y", "\r\nz", "\"q\""}).Draw(rt, "rest")
		seen := strings.TrimLeftFunc(text, func(r rune) bool { return r == utf8.RuneError || invisible(r) })
		first, _ := utf8.DecodeRuneInString(seen)
		guarded := seen != "" && strings.ContainsRune("=＝+－@", first) || text != "" && text[0] < ' '
		want := text
		if guarded {
			want = "'" + text
		}
		quoted := "create_time,actor,description\r\n" + at + ",x,\"" + strings.ReplaceAll(text, `"`, `""`) + "\"\r\n"
		job, _, err := relayed(rt, strings.NewReader(quoted), cbc.ExportCSV, true)
		require.NoError(rt, err)
		require.Equal(rt, strings.Replace(quoted, ",\""+strings.ReplaceAll(text, `"`, `""`), ",\""+strings.ReplaceAll(want, `"`, `""`), 1), job)
		row, err := (&csvWriter{safe: true, begun: true}).add(nil, &auditlog.Event{Description: text})
		require.NoError(rt, err)
		cells, err := csv.NewReader(bytes.NewReader(row)).Read()
		require.NoError(rt, err)
		require.Equal(rt, strings.ReplaceAll(want, "\r\n", "\n"), cells[3])
	})
}

func TestForms(t *testing.T) {
	for name, c := range map[string]struct {
		file  string
		rows  int
		words string
	}{
		"empty":                 {"", 0, ""},
		"header alone":          {"create_time,description,actor\r\n", 0, ""},
		"no line break at end":  {"create_time,description,actor\n" + at + ",d,x", 1, ""},
		"titles and a mark":     {byteOrderMark + "\"Create Time\",Description,Actor\n" + at + ",d,x\n", 1, ""},
		"semicolons":            {"create_time;description;actor\n" + at + ";d;\"x\n;y\"\n", 1, ""},
		"tabs":                  {"createTime\tdescription\tactor\n" + at + "\td\tx\n", 1, ""},
		"blank lines":           {"create_time,description,actor\n\n" + at + ",d,x\n\r\n", 1, ""},
		"quoted times":          {"create_time,description,actor\n\"" + at + "\",d,x\n", 1, ""},
		"a quote inside a cell": {"create_time,description,actor\n" + at + ",d,5\" disk\n" + at + ",d,y\n", 2, ""},
		"other times":           {"create_time,description,actor\n2026-03-10T10:00:00+01:00,d,x\n2026-03-10 09:00:00,d,x\n2026-03-31T00:00:00Z,d,x\n", 3, ""},
		"outside":               {"create_time,description,actor\n2025-12-31T23:59:59.999Z,d,x\n2027-01-01T00:00:00.000Z,d,x\n", 0, ""},
		"no header":             {at + ",d,x\n", 0, "columns"},
		"no description":        {"create_time,actor\n" + at + ",x\n", 0, "columns"},
		"another product":       {"device_id,name\n1,x\n", 0, "columns"},
		"a cell too many":       {"create_time,description,actor\n" + at + ",d,x,y\n", 0, "as many cells"},
		"no time":               {"create_time,description,actor\nyesterday,d,x\n", 0, "no time"},
		"no such day":           {"create_time,description,actor\n2026-02-30T00:00:00.000Z,d,x\n", 0, "no time"},
		"an open quote":         {"create_time,description,actor\n" + at + ",d,\"x\n", 0, "not closed"},
	} {
		for _, size := range []io.Reader{strings.NewReader(c.file), iotest.OneByteReader(strings.NewReader(c.file))} {
			got, k, err := relayed(t, size, cbc.ExportCSV, false)
			if c.words != "" {
				require.ErrorContains(t, err, c.words, name)
				var odd *unusable
				require.ErrorAs(t, err, &odd, name)
				continue
			}
			require.NoError(t, err, name)
			require.Equal(t, c.rows, k.rows, name)
			if name != "outside" {
				require.Equal(t, c.file, got, name)
			}
		}
	}
}

func TestJSONForms(t *testing.T) {
	event := `{"create_time":"` + at + `","description":"a \"]}\" \\","x":[{"y":1}]}`
	old := `{"description":"old","create_time":"2025-01-01T00:00:00.000Z"}`
	for name, c := range map[string]struct {
		file, want string
		rows       int
		words      string
	}{
		"empty":               {"", "[]\n", 0, ""},
		"a line break alone":  {"\r\n", "[]\n", 0, ""},
		"an empty list":       {"[]", "[]", 0, ""},
		"a list":              {"[" + event + "," + event + "]\n", "", 2, ""},
		"a spaced list":       {byteOrderMark + " [\n  " + event + " ,\n  " + event + "\n]\n", "", 2, ""},
		"results":             {`{"num_found":1,"x":{"results":[1]},"results":[` + event + `],"num_available":1}`, "", 1, ""},
		"no results":          {`{"num_found":0}`, "", 0, ""},
		"lines":               {event + "\n" + event + "\n", "", 2, ""},
		"lines without end":   {event + "\r\n" + event, "", 2, ""},
		"the first is old":    {"[\n" + old + ",\n" + event + ",\n" + event + "\n]", "[" + event + ",\n" + event + "\n]", 2, ""},
		"the last is old":     {"[" + event + "," + old + "]", "[" + event + "]", 1, ""},
		"old lines":           {old + "\n" + event + "\n" + old + "\n", "\n" + event + "\n", 1, ""},
		"it breaks off":       {"[" + event + ",", "", 0, "not understood"},
		"its end is missing":  {"[" + event, "", 0, "not understood"},
		"too much":            {"[" + event + "]]", "", 0, "not understood"},
		"no events":           {"[1,2]", "", 0, "2 of its 2 rows cannot be read"},
		"an error":            {`{"errorMessage":"boom"`, "", 0, "not understood"},
		"not an event":        {`[{"a":1}]`, "", 0, "create_time"},
		"text":                {"hello", "", 0, "not understood"},
		"a half object":       {`{"num_found":1,"results":[` + event + `]`, "", 0, "not understood"},
		"rubbish after lines": {event + "\nx", event, 1, ""},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.file), iotest.OneByteReader(strings.NewReader(c.file))} {
			got, k, err := relayed(t, r, cbc.ExportJSON, true)
			if c.words != "" {
				require.ErrorContains(t, err, c.words, name)
				continue
			}
			require.NoError(t, err, name)
			require.Equal(t, c.rows, k.rows, name)
			want := c.want
			if want == "" {
				want = c.file
			}
			require.Equal(t, strings.TrimPrefix(want, "\n"), strings.TrimPrefix(got, "\n"), name)
		}
	}
}

// FuzzCSV compares rows with the records of the standard library's strict reader, for files that it accepts.
func FuzzCSV(f *testing.F) {
	f.Add("create_time,actor\r\n"+at+",\"a\"\"b\r\n,\"\r\n", uint8(3))
	f.Add("a,b\n\"\n\",\n", uint8(1))
	f.Add("\"\",\"\"\"\"\n,\n", uint8(2))
	f.Add("\n\na,\"\n\n\",c\n\n1,2,3", uint8(0))
	f.Fuzz(func(t *testing.T, file string, step uint8) {
		reader := csv.NewReader(strings.NewReader(file))
		reader.FieldsPerRecord = -1
		want, err := reader.ReadAll()
		if err != nil || strings.HasPrefix(file, byteOrderMark) || strings.Contains(strings.ReplaceAll(file, "\r\n", ""), "\r") {
			return // not sound, or with what the two have rules of their own for
		}
		rows := newCSVRows(newRowBuffer(&stepReader{strings.NewReader(file), int(step)%7 + 1}, newChunkWriter(discard{}, File{}, time.Now)), ',')
		var all bytes.Buffer
		for _, cells := range want {
			row, err := rows.next()
			require.NoError(t, err)
			require.Equal(t, cells, row.cells)
			require.False(t, row.open)
			for i, cell := range cells {
				text := string(row.bytes[rows.contentStart(row, i):])
				require.True(t, strings.HasPrefix(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), `""`, `"`), cell), "%q of %q", cell, text)
			}
			all.Write(row.bytes)
			rows.accept(row)
		}
		_, err = rows.next()
		require.ErrorIs(t, err, io.EOF)
		all.Write(rows.source.in.unread())
		require.Equal(t, file, all.String(), "no byte is lost")
	})
}

// stepReader reads a few bytes at a time.
type stepReader struct {
	r    io.Reader
	most int
}

func (s *stepReader) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.most)]) }

// rowsOf returns a reader of many equal rows.
func rowsOf(row string, n int) io.Reader {
	block := strings.Repeat(row, 1000)
	readers := []io.Reader{}
	for range n / 1000 {
		readers = append(readers, strings.NewReader(block))
	}
	return io.MultiReader(readers...)
}

func BenchmarkCopy(b *testing.B) {
	const rows = 100_000
	plain := "mary@example.org,192.0.2.17," + at + ",Policy Standard (ID: 7) was modified and saved by somebody,false,ABCD1234,/access/v2/orgs/ABCD1234/grants,false\r\n"
	quoted := "mary@example.org,192.0.2.17," + at + ",\"Policy \"\"Standard\"\" (ID: 7) was modified, and saved\",false,ABCD1234,,false\r\n"
	event := `{"actor":"mary@example.org","actor_ip":"192.0.2.17","create_time":"` + at + `","description":"Policy \"Standard\" (ID: 7) was modified","flagged":false,"org_key":"ABCD1234","request_url":null,"verbose":false}`
	for name, c := range map[string]struct {
		head, row, tail string
		format          cbc.ExportFormat
		safe            bool
	}{
		"csv/exact":  {"actor,actor_ip,create_time,description,flagged,org_key,request_url,verbose\r\n", plain, "", cbc.ExportCSV, false},
		"csv/safe":   {"actor,actor_ip,create_time,description,flagged,org_key,request_url,verbose\r\n", plain, "", cbc.ExportCSV, true},
		"csv/quoted": {"actor,actor_ip,create_time,description,flagged,org_key,request_url,verbose\r\n", quoted, "", cbc.ExportCSV, true},
		"json":       {"[" + event, "," + event, "]", cbc.ExportJSON, false},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(c.row) * rows))
			b.ReportAllocs()
			for b.Loop() {
				out := newChunkWriter(discard{}, File{}, time.Now)
				k := (&Service{}).newRowFilter(year(c.format))
				in := newRowBuffer(io.MultiReader(strings.NewReader(c.head), rowsOf(c.row, rows), strings.NewReader(c.tail)), out)
				var err error
				if c.format == cbc.ExportCSV {
					err = copyCSV(in, k, Options{Safe: c.safe})
				} else {
					_, err = copyJSON(in, k)
				}
				if err = errors.Join(err, out.end()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Times are read as by the standard library, also if the hour is that of the row before.
func TestClockReader(t *testing.T) {
	var r clockReader
	for _, text := range []string{
		"2026-03-10T09:00:00.000Z", "2026-03-10T09:00:59.999Z", "2026-03-10T09:00:07Z", "2026-03-10T09:00:07.1Z", "2026-03-10T09:00:07.123456789Z",
		"2026-03-10T09:01:07.5Z", "2026-03-10T10:00:07+01:00", "2026-03-10T09:01:08.123+00:00", "1969-12-31T23:59:58.500Z", "1969-12-31T23:59:59.500Z",
	} {
		want, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		got, ok := r.read(text)
		require.True(t, ok, text)
		require.Equal(t, want.UnixMilli(), got, text)
	}
	_, _ = r.read("2026-03-10T09:01:00.000Z")
	for _, text := range []string{"", "Z", "2026-03-10T09:01:60.000Z", "2026-03-10T09:01:0Z", "2026-03-10T09:01:00.Z", "2026-03-10T09:01:00.x0Z", "2026-03-10T09:01:", "2026-03-10T09:01:000Z", "2026-03-10T09:60:00.000Z", "2026-03-10T09:0:00.000Z", "2026-03-10T09:01-00.000Z"} {
		_, ok := r.read(text)
		require.False(t, ok, text)
	}
}
