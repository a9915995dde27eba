package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/catalog"
)

// FuzzSettings makes sure that settings are read within their bounds or refused, and that no error shows a secret.
func FuzzSettings(f *testing.F) {
	f.Add("https://defense.conferdeploy.net", `{"orgKey":"ABCD1234","apiId":"A1B2C3D4E5","queueEnabled":"true","maxEvents":"100"}`, "SECRET")
	f.Add("http://127.0.0.1:8080", `{"orgKey":"A","apiId":"B","catalogRules":[{"pattern":"a","category":"b","action":"c"}]}`, "S/S")
	f.Add("http://example.org", `{"orgKey":72044e11}`, "")
	f.Add("https://user:pw@host", `[]`, "a\n")
	f.Add("https://[::1]:99999", `{"queuePollSeconds":1e400}`, "x")
	f.Fuzz(func(t *testing.T, address, jsonData, secret string) {
		s, err := parseSettings(backend.DataSourceInstanceSettings{
			UID: "u", URL: address, JSONData: []byte(jsonData), DecryptedSecureJSONData: map[string]string{"apiSecret": secret},
		})
		if err != nil {
			if len(secret) > 8 && !strings.Contains(address+jsonData, secret) {
				require.NotContains(t, err.Error(), secret)
			}
			return
		}
		u, err := url.Parse(s.url)
		require.NoError(t, err)
		require.True(t, u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()), "%q sends the key in the clear", s.url)
		require.NotContains(t, s.apiID+s.apiSecret, "/")
		require.GreaterOrEqual(t, s.queuePoll.Seconds(), 10.0)
		require.True(t, s.maxEvents >= 1 && s.requestsPerFiveMinutes >= 1 && s.settle >= 0)
	})
}

// FuzzLivePath makes sure that a subscription runs the query of its path and no other.
func FuzzLivePath(f *testing.F) {
	d := &Instance{catalog: catalog.Default(), settings: settings{maxEvents: 1000}}
	for _, query := range []string{`{}`, `{"queryType":"events","refId":"B"}`, `{"queryType":"count"}`, `{"source":"queue"}`, `x`} {
		sum := sha256.Sum256([]byte(query))
		data, err := json.Marshal(map[string]string{"query": query})
		require.NoError(f, err)
		f.Add("tail/"+hex.EncodeToString(sum[:]), data)
	}
	f.Add("tail/../..", []byte(`{"query":null}`))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		text, status := queryText(path, data)
		if status != backend.SubscribeStreamStatusOK {
			require.Empty(t, text)
			return
		}
		sum := sha256.Sum256([]byte(text))
		require.True(t, strings.HasSuffix(path, hex.EncodeToString(sum[:])), "%q runs another query", path)
		l, err := d.parseLive(text)
		if err == nil {
			require.Equal(t, "events", string(l.query.Type))
		}
	})
}
