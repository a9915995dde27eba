package simulator

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const averageRow = 320 // bytes, to size a buffer

func (c *call) encodeAnswer(a answer) []byte {
	b := make([]byte, 0, 128+averageRow*len(a.rows))
	b = append(b, `{"num_found":`...)
	b = strconv.AppendInt(b, int64(a.found), 10)
	if a.available >= 0 {
		b = append(b, `,"num_available":`...)
		b = strconv.AppendInt(b, int64(a.available), 10)
	}
	if c.sw.ExtraKeys {
		b = append(b, `,"facets":{"results":[{"create_time":"x"}]},"took":3,"warnings":[]`...)
	}
	if len(a.rows) > 0 || !c.sw.NoResultsKey {
		b = append(b, `,"results":[`...)
		for i, e := range a.rows {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendEvent(b, e, c.sw)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendEvent appends a row as JSON.
func appendEvent(b []byte, e *Event, sw *Switches) []byte {
	b = append(b, `{"org_key":`...)
	b = appendString(b, e.OrgKey)
	b = appendText(b, "actor_ip", e.ActorIP, emptyForm(sw, e, 0))
	b = append(b, `,"actor":`...)
	b = appendString(b, e.Actor)
	b = appendText(b, "request_url", e.RequestURL, emptyForm(sw, e, 1))
	b = append(b, `,"description":`...)
	b = appendString(b, e.Description)
	b = appendFlag(b, "flagged", e.Flagged, sw)
	b = appendFlag(b, "verbose", e.Verbose, sw)
	b = append(b, `,"create_time":"`...)
	b = appendTime(b, e.CreateTime, sw.TimeDigits)
	b = append(b, '"')
	if sw.ExtraFields {
		b = append(b, `,"schema_version":2,"labels":{"site":"main","tags":["a","b"]}`...)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Extra)) {
		b = append(b, ',')
		b = appendString(b, name)
		b = append(b, ':')
		b = append(b, e.Extra[name]...)
	}
	return append(b, '}')
}

// emptyForm returns how an empty field is written. Mixed depends only on the event, so a row looks the same each time.
func emptyForm(sw *Switches, e *Event, salt uint32) string {
	if sw.EmptyText != "mixed" {
		return sw.EmptyText
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(e.Description)) // a hash cannot fail
	forms := []string{"null", "empty", "absent"}
	return forms[(h.Sum32()+salt+uint32(e.CreateTime.UnixMilli()))%3]
}

func appendText(b []byte, name, value, empty string) []byte {
	if value == "" && empty == "absent" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	if value == "" && empty == "null" {
		return append(b, "null"...)
	}
	return appendString(b, value)
}

func appendFlag(b []byte, name string, value bool, sw *Switches) []byte {
	if !value && sw.OmitFalse {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return strconv.AppendBool(b, value)
}

// appendTime appends a time in UTC, with as many fraction digits as the switch says.
func appendTime(b []byte, t time.Time, digits string) []byte {
	layout := "2006-01-02T15:04:05.000Z"
	switch digits {
	case "0":
		layout = "2006-01-02T15:04:05Z"
	case "6":
		layout = "2006-01-02T15:04:05.000000Z"
	case "9":
		layout = "2006-01-02T15:04:05.000000000Z"
	case "trim":
		layout = "2006-01-02T15:04:05.999999999Z"
	}
	return t.UTC().AppendFormat(b, layout)
}

// appendString appends a JSON string. Most strings need no escaping and are copied.
func appendString(b []byte, s string) []byte {
	plainText := !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError || r == '\u2028' || r == '\u2029'
	})
	if plainText {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil { // cannot fail for a string
		return append(b, `""`...)
	}
	return append(b, bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))...)
}
