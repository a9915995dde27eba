package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 11, 12, 0, 0, 0, time.UTC)

// clock moves only when advanced.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// cloud is a simulator behind a real socket, with a clock that stands at noon.
type cloud struct {
	*Server
	t     testing.TB
	clock *clock
	http  *httptest.Server
	key   Key
}

func newCloud(t testing.TB, c Config) *cloud {
	t.Helper()
	stopped := &clock{t: noon}
	if c.Now == nil {
		c.Now = stopped.now
	}
	sim := New(c)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return &cloud{sim, t, stopped, server, sim.Keys()[0]}
}

// reply is a complete answer.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error // of the transport, or of reading the body
}

func (r reply) object(t testing.TB) map[string]any {
	t.Helper()
	require.NoError(t, r.err)
	var content map[string]any
	require.NoError(t, json.Unmarshal(r.body, &content), "body: %s", r.body)
	return content
}

func (c *cloud) do(request *http.Request, client *http.Client) reply {
	response, err := client.Do(request)
	if err != nil {
		return reply{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, body, err}
}

func (c *cloud) request(method, path, body string) *http.Request {
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.http.URL+path, bytes.NewBufferString(body))
	require.NoError(c.t, err)
	request.Header.Set("X-Auth-Token", c.key.Token())
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	return request
}

func (c *cloud) call(method, path, body string) reply {
	c.t.Helper()
	return c.do(c.request(method, path, body), c.http.Client())
}

func (c *cloud) logs(verb string) string { return "/audit_log/v1/orgs/" + c.OrgKey() + "/logs/" + verb }
func (c *cloud) jobPath(rest string) string {
	return "/jobs/v1/orgs/" + c.OrgKey() + "/jobs" + rest
}

func (c *cloud) search(body string) reply { return c.call(http.MethodPost, c.logs("_search"), body) }
func (c *cloud) queue() reply             { return c.call(http.MethodGet, c.logs("_queue"), "") }

// page is the response body of _search and _queue.
type page struct {
	NumFound     int              `json:"num_found"`
	NumAvailable *int             `json:"num_available"`
	Results      []map[string]any `json:"results"`
}

func (r reply) page(t testing.TB) page {
	t.Helper()
	require.NoError(t, r.err)
	require.Equal(t, http.StatusOK, r.status, "body: %s", r.body)
	var p page
	require.NoError(t, json.Unmarshal(r.body, &p))
	return p
}

// descriptions returns the descriptions of the rows, in order.
func (p page) descriptions() []string {
	list := []string{}
	for _, row := range p.Results {
		list = append(list, fmt.Sprint(row["description"]))
	}
	return list
}

// export starts a job and returns its ID as a string.
func (c *cloud) export(body string) string {
	c.t.Helper()
	return fmt.Sprintf("%.0f", c.call(http.MethodPost, c.logs("_export"), body).object(c.t)["job_id"])
}

func (c *cloud) download(id string) reply {
	return c.call(http.MethodGet, c.jobPath("/"+id+"/download"), "")
}

// event returns an event that happened some time before noon.
func event(before time.Duration, description string) Event {
	return Event{CreateTime: noon.Add(-before), Actor: "alice@example.com", ActorIP: "192.0.2.1", Description: description}
}

// numbered returns n events, one per second, with their number as description; 0 is the newest.
func numbered(n int) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = event(time.Duration(i)*time.Second, fmt.Sprint("event ", i))
	}
	return events
}

func isoTime(t time.Time) string { return t.Format("2006-01-02T15:04:05.000000Z") }

func between(start, end time.Time) string {
	return fmt.Sprintf(`{"criteria":{"create_time":{"start":%q,"end":%q}}}`, isoTime(start), isoTime(end))
}
