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

// newHTTPClient makes the client by which all requests go: proxy, TLS, timeouts, secure socks proxy and metrics are the SDK's.
// closeIdle closes its idle connections: http.Client.CloseIdleConnections does not reach through the SDK's middlewares.
func newHTTPClient(ctx context.Context, s backend.DataSourceInstanceSettings) (client *http.Client, closeIdle func(), err error) {
	cleaned, err := httpSettings(s.JSONData)
	if err != nil {
		return nil, nil, err
	}
	s.JSONData = cleaned
	options, err := s.HTTPClientOptions(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("the HTTP settings are not usable: %w", err)
	}
	closeIdle = func() {}
	options.ConfigureTransport = func(_ httpclient.Options, t *http.Transport) { closeIdle = t.CloseIdleConnections }
	client, err = httpclient.New(options)
	if err != nil {
		return nil, nil, fmt.Errorf("the HTTP settings are not usable: %w", err)
	}
	return client, closeIdle, nil
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
