package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// exchange is a request as it went over the wire, and the wait that a 429 asked for.
type exchange struct {
	sent, answered time.Time
	status         int
	wait           time.Duration
}

// wire takes requests to a simulated cloud without a network, and keeps them.
type wire struct {
	cloud http.Handler
	mu    sync.Mutex
	log   []exchange
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	e := exchange{sent: time.Now()}
	recorder := httptest.NewRecorder()
	w.cloud.ServeHTTP(recorder, r)
	resp := recorder.Result()
	e.answered, e.status = time.Now(), resp.StatusCode
	if e.status == http.StatusTooManyRequests {
		e.wait = waitOf(resp.Header.Get("Retry-After"), e.answered)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, e)
	return resp, nil
}

// waitOf is what a 429 asks for; without a word it is half a minute.
func waitOf(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return at.Sub(now)
	}
	return 30 * time.Second
}

// duringPenalty are the requests that were sent after somebody was told to wait, and before that time was over.
func (w *wire) duringPenalty() (bad []exchange) {
	for _, e := range w.log {
		for _, told := range w.log {
			if told.wait > 0 && e.sent.After(told.answered) && e.sent.Before(told.answered.Add(told.wait)) {
				bad = append(bad, e)
				break
			}
		}
	}
	return bad
}

// asker is a panel or an alert rule that asks again and again.
type asker struct {
	every    time.Duration
	deadline time.Duration
	headers  map[string]string
	query    string
}

// tally counts answers.
type tally struct {
	mu                         sync.Mutex
	asked, answered, throttled int
	other                      []error // failures that are no rate limit
	slowest                    time.Duration
}

func (s *tally) add(answer backend.DataResponse, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.slowest = max(s.slowest, took)
	switch {
	case answer.Error == nil:
		s.answered++
	case answer.Status == backend.StatusTooManyRequests:
		s.throttled++
	default:
		s.other = append(s.other, answer.Error)
	}
}

func (a asker) run(t *testing.T, d *Instance, until time.Time, sum *tally) {
	for start := time.Now(); start.Before(until); start = time.Now() {
		ctx, cancel := context.WithTimeout(context.Background(), a.deadline)
		resp, err := d.QueryData(ctx, &backend.QueryDataRequest{Headers: a.headers, Queries: []backend.DataQuery{{
			RefID: "A", JSON: json.RawMessage(a.query), MaxDataPoints: 100, Interval: time.Minute,
			TimeRange: backend.TimeRange{From: start.Add(-time.Hour), To: start},
		}}})
		cancel()
		require.NoError(t, err)
		sum.add(resp.Responses["A"], time.Since(start))
		time.Sleep(time.Until(start.Add(a.every)))
	}
}

// crowds gives each crowd a host of its own, because the rate limit of a host outlives a test.
var crowds atomic.Int32

// crowd lets askers ask for some time, in simulated time, under a limit of 60 calls a minute, and sums up by lane.
func crowd(t *testing.T, sw simulator.Switches, lasts time.Duration, askers []asker) (panels, rules *tally, w *wire, status map[string]any) {
	panels, rules = &tally{}, &tally{}
	synctest.Test(t, func(t *testing.T) {
		sw.RateCalls, sw.RateWindowS = 60, 60
		sim := simulator.New(simulator.Config{Switches: sw, Generate: simulator.Generate{Days: 1, PerDay: 500}, Faults: simulator.Faults{LatencyMS: 150}})
		w = &wire{cloud: sim}
		parsed, err := parseSettings(settingsOf(sim, fmt.Sprintf("https://crowd-%d.test", crowds.Add(1)), 0, map[string]any{"requestsPerFiveMinutes": 300}))
		require.NoError(t, err)
		d, err := assemble(parsed, "1/test", &http.Client{Transport: w, Timeout: 30 * time.Second}, nil)
		require.NoError(t, err)
		defer d.Dispose()
		var group sync.WaitGroup
		until := time.Now().Add(lasts)
		for _, a := range askers {
			sum := panels
			if a.headers["FromAlert"] == "true" {
				sum = rules
			}
			group.Go(func() { a.run(t, d, until, sum) })
		}
		group.Wait()
		status = statusOfInstance(t, d)
	})
	return panels, rules, w, status
}

func statusOfInstance(t *testing.T, d *Instance) (status map[string]any) {
	t.Helper()
	err := d.CallResource(context.Background(), &backend.CallResourceRequest{Method: http.MethodGet, Path: "status", URL: "status"},
		backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
			require.Equal(t, http.StatusOK, r.Status)
			return json.Unmarshal(r.Body, &status)
		}))
	require.NoError(t, err)
	return status
}

// askers are 12 panels that refresh every 5 s and 20 alert rules that are evaluated every 10 s; query makes the rest of a query
// for each of them.
func askers(query func(i int) string) (all []asker) {
	shapes := []string{`"events"`, `"count"`, `"series","groupBy":["actor"]`, `"top","groupBy":["actor_ip"]`}
	for i := range 12 {
		all = append(all, asker{
			every: 5 * time.Second, deadline: 30 * time.Second,
			headers: map[string]string{"http_X-Dashboard-Uid": "audit", "http_X-Panel-Id": strconv.Itoa(i)},
			query:   fmt.Sprintf(`{"queryType":%s,%s}`, shapes[i%4], query(i)),
		})
	}
	for i := range 20 {
		all = append(all, asker{
			every: 10 * time.Second, deadline: 10 * time.Second,
			headers: map[string]string{"FromAlert": "true", "http_X-Rule-Uid": strconv.Itoa(i)},
			query:   fmt.Sprintf(`{"queryType":"count",%s}`, query(100+i)),
		})
	}
	return all
}

// A board and its alert rules share what they read: all are answered, every time, with few calls.
func TestCrowdWithinTheLimit(t *testing.T) {
	structured := func(i int) string {
		return fmt.Sprintf(`"criteria":{"outcome":["failure"],"actor":["user%d@example.org"]}`, i)
	}
	panels, alerts, w, status := crowd(t, simulator.Switches{}, 10*time.Minute, askers(structured))
	require.Equal(t, []int{12 * 120, 12 * 120}, []int{panels.asked, panels.answered})
	require.Equal(t, []int{20 * 60, 20 * 60}, []int{alerts.asked, alerts.answered})
	require.Less(t, alerts.slowest, time.Second)
	require.Zero(t, status["throttled"])
	require.LessOrEqual(t, len(w.log), 10*20)
}

// Questions that only the cloud can answer, and more of them than it allows: nothing is sent during a penalty, and who cannot
// be answered in time hears when it goes on.
func TestCrowdBeyondTheLimit(t *testing.T) {
	lucene := func(i int) string { return fmt.Sprintf(`"query":"-actor:user%d"`, i) }
	for _, form := range []string{"seconds", "date", "absent"} {
		t.Run(form, func(t *testing.T) {
			panels, alerts, w, status := crowd(t, simulator.Switches{RetryAfter: form}, 10*time.Minute, askers(lucene))
			require.Positive(t, status["throttled"])
			require.EqualValues(t, len(w.log), status["calls"])
			require.Empty(t, w.duringPenalty())
			for name, sum := range map[string]*tally{"panels": panels, "alerts": alerts} {
				require.Empty(t, sum.other, name)
				require.Positive(t, sum.answered, name)
				require.Equal(t, sum.asked, sum.answered+sum.throttled, name)
			}
			require.Equal(t, 20*60, alerts.asked)
			require.Greater(t, alerts.answered, alerts.asked/2, "alert rules go first")
			require.Less(t, alerts.slowest, 10*time.Second)
			require.Less(t, panels.slowest, 30*time.Second)
			t.Logf("panels %d/%d, alerts %d/%d, %d calls, %v of them 429",
				panels.answered, panels.asked, alerts.answered, alerts.asked, len(w.log), status["throttled"])
		})
	}
}
