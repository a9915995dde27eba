package cbc

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// plainEvent is an event as encoding/json reads it, for comparison.
type plainEvent struct {
	OrgKey      string    `json:"org_key"`
	Actor       string    `json:"actor"`
	ActorIP     string    `json:"actor_ip"`
	RequestURL  string    `json:"request_url"`
	Description string    `json:"description"`
	Flagged     bool      `json:"flagged"`
	Verbose     bool      `json:"verbose"`
	CreateTime  time.Time `json:"create_time"`
}

type plainAnswer struct {
	Found     int          `json:"num_found"`
	Available int          `json:"num_available"`
	Results   []plainEvent `json:"results"`
}

func (p plainEvent) event() auditlog.Event {
	return auditlog.Event{
		CreateTime: p.CreateTime.UTC(), OrgKey: p.OrgKey, Actor: p.Actor, ActorIP: p.ActorIP, RequestURL: p.RequestURL,
		Description: p.Description, Flagged: p.Flagged, Verbose: p.Verbose,
	}
}

// FuzzDecode makes sure that no answer panics, that it does not matter in which pieces it comes, and that what is written
// again is read the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		sample, ``, `{}`, `{"num_found":0,"results":[]}`, `{"num_found":1,"results":[{"create_time":"2024-04-17T19:18:37.480Z"}]}`,
		`{"num_found":1,"results":[{"create_time":"2024-04-17T19:18:37.480Z","actor":"\ud83d","x":"` + "\xff" + `"}]}`,
		`{"num_found":1,"results":[{"create_time":"2024-04-17T19:18:37.480Z","a":[{]}]}`, `{"a":"\\\"",`, `{"results":[{"`, `{"a":"\`,
		`{"num_found":1,"results":[{"create_time":"2024-04-17T19:18:37.480Z","x":{"y":[1,2,{}]},"x":2}]}`, `{"errorMessage":"no"}`, `{"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := decode(bytes.NewReader(body))
		pieces, piecesErr := decode(iotest.OneByteReader(bytes.NewReader(body)))
		require.Equal(t, err == nil, piecesErr == nil, "%v, in pieces %v", err, piecesErr)
		if err != nil {
			return
		}
		require.Equal(t, page, pieces)
		require.True(t, len(page.Bad) > 0 || json.Valid(body), "what encoding/json refuses was read")
		again, err := decode(bytes.NewReader(encode(t, page)))
		require.NoError(t, err)
		again.Digits = page.Digits // how a time was written is not kept
		require.Equal(t, len(page.Events), len(again.Events))
		for i := range page.Events {
			require.Equal(t, page.Events[i].ID(), again.Events[i].ID())
		}
	})
}

// encode writes an answer that says what p says.
func encode(t *testing.T, p Page) []byte {
	t.Helper()
	results := make([]map[string]any, len(p.Events))
	for i, e := range p.Events {
		results[i] = map[string]any{
			"org_key": e.OrgKey, "actor": e.Actor, "actor_ip": e.ActorIP, "request_url": e.RequestURL, "description": e.Description,
			"flagged": e.Flagged, "verbose": e.Verbose, "create_time": e.CreateTime.Format("2006-01-02T15:04:05.999999999Z"),
		}
		for _, f := range e.Extra {
			results[i][f.Name] = f.Value
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(map[string]any{"num_found": p.Found, "num_available": p.Available, "results": results}))
	return b.Bytes()
}

// jsonText draws a JSON string: escapes in all forms, broken UTF-8, whatever runes.
func jsonText() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.StringMatching(`[ -!#-\[\]-~]{0,20}`),
		rapid.SampledFrom([]string{
			`\n`, `\\`, `\"`, `\/`, `\b\f\r\t`, `\u0041`, `\u00e9`, `\u20AC`, `\ud83d\ude00`, `\ud83d`, `\ude00\ud83d`, "é", "😀", "\u2028", "\xff", "\xed\xa0\x80", "{", "]",
		}),
	)
	return rapid.Custom(func(t *rapid.T) string {
		return `"` + strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "pieces"), "") + `"`
	})
}

// jsonEvent draws an event of the right types.
func jsonEvent() *rapid.Generator[string] {
	space := rapid.SampledFrom([]string{"", "", " ", "\n\t", "\r\n"})
	return rapid.Custom(func(t *rapid.T) string {
		at := time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond"))
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "zone"))
		members := []string{`"create_time":"` + at.In(zone).Format(time.RFC3339Nano) + `"`}
		for _, name := range []string{"org_key", "actor", "actor_ip", "request_url", "description"} {
			value := rapid.OneOf(jsonText(), rapid.Just("null"), rapid.Just("")).Draw(t, name)
			if value != "" {
				members = append(members, `"`+name+`"`+space.Draw(t, "space")+`:`+space.Draw(t, "space")+value)
			}
		}
		for _, name := range []string{"flagged", "verbose"} {
			if value := rapid.SampledFrom([]string{"", "true", "false", "null"}).Draw(t, name); value != "" {
				members = append(members, `"`+name+`":`+value)
			}
		}
		return `{` + strings.Join(rapid.Permutation(members).Draw(t, "order"), space.Draw(t, "space")+`,`+space.Draw(t, "space")) + `}`
	})
}

func TestDecodeAgreesWithEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(jsonEvent(), 0, 5).Draw(t, "events")
		body := `{"num_found":12,"num_available":7,"results":[` + strings.Join(events, ",\n ") + `]}`
		var want plainAnswer
		require.NoError(t, json.Unmarshal([]byte(body), &want))
		got, err := decode(iotest.HalfReader(strings.NewReader(body)))
		require.NoError(t, err)
		require.Equal(t, []int{want.Found, want.Available, len(want.Results)}, []int{got.Found, got.Available, len(got.Events)})
		for i, w := range want.Results {
			require.Equal(t, w.event(), got.Events[i])
		}
	})
}
