package export

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// serveRows makes exports of a cloud that counts so many events, whose jobs have a file.
func serveRows(t cleaner, events int, file string) *world {
	return serveFile(t, sample(events), func(_ http.Handler, rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", fmt.Sprint(len(file)))
		_, _ = io.WriteString(rw, file)
	})
}

const (
	csvHeader = "create_time,actor,description\r\n"
	goodTime  = "2026-03-10T00:00:00.000Z"
)

func goodCSV(i int) string { return fmt.Sprintf("%s,mary%d,\"Logged in, %d\"\r\n", goodTime, i, i) }

func goodJSON(i int) string {
	return fmt.Sprintf(`{"create_time":%q,"actor":"mary%d","description":"Logged in, %d","flagged":false}`, goodTime, i, i)
}

// A row that cannot be read costs itself only: the others come out byte for byte, and the manifest counts it and says why.
func TestBadRows(t *testing.T) {
	badCSV := []string{
		",x,y\r\n", "yesterday,x,y\r\n", "2026-02-30T00:00:00Z,x,y\r\n", goodTime + ",x\r\n", goodTime + ",x,y,z\r\n", "x\r\n", goodTime + ",\"x,y\r\n",
		"\"" + goodTime + ",x,y\n", goodTime + "," + strings.Repeat("x,", 50) + "\n", "0000-00-00T00:00:00Z,a,b\r\n",
	}
	badJSON := []string{
		`{"create_time":"","actor":"x","description":"y"}`, `{"create_time":null,"actor":"x","description":"y"}`, `{"actor":"x","description":"y"}`,
		`{"create_time":12,"actor":"x","description":"y"}`, `{"create_time":"2026-02-30T00:00:00Z","description":"y"}`, `null`, `7`, `"x"`, `[]`, `{}`,
		`{"create_time":"` + goodTime + `","description":tru}`, `{"create_time":"` + goodTime + `" "description":"y"}`, `{"create_time":"x}`, `{"create_time":"` + goodTime + `","a":"\u12"}`,
	}
	check := func(format cbc.ExportFormat, head string, rows []string, separator, tail, bad string) {
		for place := range len(rows) + 1 {
			all := append(append(append([]string{}, rows[:place]...), bad), rows[place:]...)
			if place == len(rows) && strings.Count(bad, `"`)%2 == 1 && format == cbc.ExportJSON {
				continue // the file breaks off within it
			}
			w := serveRows(t, len(rows)+1, head+strings.Join(all, separator)+tail)
			x := w.complete(t, order(format))
			d := fetch(t, w.Service, x.ID, false)
			want := head + strings.Join(rows, separator) + tail
			if place == 0 && format == cbc.ExportJSON {
				want = strings.TrimSpace(head) + strings.Join(rows, separator) + tail // what stood before the bad row goes with it
			}
			require.Equal(t, want, d.String(), "%q at %d", bad, place)
			m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
			require.NoError(t, err)
			require.Equal(t, KindJob, m.Kind)
			require.Equal(t, len(rows), m.Rows)
			require.Equal(t, 1, m.Skipped, "%q at %d: %s", bad, place, m.Note)
			require.False(t, m.Complete)
			require.Contains(t, m.Note, fmt.Sprintf("1 of the 4 rows of the job's file cannot be read and are left out, the first is row %d (it", place+1))
		}
	}
	for _, bad := range badCSV {
		check(cbc.ExportCSV, csvHeader, []string{goodCSV(1), goodCSV(2), goodCSV(3)}, "", "", bad)
	}
	for _, bad := range badJSON {
		check(cbc.ExportJSON, "[", []string{goodJSON(1), goodJSON(2), goodJSON(3)}, ",", "]\n", bad)
		check(cbc.ExportJSON, "[\n", []string{goodJSON(1), goodJSON(2), goodJSON(3)}, " ,\n", "\n]", bad)
	}
}

// Whatever stands between good rows, the good ones come out, in order and byte for byte.
func TestGoodRowsComeOut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var file, want strings.Builder
		file.WriteString(csvHeader)
		want.WriteString(csvHeader)
		good, bad := 0, 0
		for range rapid.IntRange(1, 40).Draw(rt, "rows") {
			if rapid.IntRange(0, 3).Draw(rt, "bad") == 0 && bad < good {
				bad++
				file.WriteString(rapid.StringMatching(`[a-z0-9",;:\-]{0,30}`).Draw(rt, "row") + "~\n")
				continue
			}
			good++
			file.WriteString(goodCSV(good))
			want.WriteString(goodCSV(good))
		}
		got, f, err := relayed(rt, strings.NewReader(file.String()), cbc.ExportCSV, false)
		require.NoError(rt, err, file.String())
		require.Equal(rt, want.String(), got, file.String())
		require.Equal(rt, good, f.rows)
		require.GreaterOrEqual(rt, f.skipped, bad)
	})
}

// Of the rows outside the time range, and of those that the filter leaves out, nothing but the time has to be read.
func TestBadRowsAndTheFilter(t *testing.T) {
	outside := strings.Replace(goodJSON(1), goodTime, "2026-03-09T00:00:00.000Z", 1)
	odd := func(row string) string { return strings.Replace(row, "false", `"perhaps"`, 1) }
	w := serveRows(t, 0, "["+strings.Join([]string{odd(outside), goodJSON(2), odd(goodJSON(3)), goodJSON(4)}, ",")+"]")
	r := order(cbc.ExportJSON)
	r.Filter = auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: {"mary1", "mary3", "mary4"}}}
	x := w.complete(t, r)
	require.Equal(t, "["+goodJSON(4)+"]", fetch(t, w.Service, x.ID, false).String())
	m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
	require.NoError(t, err)
	require.Equal(t, KindJob, m.Kind)
	require.Equal(t, 1, m.Skipped, m.Note)
}

// A record that cannot be read costs itself only in a file by searches, too.
func TestBadRecordsInSearches(t *testing.T) {
	for _, bad := range []string{"", "yesterday", "2026-02-30T00:00:00Z", "null"} {
		events := sample(300)
		for _, i := range []int{7, 150} {
			events[i].Actor = "broken"
		}
		c := &clock{at: origin}
		sim := simulator.New(simulator.Config{Now: c.now, Events: events})
		w := serve(t, sim, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			sim.ServeHTTP(answer, r)
			rw.WriteHeader(answer.Code)
			broken := regexp.MustCompile(`(\{[^{}]*"actor": ?"broken"[^{}]*"create_time": ?)"[^"]*"`)
			_, _ = rw.Write(broken.ReplaceAll(answer.Body.Bytes(), []byte(`${1}"`+bad+`"`)))
		}), c)
		w.Service = w.service(t, 1) // the key for audit logs only
		for _, format := range []cbc.ExportFormat{cbc.ExportCSV, cbc.ExportJSON} {
			x := w.complete(t, order(format))
			require.Equal(t, KindSearch, x.Kind)
			require.Len(t, parsed(t, fetch(t, w.Service, x.ID, false)), 298)
			m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
			require.NoError(t, err)
			require.Equal(t, 2, m.Skipped, m.Note)
			require.Equal(t, 298, m.Rows)
			require.False(t, m.Complete)
			require.Contains(t, m.Note, "2 records that Carbon Black Cloud returned cannot be read")
		}
	}
}

// A file that cannot be read for the most part is replaced by searches.
func TestMostlyBadRows(t *testing.T) {
	w := serveRows(t, 3, csvHeader+goodCSV(1)+"yesterday,x,y\r\ntomorrow,x,y\r\n")
	x := w.complete(t, order(cbc.ExportCSV))
	require.Len(t, parsed(t, fetch(t, w.Service, x.ID, false)), 3)
	x, err := w.Get(context.Background(), x.ID)
	require.NoError(t, err)
	require.Equal(t, KindSearch, x.Kind)
	require.Contains(t, x.Reason, "2 of its 3 rows cannot be read, the first is row 2 (its create_time is no time)")
}

// Rows whose quotes do not match are not read again and again without end.
func TestUnmatchedQuotesAreBounded(t *testing.T) {
	row := goodTime + ",x,\"" + strings.Repeat("y", 4000) + "\n"
	_, _, err := relayed(t, strings.NewReader(csvHeader+strings.Repeat(row, 3001)), cbc.ExportCSV, false)
	require.ErrorContains(t, err, "quotes do not match")
}

// With the switch for Excel a CSV begins with one byte order mark, whoever wrote the file. JSON never has one.
func TestByteOrderMark(t *testing.T) {
	for _, key := range []int{0, 1} { // a job, and searches
		for _, vendorMarks := range []bool{false, true} {
			w := newWorld(t, sample(60), simulator.Switches{CSVBOM: vendorMarks})
			w.Service = w.service(t, key)
			x := w.complete(t, order(cbc.ExportCSV))
			plain, marked := &download{}, &download{}
			require.NoError(t, w.Download(context.Background(), x.ID, "mary", Options{}, plain))
			require.NoError(t, w.Download(context.Background(), x.ID, "mary", Options{Excel: true}, marked))
			require.Equal(t, byteOrderMark+strings.TrimPrefix(plain.String(), byteOrderMark), marked.String())
			require.Equal(t, vendorMarks && key == 0, strings.HasPrefix(plain.String(), byteOrderMark), "without the switch a job's file stays as it is")
			require.Len(t, parsed(t, marked), 60)
			for _, excel := range []bool{false, true} {
				m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{Excel: &excel})
				require.NoError(t, err)
				require.Equal(t, excel || vendorMarks && key == 0, m.ByteOrderMark)
				require.EqualValues(t, map[bool]int{false: plain.Len(), true: marked.Len()}[excel], m.Bytes)
			}
			y := w.complete(t, order(cbc.ExportJSON))
			text := &download{}
			require.NoError(t, w.Download(context.Background(), y.ID, "mary", Options{Excel: true}, text))
			require.NotContains(t, text.String(), byteOrderMark)
			m, err := w.Manifest(context.Background(), y.ID, "mary", Choice{})
			require.NoError(t, err)
			require.False(t, m.ByteOrderMark)
		}
	}
}

// A list is made in one pass over the jobs, and signs short ids.
func TestListIsLinear(t *testing.T) {
	allocated := func(jobs int) float64 {
		var list strings.Builder
		for i := range jobs {
			fmt.Fprintf(&list, `,{"id":%d,"type":"EXTERNAL","status":"COMPLETED","create_time":"2026-03-09T00:00:00Z"}`, i+1000)
		}
		w := newWorld(t, sample(3), simulator.Switches{})
		s := serve(t, w.sim, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(rw, `{"results":[`+list.String()[1:]+`]}`)
		}), w.clock)
		for i := range maxTracked {
			s.config.Registry.store(s.config.Owner).begin(token{Job: fmt.Sprint(i), Filter: &auditlog.Filter{}, Created: time.Now().UnixMilli()})
		}
		exports, complete, message := s.List(context.Background())
		require.True(t, complete, message)
		require.Len(t, exports, jobs+maxTracked)
		return testing.AllocsPerRun(1, func() { s.List(context.Background()) })
	}
	few, many := allocated(300), allocated(3000)
	require.Less(t, many, 12*few)
	require.Less(t, many, 3300.0*100, "%v allocations", many)
}

// A list that Carbon Black Cloud cuts short is not passed off as complete.
func TestListThatIsCutShort(t *testing.T) {
	for answer, left := range map[string]int{
		`{"num_found":3,"results":[{"id":1,"status":"COMPLETED"}]}`: 2, `{"num_found":"2","results":[{"id":1}]}`: 1, `{"num_found":9,"results":[]}`: 9, `{"results":[{"id":1},null]}`: 1,
	} {
		w := newWorld(t, nil, simulator.Switches{})
		w = serve(t, w.sim, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, answer) }), w.clock)
		_, complete, message := w.List(context.Background())
		require.False(t, complete, answer)
		require.Contains(t, message, fmt.Sprintf("left out %d", left), answer)
	}
	w := newWorld(t, sample(3), simulator.Switches{})
	w.complete(t, order(cbc.ExportCSV))
	_, complete, message := w.List(context.Background())
	require.True(t, complete)
	require.Empty(t, message)
}
