package plugin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// The SDK's own keys of jsonData, by type. A value of another type is ignored by the SDK, with no timeout as the result, or
// ends the process, so each is brought to its type first.
var (
	httpNumbers = []string{
		"timeout", "dialTimeout", "httpKeepAlive", "httpTLSHandshakeTimeout", "httpExpectContinueTimeout",
		"httpMaxConnsPerHost", "httpMaxIdleConns", "httpMaxIdleConnsPerHost", "httpIdleConnTimeout",
	}
	httpFlags = []string{"tlsAuth", "tlsAuthWithCACert", "tlsSkipVerify", "basicAuth", "enableSecureSocksProxy"}
	httpTexts = []string{"serverName", "secureSocksProxyUsername", "basicAuthUser"}
)

const maxSeconds = 24 * 60 * 60

// httpClients are the clients that send all requests. Proxy, TLS, timeouts, secure socks proxy and metrics are the SDK's.
type httpClients struct {
	api     *http.Client
	storage *http.Client // follows redirects to other hosts: headers, users and certificates of the settings are not for those
	idle    []func()

	// route describes how the settings lead to the URL's host, if it is another way than for everybody: by another TLS server name, or
	// by a user of the secure socks proxy, whose network may have another server of that name.
	route string
}

// newHTTPClients makes the clients from the settings.
func newHTTPClients(ctx context.Context, s backend.DataSourceInstanceSettings) (*httpClients, error) {
	cleaned, err := httpSettings(s.JSONData)
	if err != nil {
		return nil, err
	}
	s.JSONData = cleaned
	options, err := s.HTTPClientOptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("the HTTP settings are not usable: %w", err)
	}
	c := &httpClients{}
	if options.TLS != nil {
		tls := *options.TLS
		tls.ServerName = cbc.ServerName(s.URL, tls.ServerName) // what is sent is what is compared
		options.TLS = &tls
	}
	c.route = routeOf(options, s.JSONData)
	options.Middlewares = append([]httpclient.Middleware{probing}, guarded(httpclient.DefaultMiddlewares())...)
	options.ConfigureTransport = func(_ httpclient.Options, t *http.Transport) { c.idle = append(c.idle, t.CloseIdleConnections) }
	if c.api, err = httpclient.New(options); err != nil {
		return nil, fmt.Errorf("the HTTP settings are not usable: %w", err)
	}
	options.Header, options.BasicAuth = nil, nil
	if options.TLS != nil {
		anonymous := *options.TLS
		anonymous.ClientCertificate, anonymous.ClientKey, anonymous.ServerName = "", "", ""
		options.TLS = &anonymous
	}
	if c.storage, err = httpclient.New(options); err != nil {
		return nil, fmt.Errorf("the HTTP settings are not usable: %w", err)
	}
	return c, nil
}

// routeOf describes the route to the URL's host. The proxy's default user is the data source itself, and selects no network.
func routeOf(options httpclient.Options, jsonData json.RawMessage) string {
	var route []string
	if options.TLS != nil && options.TLS.ServerName != "" {
		route = append(route, "server name "+options.TLS.ServerName)
	}
	if options.ProxyOptions != nil && options.ProxyOptions.Enabled {
		var chosen struct {
			User string `json:"secureSocksProxyUsername"`
		}
		_ = json.Unmarshal(jsonData, &chosen) // httpSettings has made it
		route = append(route, fmt.Sprintf("secure socks proxy as %q", chosen.User))
	}
	return strings.Join(route, ", ")
}

// ownHeaders hold the credential and the host of a request. If settings or a viewer could replace them, a wrong secret might seem to be
// accepted.
var ownHeaders = []string{"X-Auth-Token", "Host"}

// sentAs is the host and the credential of a request as the client set them.
type sentAs struct {
	host          string
	token         []string // X-Auth-Token
	authorization string
}

type sentAsKey struct{}

// restore undoes changes by custom or forwarded headers. Basic authentication stays: a gateway may need it, and the API does not read it.
func (s sentAs) restore(r *http.Request) {
	r.Host = s.host
	r.Header.Del("X-Auth-Token")
	for _, token := range s.token {
		r.Header.Add("X-Auth-Token", token)
	}
	authorization := cmp.Or(s.authorization, r.Header.Get("Authorization"))
	r.Header.Del("Authorization")
	if scheme, _, _ := strings.Cut(authorization, " "); s.authorization != "" || strings.EqualFold(scheme, "Basic") {
		r.Header.Set("Authorization", authorization)
	}
}

// guarded wraps middlewares so that the host and the credential stay as the client set them.
func guarded(middlewares []httpclient.Middleware) []httpclient.Middleware {
	outer := httpclient.NamedMiddlewareFunc("keep-token", func(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
		return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			made := sentAs{host: r.Host, token: r.Header.Values("X-Auth-Token"), authorization: r.Header.Get("Authorization")}
			return next.RoundTrip(r.Clone(context.WithValue(r.Context(), sentAsKey{}, made)))
		})
	})
	inner := httpclient.NamedMiddlewareFunc("restore-token", func(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
		return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			made, _ := r.Context().Value(sentAsKey{}).(sentAs)
			made.restore(r)
			return next.RoundTrip(r)
		})
	})
	return append(append([]httpclient.Middleware{outer}, middlewares...), inner)
}

// closeIdle closes idle connections: http.Client.CloseIdleConnections does not reach through the SDK's middlewares.
func (c *httpClients) closeIdle() {
	for _, closeOne := range c.idle {
		closeOne()
	}
}

// httpSettings keeps the SDK's keys of jsonData, each in its own type. Signing for other clouds is left out.
func httpSettings(jsonData json.RawMessage) (json.RawMessage, error) {
	r := settingsReader{}
	if len(jsonData) > 0 {
		if err := json.Unmarshal(jsonData, &r.values); err != nil {
			return nil, fmt.Errorf("jsonData is not a JSON object: %w", err)
		}
	}
	out := map[string]any{}
	for name, value := range r.values {
		text, isText := value.(string)
		switch {
		case value == nil || (isText && strings.TrimSpace(text) == ""):
		case slices.Contains(httpNumbers, name):
			if n := r.number(name, 0, 0, maxSeconds); n > 0 {
				out[name] = n
			}
		case slices.Contains(httpFlags, name):
			out[name] = r.flag(name, false)
		case strings.HasPrefix(name, "httpHeaderName"):
			header := strings.TrimSpace(r.text(name, ""))
			own := slices.ContainsFunc(ownHeaders, func(own string) bool { return strings.EqualFold(own, header) })
			if own || strings.EqualFold(header, "Authorization") && r.text("authMethod", "") == "oauthApp" {
				return nil, fmt.Errorf("%s must not be %s: the plugin sets this header itself", name, header)
			}
			out[name] = header
		case slices.Contains(httpTexts, name):
			out[name] = r.text(name, "")
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return json.Marshal(out)
}
