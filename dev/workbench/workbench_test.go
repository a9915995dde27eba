package workbench_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"carbonblack-auditlog-datasource/dev/workbench"
)

const (
	pluginID  = "stub-test-datasource"
	sourceUID = "provisioned"
)

var testTime = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// stubExecutable is built once for all tests.
var stubExecutable = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "workbench-stub-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "stub")
	output, err := exec.Command("go", "build", "-tags", "arrow_json_stdlib", "-o", path, "./testdata/stubplugin").CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: string(output), Err: err}
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := stubExecutable(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// stubConfig returns a configuration with the stub plugin and one provisioned data source.
func stubConfig(t *testing.T) workbench.Config {
	t.Helper()
	built, err := stubExecutable()
	require.NoError(t, err)
	plugin, provisioning := t.TempDir(), t.TempDir()
	executable := "gpx_stub_" + runtime.GOOS + "_" + runtime.GOARCH
	if runtime.GOOS == "windows" {
		executable += ".exe"
	}
	require.NoError(t, os.Link(built, filepath.Join(plugin, executable)))
	writeFile(t, filepath.Join(plugin, "plugin.json"),
		`{"id":"`+pluginID+`","name":"Stub","executable":"gpx_stub","type":"datasource","info":{"version":"1.2.3"}}`)
	writeFile(t, filepath.Join(plugin, "module.js"), `define([], () => ({}))`)
	writeFile(t, filepath.Join(provisioning, "datasources", "stub.yaml"), `
apiVersion: 1
datasources:
  - name: Elsewhere
    type: prometheus
  - name: Stub
    type: `+pluginID+`
    uid: `+sourceUID+`
    url: $STUB_URL
    jsonData:
      orgKey: ${STUB_ORG}
      timeout: $STUB_TIMEOUT
      price: $$5
      unknown: $STUB_UNKNOWN
    secureJsonData:
      apiSecret: ${STUB_SECRET}
`)
	return workbench.Config{
		PluginDir:    plugin,
		Provisioning: provisioning,
		Env: map[string]string{
			"STUB_URL": "https://example.test", "STUB_ORG": "ABC: [1]", "STUB_TIMEOUT": "60", "STUB_SECRET": "right",
		},
		Now: func() time.Time { return testTime },
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func start(t *testing.T, config workbench.Config) *workbench.Workbench {
	t.Helper()
	bench, err := workbench.Start(context.Background(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bench.Close()) })
	return bench
}

type answer struct {
	status int
	header http.Header
	body   string
}

// call sends a request on a new connection; headers are pairs of name and value.
func call(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Close = true
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header[headers[i]] = []string{headers[i+1]}
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return answer{status: resp.StatusCode, header: resp.Header, body: string(content)}
}

func (a answer) decode(t *testing.T) map[string]any {
	t.Helper()
	var value map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &value), a.body)
	return value
}

func stubState(t *testing.T, bench *workbench.Workbench) map[string]any {
	t.Helper()
	return call(t, http.MethodGet, bench.URL()+"/api/datasources/uid/"+sourceUID+"/resources/state", "").decode(t)
}

func TestStartErrors(t *testing.T) {
	outside := stubConfig(t)
	outside.Addr = "0.0.0.0:0"
	missing := stubConfig(t)
	missing.PluginDir = t.TempDir()
	notPlugin := stubConfig(t)
	writeFile(t, filepath.Join(notPlugin.PluginDir, "plugin.json"), `{"id":"x","executable":"gpx_none"}`)
	for name, test := range map[string]struct {
		config workbench.Config
		want   string
	}{
		"address of a network": {outside, "not a loopback address"},
		"plugin not built":     {missing, "the plugin is not built"},
		"no executable":        {notPlugin, "start the plugin"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := workbench.Start(context.Background(), test.config)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestPluginHasNoHostEnvironment(t *testing.T) {
	t.Setenv("HOST_SECRET_OF_THIS_TEST", "leaked")
	state := stubState(t, start(t, stubConfig(t)))
	for _, entry := range state["environment"].([]any) {
		name, _, _ := strings.Cut(entry.(string), "=")
		handshake := strings.HasPrefix(name, "PLUGIN_") || name == "grafana_plugin_type"
		require.True(t, handshake, "the plugin sees %s", name)
	}
}

func TestDeadPluginIsRestarted(t *testing.T) {
	bench := start(t, stubConfig(t))
	first := stubState(t, bench)["pid"].(float64)
	plugin, err := os.FindProcess(int(first))
	require.NoError(t, err)
	require.NoError(t, plugin.Kill())
	require.Eventually(t, func() bool {
		got := call(t, http.MethodGet, bench.URL()+"/api/datasources/uid/"+sourceUID+"/resources/state", "")
		return got.status == http.StatusOK && got.decode(t)["pid"].(float64) != first
	}, 10*time.Second, 10*time.Millisecond)
}

func TestCloseFreesEverything(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	before := goleak.IgnoreCurrent()
	bench, err := workbench.Start(context.Background(), stubConfig(t))
	require.NoError(t, err)
	pid := int(stubState(t, bench)["pid"].(float64))
	open := openResource(t, bench, "stream")
	require.NoError(t, bench.Close())
	_, err = io.ReadAll(open)
	require.Error(t, err, "an open request ends with the host")
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, bench.Close(), "closing twice does no harm")
	goleak.VerifyNone(t, before)
	_, err = bench.Query(context.Background(), sourceUID, []byte(`{"from":"now-1h","to":"now","queries":[{"refId":"A"}]}`))
	require.ErrorContains(t, err, "closed")
	requireGone(t, pid)
}

func requireGone(t *testing.T, pid int) {
	t.Helper()
	process, err := os.FindProcess(pid)
	if err == nil { // on Unix FindProcess always succeeds; only a signal shows whether the process runs
		err = process.Signal(syscall.Signal(0))
	}
	require.Error(t, err, "the plugin still runs")
}
