package cbc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// missed returns the error of a queue read.
func missed(t *testing.T, ctx context.Context, c *cbc.Client) *cbc.Error {
	t.Helper()
	batch, err := c.Queue(ctx)
	var failed *cbc.Error
	require.ErrorAs(t, err, &failed)
	require.NotContains(t, err.Error(), secret)
	require.Empty(t, batch.Events)
	return failed
}

func TestQueueSends(t *testing.T) {
	var got *http.Request
	var body []byte
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, good)
	})
	client := newClient(t, config(server.URL))
	batch, err := client.Queue(context.Background())
	require.NoError(t, err)
	require.Equal(t, []auditlog.Event{{Actor: "a", CreateTime: time.Date(2024, 4, 17, 19, 18, 37, 480_000_000, time.UTC)}}, batch.Events)
	require.Equal(t, int64(len(good)), batch.Bytes)
	require.Equal(t, http.MethodGet, got.Method)
	require.Equal(t, "/audit_log/v1/orgs/ABCD1234/logs/_queue", got.URL.String())
	require.Equal(t, client.QueuePath(), got.URL.Path)
	require.Equal(t, []string{secret + "/P3KEDZJRI8"}, got.Header.Values("X-Auth-Token"))
	require.Empty(t, got.Header.Values("Content-Type"))
	require.Empty(t, got.TransferEncoding)
	require.Zero(t, got.ContentLength)
	require.Empty(t, body)
}

func TestQueueAnswers(t *testing.T) {
	const one = `{"create_time":"2024-04-17T19:18:37Z"}`
	for body, want := range map[string]int{
		`{"results":[]}`:                                      0,
		`{"num_found":0}`:                                     0,
		`{"num_found":0,"results":null}`:                      0,
		`{"results":[` + one + `]}`:                           1,
		`{"num_found":9,"results":[` + one + `,` + one + `]}`: 2,
		`{"num_found":"2","num_available":-1,"results":[` + one + `,` + one + `]}`: 2,
		`{"num_found":"7","results":null}`:                                         -1,
		`{"num_found":7}`:                                                          -1,
		`{"num_found":7,"results":null}`:                                           -1,
		`{}`:                                                                       -1,
		`{"results":null}`:                                                         -1,
		`{"success":false,"message":"no"}`:                                         -1,
		`{"results":[],"errorMessage":"Something"}`:                                -1,
	} {
		client := newClient(t, config(serve(t, reply(http.StatusOK, "application/json", body)).URL))
		batch, err := client.Queue(context.Background())
		if want < 0 {
			require.True(t, missed(t, context.Background(), client).Lost, body)
			continue
		}
		require.NoError(t, err, body)
		require.Len(t, batch.Events, want, body)
	}
	client := newClient(t, config(serve(t, reply(http.StatusNoContent, "", "")).URL))
	batch, err := client.Queue(context.Background())
	require.NoError(t, err)
	require.Empty(t, batch.Events)
}

// A record that cannot be read costs only itself: the batch cannot be had again.
func TestQueueKeepsBadRecords(t *testing.T) {
	const one = `{"create_time":"2024-04-17T19:18:37Z"}`
	body := `{"num_found":3,"results":[` + one + `,{"create_time":"","actor":"` + secret + `","flagged":{"` + secret + `":1}},` + one + `]}`
	client := newClient(t, config(serve(t, reply(http.StatusOK, "application/json", body)).URL))
	batch, err := client.Queue(context.Background())
	require.NoError(t, err)
	require.Len(t, batch.Events, 2)
	require.Len(t, batch.Bad, 1)
	require.Contains(t, batch.Bad[0].Reason, "create_time")

	page, err := search(context.Background(), client)
	require.NoError(t, err)
	require.Equal(t, batch.Bad, page.Bad)
	require.Equal(t, 3, page.Found)
	require.ErrorContains(t, &cbc.BadRecordsError{Records: page.Bad}, "1 record that Carbon Black Cloud returned cannot be read and is left out: one without a readable time")
}

// A rejection took nothing out of the queue; anything else after the request was sent may have.
func TestQueueTellsWhatMayBeLost(t *testing.T) {
	for status, lost := range map[int]bool{301: false, 400: false, 401: false, 403: false, 404: false, 429: false, 500: true, 502: true, 503: true} {
		var asked atomic.Int32
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.WriteHeader(status)
		})
		failed := missed(t, context.Background(), newClient(t, config(server.URL)))
		require.Equal(t, lost, failed.Lost, "%d", status)
		require.Equal(t, status, failed.Status)
		require.EqualValues(t, 1, asked.Load(), "the queue is never asked again")
	}
	for name, answer := range map[string]http.HandlerFunc{
		"truncated": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(good)))
			_, _ = io.WriteString(w, good[:len(good)-1])
		},
		"half a value": reply(http.StatusOK, "application/json", good[:40]),
		"a page":       reply(http.StatusOK, "text/html", "<html>"),
		"hung up":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		var asked atomic.Int32
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			answer(w, r)
		})
		require.True(t, missed(t, context.Background(), newClient(t, config(server.URL))).Lost, name)
		require.EqualValues(t, 1, asked.Load(), name)
	}
}

func TestQueueLosesNothingBeforeItIsAsked(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	require.False(t, missed(t, context.Background(), newClient(t, config("http://"+address))).Lost, "nobody listens")

	c := config("http://" + address)
	c.Limiter = ratelimit.New(ratelimit.Config{Now: c.Now})
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	require.False(t, missed(t, canceled, newClient(t, c)).Lost, "the limiter lets nothing through")

	opaque, err := cbc.New(config("http://"+address), &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("something")
	})})
	require.NoError(t, err)
	require.True(t, missed(t, context.Background(), opaque).Lost, "a transport that does not tell may have sent it")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestQueueTimesOut(t *testing.T) {
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	failed := missed(t, ctx, newClient(t, config(server.URL)))
	require.Equal(t, cbc.KindTimeout, failed.Kind)
	require.True(t, failed.Lost)
}

// Go's transport repeats a GET on its own when a connection that was used before dies without an answer: the second try would
// find the queue cleared by the first.
func TestTheTransportDoesNotRepeatTheQueue(t *testing.T) {
	var queue, other atomic.Int32
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counter := &other
		if r.URL.Path == "/audit_log/v1/orgs/ABCD1234/logs/_queue" {
			counter = &queue
		}
		if counter.Add(1) == 2 { // the connection is a used one by now
			conn, _, err := http.NewResponseController(w).Hijack()
			require.NoError(t, err)
			_ = conn.Close()
			return
		}
		_, _ = fmt.Fprint(w, good)
	})}}
	server.Start()
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := cbc.New(config(server.URL), &http.Client{Transport: transport})
	require.NoError(t, err)
	_, err = client.Queue(context.Background())
	require.NoError(t, err)
	require.True(t, missed(t, context.Background(), client).Lost)
	require.Equal(t, int32(2), queue.Load(), "two reads are two requests")

	// The same server and transport do repeat another GET: without it this test would show nothing.
	for range 2 {
		resp, err := (&http.Client{Transport: transport}).Get(server.URL + "/other")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, bufio.NewReader(resp.Body))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.Equal(t, int32(3), other.Load())
}

func TestEventDecoder(t *testing.T) {
	d := cbc.NewEventDecoder()
	for range 2 {
		var e auditlog.Event
		require.NoError(t, d.Decode([]byte(`{"create_time":"2024-04-17T19:18:37.480123456Z","actor":"a","later":[1, 2]}`), &e))
		require.Equal(t, auditlog.Event{
			CreateTime: time.Date(2024, 4, 17, 19, 18, 37, 480_123_456, time.UTC), Actor: "a",
			Extra: []auditlog.Field{{Name: "later", Value: []byte("[1, 2]")}},
		}, e)
	}
	require.Error(t, d.Decode([]byte(`[]`), &auditlog.Event{}))
}
