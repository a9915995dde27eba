package cbc_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// TestMain fails when a test leaves a connection or a goroutine open.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret stands for the API secret: it must not be seen in any error.
const secret = "ABCDEFGHIJKLMNO123456789"

// now is the client's clock.
var now = time.Date(2024, 4, 17, 12, 0, 0, 0, time.UTC)

func config(url string) cbc.Config {
	return cbc.Config{
		URL: url, OrgKey: "ABCD1234", APIID: "P3KEDZJRI8", APISecret: secret, UserAgent: "test/1.0",
		MaxResponseBytes: 1 << 20, Now: func() time.Time { return now },
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

// newClient returns a client of c whose connections end with the test.
func newClient(t *testing.T, c cbc.Config) *cbc.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := cbc.New(c, &http.Client{Transport: transport})
	require.NoError(t, err)
	return client
}

// serve starts a server that answers with h.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

// reply answers every request with the same.
func reply(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const good = `{"num_found":1,"num_available":1,"results":[{"actor":"a","create_time":"2024-04-17T19:18:37.480Z"}]}`

// search asks for one row.
func search(ctx context.Context, c *cbc.Client) (cbc.Page, error) {
	return c.Search(ctx, cbc.SearchRequest{Start: now, End: now.Add(time.Hour), Order: cbc.NewestFirst, Rows: 1})
}

// fails returns the error of a search, which must be of the kind and keep the secret.
func fails(t *testing.T, ctx context.Context, c *cbc.Client, kind cbc.Kind) *cbc.Error {
	t.Helper()
	page, err := search(ctx, c)
	var failed *cbc.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, kind, failed.Kind, failed.Error())
	require.Empty(t, page.Events)
	for cause := error(failed); cause != nil; {
		require.NotContains(t, cause.Error(), secret)
		u, ok := cause.(interface{ Unwrap() error })
		if !ok {
			break
		}
		cause = u.Unwrap()
	}
	return failed
}

func TestSearchSends(t *testing.T) {
	var got *http.Request
	var body []byte
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, good)
	})
	client := newClient(t, config(" "+server.URL+"/ "))
	request := cbc.SearchRequest{Start: now, End: now.Add(time.Hour), Order: cbc.NewestFirst, Rows: 500}
	page, err := client.Search(context.Background(), request)
	require.NoError(t, err)
	require.Equal(t, 1, page.Found)
	require.Equal(t, 3, page.Digits)
	require.Equal(t, int64(len(good)), page.Bytes)
	require.Equal(t, []auditlog.Event{{Actor: "a", CreateTime: time.Date(2024, 4, 17, 19, 18, 37, 480_000_000, time.UTC)}}, page.Events)

	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "/audit_log/v1/orgs/ABCD1234/logs/_search", got.URL.String())
	require.Equal(t, client.SearchPath(), got.URL.Path)
	require.Equal(t, []string{secret + "/P3KEDZJRI8"}, got.Header.Values("X-Auth-Token"))
	require.Equal(t, []string{"test/1.0"}, got.Header.Values("User-Agent"))
	require.Equal(t, []string{"application/json"}, got.Header.Values("Content-Type"))
	require.Equal(t, []string{"application/json"}, got.Header.Values("Accept"))
	require.Equal(t, string(request.Body()), string(body))
}

func TestSearchBody(t *testing.T) {
	auckland := time.FixedZone("Pacific/Auckland", 13*3600)
	requests := map[string]cbc.SearchRequest{
		"plain": {Start: now, End: now.Add(time.Hour), Order: cbc.OldestFirst, Rows: 1},
		"full": {
			Filter: auditlog.Filter{
				Query: `description:("logged in" OR <login>) AND -actor:é`,
				Criteria: auditlog.Terms{
					auditlog.KeyActor: {"a@example.com", `DOMAIN\HOST`}, auditlog.KeyActorIP: {"192.0.2.7"}, auditlog.KeyFlagged: {"true"},
					auditlog.KeyVerbose: {"false", "true"}, auditlog.KeyDescription: {},
				},
				Exclusions: auditlog.Terms{auditlog.KeyVerbose: {"false"}, auditlog.KeyRequestURL: {"/settings/users"}},
			},
			Start: time.Date(2024, 3, 1, 2, 59, 59, 999_999_999, auckland), End: time.Date(2024, 3, 1, 13, 0, 0, 1_000, auckland),
			Order: cbc.NewestFirst, Rows: 10_000, Offset: 10_000,
		},
	}
	for name, r := range requests {
		golden, err := os.ReadFile("testdata/search_" + name + ".json")
		require.NoError(t, err)
		require.JSONEq(t, string(golden), string(r.Body()), name)
		require.Equal(t, r.Body(), r.Body(), "the same question is always the same text")
	}
}

// The bounds are UTC wherever the server stands.
func TestSearchBodyElsewhere(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	utc := cbc.SearchRequest{Start: now, End: now.Add(time.Hour), Rows: 1}
	time.Local = time.FixedZone("Pacific/Auckland", 13*3600)
	here := cbc.SearchRequest{Start: time.Unix(now.Unix(), 0), End: now.Add(time.Hour).Local(), Rows: 1}
	require.Equal(t, string(utc.Body()), string(here.Body()))
	require.Contains(t, string(here.Body()), `"start":"2024-04-17T12:00:00.000000Z"`)
}

func TestNewRefuses(t *testing.T) {
	for _, orgKey := range []string{"", "a/b", "a b", "..", ".", "a?b", "a#b", "a%2fb", " ABCD1234", "a\nb", "é"} {
		c := config("https://cbc.example")
		c.OrgKey = orgKey
		_, err := cbc.New(c, http.DefaultClient)
		require.ErrorContains(t, err, "org key", "%q", orgKey)
	}
	for _, url := range []string{"", "defense.conferdeploy.net", "https://", "://x", "https://a b"} {
		_, err := cbc.New(config(url), http.DefaultClient)
		require.ErrorContains(t, err, "url", "%q", url)
	}
}

// The caller's own client may follow redirects elsewhere: only the copy does not.
func TestNewLeavesTheCallersClient(t *testing.T) {
	hc := &http.Client{}
	_, err := cbc.New(config("https://cbc.example"), hc)
	require.NoError(t, err)
	require.Nil(t, hc.CheckRedirect)
}

// A connection is used again: every body is read to its end or closed.
func TestConnectionIsKept(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(reply(http.StatusOK, "application/json", good))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClient(t, config(server.URL))
	for range 5 {
		_, err := search(context.Background(), client)
		require.NoError(t, err)
	}
	require.Equal(t, int32(1), connections.Load())
}

// closing counts bodies that are open.
type closing struct {
	io.Reader
	open *int
}

func (c closing) Close() error { *c.open--; return nil }

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestBodyIsClosed(t *testing.T) {
	for status, body := range map[int]string{200: good, 201: "<html>", 203: `{"errorMessage":"no"}`, 206: `{`, 301: "", 403: "{}", 500: strings.Repeat("x", 1<<20)} {
		open := 0
		client, err := cbc.New(config("https://cbc.example"), &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
			open++
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: closing{strings.NewReader(body), &open}}, nil
		})})
		require.NoError(t, err)
		_, err = search(context.Background(), client)
		require.Equal(t, status == http.StatusOK, err == nil, "%v", err)
		require.Zero(t, open, "status %d", status)
	}
}

func TestNoContentIsNothing(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	page, err := search(context.Background(), newClient(t, config(server.URL)))
	require.NoError(t, err)
	require.Equal(t, cbc.Page{Tries: 1}, page)
}

// An error can be written to a log as JSON or text without its secret cause.
func TestErrorIsPlain(t *testing.T) {
	server := serve(t, reply(http.StatusForbidden, "application/json", `{"message":"`+secret+`"}`))
	failed := fails(t, context.Background(), newClient(t, config(server.URL)), cbc.KindPermission)
	raw, err := json.Marshal(failed)
	require.NoError(t, err)
	require.NotContains(t, string(raw), secret)
}
