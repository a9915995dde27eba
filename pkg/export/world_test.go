package export

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var origin = time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)

// clock is a clock that tests set.
type clock struct {
	mu     sync.Mutex
	at     time.Time
	timers []timer
}

// timer fires when the clock reaches a time.
type timer struct {
	at   time.Time
	fire chan time.Time
}

func (c *clock) after(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := timer{c.at.Add(d), make(chan time.Time, 1)}
	c.timers = append(c.timers, t)
	return t.fire
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	c.timers = slices.DeleteFunc(c.timers, func(t timer) bool {
		due := !t.at.After(c.at)
		if due {
			t.fire <- c.at
		}
		return due
	})
}

// world is a simulated cloud behind a real server, and exports of it.
type world struct {
	*Service
	sim   *simulator.Server
	url   string
	clock *clock
	http  *http.Client
}

// cleaner is a test, or one run of a property.
type cleaner interface {
	require.TestingT
	Cleanup(func())
}

func newWorld(t cleaner, events []simulator.Event, sw simulator.Switches) *world {
	c := &clock{at: origin}
	sim := simulator.New(simulator.Config{Now: c.now, Events: append([]simulator.Event{}, events...), Switches: sw})
	w := serve(t, sim, sim, c)
	return w
}

// serve makes exports of a simulated cloud behind a handler.
func serve(t cleaner, sim *simulator.Server, handler http.Handler, c *clock) *world {
	server := httptest.NewServer(handler)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	w := &world{sim: sim, url: server.URL, clock: c, http: &http.Client{Transport: transport}}
	w.Service = w.service(t, 0)
	return w
}

// serveFile makes exports of a simulated cloud that answers downloads by a handler.
func serveFile(t cleaner, events []simulator.Event, file func(sim http.Handler, rw http.ResponseWriter, r *http.Request)) *world {
	c := &clock{at: origin}
	sim := simulator.New(simulator.Config{Now: c.now, Events: append([]simulator.Event{}, events...)})
	return serve(t, sim, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/download") {
			file(sim, rw, r)
			return
		}
		sim.ServeHTTP(rw, r)
	}), c)
}

// service makes the exports of another process with one of the simulator's keys.
func (w *world) service(t require.TestingT, key int) *Service {
	k := w.sim.Keys()[key]
	client, err := cbc.New(cbc.Config{
		URL: w.url, OrgKey: w.sim.OrgKey(), APIID: k.APIID, APISecret: k.APISecret, Now: w.clock.now,
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}, w.http)
	require.NoError(t, err)
	past := func() *history.History {
		return history.New(history.Config{Searcher: client, Now: w.clock.now, CacheBytes: 1 << 20, Settle: time.Minute, Reach: w.sim.Switches().Reach})
	}
	identity, err := cbc.NewIdentity(w.url, w.sim.OrgKey(), k.APIID, k.APISecret)
	require.NoError(t, err)
	return New(Config{
		Cloud: client, Past: past(), OwnPast: func() Past { return past() }, Classify: catalog.Default().ClassifyEvent,
		Owner: Owner{identity, DataSource{1, "uid"}}, Secret: []byte(k.APISecret), Registry: NewRegistry(),
		Settle: time.Minute, Now: w.clock.now, After: w.clock.after, Random: rand.Reader,
	})
}

// download is a file as it arrived.
type download struct {
	File
	bytes.Buffer
	begun  int
	chunks []int
}

func (d *download) Begin(f File) error {
	d.File = f
	d.begun++
	return nil
}

func (d *download) Write(chunk []byte) error {
	d.chunks = append(d.chunks, len(chunk))
	_, err := d.Buffer.Write(chunk)
	return err
}

// order asks for everything of the last day.
func order(format cbc.ExportFormat) Request {
	return Request{
		Query: json.RawMessage(`{"refId":"A"}`), TimeRange: auditlog.NewTimeRange(origin.Add(-24*time.Hour), origin.Add(-time.Hour)), Format: format, Who: "mary",
	}
}

// complete starts an export and waits until it is completed.
func (w *world) complete(t require.TestingT, r Request) Export {
	x, err := w.Start(context.Background(), r)
	require.NoError(t, err)
	for range 20 {
		if x.Status == StatusCompleted {
			return x
		}
		w.clock.turn(maxPoll)
		x, err = w.Get(context.Background(), x.ID)
		require.NoError(t, err)
	}
	require.Equal(t, StatusCompleted, x.Status)
	return x
}

// fetch downloads an export.
func fetch(t require.TestingT, s *Service, id string, safe bool) *download {
	d := &download{}
	require.NoError(t, s.Download(context.Background(), id, "mary", Options{Safe: safe}, d))
	require.Equal(t, 1, d.begun)
	return d
}

// records returns the events that the simulator holds in a time range, each as one string, sorted.
func (w *world) records(f auditlog.Filter, window auditlog.TimeRange, unit time.Duration) []string {
	matcher := f.Local()
	var out []string
	for _, s := range w.sim.Events() {
		e := auditlog.Event{
			CreateTime: s.CreateTime.Truncate(unit), OrgKey: s.OrgKey, Actor: s.Actor, ActorIP: s.ActorIP, RequestURL: s.RequestURL,
			Description: s.Description, Flagged: s.Flagged, Verbose: s.Verbose,
		}
		class := catalog.Default().ClassifyEvent(&e)
		if window.Contains(s.CreateTime) && matcher.Match(&e, class) {
			out = append(out, record(e))
		}
	}
	slices.Sort(out)
	return out
}

// record writes an event as one string. Go's CSV reader turns CRLF in a cell into LF, so both are equal here.
func record(e auditlog.Event) string {
	texts := fieldTexts(&e)
	return strings.ReplaceAll(strings.Join(texts[:], "|"), "\r\n", "\n")
}

// same compares two lists of events and shows the first difference only.
func same(t require.TestingT, want, got []string, about ...any) {
	for i := range min(len(want), len(got)) {
		require.Equal(t, want[i], got[i], about...)
	}
	require.Equal(t, len(want), len(got), about...)
}

// parsed returns the events of a file, each as one string, sorted.
func parsed(t require.TestingT, d *download) []string {
	var events []auditlog.Event
	if strings.HasPrefix(d.MediaType, "text/csv") {
		events = parseCSV(t, d.Bytes())
	} else {
		events = parseJSON(t, d.Bytes(), d.MediaType)
	}
	var out []string
	for _, e := range events {
		out = append(out, record(e))
	}
	slices.Sort(out)
	return out
}

func parseCSV(t require.TestingT, raw []byte) (events []auditlog.Event) {
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	rows, err := reader.ReadAll()
	require.NoError(t, err)
	for i, row := range rows {
		if i == 0 {
			continue
		}
		var e auditlog.Event
		for c, text := range row {
			switch plainName(rows[0][c]) {
			case "createtime":
				e.CreateTime, err = time.Parse(time.RFC3339Nano, text)
				require.NoError(t, err)
			case "orgkey":
				e.OrgKey = text
			case "flagged":
				e.Flagged, err = strconv.ParseBool(text)
			case "verbose":
				e.Verbose, err = strconv.ParseBool(text)
			default:
				for _, key := range auditlog.Keys() {
					if plainName(string(key)) == plainName(rows[0][c]) {
						require.True(t, setText(&e, key, text))
					}
				}
			}
			require.NoError(t, err)
		}
		events = append(events, e)
	}
	return events
}

func parseJSON(t require.TestingT, raw []byte, mediaType string) (events []auditlog.Event) {
	var objects []json.RawMessage
	switch {
	case strings.Contains(mediaType, "ndjson"):
		for _, line := range bytes.Split(bytes.TrimSpace(raw), []byte("\n")) {
			if len(line) > 0 {
				objects = append(objects, line)
			}
		}
	case len(raw) > 0 && raw[0] == '{':
		var envelope struct{ Results []json.RawMessage }
		require.NoError(t, json.Unmarshal(raw, &envelope))
		objects = envelope.Results
	case len(raw) > 0:
		require.NoError(t, json.Unmarshal(raw, &objects))
	}
	for _, object := range objects {
		var e auditlog.Event
		require.NoError(t, cbc.DecodeEvent(object, &e))
		e.Extra = nil
		events = append(events, e)
	}
	return events
}

// sample returns events of the last day, with odd strings and several events in one millisecond.
func sample(n int) []simulator.Event {
	texts := []string{
		"Logged in successfully", "=1+1", "+49", "-2", "@SUM(A1)", "\tindented", "Policy \"Standard\" (ID: 7) was modified", "a, b",
		"two\nlines", "two\r\nlines", "Zürich – 東京 🔒", "", "quote at the end\"", "\"quoted\"", "'apostrophe", "\x01control", "Login failed",
	}
	actors := []string{"mary@example.org", "MARY@example.org", "", "=cmd", "ABCDEFGHIJ"}
	addresses := []string{"192.0.2.1", "", "2001:db8::1"}
	var events []simulator.Event
	for i := range n {
		at := origin.Add(-24*time.Hour + time.Duration(i/3)*time.Duration(23*3600/(n/3+1)*1000)*time.Millisecond + time.Duration(i/3%7)*time.Millisecond)
		events = append(events, simulator.Event{
			CreateTime: at, Actor: actors[i%len(actors)], ActorIP: addresses[i%len(addresses)], Description: texts[i%len(texts)],
			Flagged: i%4 == 0, Verbose: i%5 == 0, RequestURL: []string{"", "/access/v2/orgs/ABCD1234/grants"}[i%2],
		})
	}
	return events
}
