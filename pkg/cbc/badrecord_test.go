package cbc

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// brokenRecords cannot be read. Where they have a time, it is that of broken.
var brokenRecords = []string{
	`{"create_time":"","actor":"x"}`, `{"create_time":null}`, `{"create_time":1793527200000}`, `{"actor":"x"}`, `{}`, `null`, `17`, `"x"`, `[]`, `[{"a":1},{"b":2}]`,
	`{"create_time":"9999-12-31T23:59:59-23:00"}`, `{"create_time":"2026-02-30T00:00:00Z"}`,
	`{"create_time":"2026-11-01T10:00:00Z","flagged":"perhaps"}`, `{"create_time":"2026-11-01T10:00:00Z","verbose":7}`,
	`{"create_time":"2026-11-01T10:00:00Z","x":tru}`, `{"create_time":"2026-11-01T10:00:00Z","actor":"\x"}`, "{\"create_time\":\"2026-11-01T10:00:00Z\",\"actor\":\"a\nb\"}",
	`{"create_time":"2026-11-01T10:00:00Z" "actor":"x"}`, `{"create_time":"2026-11-01T10:00:00Z",}`, `{"create_time":"2026-11-01T10:00:00Z","a":[1}]}`, `{'create_time':'x'}`,
	`{"create_time":"2026-11-01T10:00:00Z","x":NaN}`, `{create_time:"2026-11-01T10:00:00Z"}`,
	// Those that do not end where they should.
	`{"create_time":"2026-11-01T10:00:00Z","actor":"x}`, `{"create_time":"2026-11-01T10:00:00Z","actor":"x"`, `{"create_time":"2026-11-01T10:00:00Z","actor":"a"b"}`,
	`{"create_time":"2026-11-01T10:00:00Z","a":{"b":[1,2}`, `{"create_time":"2026-11-01T10:00:00Z","actor":"x\"}`, `{"create_time":"2026-11-01T10:`,
	`{"create_time":"2026-11-01T10:00:00Z"}}`, `{"create_time":"","a":"`, `{`, `"`, `{"create_time"`,
}

// goodRecord draws an event that is told from others by its number.
func goodRecord(t *rapid.T, n int) string {
	more := rapid.SampledFrom([]string{
		``, `,"description":"a \"quoted\" text, {with} [brackets] and ,{\"create_time\":\"2026-11-01T10:00:00Z\"}"`, `,"x":[{"y":[1]},{"create_time":"2026-11-01T10:00:00Z"}]`, `,"request_url":null`, `,"description":"}]"`,
	}).Draw(t, "more")
	space := rapid.SampledFrom([]string{"", " ", "\n"}).Draw(t, "space")
	return `{` + space + `"create_time":"2026-11-01T11:00:00.000Z",` + space + `"actor":"` + strconv.Itoa(n) + `"` + more + `}`
}

// Whatever is broken, the good records around it come out, in order, and something is said of the broken ones.
func TestGoodRecordsComeOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records, want []string
		broken := 0
		count := rapid.IntRange(1, 12).Draw(t, "records")
		for n := range count {
			if n < count-1 && rapid.IntRange(0, 3).Draw(t, "broken") == 0 {
				records = append(records, rapid.SampledFrom(brokenRecords).Draw(t, "record"))
				broken++
				continue
			}
			records = append(records, goodRecord(t, n))
			want = append(want, strconv.Itoa(n))
		}
		last := rapid.SampledFrom([]string{"}", `,"num_available":3}`, ` , "took": [1] } `}).Draw(t, "end")
		results := strings.Join(records, rapid.SampledFrom([]string{",", ", ", "\n,\n"}).Draw(t, "comma"))
		body := fmt.Sprintf(`{"num_found":%d,"results":[%s]%s`, len(records), results, last)
		p, err := decode(iotest.HalfReader(strings.NewReader(body)))
		require.NoError(t, err, body)
		var got []string
		for _, e := range p.Events {
			if _, err := strconv.Atoi(e.Actor); err == nil { // what a broken record still holds may come out, too
				got = append(got, e.Actor)
			}
		}
		require.Equal(t, want, got, body)
		require.Equal(t, broken > 0, len(p.Bad) > 0, body)
		require.LessOrEqual(t, len(p.Bad), 2*broken, body)
	})
}

// At the end of the list a broken record is told from an answer that was cut off.
func TestLastRecordIsBroken(t *testing.T) {
	good := `{"create_time":"2026-11-01T11:00:00.000Z","actor":"good"}`
	for _, record := range brokenRecords {
		for _, end := range []string{`]}`, `],"num_available":3}`} {
			body := `{"num_found":3,"results":[` + good + `,` + good + `,` + record + end
			p, err := decode(strings.NewReader(body))
			require.NoError(t, err, body)
			require.Equal(t, "good", p.Events[0].Actor, body)
			require.Equal(t, "good", p.Events[1].Actor, body)
			require.NotEmpty(t, p.Bad, body)
		}
	}
}

// A record that is valid JSON is told from its neighbors, with its bytes and its time.
func TestBadRecord(t *testing.T) {
	at := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	for _, record := range brokenRecords[:17] {
		p, err := decode(strings.NewReader(`{"num_found":3,"results":[` + record + `,` + record + `,` + record + `]}`))
		require.NoError(t, err, record)
		require.Len(t, p.Bad, 3, record)
		require.Equal(t, record, p.Bad[1].Raw)
		require.Equal(t, len(record), p.Bad[1].Size)
		require.NotEmpty(t, p.Bad[1].Reason)
		if strings.Contains(record, at.Format(time.RFC3339)) {
			require.Equal(t, at, p.Bad[1].Time)
			require.ErrorContains(t, &BadRecordsError{Records: p.Bad, Count: 3}, "3 records that Carbon Black Cloud returned cannot be read and are left out; the first is one of 2026-11-01T10:00:00.000Z")
		} else {
			require.Zero(t, p.Bad[1].Time, record)
		}
	}
}

func TestRecordsAreBounded(t *testing.T) {
	fields := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"x%d":%d`, i, i)
		}
		return `{"create_time":"2026-11-01T10:00:00Z"` + b.String() + `}`
	}
	require.Len(t, decodeEvent(t, fields(maxFields)).Extra, maxFields)
	rejectEvent(t, fields(maxFields+1), "more than 256 unknown fields")
	rejectEvent(t, fields(20_000), "more than 256 unknown fields")

	one := `{"create_time":"2026-11-01T10:00:00Z"}`
	page := func(n int) string { return `{"num_found":1,"results":[` + one + strings.Repeat(`,`+one, n-1) + `]}` }
	p, err := decode(strings.NewReader(page(MaxRows)))
	require.NoError(t, err)
	require.Len(t, p.Events, MaxRows)
	_, err = decode(strings.NewReader(page(MaxRows + 1)))
	require.ErrorContains(t, err, "more than 10000 events")
	_, err = decode(strings.NewReader(`{"num_found":1,"results":[1` + strings.Repeat(`,1`, MaxRows) + `]}`))
	require.ErrorContains(t, err, "more than 10000 events")
	require.NoError(t, newDecoder(strings.NewReader(page(maxQueueRecords))).batch(&Page{}))
	require.ErrorContains(t, newDecoder(strings.NewReader(page(maxQueueRecords+1))).batch(&Page{}), "more than 100000 events")
}

// An answer that is broken everywhere is looked through a bounded number of times.
func TestBrokenAnswersAreBounded(t *testing.T) {
	for name, piece := range map[string]string{
		"open braces": `,{`, "open records": `,{"create_time":"2026-11-01T10:00:00Z","a":[`, "open strings": `,{"create_time":"2026-11-01T10:00:00Z","a":"`,
		"open lists": `[`, "strings": `"`, "names": `,{"a"`, "invalid": `,{"create_time":x}`, "ends": `]}`, "objects": `{"a":1}`,
	} {
		for _, end := range []string{`]}`, ``} {
			body := `{"num_found":1,"results":[` + strings.Repeat(piece, (1<<20)/len(piece)) + end
			d := newDecoder(strings.NewReader(body))
			_ = d.page(&Page{}, 1)
			require.LessOrEqual(t, d.scanned, (maxScans+2)*len(body)+maxSync, name)
		}
	}
}

// FuzzBrokenRecord puts whatever bytes between good records: the good ones come out, unless the bytes themselves end the list or
// take the good ones into themselves as valid JSON.
func FuzzBrokenRecord(f *testing.F) {
	for _, record := range brokenRecords {
		f.Add([]byte(record))
	}
	good := `{"create_time":"2026-11-01T11:00:00.000Z","actor":"good"}`
	f.Fuzz(func(t *testing.T, record []byte) {
		body := `{"num_found":4,"results":[` + good + `,` + string(record) + `,` + good + `,` + good + `]}`
		whole, wholeErr := decode(strings.NewReader(body))
		pieces, piecesErr := decode(iotest.OneByteReader(strings.NewReader(body)))
		require.Equal(t, wholeErr, piecesErr)
		if wholeErr == nil {
			require.Equal(t, whole, pieces)
		}
		if strings.ContainsAny(string(record), "[]") { // it may end the list, or take in what follows
			return
		}
		require.NoError(t, wholeErr, body)
		n := 0
		for _, e := range whole.Events {
			if e.Actor == "good" {
				n++
			}
		}
		require.GreaterOrEqual(t, n, 3, body)
	})
}
