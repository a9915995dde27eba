package cbc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/clock"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

const goodPage = `{"num_found":1,"results":[{"create_time":"2024-04-17T19:18:37.480Z","actor":"a"}]}`

// step is one answer of a scripted cloud.
type step struct {
	err    error
	status int
	body   string
	broken bool          // the body ends with a reset
	header string        // Retry-After
	takes  time.Duration // before it comes
}

var (
	fine   = step{status: 200, body: goodPage}
	failed = step{status: 503}
)

// script answers request by request; the last answer is repeated. It keeps when each came, since the start.
type script struct {
	steps []step
	begin time.Time

	mu sync.Mutex
	at []time.Duration
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.at = append(s.at, time.Since(s.begin))
	next := s.steps[min(len(s.at), len(s.steps))-1]
	s.mu.Unlock()
	if err := clock.Sleep(r.Context(), next.takes); err != nil {
		return nil, err
	}
	if next.err != nil {
		return nil, next.err
	}
	body := io.Reader(strings.NewReader(next.body))
	if next.broken {
		body = io.MultiReader(body, resetting{})
	}
	header := http.Header{}
	if next.header != "" {
		header.Set("Retry-After", next.header)
	}
	return &http.Response{StatusCode: next.status, Header: header, Body: io.NopCloser(body), Request: r}, nil
}

type resetting struct{}

func (resetting) Read([]byte) (int, error) { return 0, syscall.ECONNRESET }

// scripted returns a client of a scripted cloud. Its jitter is always in the middle, so that the waits are 250 and 500 ms.
func scripted(t *testing.T, c Config, steps ...step) (*Client, *script) {
	t.Helper()
	s := &script{steps: steps, begin: time.Now()}
	c.URL, c.OrgKey, c.APIID, c.APISecret = "https://cbc.example", "ABCD1234", "P3KEDZJRI8", "secret"
	c.Jitter = func() float64 { return 0.5 }
	client, err := New(c, &http.Client{Transport: s, Timeout: 30 * time.Second})
	require.NoError(t, err)
	return client, s
}

func searchOnce(ctx context.Context, c *Client) (Page, error) {
	return c.Search(ctx, SearchRequest{Start: time.Unix(0, 0), End: time.Unix(1, 0), Order: NewestFirst, Rows: 1})
}

func TestRetries(t *testing.T) {
	once, twice, thrice := []time.Duration{0}, []time.Duration{0, 250 * time.Millisecond}, []time.Duration{0, 250 * time.Millisecond, 750 * time.Millisecond}
	for name, c := range map[string]struct {
		steps []step
		at    []time.Duration
		kind  Kind // "" is success
	}{
		"good":                  {[]step{fine}, once, ""},
		"503, good":             {[]step{failed, fine}, twice, ""},
		"500, 502, good":        {[]step{{status: 500}, {status: 502}, fine}, thrice, ""},
		"503 for ever":          {[]step{failed}, thrice, KindServer},
		"reset":                 {[]step{{err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}, fine}, twice, ""},
		"closed":                {[]step{{err: io.EOF}, fine}, twice, ""},
		"refused by the peer":   {[]step{{err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}}, thrice, KindHost},
		"broken off":            {[]step{{status: 200, body: goodPage[:70], broken: true}, fine}, twice, ""},
		"cut short":             {[]step{{status: 200, body: goodPage[:70]}, fine}, twice, ""},
		"503, 400":              {[]step{failed, {status: 400, body: `{}`}}, twice, KindQuery},
		"400":                   {[]step{{status: 400, body: `{}`}}, once, KindQuery},
		"401":                   {[]step{{status: 401}}, once, KindKey},
		"403":                   {[]step{{status: 403}}, once, KindPermission},
		"404":                   {[]step{{status: 404}}, once, KindHost},
		"429":                   {[]step{{status: 429, header: "1"}}, once, KindThrottled},
		"503 that asks to wait": {[]step{{status: 503, header: "1"}}, once, KindThrottled},
		"500 that asks to wait": {[]step{{status: 500, header: "1"}}, once, KindThrottled},
		"403 that asks to wait": {[]step{{status: 403, header: "1"}}, once, KindThrottled},
		"307 that asks to wait": {[]step{{status: 307, header: "1"}}, once, KindThrottled},
		"503 that asks for 0":   {[]step{{status: 503, header: "0"}, fine}, twice, ""},
		"name fails for now":    {[]step{{err: &net.DNSError{Name: "cbc.example", IsTemporary: true}}, fine}, twice, ""},
		"name takes too long":   {[]step{{err: &net.DNSError{Name: "cbc.example", IsTimeout: true}}, fine}, twice, ""},
		"GOAWAY":                {[]step{{err: errors.New("http2: server sent GOAWAY and closed the connection")}, fine}, twice, ""},
		"a header cut off":      {[]step{{err: errors.New("malformed MIME header: missing colon: \"Content-Le\"")}, fine}, twice, ""},
		"redirect":              {[]step{{status: 302}}, once, KindHost},
		"no such name":          {[]step{{err: &net.DNSError{Name: "cbc.example", IsNotFound: true}}}, once, KindHost},
		"not trusted":           {[]step{{err: errors.New("x509: certificate signed by unknown authority")}}, once, KindHost},
		"too slow":              {[]step{{takes: time.Minute}}, once, KindTimeout},
		"too large":             {[]step{{status: 200, body: `{"x":"` + strings.Repeat("y", 2000) + `"}`}}, once, KindTooLarge},
		"not JSON":              {[]step{{status: 200, body: "<html>"}}, once, KindHost},
		"not understood":        {[]step{{status: 200, body: `{"results":7}`}}, once, KindAnswer},
		"rejection in a 200":    {[]step{{status: 200, body: `{"errorMessage":"no"}`}}, once, KindAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := ratelimit.New(ratelimit.Config{})
				seen := 0
				client, cloud := scripted(t, Config{Limiter: g, MaxResponseBytes: 1000, Observe: func(call Call) {
					require.Equal(t, "search", call.Endpoint)
					seen++
				}}, c.steps...)
				page, err := searchOnce(context.Background(), client)
				require.Equal(t, c.at, cloud.at)
				require.Equal(t, int64(len(c.at)), g.Status(ratelimit.Viewer{Accepted: true}).Calls, "each try counts against the limit")
				require.Equal(t, len(c.at), seen)
				require.Zero(t, g.Status(ratelimit.Viewer{Accepted: true}).InFlight)
				if c.kind == "" {
					require.NoError(t, err)
					require.Equal(t, len(c.at), page.Tries)
					require.Equal(t, []auditlog.Event{{Actor: "a", CreateTime: time.Date(2024, 4, 17, 19, 18, 37, 480_000_000, time.UTC)}}, page.Events)
					return
				}
				var e *Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, c.kind, e.Kind, err)
			})
		})
	}
}

// Nothing of an answer that broke off gets into the next one.
func TestRetryStartsAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := scripted(t, Config{}, step{status: 200, body: `{"num_available":7,"results":[{"create_time"`, broken: true}, step{status: 200, body: `{"num_found":0}`})
		page, err := searchOnce(context.Background(), client)
		require.NoError(t, err)
		require.Equal(t, Page{Tries: 2, Bytes: 15}, page)
	})
}

// What is consumed by asking is asked once.
func TestNotRepeatable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, cloud := scripted(t, Config{}, failed, fine)
		spent, err := client.call(context.Background(), request{method: http.MethodGet, path: "/x"}, func(io.Reader) error { return nil })
		require.Error(t, err)
		require.Equal(t, 1, spent.tries)
		require.Len(t, cloud.at, 1)
	})
}

func TestRetriesStayInTime(t *testing.T) {
	for name, c := range map[string]struct {
		deadline time.Duration // 0 is none
		steps    []step
		tries    int
		ends     time.Duration
		kind     Kind
	}{
		"deadline before the second":      {200 * time.Millisecond, []step{failed}, 1, 0, KindServer},
		"deadline before the third":       {700 * time.Millisecond, []step{failed}, 2, 250 * time.Millisecond, KindServer},
		"deadline within the second":      {time.Second, []step{failed, {takes: time.Minute}}, 2, 900 * time.Millisecond, KindTimeout},
		"hangs, the error comes before":   {10 * time.Second, []step{{takes: time.Minute}}, 1, 9 * time.Second, KindTimeout},
		"hangs for a long time":           {25 * time.Second, []step{{takes: time.Minute}}, 1, 24 * time.Second, KindTimeout},
		"timeout of the client, in sum":   {0, []step{{status: 503, takes: 20 * time.Second}}, 2, 30 * time.Second, KindTimeout},
		"timeout before the second":       {0, []step{{status: 503, takes: 29900 * time.Millisecond}}, 1, 29900 * time.Millisecond, KindServer},
		"timeout earlier than a deadline": {40 * time.Second, []step{{status: 503, takes: 20 * time.Second}}, 2, 30 * time.Second, KindTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, cloud := scripted(t, Config{Limiter: ratelimit.New(ratelimit.Config{})}, c.steps...)
				ctx := context.Background()
				if c.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				_, err := searchOnce(ctx, client)
				var e *Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, c.kind, e.Kind)
				require.Len(t, cloud.at, c.tries)
				require.Equal(t, c.ends, time.Since(cloud.begin))
			})
		})
	}
}

// The wait for the rate limit is reported apart and does not shorten the time for an answer.
func TestWaitIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(ratelimit.Config{})
		client, cloud := scripted(t, Config{Limiter: g}, step{status: 429, header: "60"}, step{status: 503, takes: 20 * time.Second}, fine)
		_, err := searchOnce(context.Background(), client)
		require.EqualError(t, err, "Carbon Black Cloud limits the number of requests: wait 1m0s, resumes at 00:01:01 UTC (HTTP 429)")
		_, err = searchOnce(context.Background(), client)
		require.ErrorContains(t, err, "wait 1m1s, resumes at 00:01:01 UTC (HTTP 429, not sent during the pause")
		page, err := searchOnce(ratelimit.WithLane(context.Background(), ratelimit.LaneBackground), client)
		require.NoError(t, err)
		require.Equal(t, 61*time.Second, page.Waited)
		require.Equal(t, 2, page.Tries)
		require.Equal(t, []time.Duration{0, 61 * time.Second, 81250 * time.Millisecond}, cloud.at)
	})
}

// All forms of Retry-After, as the header comes.
func TestPauseByHeader(t *testing.T) {
	for header, wait := range map[string]time.Duration{
		"17":                            18 * time.Second,
		"Sat, 01 Jan 2000 00:00:42 GMT": 43 * time.Second,
		"":                              30 * time.Second,
		"soon":                          30 * time.Second,
		"0":                             30 * time.Second,
		"Fri, 31 Dec 1999 00:00:00 GMT": 30 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			client, cloud := scripted(t, Config{Limiter: ratelimit.New(ratelimit.Config{})}, step{status: 429, header: header}, fine)
			_, err := searchOnce(context.Background(), client)
			require.ErrorContains(t, err, "resumes at "+cloud.begin.Add(wait).UTC().Format("15:04:05 UTC"))
			_, err = searchOnce(ratelimit.WithLane(context.Background(), ratelimit.LaneBackground), client)
			require.NoError(t, err)
			require.Equal(t, []time.Duration{0, wait}, cloud.at, "%q", header)
		})
	}
}

func TestDelaysDiffer(t *testing.T) {
	for _, c := range []struct {
		jitter float64
		delays []time.Duration
	}{
		{0, []time.Duration{125 * time.Millisecond, 250 * time.Millisecond}},
		{1, []time.Duration{375 * time.Millisecond, 750 * time.Millisecond}},
	} {
		client := &Client{config: Config{Jitter: func() float64 { return c.jitter }}}
		require.Equal(t, c.delays, []time.Duration{client.delay(1), client.delay(2)})
	}
}

func TestARequestDoesNotHoldItsPlaceForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, timeout := range []time.Duration{0, 24 * time.Hour} {
			g := ratelimit.New(ratelimit.Config{})
			client, _ := scripted(t, Config{Limiter: g}, step{takes: 48 * time.Hour})
			client.timeout = timeout
			begin := time.Now()
			_, err := searchOnce(context.Background(), client)
			require.Error(t, err)
			require.Equal(t, maxAttemptTime, time.Since(begin))
			require.Zero(t, g.Status(ratelimit.Viewer{Accepted: true}).InFlight)
		}
	})
}

// A wait is understood in the forms in which servers write it, also when one in between has joined two headers.
func TestRetryAfterForms(t *testing.T) {
	now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	for _, header := range []string{
		"120", " 120 ", "120.0", "120, 120", "120,60", "Fri, 27 Nov 2026 10:02:00 GMT", "Friday, 27-Nov-26 10:02:00 GMT", "Fri Nov 27 10:02:00 2026",
		"Fri, 27 Nov 2026 10:02:00 UTC", "Fri, 27 Nov 2026 10:02:00 +0000", "Fri, 27 Nov 2026 11:02:00 +0100",
	} {
		require.Equal(t, 2*time.Minute, retryAfter(header, now), header)
	}
	for _, header := range []string{"", "soon", "-1", "NaN", "Infinity", ",,,", "Fri, 27 Nov 2026 09:00:00 UTC"} {
		require.Zero(t, retryAfter(header, now), header)
	}
}

func TestJobTimes(t *testing.T) {
	for _, s := range []string{"2026-11-01T10:00:00.000Z", "2026-11-01T10:00:00.000+0000", "2026-11-01 10:00:00Z", "20261101T110000+01"} {
		require.Equal(t, "2026-11-01T10:00:00Z", jobBody{CreateTime: flexible(s)}.job().CreateTime.Format(time.RFC3339), s)
	}
}

// A proxy that refuses a tunnel is named, and asked again if it may change its mind.
func TestAProxyThatDoesNotConnect(t *testing.T) {
	for status, c := range map[string]struct {
		asked int32
		says  string
	}{
		"403 Forbidden": {1, "something in between answered"}, "407 Proxy Authentication Required": {1, "the proxy in between requires a login"},
		"502 Bad Gateway": {3, "the proxy does not connect: Bad Gateway"}, "503 Service Unavailable": {3, "the proxy does not connect"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		var asked atomic.Int32
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				asked.Add(1)
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
				_ = conn.Close()
			}
		}()
		client, err := New(Config{URL: "https://cbc.example", OrgKey: "ABCD1234", APIID: "P3KEDZJRI8", APISecret: "secret"},
			&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: l.Addr().String()})}})
		require.NoError(t, err)
		_, err = searchOnce(context.Background(), client)
		require.ErrorContains(t, err, c.says, status)
		require.Equal(t, c.asked, asked.Load(), status)
		_ = l.Close()
	}
}
