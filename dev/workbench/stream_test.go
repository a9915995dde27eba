package workbench_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStreamAndRejectedSubscription(t *testing.T) {
	bench := start(t, stubConfig(t))
	channels := bench.URL() + "/api/live/ds/"
	for _, refusal := range []struct {
		channel, data string
		status        int
		words         string
	}{
		{"provisioned/tail", `"password"`, http.StatusNotFound, "NOT_FOUND"},
		{"provisioned/a/tail", `"other"`, http.StatusForbidden, "PERMISSION_DENIED"},
		{"provisioned/a/tail", `"fail"`, http.StatusBadRequest, "asked to fail"},
		{"nobody/a/tail", `"password"`, http.StatusNotFound, "not found"},
	} {
		got := call(t, http.MethodPost, channels+refusal.channel, refusal.data)
		require.Equal(t, refusal.status, got.status, got.body)
		require.Contains(t, got.body, refusal.words)
	}
}

// A stream that fails is run again, with the current settings.
func TestFailedStreamIsRunAgain(t *testing.T) {
	bench := start(t, stubConfig(t))
	source := func(jsonData string) string {
		return `{"uid":"s","name":"S","type":"` + pluginID + `","jsonData":` + jsonData + `}`
	}
	require.Equal(t, http.StatusOK, call(t, http.MethodPost, bench.URL()+"/api/datasources", source(`{}`)).status)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, bench.URL()+"/api/live/ds/s/a/tail", strings.NewReader(`"password"`))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{`{"initial":true}`, `{}`, `{}`} {
		require.True(t, lines.Scan())
		require.Equal(t, want, lines.Text())
	}
	require.Equal(t, http.StatusOK, call(t, http.MethodPut, bench.URL()+"/api/datasources/uid/s", source(`{"changed":true}`)).status)
	for lines.Scan() && lines.Text() == `{}` {
	}
	require.Equal(t, `{"changed":true}`, lines.Text())
}
