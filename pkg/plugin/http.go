package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
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

const mostSeconds = 24 * 60 * 60

// httpClients are the clients by which all requests go: proxy, TLS, timeouts, secure socks proxy and metrics are the SDK's.
type httpClients struct {
	api     *http.Client
	storage *http.Client // follows redirects to other hosts: headers, users and certificates of the settings are not for those
	idle    []func()
}

// newHTTPClients makes the clients of the settings.
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
			if n := r.number(name, 0, 0, mostSeconds); n > 0 {
				out[name] = n
			}
		case slices.Contains(httpFlags, name):
			out[name] = r.flag(name, false)
		case slices.Contains(httpTexts, name), strings.HasPrefix(name, "httpHeaderName"):
			out[name] = r.text(name, "")
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return json.Marshal(out)
}
