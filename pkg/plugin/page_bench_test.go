package plugin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
)

// benchRows is the largest page that Carbon Black Cloud gives.
const benchRows = 10_000

// BenchmarkPage measures the way of one full page from the wire to a log frame, and the plain way of doing the same with
// encoding/json and a frame that is built row by row.
func BenchmarkPage(b *testing.B) {
	body := benchPage(benchRows)
	b.Run("stream", func(b *testing.B) { perEvent(b, len(body), streamed(b, body)) })
	b.Run("encoding_json", func(b *testing.B) { perEvent(b, len(body), naive(b, body)) })
}

// TestBenchmarkedWaysAgree makes sure that the two ways of BenchmarkPage do the same work.
func TestBenchmarkedWaysAgree(t *testing.T) {
	body := benchPage(200)
	want, err := data.FrameToJSON(naive(t, body)(), data.IncludeAll)
	require.NoError(t, err)
	got, err := data.FrameToJSON(streamed(t, body)(), data.IncludeAll)
	require.NoError(t, err)
	require.Contains(t, string(got), "Password did not match")
	require.JSONEq(t, string(want), string(got))
}

// perEvent reports what one event costs.
func perEvent(b *testing.B, size int, run func() *data.Frame) {
	b.SetBytes(int64(size))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	for b.Loop() {
		if run().Rows() != benchRows {
			b.Fatal("the frame does not hold the page")
		}
	}
	b.StopTimer()
	runtime.ReadMemStats(&after)
	events := float64(b.N) * benchRows
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/events, "ns/event")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/events, "B/event")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/events, "allocs/event")
}

// memory is a transport that answers every request with the same body.
type memory []byte

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(m)), Header: http.Header{}, Request: r}, nil
}

// streamed is the plugin's own way.
func streamed(tb testing.TB, body []byte) func() *data.Frame {
	config := cbc.Config{URL: "https://cbc.example", OrgKey: "ABCD1234", APIID: "ABCDE12345", APISecret: "secret"}
	client, err := cbc.New(config, &http.Client{Transport: memory(body)})
	require.NoError(tb, err)
	classifier := catalog.Default()
	return func() *data.Frame {
		page, err := client.Search(context.Background(), cbc.SearchRequest{Rows: benchRows})
		require.NoError(tb, err)
		rows := make([]frame.Row, len(page.Events))
		for i := range page.Events {
			e := &page.Events[i]
			rows[i] = frame.Row{Event: e, Class: classifier.ClassifyEvent(e), ID: e.ID().String()}
		}
		f := frame.Logs(rows, frame.Meta{})[0]
		f.Meta = nil
		return f
	}
}

// naiveAnswer is an answer as encoding/json reads it.
type naiveAnswer struct {
	Found   int `json:"num_found"`
	Results []struct {
		OrgKey      string    `json:"org_key"`
		Actor       string    `json:"actor"`
		ActorIP     string    `json:"actor_ip"`
		RequestURL  string    `json:"request_url"`
		Description string    `json:"description"`
		Flagged     bool      `json:"flagged"`
		Verbose     bool      `json:"verbose"`
		CreateTime  time.Time `json:"create_time"`
	} `json:"results"`
}

// naive reads the answer whole and appends row by row, with a map of labels a row.
func naive(tb testing.TB, body []byte) func() *data.Frame {
	client := &http.Client{Transport: memory(body)}
	classifier := catalog.Default()
	return func() *data.Frame {
		resp, err := client.Post("https://cbc.example", "application/json", nil)
		require.NoError(tb, err)
		defer resp.Body.Close()
		var answer naiveAnswer
		require.NoError(tb, json.NewDecoder(resp.Body).Decode(&answer))
		f := data.NewFrame("",
			data.NewField("timestamp", nil, []time.Time{}),
			data.NewField("body", nil, []string{}),
			data.NewField("severity", nil, []string{}),
			data.NewField("id", nil, []string{}),
			data.NewField("labels", nil, []json.RawMessage{}),
		)
		for _, r := range answer.Results {
			e := auditlog.Event{
				CreateTime: r.CreateTime, OrgKey: r.OrgKey, Actor: r.Actor, ActorIP: r.ActorIP, RequestURL: r.RequestURL,
				Description: r.Description, Flagged: r.Flagged, Verbose: r.Verbose,
			}
			class := classifier.ClassifyEvent(&e)
			f.AppendRow(e.CreateTime, naiveLine(&e, class), class.Severity, e.ID().String(), naiveLabels(tb, &e, class))
		}
		return f
	}
}

func naiveLine(e *auditlog.Event, c auditlog.Class) string {
	who := fmt.Sprintf("%s (%s)", auditlog.KeyAccount.Value(e, c), auditlog.KeyAddress.Value(e, c))
	if strings.HasPrefix(e.Description, "User "+e.Actor+" ") {
		who = auditlog.KeyAddress.Value(e, c)
	}
	return fmt.Sprintf("%s: %s", who, e.Description)
}

func naiveLabels(tb testing.TB, e *auditlog.Event, c auditlog.Class) json.RawMessage {
	labels := map[string]string{
		"actor": e.Actor, "actor_ip": e.ActorIP, "category": c.Category, "action": c.Action, "outcome": c.Outcome, "code": c.Code,
		"request_url": e.RequestURL, "flagged": fmt.Sprint(e.Flagged), "verbose": fmt.Sprint(e.Verbose), "org_key": e.OrgKey, "description": e.Description,
	}
	for _, key := range []auditlog.Key{auditlog.KeyAccount, auditlog.KeyAddress, auditlog.KeySeverity, auditlog.KeyTarget, auditlog.KeyTargetType} {
		labels[string(key)] = key.Value(e, c)
	}
	for name, value := range labels {
		if value == "" {
			delete(labels, name)
		}
	}
	raw, err := json.Marshal(labels)
	require.NoError(tb, err)
	return raw
}

// benchDescriptions are wordings in about the mix of a working day: most repeat, some name what they are about.
var benchDescriptions = []func(i int) string{
	func(int) string { return "Logged in successfully" },
	func(i int) string { return fmt.Sprintf("Connector %s logged in successfully", benchConnector(i)) },
	func(int) string { return "Password did not match for the specified login" },
	func(i int) string {
		return fmt.Sprintf("User user%d@example.com retrieved secret for API ID %s in org 1105", i%40, benchConnector(i))
	},
	func(i int) string { return fmt.Sprintf("Policy Standard (ID: %d) was modified", 6500+i%30) },
	func(i int) string {
		return fmt.Sprintf("Set QUARANTINE to on for device(s): %d,%d", 3_000_000+i, 3_100_000+i)
	},
	func(i int) string {
		return fmt.Sprintf("User user%d@example.com added Reputation Override for Organization ID 1105 of type SHA256 to BLACK_LIST with content: %064x | tool %d", i%40, i, i)
	},
	func(i int) string {
		return fmt.Sprintf("Updated Config: {\"id\":\"%032x\",\"enabled\":true,\"s3_bucket_name\":\"audit-%d\",\"type\":\"alert\"}\n", i, i%5)
	},
}

func benchConnector(i int) string { return fmt.Sprintf("P3KEDZJR%02d", i%25) }

// benchPage is the answer to a search, about 350 bytes an event, newest first and spaced as the vendor's samples are.
func benchPage(n int) []byte {
	newest := time.Date(2024, 4, 17, 19, 18, 37, 480_000_000, time.UTC)
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"num_found\": %d,\n  \"num_available\": %d,\n  \"results\": [", n, n)
	for i := range n {
		url := "null"
		if i%4 == 3 {
			url = fmt.Sprintf(`"/integrationServices/v3/policy/%d/rule/%d"`, 6500+i%30, i%7)
		}
		description, err := json.Marshal(benchDescriptions[i%len(benchDescriptions)](i))
		if err != nil {
			panic(err) // a string always marshals
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `
    {
      "org_key": "ABCD1234",
      "actor_ip": "192.0.2.%d",
      "actor": "user%d@example.com",
      "request_url": %s,
      "description": %s,
      "flagged": %t,
      "verbose": %t,
      "create_time": "%s"
    }`, i%250, i%40, url, description, i%8 == 2, i%8 == 7, newest.Add(-time.Duration(i)*1237*time.Millisecond).Format("2006-01-02T15:04:05.000Z"))
	}
	b.WriteString("\n  ]\n}\n")
	return b.Bytes()
}
