package cbc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

const appSecret = "APPSECRETMARKER0123456789"

// issuer is a console with a token service, both in memory. It accepts the token that it issued last.
type issuer struct {
	mu       sync.Mutex
	lifetime int           // expires_in; 0 leaves it out
	takes    time.Duration // to issue a token
	reject   bool          // the API rejects every token
	fail     string        // status and body of the token service instead of a token
	wait     string        // its Retry-After
	issued   int
	calls    []string // of the API: path and token
	hosts    []string // of all requests
	storage  bool     // downloads are redirected to another host
	echo     bool     // errors repeat the credential that was sent
}

func (i *issuer) revoke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.issued += 100
}

func (i *issuer) token() string { return fmt.Sprintf("TOKENMARKER%d", i.issued) }

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	if i.takes > 0 && r.URL.Path == tokenPath {
		time.Sleep(i.takes)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hosts = append(i.hosts, r.URL.Host)
	status, body, header := i.answer(r)
	if i.echo && status >= 400 {
		credential := r.Header.Get("Authorization")
		decoded, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(credential, "Basic "))
		body = fmt.Sprintf(`{"message":"you sent %s, that is %s","error_code":"%s"}`, credential, decoded, credential)
	}
	header.Set("Content-Type", "application/json")
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (i *issuer) answer(r *http.Request) (status int, body string, header http.Header) {
	header = http.Header{}
	switch {
	case r.URL.Path == tokenPath:
		id, secret, _ := r.BasicAuth()
		form, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || string(form) != "grant_type=client_credentials" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			return 415, `{}`, header
		}
		if i.fail != "" {
			header.Set("Retry-After", i.wait)
			_, _ = fmt.Sscan(i.fail, &status)
			return status, i.fail[4:], header
		}
		if id != "APP" || secret != appSecret {
			return 400, `{"error":"invalid_client"}`, header
		}
		i.issued++
		if i.lifetime == 0 {
			return 200, fmt.Sprintf(`{"access_token":"%s","scope":"x"}`, i.token()), header
		}
		return 200, fmt.Sprintf(`{"access_token":"%s","scope":"x","expires_in":%d}`, i.token(), i.lifetime), header
	case r.URL.Host == "storage.example":
		i.calls = append(i.calls, "storage "+r.Header.Get("Authorization")+r.Header.Get("X-Auth-Token"))
		return 200, "a file", header
	}
	i.calls = append(i.calls, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]+" "+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	switch {
	case i.reject || r.Header.Get("Authorization") != "Bearer "+i.token() || r.Header.Get("X-Auth-Token") != "":
		return 401, `{"message":"Unauthorized"}`, header
	case i.storage && strings.HasSuffix(r.URL.Path, "/download"):
		header.Set("Location", "https://storage.example/file")
		return 302, "", header
	case strings.HasSuffix(r.URL.Path, "_export"):
		return 200, `{"job_id":7}`, header
	}
	return 200, `{"num_found":0,"results":[]}`, header
}

// oauthClient returns a client of an OAuth app, in simulated time.
func oauthClient(t *testing.T, i *issuer, change func(*Config)) *Client {
	t.Helper()
	c := Config{URL: "https://cbc.example", OrgKey: "ABCD1234", OAuth: &OAuthApp{ID: "APP", Secret: appSecret}, Limiter: ratelimit.New(ratelimit.Config{})}
	if change != nil {
		change(&c)
	}
	client, err := New(c, &http.Client{Transport: i, Timeout: 30 * time.Second})
	require.NoError(t, err)
	return client
}

func TestTokenIsCachedUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{lifetime: 1800}
		client := oauthClient(t, i, nil)
		require.Empty(t, i.hosts, "nothing is sent before it is needed")
		for _, step := range []struct {
			after  time.Duration
			issued int
		}{{0, 1}, {time.Minute, 1}, {28*time.Minute - time.Second, 1}, {time.Second, 2}, {29 * time.Minute, 3}} {
			time.Sleep(step.after)
			_, err := searchOnce(context.Background(), client)
			require.NoError(t, err)
			require.Equal(t, step.issued, i.issued, step.after)
		}
		require.True(t, client.Accepted())
		require.Equal(t, "console.cloud.vmware.com", i.hosts[0])
		require.Equal(t, []string{"cbc.example", "cbc.example", "cbc.example", "console.cloud.vmware.com", "cbc.example"}, i.hosts[1:6])
	})
}

func TestRejectedTokenIsRenewedOnce(t *testing.T) {
	for name, send := range map[string]func(*Client) error{
		"_search": func(c *Client) error { _, err := searchOnce(context.Background(), c); return err },
		"_queue":  func(c *Client) error { _, err := c.Queue(context.Background()); return err },
		"_export": func(c *Client) error { _, err := c.Export(context.Background(), ExportRequest{}); return err },
		"jobs":    func(c *Client) error { _, err := c.Jobs(context.Background()); return err },
		"download": func(c *Client) error {
			file, err := c.Download(context.Background(), "7")
			if err == nil {
				err = file.Close()
			}
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{}
			client := oauthClient(t, i, nil)
			_, err := searchOnce(context.Background(), client)
			require.NoError(t, err)
			i.revoke()
			require.NoError(t, send(client), name)
			require.Equal(t, []string{name + " TOKENMARKER1", name + " TOKENMARKER102"}, i.calls[1:])
			require.True(t, client.Accepted())
			require.EqualValues(t, 3, client.config.Limiter.Status(ratelimit.Viewer{Accepted: true}).Calls, "the console's")
			require.EqualValues(t, 2, client.tokens.limiter.Status(ratelimit.Viewer{Accepted: true}).Calls, "the token service's")
		})
	}
}

func TestRejectionsEndTheRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{reject: true}
		client := oauthClient(t, i, nil)
		for range 50 {
			_, err := searchOnce(context.Background(), client)
			var failed *Error
			require.ErrorAs(t, err, &failed)
			require.Equal(t, KindKey, failed.Kind)
			require.ErrorContains(t, err, "the access token of the OAuth app is not accepted")
		}
		require.Equal(t, 1, i.issued, "a new token that is rejected is not renewed")
		require.Len(t, i.calls, 1, "the rejection is remembered")
		require.False(t, client.Accepted())
		for minute := range 3 {
			time.Sleep(time.Minute + time.Second)
			for range 50 {
				_, err := searchOnce(context.Background(), client)
				require.Error(t, err)
			}
			require.Equal(t, minute+2, i.issued)
			require.Len(t, i.calls, 1+2*(minute+1))
		}
	})
}

func TestConcurrentRequestsShareATokenRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{takes: time.Second}
		client := oauthClient(t, i, nil)
		all := func() {
			var group sync.WaitGroup
			for range 20 {
				group.Go(func() {
					_, err := searchOnce(ratelimit.WithLane(context.Background(), ratelimit.LaneBackground), client)
					require.NoError(t, err)
				})
			}
			group.Wait()
		}
		all()
		require.Equal(t, 1, i.issued)
		i.revoke()
		all()
		require.Equal(t, 102, i.issued, "one new token")
	})
}

// A caller that gives up does not end the request for the others.
func TestTokenRequestOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{takes: 5 * time.Second}
		client := oauthClient(t, i, nil)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() {
			_, err := searchOnce(ctx, client)
			ended <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		_, err := searchOnce(context.Background(), client)
		require.NoError(t, err)
		require.Equal(t, 1, i.issued)
	})
}

func TestWrongAppSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		client := oauthClient(t, i, func(c *Config) { c.OAuth.Secret = "WRONGSECRETMARKER" })
		for range 20 {
			err := client.Verify(context.Background())
			require.ErrorContains(t, err, "the OAuth app is not accepted: check the app ID and the app secret (HTTP 400, no access token from console.cloud.vmware.com: invalid_client")
			require.NotContains(t, err.Error(), "WRONGSECRETMARKER")
		}
		require.Len(t, i.hosts, 1, "the rejection is remembered")
		require.False(t, client.Accepted())
	})
}

// The limits of a token service, whoever runs it, leave the console's rate limit alone.
func TestTokenServiceThatLimitsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{fail: "429 {}", wait: "3600"}
		client := oauthClient(t, i, nil)
		for range 5 {
			_, err := client.Queue(context.Background())
			var failed *Error
			require.ErrorAs(t, err, &failed)
			require.Equal(t, KindThrottled, failed.Kind)
			require.False(t, failed.Lost, "the queue was not read")
			require.ErrorContains(t, err, "the token service of the OAuth app limits the number of requests: wait 1h0m0s, resumes at 01:00:00 UTC")
		}
		require.Len(t, i.hosts, 1)
		require.Nil(t, client.config.Limiter.Status(ratelimit.Viewer{Accepted: true}).PausedUntil)
		time.Sleep(time.Hour)
		i.fail = ""
		_, err := searchOnce(context.Background(), client)
		require.NoError(t, err)
	})
}

func TestTokenServiceFailures(t *testing.T) {
	for answer, want := range map[string]struct {
		kind  Kind
		calls int
		says  string
	}{
		`500 {}`:                     {KindServer, 3, "the token service of the OAuth app failed"},
		`401 {"message":"no"}`:       {KindKey, 1, "check the app ID"},
		`403 {}`:                     {KindKey, 1, "check the app ID"},
		`404 <html>`:                 {KindHost, 1, "check the token URL"},
		`302 `:                       {KindHost, 1, "redirects to another address"},
		`200 <html>`:                 {KindHost, 1, "check the token URL"},
		`200 {}`:                     {KindAnswer, 1, "no access_token"},
		`200 {"access_token":""}`:    {KindAnswer, 1, "no access_token"},
		`200 {"access_token":"a b"}`: {KindAnswer, 1, "malformed"},
		`204 `:                       {KindAnswer, 1, "empty"},
	} {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{fail: answer}
			client := oauthClient(t, i, nil)
			page, err := searchOnce(context.Background(), client)
			var failed *Error
			require.ErrorAs(t, err, &failed, answer)
			require.Equal(t, want.kind, failed.Kind, answer)
			require.ErrorContains(t, err, want.says, answer)
			require.Len(t, i.hosts, want.calls, answer)
			require.Zero(t, page.Tries)
			require.False(t, client.Accepted())
		})
	}
}

// Neither the app secret nor a token is shown, however a server repeats them.
func TestCredentialsAreRedacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{echo: true}
		client := oauthClient(t, i, nil)
		_, err := searchOnce(context.Background(), client)
		require.NoError(t, err)
		basic := base64.StdEncoding.EncodeToString([]byte("APP:" + appSecret))
		shown := func(err error) {
			require.Error(t, err)
			for cause := err; cause != nil; cause = errors.Unwrap(cause) {
				for _, marker := range []string{appSecret, "TOKENMARKER", basic} {
					require.NotContains(t, cause.Error(), marker)
				}
			}
		}
		i.reject = true
		_, err = searchOnce(context.Background(), client)
		shown(err)
		i.fail = "401 {}"
		time.Sleep(2 * time.Minute)
		_, err = searchOnce(context.Background(), client)
		shown(err)
	})
}

// The token goes to the configured host only, and the app secret to the token service only.
func TestTokenStaysWithItsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{storage: true}
		client := oauthClient(t, i, nil)
		file, err := client.Download(context.Background(), "7")
		require.NoError(t, err)
		raw, err := io.ReadAll(file)
		require.NoError(t, err)
		require.Equal(t, "a file", string(raw))
		require.NoError(t, file.Close())
		require.Equal(t, []string{"download TOKENMARKER1", "storage "}, i.calls)
	})
}

func TestTokenURL(t *testing.T) {
	require.Equal(t, "https://console.cloud.vmware.com"+tokenPath, DefaultTokenURL("https://defense.conferdeploy.net"))
	require.Equal(t, "http://127.0.0.1:8080"+tokenPath, DefaultTokenURL(" http://127.0.0.1:8080/x"))
	for _, bad := range []string{"http://token.example/x", "token.example", "https://user:password@token.example/x", "ftp://127.0.0.1/x", "://"} {
		_, err := New(Config{URL: "https://cbc.example", OrgKey: "O", OAuth: &OAuthApp{ID: "APP", Secret: appSecret, TokenURL: bad}}, http.DefaultClient)
		require.ErrorContains(t, err, "oauthTokenUrl", bad)
	}
}

// An app is the same only with the same token service, and never the same as an API key.
func TestOAuthID(t *testing.T) {
	id := func(tokenURL string) string {
		id, err := OAuthID(OAuthApp{ID: "APP", TokenURL: tokenURL}, "https://cbc.example")
		require.NoError(t, err)
		return id
	}
	require.Equal(t, id(""), id("HTTPS://console.cloud.vmware.com:443"+tokenPath+"/"))
	require.NotEqual(t, id(""), id("https://other.example"+tokenPath))
	require.Contains(t, id(""), "/")
}
