package cbc_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

const (
	isJSON = "application/json;charset=UTF-8"
	isHTML = "text/html; charset=utf-8"
	page   = "<html><head><title>Sorry</title></head></html>"
)

func TestStatusErrors(t *testing.T) {
	tests := []struct {
		name        string
		status      int
		contentType string
		body        string
		kind        cbc.Kind
		says        []string
	}{
		{"400 syntax", 400, isJSON, `{"reason":"query_malformed_syntax"}`, cbc.KindQuery, []string{"Lucene", "HTTP 400", "query_malformed_syntax"}},
		{"400 syntax with message", 400, isJSON, `{"reason":"query_malformed_syntax","message":"at column 7"}`, cbc.KindQuery, []string{"at column 7", "query_malformed_syntax"}},
		{"400 enum", 400, isJSON, `{"error_code":"INVALID_ENUM_VALUE","message":"Malformed JSON input: terms.fields[0]","known_values":["TYPE"]}`, cbc.KindQuery, []string{"INVALID_ENUM_VALUE", "terms.fields[0]"}},
		{"400 other types", 400, isJSON, `{"error_code":17,"message":"in words"}`, cbc.KindQuery, []string{"in words"}},
		{"400 html", 400, isHTML, page, cbc.KindHost, []string{"check the URL", "text/html"}},
		{"400 empty", 400, isJSON, ``, cbc.KindHost, []string{"HTTP 400"}},
		{"401 org key", 401, isJSON, `{"message":"Illegal org key N2MF5397R","error_code":"BAD_REQUEST"}`, cbc.KindOrgKey, []string{"the org key is not accepted", "N2MF5397R"}},
		{"401 key", 401, isJSON, `{"message":"Unauthorized","error_code":"UNAUTHORIZED"}`, cbc.KindKey, []string{"API ID and the API secret", "HTTP 401"}},
		{"401 html", 401, isHTML, page, cbc.KindHost, []string{"something in between answered", "text/html", "allowed source addresses", "proxy", "firewall", "Sorry"}},
		{"401 empty", 401, isJSON, ``, cbc.KindKey, []string{"API ID"}},
		{"403 json", 403, isJSON, `{"error_code":"ACCESS_DENIED","message":"Forbidden"}`, cbc.KindPermission, []string{"org.audits READ", "ACCESS_DENIED"}},
		{"403 html", 403, isHTML, page, cbc.KindHost, []string{"something in between answered", "allowed source addresses"}},
		{"403 plain text", 403, "text/plain", "RBAC: access denied", cbc.KindHost, []string{"something in between answered", "text/plain"}},
		{"403 html as JSON", 403, isJSON, page, cbc.KindHost, []string{"something in between answered"}},
		{"403 JSON text", 403, isJSON, `"blocked"`, cbc.KindHost, []string{"something in between answered"}},
		{"403 html without a body", 403, isHTML, "", cbc.KindHost, []string{"something in between answered", "text/html"}},
		{"403 long title", 403, isHTML, "<title>" + strings.Repeat("&lt;Blocked&gt;\n", 9000) + "</title>", cbc.KindHost, []string{"something in between answered"}},
		{"407", 407, isHTML, page, cbc.KindHost, []string{"proxy in between requires a login"}},
		{"407 json", 407, isJSON, `{"message":"login"}`, cbc.KindHost, []string{"proxy in between requires a login"}},
		{"408", 408, "", ``, cbc.KindServer, []string{"try again"}},
		{"400 plain text", 400, "text/plain", "Bad Request", cbc.KindHost, []string{"something in between answered"}},
		{"511", 511, isHTML, page, cbc.KindHost, []string{"something in between answered"}},
		{"503 html", 503, isHTML, page, cbc.KindServer, []string{"a gateway in front of it", "try again", "proxy", "firewall"}},
		{"403 empty", 403, isJSON, ``, cbc.KindPermission, []string{"org.audits READ"}},
		{"404 html", 404, isHTML, page, cbc.KindHost, []string{"check the URL", "HTTP 404"}},
		{"404 json", 404, isJSON, `{"error_code":"NOT_FOUND","message":"no such route"}`, cbc.KindHost, []string{"NOT_FOUND"}},
		{"404 org", 404, isJSON, `{"error_code":"NOT_FOUND","message":"Org ABCD1234 not found"}`, cbc.KindOrgKey, []string{"org key"}},
		{"405", 405, isHTML, page, cbc.KindHost, []string{"HTTP 405"}},
		{"500 json", 500, isJSON, `{"message":"Internal error"}`, cbc.KindServer, []string{"Internal error", "try again"}},
		{"500 empty", 500, "", ``, cbc.KindServer, []string{"HTTP 500"}},
		{"502 html", 502, isHTML, page, cbc.KindServer, []string{"HTTP 502", "text/html"}},
		{"504 null", 504, isJSON, `null`, cbc.KindServer, []string{"HTTP 504"}},
		{"500 without end", 500, isHTML, strings.Repeat("x", 1<<20), cbc.KindServer, []string{"HTTP 500"}},
		{"200 html", 200, isHTML, page, cbc.KindHost, []string{"check the URL", "text/html"}},
		{"200 empty", 200, isJSON, ``, cbc.KindHost, []string{"instead of a JSON object"}},
		{"200 list", 200, isJSON, `[]`, cbc.KindHost, []string{"instead of a JSON object"}},
		{"200 errorMessage", 200, isJSON, `{"errorMessage":"not entitled","num_found":0,"results":[]}`, cbc.KindAnswer, []string{"not entitled", "HTTP 200"}},
		{"200 no count", 200, isJSON, `{"results":[]}`, cbc.KindAnswer, []string{"num_found"}},
		{"200 results", 200, isJSON, `{"num_found":1,"results":{}}`, cbc.KindAnswer, []string{"broken or not understood"}},
		{"200 cut short", 200, isJSON, good[:50], cbc.KindAnswer, []string{"unexpected EOF"}},
		{"200 garbage behind", 200, isJSON, good + "x", cbc.KindAnswer, []string{"follows the end"}},
		{"200 too large", 200, isJSON, `{"num_found":0,"x":"` + strings.Repeat("y", 1<<20) + `"}`, cbc.KindTooLarge, []string{"1048576 bytes", "shorter time range"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, reply(test.status, test.contentType, test.body))
			failed := fails(t, context.Background(), newClient(t, config(server.URL)), test.kind)
			require.Equal(t, test.status, failed.Status)
			for _, text := range test.says {
				require.ErrorContains(t, failed, text)
			}
			require.Less(t, len(failed.Error()), 900)
		})
	}
}

// A body of exactly the bound is good, one more byte is not.
func TestBound(t *testing.T) {
	server := serve(t, reply(http.StatusOK, isJSON, good))
	c := config(server.URL)
	c.MaxResponseBytes = int64(len(good))
	_, err := search(context.Background(), newClient(t, c))
	require.NoError(t, err)
	c.MaxResponseBytes--
	fails(t, context.Background(), newClient(t, c), cbc.KindTooLarge)
}

func TestEndlessBody(t *testing.T) {
	for name, start := range map[string]string{"text": `{"x":"`, "space": ` `, "events": `{"results":[`, "escapes": `{"x":"\`} {
		filler := strings.Repeat(" ", 1024)
		if name == "events" {
			filler = strings.Repeat(`{"create_time":"2024-04-17T19:18:37Z"},`, 20)
		}
		if name == "escapes" {
			filler = strings.Repeat(`\`, 1024)
		}
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, start)
			for err == nil {
				_, err = io.WriteString(w, filler)
			}
		})
		fails(t, context.Background(), newClient(t, config(server.URL)), cbc.KindTooLarge)
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":         0,
		"17":       17 * time.Second,
		" 2.5 ":    2500 * time.Millisecond,
		"0":        0,
		"-5":       0,
		"soon":     0,
		"NaN":      0,
		"Inf":      0,
		"1e300":    time.Hour, // no more is believed
		"31449600": time.Hour,
		"3600":     time.Hour,
		"3599":     time.Hour - time.Second,
		now.Add(90 * time.Second).Format(http.TimeFormat):            90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):                  0,
		now.AddDate(100, 0, 0).Format(http.TimeFormat):               time.Hour,
		now.Add(60 * time.Second).Format("Mon Jan _2 15:04:05 2006"): time.Minute,
	} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		failed := fails(t, context.Background(), newClient(t, config(server.URL)), cbc.KindThrottled)
		require.Equal(t, want, failed.RetryAfter, "%q", header)
		if want > 0 {
			require.ErrorContains(t, failed, "wait "+want.Round(time.Second).String())
		}
	}
}

// A redirect is an error, and the token stays with the host it is for.
func TestRedirectIsNotFollowed(t *testing.T) {
	var asked atomic.Int32
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, target := range []string{elsewhere.URL + "/stolen", "/here"} {
			var calls atomic.Int32
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				http.Redirect(w, r, target, status)
			})
			failed := fails(t, context.Background(), newClient(t, config(server.URL)), cbc.KindHost)
			require.Equal(t, status, failed.Status)
			require.ErrorContains(t, failed, "redirects to another address")
			require.Equal(t, int32(1), calls.Load())
		}
	}
	require.Zero(t, asked.Load())
}

// A server may send back whatever it got: no error may show the secret.
func TestSecretIsNotEchoed(t *testing.T) {
	for _, status := range []int{200, 302, 400, 401, 403, 404, 418, 429, 500} {
		for _, body := range []string{
			`{"message":"token ` + secret + `/P3KEDZJRI8","error_code":"` + secret + `","reason":"` + secret + `"}`,
			`{"errorMessage":"` + strings.Repeat("x", 490) + secret + `"}`,
			`{"num_found":1,"` + secret + `":nope}`, `{"results":[{"` + secret + `":nope}]}`, `{"results":[{"create_time":"` + secret + `"}]}`,
			secret,
		} {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/"+r.Header.Get("X-Auth-Token"))
				w.Header().Set("Retry-After", secret)
				reply(status, "text/"+r.Header.Get("X-Auth-Token"), body)(w, r)
			})
			_, err := search(context.Background(), newClient(t, config(server.URL)))
			require.Error(t, err)
			for ; err != nil; err = errors.Unwrap(err) {
				if _, ours := err.(*cbc.Error); ours {
					require.NotContains(t, err.Error(), secret[:12], "status %d, body %s", status, body)
				}
			}
		}
	}
}

func TestNoConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	failed := fails(t, context.Background(), newClient(t, config("http://"+address)), cbc.KindHost)
	require.ErrorContains(t, failed, "connection refused")
	require.Zero(t, failed.Status)
}

// failing is a client whose transport always fails with err.
func failing(t *testing.T, err error) *cbc.Client {
	t.Helper()
	client, newErr := cbc.New(config("https://cbc.example"), &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) { return nil, err })})
	require.NoError(t, newErr)
	return client
}

func TestTransportErrors(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	for _, test := range []struct {
		err  error
		kind cbc.Kind
		says string
	}{
		{&net.DNSError{Err: "no such host", Name: "cbc.example", IsNotFound: true}, cbc.KindHost, "the host name cbc.example does not exist"},
		{&net.DNSError{Err: "i/o timeout", Name: "cbc.example", IsTimeout: true}, cbc.KindHost, "the lookup of the host name cbc.example failed temporarily"},
		{&net.DNSError{Err: "server misbehaving", Name: "cbc.example", IsTemporary: true}, cbc.KindHost, "the lookup of the host name cbc.example failed temporarily"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "cbc.example", IsTemporary: true}}, cbc.KindHost, "the lookup of the host name"},
		{&net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}, cbc.KindHost, "the proxy cannot be reached"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}, cbc.KindHost, "no connection to the host"},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(40)}, cbc.KindHost, "the TLS handshake failed"},
		{&net.OpError{Op: "read", Net: "tcp", Err: errors.New("wsarecv: An existing connection was forcibly closed")}, cbc.KindNetwork, "connection was closed"},
		{reset, cbc.KindNetwork, "connection was closed"},
		{io.EOF, cbc.KindNetwork, "connection was closed"},
		{io.ErrUnexpectedEOF, cbc.KindNetwork, "connection was closed"},
		{net.ErrClosed, cbc.KindNetwork, "connection was closed"},
		{errors.New("http: server closed idle connection"), cbc.KindNetwork, "connection was closed"},
		{errors.New("http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR"), cbc.KindNetwork, "connection was closed"},
		{errors.New("proxy says " + secret), cbc.KindHost, "proxy says [secret]"},
	} {
		_, err := search(context.Background(), failing(t, test.err))
		var failed *cbc.Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, test.kind, failed.Kind, failed.Error())
		require.ErrorContains(t, failed, test.says)
		require.ErrorIs(t, failed, test.err)
	}
}

func TestUntrustedCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(reply(http.StatusOK, isJSON, good))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of a bad handshake
	server.StartTLS()
	t.Cleanup(server.Close)
	failed := fails(t, context.Background(), newClient(t, config(server.URL)), cbc.KindHost)
	require.ErrorContains(t, failed, "TLS certificate is not trusted")

	trusting, err := cbc.New(config(server.URL), server.Client())
	require.NoError(t, err)
	_, err = search(context.Background(), trusting)
	require.NoError(t, err)
}

func TestBrokenOff(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5000")
		_, _ = io.WriteString(w, good[:60])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	failed := fails(t, context.Background(), newClient(t, config(server.URL)), cbc.KindAnswer)
	require.ErrorContains(t, failed, "was interrupted after 60 bytes")
	require.ErrorIs(t, failed, io.ErrUnexpectedEOF)

	early := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	fails(t, context.Background(), newClient(t, config(early.URL)), cbc.KindNetwork)
}

// hanging starts a server that sends a beginning, if any, and then nothing more until the asker goes.
func hanging(t *testing.T, beginning string, begun chan<- struct{}) *httptest.Server {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // only then is it noticed that the asker has gone
		if beginning != "" {
			_, _ = io.WriteString(w, beginning)
			_ = http.NewResponseController(w).Flush()
		}
		close(begun)
		<-r.Context().Done()
	})
}

func TestDeadlineAndCancel(t *testing.T) {
	for _, beginning := range []string{"", good[:60]} {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		failed := fails(t, ctx, newClient(t, config(hanging(t, beginning, make(chan struct{})).URL)), cbc.KindTimeout)
		require.ErrorIs(t, failed, context.DeadlineExceeded)

		begun := make(chan struct{})
		ctx, cancel = context.WithCancel(context.Background())
		go func() { <-begun; cancel() }()
		failed = fails(t, ctx, newClient(t, config(hanging(t, beginning, begun).URL)), cbc.KindCanceled)
		require.ErrorIs(t, failed, context.Canceled)

		client, err := cbc.New(config(hanging(t, beginning, make(chan struct{})).URL), &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 50 * time.Millisecond})
		require.NoError(t, err)
		fails(t, context.Background(), client, cbc.KindTimeout)
	}
}
