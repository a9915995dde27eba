package cbc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// OAuthApp is an OAuth app that gets its tokens by client credentials. It replaces the API key of a Config.
type OAuthApp struct {
	ID, Secret string
	// TokenURL is the address of the token service; "" means DefaultTokenURL.
	TokenURL string
}

const (
	tokenPath = "/csp/gateway/am/api/auth/token"
	// tokenHost is the host of the token service in the vendor's SDK. Whether there are others is not documented.
	tokenHost = "https://console.cloud.vmware.com"
	// maxTokenBytes bounds an access token.
	maxTokenBytes = 16 << 10
	// maxExpiryMargin is the most time by which a token is renewed before it expires.
	maxExpiryMargin = time.Minute
	// tokenBackoff is the pause after the token service limits requests without saying for how long.
	tokenBackoff = 30 * time.Second
)

// DefaultTokenURL returns the token service for a console: the vendor's, or for a console on a loopback address that address itself,
// because secrets of a test must not leave the machine.
func DefaultTokenURL(console string) string {
	if u, err := url.Parse(strings.TrimSpace(console)); err == nil && loopback(u.Hostname()) {
		return u.Scheme + "://" + u.Host + tokenPath
	}
	return tokenHost + tokenPath
}

// OAuthID returns the name of an OAuth app in an APIKey. It differs from every API ID, which has no slash. It contains the token
// service: without it, whoever runs a token service could act as any app.
func OAuthID(app OAuthApp, console string) (string, error) {
	service, err := NormalizeURL(cmp.Or(app.TokenURL, DefaultTokenURL(console)))
	if err != nil {
		return "", err
	}
	return "oauth/" + app.ID + "@" + service, nil
}

// tokens holds the access token of an OAuth app, in memory only.
type tokens struct {
	app      OAuthApp
	url      *url.URL
	limiter  *ratelimit.Limiter // the console's, if the token service is on its host; else one of its own
	fetching singleflight.Group

	mu        sync.Mutex
	current   string    // "" if there is none
	renewAt   time.Time // zero if the token does not say when it expires
	throttled *Error    // the last answer of a token service that limits requests
}

// newTokens returns nil if the client uses an API key.
func newTokens(config Config) (*tokens, error) {
	if config.OAuth == nil {
		return nil, nil
	}
	address := cmp.Or(config.OAuth.TokenURL, DefaultTokenURL(config.URL))
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("oauthTokenUrl %.200q is not an https address: expected one like %s", address, tokenHost+tokenPath)
	}
	// A token service of the settings' choice, which may hang, must not hold places of the console's limit.
	t := &tokens{app: *config.OAuth, url: u, limiter: ratelimit.New(ratelimit.Config{Now: config.Now})}
	if sameHost(address, config.URL) {
		t.limiter = config.Limiter
	}
	return t, nil
}

// sameHost reports whether two addresses have the same scheme, host and port.
func sameHost(a, b string) bool {
	first, err := NormalizeURL(a)
	if err != nil {
		return false
	}
	second, err := NormalizeURL(b)
	if err != nil {
		return false
	}
	u, _ := url.Parse(first)
	v, _ := url.Parse(second)
	return u != nil && v != nil && u.Scheme == v.Scheme && u.Host == v.Host
}

// cached returns the current token if it has not expired, or the error of a token service that limits requests.
func (t *tokens) cached(now time.Time) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != "" && (t.renewAt.IsZero() || now.Before(t.renewAt)) {
		return t.current, nil
	}
	if t.throttled != nil && now.Before(t.throttled.ResumesAt) {
		again := *t.throttled
		again.RetryAfter = again.ResumesAt.Sub(now)
		return "", &again
	}
	return "", nil
}

// drop forgets a token that was not accepted, unless it has been replaced already.
func (t *tokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == token {
		t.current = ""
	}
}

// bearer returns the access token for a request and reports whether it was just issued. Concurrent requests share one call to the token
// service, which precedes the wait for the rate limit. It returns "" if the client uses an API key.
func (c *Client) bearer(ctx context.Context) (token string, fresh bool, err error) {
	if c.tokens == nil {
		return "", false, nil
	}
	if token, err = c.tokens.cached(c.config.Now()); token != "" || err != nil {
		return token, false, err
	}
	fetched := c.tokens.fetching.DoChan("", func() (any, error) {
		if token, err := c.tokens.cached(c.config.Now()); token != "" || err != nil {
			return token, err // fetched since
		}
		// Alert rules may wait for it, and it must not end with one of its callers.
		origin := ratelimit.WithOrigin(context.Background(), ratelimit.OriginOf(ctx))
		ctx, cancel := context.WithTimeout(ratelimit.WithLane(origin, ratelimit.LaneAlert), verifyTime)
		defer cancel()
		return c.fetchToken(ctx)
	})
	select {
	case result := <-fetched:
		token, _ = result.Val.(string)
		if failed, ok := errors.AsType[*Error](result.Err); ok {
			own := *failed // each caller completes its own copy
			return "", true, &own
		}
		return token, true, result.Err
	case <-ctx.Done():
		return "", false, c.transportError(ctx, ctx.Err())
	}
}

// fetchToken gets a new token from the token service.
func (c *Client) fetchToken(ctx context.Context) (string, error) {
	r := request{endpoint: "token", method: http.MethodPost, body: []byte("grant_type=client_credentials"), repeatable: true, issuesToken: true}
	var issued struct {
		AccessToken string   `json:"access_token"`
		ExpiresIn   flexible `json:"expires_in"`
		Message     string   `json:"message"`
	}
	_, err := c.do(ctx, r, func(ctx context.Context, r request) error {
		err := c.exchange(ctx, r, func(body io.Reader) error {
			raw, err := io.ReadAll(body)
			switch {
			case err != nil:
				return err
			case json.Unmarshal(raw, &issued) != nil:
				return errNotJSON
			case issued.AccessToken == "":
				return &Error{Kind: KindAnswer, Message: cmp.Or(issued.Message, "there is no access_token in it")}
			case len(issued.AccessToken) > maxTokenBytes || strings.ContainsFunc(issued.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }):
				return &Error{Kind: KindAnswer, Message: "its access_token is malformed"}
			}
			return nil
		})
		return c.tokenError(err)
	})
	if err == nil && issued.AccessToken == "" {
		err = c.tokenError(&Error{Kind: KindAnswer, Message: "the response is empty"})
	}
	if err != nil {
		return "", err
	}
	c.keepToken(issued.AccessToken, time.Duration(issued.ExpiresIn.number())*time.Second)
	return issued.AccessToken, nil
}

// keepToken caches a token until shortly before it expires; a lifetime of 0 is unknown. Errors must not show it from now on.
func (c *Client) keepToken(token string, lifetime time.Duration) {
	t := c.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	previous := t.current
	t.current, t.renewAt, t.throttled = token, time.Time{}, nil
	if lifetime > 0 {
		t.renewAt = c.config.Now().Add(lifetime - min(lifetime/10, maxExpiryMargin))
	}
	c.secrets.Store(newRedactor(append(c.config.secrets(), token, previous))) // running requests may still use the previous one
}

// tokenError explains a failure of the token service. What it says about rate limits applies to it alone.
func (c *Client) tokenError(err error) error {
	var failed *Error
	if !errors.As(err, &failed) {
		return err
	}
	failed.tokenService = true
	failed.Message = strings.TrimSuffix("no access token from "+c.tokens.url.Host+": "+failed.Message, ": ")
	if failed.Kind == KindThrottled {
		failed.RetryAfter = cmp.Or(failed.RetryAfter, tokenBackoff)
		failed.ResumesAt = c.config.Now().Add(failed.RetryAfter)
		c.tokens.mu.Lock()
		defer c.tokens.mu.Unlock()
		c.tokens.throttled = failed
	}
	return failed
}

// secrets lists what no error may show, in the forms in which it is sent.
func (c Config) secrets() []string {
	list := append([]string{c.APISecret}, c.Redact...)
	if c.OAuth != nil {
		list = append(list, c.OAuth.Secret, c.OAuth.ID+":"+c.OAuth.Secret)
	}
	return list
}
