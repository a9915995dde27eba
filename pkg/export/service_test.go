package export

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

func kindOf(t *testing.T, err error) Kind {
	var failed *Error
	require.ErrorAs(t, err, &failed)
	return failed.Kind
}

func (w *world) calls(endpoint string) (n int) {
	for _, r := range w.sim.Requests() {
		if r.Endpoint == endpoint {
			n++
		}
	}
	return n
}

// A job is polled at growing intervals, however many viewers there are. An early 404 means that it is not visible yet.
func TestStates(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{JobEarly404: 2, JobPolls: 4, JobInProgress: true, JobProgress: true})
	x, err := w.Start(context.Background(), order(cbc.ExportCSV))
	require.NoError(t, err)
	require.Equal(t, StatusCreated, x.Status)
	require.Equal(t, KindJob, x.Kind)
	require.Equal(t, 60, *x.Count)
	var seen []string
	for x.Status != StatusCompleted {
		before := w.calls("job")
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { _, _ = w.Get(context.Background(), x.ID) })
		}
		group.Wait()
		require.LessOrEqual(t, w.calls("job"), before+1, "eight viewers are one question")
		if x, err = w.Get(context.Background(), x.ID); len(seen) == 0 || seen[len(seen)-1] != x.Status {
			seen = append(seen, x.Status)
		}
		require.NoError(t, err)
		if x.Status == StatusInProgress {
			require.Equal(t, 60, *x.Total)
			require.Less(t, *x.Completed, 60)
		}
		_, err = w.Manifest(context.Background(), x.ID, "mary", Choice{})
		if x.Status != StatusCompleted && err != nil {
			require.Equal(t, NotReady, kindOf(t, err))
		}
		w.clock.turn(maxPoll)
	}
	require.Equal(t, StatusCompleted, seen[len(seen)-1])
	require.Equal(t, 60, *x.Completed)
	asked := w.calls("job")
	_, err = w.Get(context.Background(), x.ID)
	require.NoError(t, err)
	require.Equal(t, asked, w.calls("job"), "what is final is not asked for again")
	require.Zero(t, w.calls("progress"))
}

// A job with an unknown status is in progress.
func TestUnknownStates(t *testing.T) {
	for _, word := range []string{"QUEUED", "Weird State", ""} {
		c := &clock{at: origin}
		sim := simulator.New(simulator.Config{Now: c.now, Events: sample(60)})
		left := 3
		w := serve(t, sim, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "/jobs/v1/") || left == 0 {
				sim.ServeHTTP(rw, r)
				return
			}
			left--
			answer := httptest.NewRecorder()
			sim.ServeHTTP(answer, r)
			_, _ = rw.Write(regexp.MustCompile(`"status": ?"\w*"`).ReplaceAll(answer.Body.Bytes(), []byte(`"status":"`+word+`"`)))
		}), c)
		x, err := w.Start(context.Background(), order(cbc.ExportCSV))
		require.NoError(t, err)
		for left > 0 {
			c.turn(maxPoll)
			x, err = w.Get(context.Background(), x.ID)
			require.NoError(t, err)
			require.Equal(t, StatusInProgress, x.Status, word)
		}
		c.turn(maxPoll)
		x, err = w.Get(context.Background(), x.ID)
		require.NoError(t, err)
		require.Equal(t, StatusCompleted, x.Status)
		require.Len(t, parsed(t, fetch(t, w.Service, x.ID, false)), 60)
	}
}

func TestPolls(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{JobPolls: 1000})
	x, err := w.Start(context.Background(), order(cbc.ExportCSV))
	require.NoError(t, err)
	for range 600 { // a minute
		w.clock.turn(100 * time.Millisecond)
		_, err = w.Get(context.Background(), x.ID)
		require.NoError(t, err)
	}
	require.InDelta(t, 9, w.calls("job"), 1, "0, 0.5, 1, 2, 4, 8, then every 10 seconds")
}

func TestJobThatFails(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{JobFails: true, JobPolls: -1})
	x, err := w.Start(context.Background(), order(cbc.ExportCSV))
	require.NoError(t, err)
	x, err = w.Get(context.Background(), x.ID)
	require.NoError(t, err)
	require.Equal(t, StatusFailed, x.Status)
	require.Contains(t, x.Error, "Export failed")
	err = w.Download(context.Background(), x.ID, "mary", DefaultOptions, &download{})
	require.Equal(t, NotReady, kindOf(t, err))
	require.Zero(t, w.calls("download"))
}

// A failed poll does not change the state of an export, but adds a message.
func TestTroubleWhilePolling(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{JobPolls: -1})
	x, err := w.Start(context.Background(), order(cbc.ExportCSV))
	require.NoError(t, err)
	for _, fault := range []simulator.Fault{{Kind: "status", Status: 503}, {Kind: "html"}, {Kind: "reset"}, {Kind: "errorMessage"}, {Kind: "status", Status: 429}} {
		fault.Endpoint = "job"
		w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{fault}})
		w.clock.turn(maxPoll)
		x, err = w.Get(context.Background(), x.ID)
		require.NoError(t, err, fault.Kind)
		require.Equal(t, StatusCreated, x.Status)
		require.Contains(t, x.Message, "cannot be read at the moment", fault.Kind)
	}
	w.sim.SetFaults(simulator.Faults{})
	w.clock.turn(maxPoll)
	x, err = w.Get(context.Background(), x.ID)
	require.NoError(t, err)
	require.Equal(t, StatusCompleted, x.Status)
	require.Empty(t, x.Message)
}

func TestWhereJobsAreClosed(t *testing.T) {
	for _, sw := range []simulator.Switches{{}, {PermissionStatus: 401}, {ErrorBody: "html"}} {
		w := newWorld(t, sample(300), sw)
		w.Service = w.service(t, 1) // the key for audit logs only
		for _, format := range []cbc.ExportFormat{cbc.ExportCSV, cbc.ExportJSON} {
			x, err := w.Start(context.Background(), order(format))
			require.NoError(t, err)
			require.Equal(t, KindSearch, x.Kind)
			require.Equal(t, StatusCompleted, x.Status)
			require.Contains(t, x.Message, "jobs.status READ")
			require.Zero(t, w.calls("export"), "a job that nobody can fetch is not started")
			d := fetch(t, w.Service, x.ID, false)
			same(t, w.records(auditlog.Filter{}, order(format).TimeRange, time.Millisecond), parsed(t, d))
			m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
			require.NoError(t, err)
			require.Equal(t, KindSearch, m.Kind)
			require.Contains(t, m.Reason, "jobs.status READ")
			require.True(t, m.Complete, m.Note)
			require.Equal(t, 300, *m.Count)
		}
	}
}

func TestDerivedKeysAreSearched(t *testing.T) {
	w := newWorld(t, sample(300), simulator.Switches{})
	r := order(cbc.ExportCSV)
	r.Filter = auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyCategory: {"authentication"}}}
	x, err := w.Start(context.Background(), r)
	require.NoError(t, err)
	require.Contains(t, x.Message, "derives from the description")
	want := w.records(r.Filter, r.TimeRange, time.Millisecond)
	require.NotEmpty(t, want)
	same(t, want, parsed(t, fetch(t, w.Service, x.ID, false)))
	require.Zero(t, w.calls("export"))
}

// A field that only later events have gets a column: at once, or in the next download if a part of the file was sent.
func TestLateFields(t *testing.T) {
	for _, n := range []int{300, 12_000} {
		events := sample(n)
		events[n/2].Extra = map[string]json.RawMessage{"zone": []byte(`"north"`)}
		events[n-1].Extra = map[string]json.RawMessage{"session": []byte(`{"id":5}`)}
		w := newWorld(t, events, simulator.Switches{})
		w.Service = w.service(t, 1) // the key for audit logs only
		x := w.complete(t, order(cbc.ExportCSV))
		m, err := w.service(t, 1).Manifest(context.Background(), x.ID, "mary", Choice{})
		require.NoError(t, err)
		if n > 300 {
			err := w.Download(context.Background(), x.ID, "mary", DefaultOptions, &download{})
			require.Equal(t, Broken, kindOf(t, err))
			require.Contains(t, err.Error(), "download it again")
		}
		file := fetch(t, w.Service, x.ID, true)
		require.Contains(t, file.String(), ",org_key,zone,session\r\n")
		require.Contains(t, file.String(), ",north,\r\n")
		require.Contains(t, file.String(), `,"{""id"":5}"`+"\r\n")
		require.Equal(t, m.SHA256, fmt.Sprintf("%x", sha256.Sum256(file.Bytes())), "in another process, too")
	}
}

// After a restart, and on another replica, an id is enough.
func TestIDs(t *testing.T) {
	w := newWorld(t, sample(300), simulator.Switches{})
	r := order(cbc.ExportCSV)
	r.Filter = auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: {"mary@example.org"}}}
	x := w.complete(t, r)
	want := fetch(t, w.Service, x.ID, true).String()
	other := w.service(t, 0)
	y, err := other.Get(context.Background(), x.ID)
	require.NoError(t, err)
	require.Equal(t, x, y)
	require.Equal(t, want, fetch(t, other, x.ID, true).String())
	m, err := other.Manifest(context.Background(), x.ID, "mary", Choice{})
	require.NoError(t, err)
	require.True(t, m.Complete)
	require.Equal(t, "mary", m.Who)
	unread := w.service(t, 0)
	for range 2 {
		m, err = unread.Manifest(context.Background(), x.ID, "mary", Choice{})
		require.NoError(t, err)
		require.True(t, m.Safe, "of safe cells, as a download without the switch, however often it is asked for")
	}

	list, whole, _ := w.service(t, 0).List(context.Background())
	require.True(t, whole)
	require.Len(t, list, 1, "a process that knows nothing lists the job")
	require.Nil(t, list[0].Query)
	require.NotEqual(t, x.ID, list[0].ID)
	require.NotEmpty(t, fetch(t, w.service(t, 0), list[0].ID, true).String())
	require.Equal(t, want, fetch(t, w.Service, list[0].ID, true).String(), "and one that knows it takes both ids for the same")

	foreign := w.service(t, 1)
	for _, id := range []string{x.ID, "", "A", x.ID[1:], x.ID + "A", strings.ToUpper(x.ID), x.ID + "=", " " + x.ID, strings.Repeat("A", 5000)} {
		if id == x.ID {
			_, err = foreign.Get(context.Background(), id)
		} else {
			_, err = w.Get(context.Background(), id)
		}
		require.Equal(t, Missing, kindOf(t, err), id)
	}
	for i := range len(x.ID) { // one changed character
		changed := []byte(x.ID)
		if changed[i] == 'A' {
			changed[i] = 'B'
		} else {
			changed[i] = 'A'
		}
		_, err := w.open(string(changed))
		require.Error(t, err)
	}
}

// A simulator that is restarted gives the same ids to other jobs.
func TestJobIDsThatComeAgain(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{})
	x := w.complete(t, order(cbc.ExportJSON))
	require.NoError(t, w.Forget(x.ID))
	again := newWorld(t, sample(60), simulator.Switches{})
	c := again.config
	c.Owner, c.Secret, c.Registry = w.config.Owner, w.config.Secret, w.config.Registry
	again.Service = New(c)
	x = again.complete(t, order(cbc.ExportCSV))
	require.Equal(t, "csv", x.Format)
	require.Equal(t, "text/csv; charset=utf-8", fetch(t, again.Service, x.ID, true).MediaType)
}

func TestForget(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{})
	x := w.complete(t, order(cbc.ExportCSV))
	require.NoError(t, w.Forget(x.ID))
	list, _, _ := w.List(context.Background())
	require.Empty(t, list, "neither from memory nor from the job service")
	_, err := w.Get(context.Background(), x.ID)
	require.Equal(t, Missing, kindOf(t, err))
}

// A file may, like a job, become visible a little later. The number of rows that a job reports does not count.
func TestYoungFile(t *testing.T) {
	c := &clock{at: origin}
	sim := simulator.New(simulator.Config{Now: c.now, Events: sample(60)})
	missing := 2
	w := serve(t, sim, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/download") && missing > 0:
			missing--
			rw.WriteHeader(http.StatusNotFound)
		case strings.Contains(r.URL.Path, "/jobs/") && !strings.HasSuffix(r.URL.Path, "/download") && !strings.HasSuffix(r.URL.Path, "/jobs"):
			_, _ = io.WriteString(rw, `{"status":"COMPLETED","progress":{"num_total":7,"num_completed":3}}`)
		default:
			sim.ServeHTTP(rw, r)
		}
	}), c)
	x := w.complete(t, order(cbc.ExportCSV))
	require.Equal(t, 60, *x.Total)
	require.Equal(t, 60, *x.Completed)
	require.Len(t, parsed(t, fetch(t, w.Service, x.ID, false)), 60)
	missing = 9
	err := w.Download(context.Background(), x.ID, "mary", Options{}, &download{})
	require.Equal(t, NotReady, kindOf(t, err))
	for _, passed := range []time.Duration{jobVisibilityDelay, -720 * time.Hour, 720*time.Hour + 1} { // the clock is set back and ahead again
		w.clock.turn(passed)
		err = w.Download(context.Background(), x.ID, "mary", Options{}, &download{})
		require.Equal(t, Missing, kindOf(t, err))
	}
}

// The file of a long job may become visible a little after the job has completed, too.
func TestYoungFileOfALongJob(t *testing.T) {
	c := &clock{at: origin}
	sim := simulator.New(simulator.Config{Now: c.now, Events: sample(60), Switches: simulator.Switches{JobPolls: 30}})
	missing := 2
	w := serve(t, sim, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/download") && missing > 0 {
			missing--
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		sim.ServeHTTP(rw, r)
	}), c)
	x, err := w.Start(context.Background(), order(cbc.ExportCSV))
	require.NoError(t, err)
	for x.Status != StatusCompleted {
		c.turn(maxPoll)
		x, err = w.Get(context.Background(), x.ID)
		require.NoError(t, err)
	}
	require.Greater(t, c.now().Sub(origin), jobVisibilityDelay)
	require.Len(t, parsed(t, fetch(t, w.Service, x.ID, false)), 60)
}

func TestExpired(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{})
	x := w.complete(t, order(cbc.ExportCSV))
	w.clock.turn(31 * 24 * time.Hour)
	err := w.Download(context.Background(), x.ID, "mary", DefaultOptions, &download{})
	require.Equal(t, Missing, kindOf(t, err))
	require.Contains(t, err.Error(), "30 days")
	later := w.service(t, 0)
	y, err := later.Get(context.Background(), x.ID)
	require.NoError(t, err)
	require.Equal(t, StatusExpired, y.Status)
	require.Contains(t, y.Error, "30 days")
}

// The jobs of an API key are those of all products. Those that certainly belong to another product are not listed, and a file of
// another product is not handed out.
func TestOtherProducts(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{JobType: "livequery_export"})
	w.complete(t, order(cbc.ExportCSV))
	list, _, _ := w.List(context.Background())
	require.Len(t, list, 1, "what was started here is known")
	list, _, _ = w.service(t, 0).List(context.Background())
	require.Empty(t, list)

	for _, file := range []string{"device_id,name,create_time\r\n1,x,2026-03-10T00:00:00Z\r\n", `[{"device":1}]`, `[{"create_time":"2026-03-10T00:00:00Z","description":"x","severity":1}]`, "<html></html>", "hello\n", `{"results":[{"id":"x"}]}`,
		`{"device":"x"}`, `{"devices":[{"name":"x"}]}`, `{"results":[],"devices":[{"name":"x"}]}`, "{\n\"name\":\"x\"\n}\n"} {
		sim := simulator.New(simulator.Config{Now: w.clock.now, Events: []simulator.Event{}})
		other := serve(t, sim, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/download") {
				_, _ = io.WriteString(rw, file)
				return
			}
			_, _ = io.WriteString(rw, `{"num_found":1,"results":[{"id":7,"type":"EXTERNAL","status":"COMPLETED"}],"id":7,"status":"COMPLETED"}`)
		}), w.clock)
		list, _, _ = other.List(context.Background())
		require.Len(t, list, 1)
		d := &download{}
		err := other.Download(context.Background(), list[0].ID, "mary", DefaultOptions, d)
		require.Equal(t, Missing, kindOf(t, err), file)
		require.Zero(t, d.begun)
	}
}

// If the answer to a start is lost, the error says that the job may have been started. The request is not repeated.
func TestStartIsNeverRepeated(t *testing.T) {
	for _, fault := range []simulator.Fault{{Kind: "reset"}, {Kind: "status", Status: 503, AfterWork: true}, {Kind: "html", AfterWork: true}} {
		fault.Endpoint = "export"
		w := newWorld(t, sample(60), simulator.Switches{JobPolls: -1})
		w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{fault}})
		_, err := w.Start(context.Background(), order(cbc.ExportCSV))
		require.Equal(t, Broken, kindOf(t, err))
		require.Contains(t, err.Error(), "list")
		require.Equal(t, 1, w.calls("export"))
		list, _, _ := w.List(context.Background())
		require.Len(t, list, 1, "the list shows it")
	}
}

// An export survives a Job service that does not know the job for a moment, long after its start.
func TestLate404(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{JobPolls: 3})
	x, err := w.Start(context.Background(), order(cbc.ExportCSV))
	require.NoError(t, err)
	w.clock.turn(2 * jobVisibilityDelay)
	w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "status", Status: 404, Endpoint: "job"}}})
	x, err = w.Get(context.Background(), x.ID)
	require.NoError(t, err)
	require.Equal(t, StatusExpired, x.Status)
	asked := w.calls("job")
	_, err = w.Get(context.Background(), x.ID)
	require.NoError(t, err)
	require.Equal(t, asked, w.calls("job"), "with growing pauses")
	w.sim.SetFaults(simulator.Faults{})
	for range 5 {
		w.clock.turn(maxPoll)
		x, err = w.Get(context.Background(), x.ID)
		require.NoError(t, err)
	}
	require.Equal(t, StatusCompleted, x.Status)
	require.Empty(t, x.Error)
	require.Len(t, parsed(t, fetch(t, w.Service, x.ID, false)), 60)
}
