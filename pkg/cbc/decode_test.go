package cbc

import (
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// decode reads an answer from r.
func decode(r io.Reader) (Page, error) {
	var p Page
	err := newDecoder(r).page(&p, 20)
	return p, err
}

// decodeEvent reads the only event of an answer.
func decodeEvent(t *testing.T, event string) auditlog.Event {
	t.Helper()
	p, err := decode(strings.NewReader(`{"num_found":1,"results":[` + event + `]}`))
	require.NoError(t, err)
	require.Len(t, p.Events, 1)
	return p.Events[0]
}

// rejectEvent decodes an answer with a broken record between two good ones: only the broken one is left out.
func rejectEvent(t *testing.T, event, want string) {
	t.Helper()
	good := `{"create_time":"2024-04-17T19:18:37.480Z","actor":"good"}`
	for name, results := range map[string]string{
		"alone": event, "first": event + "," + good + " , " + good, "middle": good + "," + event + ", " + good, "last": good + "," + good + "," + event,
	} {
		body := `{"num_found":` + strconv.Itoa(strings.Count(results, good)+1) + `,"results":[` + results + `],"took":1}`
		p, err := decode(strings.NewReader(body))
		require.NoError(t, err, "%s: %.200s", name, event)
		require.Len(t, p.Events, strings.Count(results, good), "%s: %.200s", name, event)
		require.Len(t, p.Bad, 1, "%s: %.200s", name, event)
		require.Contains(t, p.Bad[0].Reason, want)
		require.Equal(t, len(event), p.Bad[0].Size)
		require.Equal(t, event[:min(len(event), maxRawRecord)], p.Bad[0].Raw)
	}
}

// sample holds everything an answer may: null, escapes, nested unknown members, white space.
const sample = `{ "num_found": 3, "num_available": 2, "took": {"ms": [1, 2.5e3, {"a": "]}"}]}, "results": [
 {"org_key":"ABCD1234","actor_ip":"192.0.2.7","actor":"a@example.com","request_url":null,
  "description":"Updated Config: {\"a\":1}\n","flagged":true,"verbose":false,"create_time":"2024-04-17T19:18:37.480Z"},
 {"create_time":"2024-04-17T19:18:37Z","description":"","zone":{"b":[1,"\u00e9"]},"alpha":7,"none":null,"verbose":true} ] }
`

func TestDecodeSample(t *testing.T) {
	want := Page{Found: 3, Available: 2, Events: []auditlog.Event{
		{
			CreateTime: time.Date(2024, 4, 17, 19, 18, 37, 480_000_000, time.UTC), OrgKey: "ABCD1234", Actor: "a@example.com",
			ActorIP: "192.0.2.7", Description: "Updated Config: {\"a\":1}\n", Flagged: true,
		},
		{
			CreateTime: time.Date(2024, 4, 17, 19, 18, 37, 0, time.UTC), Verbose: true,
			Extra: []auditlog.Field{{Name: "alpha", Value: json.RawMessage(`7`)}, {Name: "zone", Value: json.RawMessage(`{"b":[1,"\u00e9"]}`)}},
		},
	}}
	for name, r := range map[string]io.Reader{
		"whole":              strings.NewReader(sample),
		"byte by byte":       iotest.OneByteReader(strings.NewReader(sample)),
		"end with last data": iotest.DataErrReader(strings.NewReader(sample)),
	} {
		got, err := decode(r)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
}

func TestDecodeTime(t *testing.T) {
	second := time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)
	for digits := range 10 {
		fraction := "123456789"[:digits]
		want := second
		if digits > 0 {
			n, err := strconv.Atoi(fraction)
			require.NoError(t, err)
			want = second.Add(time.Duration(n * int(math.Pow10(9-digits))))
			fraction = "." + fraction
		}
		for _, zone := range []string{"Z", "", "+00:00"} {
			text := "2024-02-29T23:59:58" + fraction + zone
			got := decodeEvent(t, `{"create_time":"`+text+`"}`).CreateTime
			require.Equal(t, want, got, text)
			require.Equal(t, time.UTC, got.Location(), text)
		}
	}
	for text, want := range map[string]time.Time{
		"2024-02-29 23:59:58":           second,
		"2024-02-29T23:59:58.000+0000":  second,
		"2024-02-29T23:59:58,000Z":      second,
		`2024\u002d02-29T23:59:58Z`:     second,
		"2024-03-01T12:59:58+13:00":     second,
		"2024-02-29T18:29:58.000-05:30": second,
		"1969-12-31T23:59:59.999Z":      time.UnixMilli(-1).UTC(),
	} {
		require.Equal(t, want, decodeEvent(t, `{"create_time":"`+text+`"}`).CreateTime, text)
	}
}

func TestDecodeRejectsTime(t *testing.T) {
	for _, value := range []string{
		`""`, `null`, `1713381517480`, `true`, `{}`, `[]`, `"yesterday"`, `"2024-02-30T00:00:00Z"`, `"2024-02-29"`, `"2024-02-29T23:59:58Zz"`,
		`"9999-12-31T23:59:59-23:00"`, `"2024-02-29T24:00:01Z"`,
	} {
		rejectEvent(t, `{"create_time":`+value+`}`, `"create_time": it is not a time`)
	}
	rejectEvent(t, `{"actor":"a"}`, "it has no create_time")
	rejectEvent(t, `{}`, "it has no create_time")
}

// timed makes an event of one member and a time.
func timed(member string) string { return `{` + member + `,"create_time":"2024-04-17T19:18:37Z"}` }

func TestDecodeText(t *testing.T) {
	tests := map[string]string{ // what is written, what it says
		`null`:                              "",
		`""`:                                "",
		`"plain"`:                           "plain",
		`"\"\\\/\b\f\n\r\t"`:                "\"\\/\b\f\n\r\t",
		`"\u0041\u00e9\u20AC"`:              "Aé€",
		`"\ud83d\ude00 grin"`:               "😀 grin",
		`"lone \ud83d and \ude00"`:          "lone \ufffd and \ufffd",
		`"\ud83d\n"`:                        "\ufffd\n",
		`"é😀 raw"`:                          "é😀 raw",
		"\"broken \xff\xc3( text\"":         "broken \ufffd\ufffd( text",
		"\"\xed\xa0\x80\\n\"":               "\ufffd\ufffd\ufffd\n", // a surrogate in UTF-8
		`"a,b \"c\" {d} [e] : f"`:           `a,b "c" {d} [e] : f`,
		`"\u0000\u001f"`:                    "\x00\x1f",
		`"` + "\u2028\u007f" + `"`:          "\u2028\u007f",
		`17`:                                "17", // of another type: kept as it is written
		`1.50`:                              "1.50",
		`true`:                              "true",
		`{"a":[1, "]"]}`:                    `{"a":[1, "]"]}`,
		`["x"]`:                             `["x"]`,
		"[\"\xff\"]":                        "[\"\ufffd\"]",
		`"` + strings.Repeat(`\\`, 9) + `"`: strings.Repeat(`\`, 9),
	}
	for written, want := range tests {
		for _, field := range []string{"description", "actor", "actor_ip", "request_url", "org_key"} {
			e := decodeEvent(t, timed(`"`+field+`":`+written))
			got := map[string]string{
				"description": e.Description, "actor": e.Actor, "actor_ip": e.ActorIP, "request_url": e.RequestURL, "org_key": e.OrgKey,
			}
			require.Equal(t, want, got[field], "%s: %s", field, written)
			require.Empty(t, e.Extra)
		}
	}
	absent := decodeEvent(t, `{"create_time":"2024-04-17T19:18:37Z"}`)
	require.Equal(t, auditlog.Event{CreateTime: time.Date(2024, 4, 17, 19, 18, 37, 0, time.UTC)}, absent)
}

func TestDecodeRejectsText(t *testing.T) {
	for written, want := range map[string]string{
		`"\x"`:            "bad escape",
		`"\u12g4"`:        "bad escape",
		`"\u12"`:          "bad escape",
		"\"a\nb\"":        "control character",
		"\"a\x00b\\n\"":   "control character",
		`nul`:             "not valid JSON",
		`tru`:             "not valid JSON",
		`01`:              "not valid JSON",
		`'a'`:             "not valid JSON",
		`{"a":}`:          "not valid JSON",
		`[1,]`:            "not valid JSON",
		`[1}`:             "not valid JSON",
		``:                "instead of a value",
		`"a" "b"`:         "a comma is missing",
		`"a":"b"`:         "a comma is missing",
		`"a",`:            "name is not a string",
		`"a",create_time`: "name is not a string",
	} {
		rejectEvent(t, timed(`"actor":`+written), want)
	}
	rejectEvent(t, `{"actor" "a"}`, "a member has no value")
	rejectEvent(t, timed(`"bad \x name":1`), "bad escape")
	rejectEvent(t, timed(`"later":nope`), "not valid JSON")
	rejectEvent(t, `{"create_time":"2024-04-17T19:18:37Z"]`, "comma is missing")
	rejectEvent(t, `7`, "it is not an object")
	rejectEvent(t, `null`, "it is not an object")
	rejectEvent(t, `["create_time"]`, "it is not an object")
}

func TestDecodeFlags(t *testing.T) {
	for written, want := range map[string]bool{`true`: true, `"true"`: true, `false`: false, `"false"`: false, `null`: false} {
		require.Equal(t, want, decodeEvent(t, timed(`"flagged":`+written)).Flagged, written)
		require.Equal(t, want, decodeEvent(t, timed(`"verbose":`+written)).Verbose, written)
	}
	for _, written := range []string{`1`, `0`, `"yes"`, `"True"`, `""`, `[]`, `{}`, `TRUE`} {
		rejectEvent(t, timed(`"flagged":`+written), `"flagged": it is neither true nor false`)
	}
}

func TestDecodeNames(t *testing.T) {
	e := decodeEvent(t, timed(`"z":1,"act\u006fr":"escaped","Actor":"other case","b":"x","a":[ 1 ],"nil":null,"\ud83d\ude00":{},"":0`))
	require.Equal(t, "escaped", e.Actor)
	require.Equal(t, []auditlog.Field{
		{Name: "", Value: json.RawMessage(`0`)}, {Name: "Actor", Value: json.RawMessage(`"other case"`)}, {Name: "a", Value: json.RawMessage(`[ 1 ]`)},
		{Name: "b", Value: json.RawMessage(`"x"`)}, {Name: "z", Value: json.RawMessage(`1`)}, {Name: "😀", Value: json.RawMessage(`{}`)},
	}, e.Extra)

	twice := decodeEvent(t, timed(`"actor":"first","x":1,"b":0,"x":2,"actor":"last","x":3`))
	require.Equal(t, "last", twice.Actor)
	require.Equal(t, []auditlog.Field{{Name: "b", Value: json.RawMessage(`0`)}, {Name: "x", Value: json.RawMessage(`3`)}}, twice.Extra)
}

// What is kept of an event must not change when the buffer it was read from is used again.
func TestDecodeKeepsNoBuffer(t *testing.T) {
	long := strings.Repeat("long ", 100)
	first := timed(`"description":"` + long + `first","more":{"of":"first"}`)
	body := `{"num_found":2,"results":[` + first + strings.Repeat(`,`+timed(`"description":"`+strings.Repeat("x", 1000)+`"`), 200) + `]}`
	p, err := decode(iotest.HalfReader(strings.NewReader(body)))
	require.NoError(t, err)
	require.Len(t, p.Events, 201)
	require.Equal(t, long+"first", p.Events[0].Description)
	require.JSONEq(t, `{"of":"first"}`, string(p.Events[0].Extra[0].Value))
}

func TestDecodePage(t *testing.T) {
	for body, want := range map[string]Page{
		`{"num_found":0,"num_available":0,"results":[]}`: {Events: []auditlog.Event{}},
		"\n\t {\r\n\"num_found\" : 0 }\n":                {},
		`{"num_found":7,"results":null}`:                 {Found: 7},
		`{"num_found":7}`:                                {Found: 7},
		`{"results":[],"num_found":7}`:                   {Found: 7, Events: []auditlog.Event{}},
		`{"num_found":7,"num_available":null}`:           {Found: 7},
		`{"num_found":7,"errorMessage":""}`:              {Found: 7},
		`{"num_found":7,"errorMessage":null,"x":[{}]}`:   {Found: 7},
	} {
		got, err := decode(strings.NewReader(body))
		require.NoError(t, err, body)
		require.Equal(t, want, got, body)
	}
}

func TestDecodeRejectsPage(t *testing.T) {
	for body, want := range map[string]string{
		``:                                   "not a JSON object",
		`   `:                                "not a JSON object",
		`[]`:                                 "not a JSON object",
		`"text"`:                             "not a JSON object",
		`<html>`:                             "not a JSON object",
		`null`:                               "not a JSON object",
		`{}`:                                 "no num_found",
		`{"num_found":null}`:                 "no num_found",
		`{"results":[]}`:                     "no num_found",
		`{"success":false,"message":"no"}`:   "no num_found",
		`{"num_found":-1}`:                   "num_found: it is not a valid count",
		`{"num_found":1.5}`:                  "num_found: it is not a valid count",
		`{"num_found":"7"}`:                  "num_found: it is not a valid count",
		`{"num_found":99999999999999999999}`: "num_found: it is not a valid count",
		`{"num_available":true}`:             "num_available: it is not a valid count",
		`{"num_found":1,"results":{}}`:       "instead of",
		`{"num_found":1,"results":"none"}`:   "instead of",
		`{"num_found":1,"results":7}`:        "instead of",
		`{"num_found":7,"results":[,]}`:      "instead of",
		`{"num_found":9223372036854775807}`:  "num_found: it is not a valid count",
		`{"num_found":1,"results":nil}`:      "not valid JSON",
		`{"num_found":1}{}`:                  "follows the end",
		`{"num_found":1}x`:                   "follows the end",
		`{"num_found":1,}`:                   "instead of",
		`{"num_found":1 "results":[]}`:       "instead of",
		`{num_found:1}`:                      "name is not a string",
		`{"num_found" 1}`:                    "instead of",
		`{"num_found":1,"x":tru}`:            "x: it is not valid JSON",
		`{"num_found":1,"x":[1}`:             "x: it is not valid JSON",
		`{"num_found":1,"errorMessage":"access denied"}`: "access denied",
	} {
		_, err := decode(strings.NewReader(body))
		require.ErrorContains(t, err, want, body)
	}
}

func TestDecodeTruncated(t *testing.T) {
	whole := strings.TrimSpace(sample)
	for n := range len(whole) {
		_, err := decode(strings.NewReader(whole[:n]))
		require.Error(t, err, "cut after %d bytes", n)
		_, err = decode(io.MultiReader(strings.NewReader(whole[:n]), iotest.ErrReader(iotest.ErrTimeout)))
		require.ErrorIs(t, err, iotest.ErrTimeout, "broken after %d bytes", n)
	}
}

func TestDecodeHugeValues(t *testing.T) {
	const huge = 300 << 10 // several times the first buffer
	for name, c := range map[string]struct{ written, want string }{
		"text":        {strings.Repeat("ab", huge), strings.Repeat("ab", huge)},
		"escapes":     {strings.Repeat(`\n`, huge), strings.Repeat("\n", huge)},
		"quotes":      {strings.Repeat(`\"`, huge), strings.Repeat(`"`, huge)},
		"backslashes": {strings.Repeat(`\\`, huge), strings.Repeat(`\`, huge)},
		"emoji":       {strings.Repeat(`😀`, huge), strings.Repeat("😀", huge)},
	} {
		require.Equal(t, c.want, decodeEvent(t, timed(`"description":"`+c.written+`"`)).Description, name)
	}
}

// A text full of escapes whose end is far away must not be searched for that end again and again.
func TestDecodeEscapesAreLinear(t *testing.T) {
	const megabytes = 8
	started := time.Now()
	decodeEvent(t, timed(`"description":"`+strings.Repeat(`\n`, megabytes<<19)+`"`))
	require.Less(t, time.Since(started), time.Minute) // a quarter of an hour, when it grows with the square
}

func TestDecodeDeepNesting(t *testing.T) {
	nest := func(depth int) string { return strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth) }
	require.Equal(t, nest(1000), string(decodeEvent(t, timed(`"x":`+nest(1000))).Extra[0].Value))
	rejectEvent(t, timed(`"x":`+nest(1_000_000)), "not valid JSON")
	rejectEvent(t, strings.Repeat(`{"a":`, 1_000_000)+`1`+strings.Repeat(`}`, 1_000_000), "not valid JSON")
	_, err := decode(strings.NewReader(`{"x":` + strings.Repeat(`[`, 1_000_000)))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestDecodeMoreThanAsked(t *testing.T) {
	event := timed(`"actor":"a"`)
	p, err := decode(strings.NewReader(`{"num_found":50,"results":[` + event + strings.Repeat(`,`+event, 49) + `]}`))
	require.NoError(t, err)
	require.Len(t, p.Events, 50)
}
