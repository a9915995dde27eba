package plugin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// A server that sends back what it got does not make the plugin show a secret.
func TestNoSecretIsEchoed(t *testing.T) {
	secrets := map[string]string{
		"apiSecret": "ABCDEFGHIJKLMNO123456789", "httpHeaderValue1": `proxy "key" 1/2+3`, "basicAuthPassword": "p@ss word", "storeDsn": "postgres://u:hidden@db/x",
	}
	for name, wrap := range map[string]func(string) (contentType, body string){
		"JSON": func(s string) (string, string) {
			raw, err := json.Marshal(map[string]string{"message": s, "error_code": s, "reason": s})
			require.NoError(t, err)
			return "application/json", string(raw)
		},
		"text as JSON": func(s string) (string, string) { return "application/json", `{"message":` + s + `}` },
		"page":         func(s string) (string, string) { return "text/html " + s, "<title>" + s + "</title>" },
		"results":      func(s string) (string, string) { return "application/json", `{"results":[{"` + s + `":nope}]}` },
	} {
		for _, status := range []int{200, 400, 401, 403, 404, 500} {
			echo := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				said := r.Header.Get("X-Auth-Token") + " " + r.Header.Get("X-Proxy-Key") + " " + r.Header.Get("Authorization")
				require.Contains(t, said, secrets["httpHeaderValue1"])
				contentType, body := wrap(said)
				w.Header().Set("Content-Type", contentType)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			}))
			t.Cleanup(echo.Close)
			s := settingsOf(simulator.New(simulator.Config{}), echo.URL, 0, map[string]any{"httpHeaderName1": "X-Proxy-Key", "basicAuth": true, "basicAuthUser": "proxy"})
			s.DecryptedSecureJSONData, s.BasicAuthEnabled, s.BasicAuthUser = secrets, true, "proxy"
			result, err := newInstance(t, s).CheckHealth(context.Background(), nil)
			require.NoError(t, err)
			require.Equal(t, backend.HealthStatusError, result.Status)
			shown := result.Message + string(result.JSONDetails)
			for _, secret := range append(secureValues(s), base64.StdEncoding.EncodeToString([]byte("proxy:p@ss word"))) {
				require.NotContains(t, shown, secret, "%s %d", name, status)
				require.NotContains(t, strings.ReplaceAll(shown, `\"`, `"`), secret, "%s %d", name, status)
			}
		}
	}
}
