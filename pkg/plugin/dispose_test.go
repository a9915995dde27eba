package plugin

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// A download that outlives its instance leaves no connection behind.
func TestDisposeDuringDownload(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	id := finished(t, d, exportBody("csv", `{"exclusions":{"outcome":["failure"]}}`))
	d.Dispose()
	require.Equal(t, http.StatusOK, call(t, d, "Viewer", "GET", "exports/"+id+"/download", "").status)
	buffer := make([]byte, 1<<20)
	require.Eventually(t, func() bool {
		stacks := string(buffer[:runtime.Stack(buffer, true)])
		return !strings.Contains(stacks, "(*persistConn).readLoop")
	}, 5*time.Second, 20*time.Millisecond, "a connection is still open")
}

func TestDisposeClosesConnections(t *testing.T) {
	closed := make(chan struct{}, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"num_found":0,"results":[]}`)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	made, err := NewInstance(context.Background(), backend.DataSourceInstanceSettings{
		URL:                     server.URL,
		JSONData:                []byte(`{"orgKey":"ABCD1234","apiId":"A1B2C3D4E5"}`),
		DecryptedSecureJSONData: map[string]string{"apiSecret": "secret"},
	})
	require.NoError(t, err)
	instance := made.(*Instance)
	result, err := instance.CheckHealth(context.Background(), &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusOk, result.Status)
	instance.Dispose()
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		require.Fail(t, "the connection is still open")
	}
}
