package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func one(f Fault) Faults {
	f.Next = 1
	return Faults{Rules: []Fault{f}}
}

func TestStatusFaults(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(5)})
	for _, status := range []int{400, 401, 403, 404, 500, 502, 503} {
		c.SetFaults(one(Fault{Status: status}))
		r := c.search(`{}`)
		require.Equal(t, status, r.status)
		require.NotEmpty(t, r.object(t)["error_code"])
		require.Equal(t, 200, c.search(`{}`).status)
	}
	c.SetFaults(one(Fault{Status: 429, RetryAfterS: 7}))
	require.Equal(t, "7", c.search(`{}`).header.Get("Retry-After"))
	require.Equal(t, "status", c.Requests()[14].Fault)
}

func TestStatusFaultBeforeOrAfterWork(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(5)})
	c.SetFaults(one(Fault{Status: 500}))
	require.Equal(t, 500, c.queue().status)
	require.Equal(t, 5, c.QueueLength(c.key.APIID))
	c.SetFaults(one(Fault{Status: 500, AfterWork: true}))
	require.Equal(t, 500, c.queue().status)
	require.Zero(t, c.QueueLength(c.key.APIID))
}

// A fault that does the work to send its answer must not do it twice, or a batch of the queue would be lost.
func TestWorkIsDoneOnce(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(5), Switches: Switches{QueueBatch: 1}})
	for _, kind := range []string{"truncate", "slow", "delay"} {
		fault := Fault{Kind: kind, Endpoint: "queue", Next: 1, AfterWork: true}
		r := c.call(http.MethodPost, "/simulator/faults", fmt.Sprintf(`{"rules":[{"kind":%q,"endpoint":"queue","next":1,"afterWork":true}]}`, kind))
		require.Equal(t, http.StatusBadRequest, r.status)
		require.Contains(t, r.object(t)["error"], "rules[0]: "+kind+" does the work itself")
		require.Empty(t, c.Faults().Rules, "nothing was changed")
		require.Error(t, Config{Faults: Faults{Rules: []Fault{fault}}}.Check())

		before := c.QueueLength(c.key.APIID)
		fault.AfterWork = false
		c.SetFaults(Faults{Rules: []Fault{fault}})
		_ = c.queue() // the answer is incomplete
		require.Equal(t, before-1, c.QueueLength(c.key.APIID), kind)
	}
}

func TestResetComesAfterWork(t *testing.T) {
	for _, secure := range []bool{false, true} {
		c := newCloud(t, Config{Events: numbered(5)})
		if secure {
			c.http.Close()
			c.http = httptest.NewTLSServer(c.Server)
			t.Cleanup(c.http.Close)
		}
		c.SetFaults(one(Fault{Kind: "reset", Endpoint: "queue"}))
		require.Equal(t, 200, c.search(`{}`).status, "another endpoint")
		c.http.Client().CloseIdleConnections() // on a new connection, a GET is not retried
		r := c.queue()
		require.True(t, errors.Is(r.err, syscall.ECONNRESET) || errors.Is(r.err, io.EOF), "%v", r.err)
		require.Zero(t, c.QueueLength(c.key.APIID))
		require.Zero(t, c.Requests()[1].Status)
	}
}

func TestTruncatedAnswer(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(3000)})
	whole := c.search(`{"rows":3000}`).body
	c.SetFaults(one(Fault{Kind: "truncate"}))
	r := c.search(`{"rows":3000}`)
	require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
	require.Equal(t, whole[:len(whole)/2], r.body)
	c.SetFaults(one(Fault{Kind: "truncate", Bytes: 100_000}))
	r = c.search(`{"rows":3000}`)
	require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
	require.Equal(t, whole[:100_000], r.body)
	c.SetFaults(one(Fault{Kind: "truncate", Bytes: 1 << 30}))
	require.ErrorIs(t, c.search(`{"rows":3000}`).err, io.ErrUnexpectedEOF, "even a long limit is a fault")
	id := c.export(`{"format":"csv"}`)
	c.SetFaults(one(Fault{Kind: "truncate", Endpoint: "download", Bytes: 1000}))
	r = c.download(id)
	require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
	require.Len(t, r.body, 1000)
	require.NoError(t, c.download(id).err)
}

func TestSlowAnswerIsComplete(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(20)})
	whole := c.search(`{}`).body
	c.SetFaults(Faults{Rules: []Fault{{Kind: "slow", Bytes: len(whole)/4 + 1, DelayMS: 5}}})
	started := time.Now()
	r := c.search(`{}`)
	require.NoError(t, r.err)
	require.Equal(t, whole, r.body)
	require.GreaterOrEqual(t, time.Since(started), 20*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	c.SetFaults(Faults{Rules: []Fault{{Kind: "slow", DelayMS: 60_000}}})
	request := c.request(http.MethodPost, c.logs("_search"), `{}`).WithContext(ctx)
	require.ErrorIs(t, c.do(request, c.http.Client()).err, context.DeadlineExceeded)
}

func TestWrongAnswers(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(5)})
	c.SetFaults(one(Fault{Kind: "text"}))
	r := c.search(`{}`)
	require.Equal(t, 200, r.status)
	require.False(t, json.Valid(r.body))
	c.SetFaults(one(Fault{Kind: "html"}))
	r = c.search(`{}`)
	require.Equal(t, 200, r.status)
	require.Contains(t, string(r.body), "<html>")
	c.SetFaults(one(Fault{Kind: "errorMessage"}))
	r = c.search(`{}`)
	require.Equal(t, 200, r.status)
	require.Contains(t, r.object(t), "errorMessage")
}

func TestEndlessAnswerEndsWithClient(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(5)})
	c.SetFaults(one(Fault{Kind: "endless"}))
	response, err := c.http.Client().Do(c.request(http.MethodPost, c.logs("_search"), `{}`))
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, response.Body, 8<<20)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	c.http.Close() // waits for the handler
}

func TestFaultsSelectCalls(t *testing.T) {
	statuses := func(c *cloud, n int) (list []int) {
		for range n {
			list = append(list, c.search(`{}`).status)
		}
		return list
	}
	c := newCloud(t, Config{Seed: 5, Events: numbered(1)})
	c.SetFaults(Faults{Rules: []Fault{{Skip: 1, Next: 2, Status: 500}, {Endpoint: "queue", Status: 503}, {Skip: 3, Next: 1, Status: 502}}})
	require.Equal(t, []int{200, 500, 500, 200, 200, 502, 200}, statuses(c, 7))
	require.Len(t, c.Faults().Rules, 1, "only what is left")
	require.Equal(t, 503, c.queue().status)
	c.SetFaults(Faults{Rules: []Fault{{Share: 0.5}}})
	got := statuses(c, 100)
	failed := 0
	for _, status := range got {
		if status == 500 {
			failed++
		}
	}
	require.InDelta(t, 50, failed, 25)
	twin := newCloud(t, Config{Seed: 5, Events: numbered(1)})
	statuses(twin, 7)
	twin.queue()
	twin.SetFaults(Faults{Rules: []Fault{{Share: 0.5}}})
	require.Equal(t, got, statuses(twin, 100), "a seed replays")
	c.SetFaults(Faults{})
	require.Equal(t, []int{200}, statuses(c, 1))
}

// TestLatency uses synctest's clock and no socket.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Events: []Event{}, Faults: Faults{LatencyMS: 150, JitterMS: 100}})
		took := func() time.Duration {
			started := time.Now()
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/audit_log/v1/orgs/ABCD1234/logs/_queue", nil)
			s.ServeHTTP(httptest.NewRecorder(), request)
			return time.Since(started)
		}
		for range 20 {
			require.GreaterOrEqual(t, took(), 150*time.Millisecond)
			require.Less(t, took(), 250*time.Millisecond)
		}
		s.SetFaults(one(Fault{Kind: "delay", DelayMS: 60_000}))
		require.Equal(t, time.Minute, took())
		require.Zero(t, took())
	})
}

func TestInvalidFaults(t *testing.T) {
	for _, fault := range []Fault{{Kind: "flood"}, {Endpoint: "nowhere"}, {Status: 200}, {Share: 2}} {
		require.Error(t, Config{Faults: Faults{Rules: []Fault{fault}}}.Check())
		require.Panics(t, func() { New(Config{Events: []Event{}, Faults: Faults{Rules: []Fault{fault}}}) })
	}
}
