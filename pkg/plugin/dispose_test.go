package plugin

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

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
