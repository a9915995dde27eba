package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// start runs the command and returns its output and a function to stop it.
func start(t *testing.T, args ...string) (hello, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0", "-days", "1", "-per-day", "200"}, args...), writer, io.Discard)
		_ = writer.CloseWithError(err)
		ended <- err
	}()
	lines := bufio.NewReader(reader)
	line, err := lines.ReadBytes('\n')
	require.NoError(t, err)
	var printed hello
	require.NoError(t, json.Unmarshal(line, &printed))
	stop := func() error {
		cancel()
		rest, err := io.ReadAll(lines)
		require.NoError(t, err)
		require.Empty(t, rest, "one line and no more")
		return <-ended
	}
	return printed, stop
}

func search(t *testing.T, client *http.Client, printed hello) int {
	t.Helper()
	address := printed.URL + "/audit_log/v1/orgs/" + printed.OrgKey + "/logs/_search"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(`{"rows":1}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Auth-Token", printed.Keys[0].Token())
	response, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	client.CloseIdleConnections()
	return response.StatusCode
}

func TestServe(t *testing.T) {
	printed, stop := start(t)
	require.Len(t, printed.Keys, 4)
	require.Equal(t, []string{"org.audits", "jobs.status"}, printed.Keys[0].Permissions)
	require.Equal(t, http.StatusOK, search(t, &http.Client{}, printed))
	require.NoError(t, stop())
}

func TestServeTLS(t *testing.T) {
	printed, stop := start(t, "-tls", "-org-key", "OTHER", "-faults", `{"rules":[{"status":503,"next":1}]}`)
	require.Equal(t, "OTHER", printed.OrgKey)
	require.True(t, strings.HasPrefix(printed.URL, "https://127.0.0.1:"))
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM([]byte(printed.CA)))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	require.Equal(t, http.StatusServiceUnavailable, search(t, client, printed))
	printed.URL = strings.Replace(printed.URL, "127.0.0.1", "localhost", 1)
	require.Equal(t, http.StatusOK, search(t, client, printed))
	require.NoError(t, stop())
}

func TestStopDuringSlowAnswer(t *testing.T) {
	printed, stop := start(t, "-faults", `{"rules":[{"kind":"endless"}]}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, printed.URL+"/audit_log", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	started := time.Now()
	require.NoError(t, stop())
	require.Less(t, time.Since(started), 10*time.Second)
}

func TestInvalidOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "switches.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"defaultRows":5}`), 0o600))
	o, err := parse([]string{"-switches", "@" + file}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 5, o.config.Switches.DefaultRows)
	for _, args := range [][]string{
		{"-nosuch"}, {"extra"}, {"-switches", "{"}, {"-switches", "@" + file + "x"}, {"-switches", `{"nosuch":1}`},
		{"-switches", `{"ties":"often"}`}, {"-faults", `{"rules":[{"kind":"flood"}]}`}, {"-addr", "nowhere:x"},
	} {
		require.Error(t, run(t.Context(), args, io.Discard, io.Discard), args)
	}
}
