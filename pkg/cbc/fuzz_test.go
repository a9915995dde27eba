package cbc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
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

// roundTrip answers requests without a connection.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const fuzzSecret = "MARKERSECRETMARKERSECRET"

// answering returns a client whose every request gets the same answer.
func answering(t *testing.T, status int, header http.Header, body []byte) *Client {
	t.Helper()
	c, err := New(Config{
		URL: "https://fuzz.example", OrgKey: "ORG", APIID: "ID", APISecret: fuzzSecret, MaxResponseBytes: 1 << 20,
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}, &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header.Clone(), Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
	})})
	require.NoError(t, err)
	return c
}

// FuzzAnswers makes sure that no answer of any endpoint panics, shows the secret, or is read as what cannot be.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []struct {
		status         int
		header, answer string
	}{
		{200, "", sample}, {200, "", `{"id":4805565,"status":"COMPLETED","progress":{"num_total":10,"num_completed":12}}`},
		{200, "", `{"job_id":"4805565","ref_url":"https://x/jobs/v1/orgs/ORG/jobs/4805565"}`}, {200, "", `{"num_found":2,"results":[{"id":1},{"id":"a/b"},null,7]}`},
		{200, "", `{"id":1e300,"progress":{"num_total":1e300,"num_completed":-1e300},"errors":[{"x":1}]}`}, {201, "https://x/jobs/4", ""}, {204, "", ""},
		{302, "https://elsewhere.example/?t=" + fuzzSecret, ""}, {400, "", `{"reason":"bad","message":"` + fuzzSecret + `"}`}, {401, "", "<html><title>Log in</title>"},
		{429, "120", "{}"}, {503, "Wed, 21 Oct 2026 07:28:00 GMT", ""}, {500, "-1", `{"error_code":1}`}, {207, "NaN", "[]"}, {200, "", `{"errorMessage":"no"}`},
	} {
		f.Add(seed.status, seed.header, []byte(seed.answer))
	}
	f.Fuzz(func(t *testing.T, status int, value string, body []byte) {
		header := http.Header{"Retry-After": {value}, "Location": {value}, "Date": {value}, "Content-Type": {value}}
		ctx := context.Background()
		ask := map[string]func(*Client) error{
			"search": func(c *Client) error { _, err := c.Search(ctx, SearchRequest{Rows: 100}); return err },
			"queue":  func(c *Client) error { _, err := c.Queue(ctx); return err },
			"export": func(c *Client) error {
				id, err := c.Export(ctx, ExportRequest{Format: ExportCSV})
				require.Equal(t, err == nil, ValidJobID(id), "%q, %v", id, err)
				return err
			},
			"job": func(c *Client) error {
				job, err := c.Job(ctx, "1")
				require.True(t, job.Total >= -1 && job.Completed >= -1 && job.Completed <= max(job.Total, -1), "%d of %d", job.Completed, job.Total)
				return err
			},
			"jobs": func(c *Client) error {
				list, err := c.Jobs(ctx)
				require.GreaterOrEqual(t, list.Missing, 0)
				for _, j := range list.Jobs {
					require.True(t, ValidJobID(j.ID))
					require.NotContains(t, j.Failure, fuzzSecret)
				}
				return err
			},
			"download": func(c *Client) error {
				file, err := c.Download(ctx, "1")
				if err == nil {
					_, _ = io.Copy(io.Discard, io.LimitReader(file, 1<<20)) // a broken file ends with an error
					err = file.Close()
				}
				return err
			},
		}
		for name, call := range ask {
			if err := call(answering(t, status, header, body)); err != nil {
				require.NotContains(t, err.Error(), fuzzSecret, name)
				if failed, ok := errors.AsType[*Error](err); ok {
					require.True(t, failed.RetryAfter >= 0 && failed.RetryAfter <= maxRetryAfter, "%s: waits %v", name, failed.RetryAfter)
				}
			}
		}
	})
}

// FuzzRetryAfter makes sure that no header asks for a wait that is negative or without end.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", " 5 ", "-3", "1e309", "NaN", "0x1p-2", "Wed, 21 Oct 2026 07:28:00 GMT", "Wednesday, 21-Oct-26 07:28:00 GMT", "soon"} {
		f.Add(seed, int64(1_790_000_000))
	}
	f.Fuzz(func(t *testing.T, header string, second int64) {
		wait := retryAfter(header, time.Unix(second%(1<<40), 0))
		require.True(t, wait >= 0 && wait <= maxRetryAfter, "%q asks for %v", header, wait)
	})
}
