package plugin

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
)

// transcript is everything that leaves the plugin.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *transcript) add(parts ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintf(&s.text, "%+v\n", parts) // a strings.Builder never fails
}

func (s *transcript) addJSON(t *testing.T, v any) {
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	s.add(string(raw))
}

// tellingLogger logs at every level.
type tellingLogger struct{ to *transcript }

func (l tellingLogger) Debug(msg string, args ...any)          { l.to.add("log debug", msg, args) }
func (l tellingLogger) Info(msg string, args ...any)           { l.to.add("log info", msg, args) }
func (l tellingLogger) Warn(msg string, args ...any)           { l.to.add("log warn", msg, args) }
func (l tellingLogger) Error(msg string, args ...any)          { l.to.add("log error", msg, args) }
func (l tellingLogger) With(args ...any) log.Logger            { l.to.add("log", args); return l }
func (tellingLogger) Level() log.Level                         { return log.Debug }
func (l tellingLogger) FromContext(context.Context) log.Logger { return l }

// record notes logs, and spans when addSpans is called.
func record(t *testing.T) (said *transcript, addSpans func()) {
	said = &transcript{}
	oldLogger := backend.Logger
	backend.Logger = tellingLogger{said}
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	oldTracer := tracing.DefaultTracer()
	tracing.InitDefaultTracer(provider.Tracer("test"))
	t.Cleanup(func() {
		backend.Logger = oldLogger
		tracing.InitDefaultTracer(oldTracer)
		require.NoError(t, provider.Shutdown(context.Background()))
	})
	return said, func() {
		for _, span := range spans.GetSpans() {
			said.add("span", span.Name, span.Attributes, span.Events, span.Status)
		}
	}
}

// markers are the secrets of the test; each is found wherever it goes.
var markers = map[string]string{
	"apiSecret": "MARKERAPISECRET000000001", "storeDsn": "MARKERDSN0000000000002", "httpHeaderValue1": "MARKERHEADER000000000003", "basicAuthPassword": "MARKERBASIC0000000000004",
}

// requireNoMarker looks for every marker in the forms that HTTP, URLs and JSON give it.
func requireNoMarker(t *testing.T, text string) {
	t.Helper()
	for name, secret := range markers {
		for _, form := range []string{
			secret, strings.ToLower(secret), url.QueryEscape(secret), hex.EncodeToString([]byte(secret)),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("proxy:" + secret)),
		} {
			if at := strings.Index(text, form); at >= 0 {
				t.Fatalf("%s is shown: …%s…", name, text[max(0, at-200):min(len(text), at+60)])
			}
		}
	}
}

// telltale is a cloud that answers, or sends back all that it got.
type telltale struct {
	sim  *simulator.Server
	mode atomic.Int32
}

func (c *telltale) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	said := fmt.Sprint(r.Header)
	switch c.mode.Load() {
	case 1:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": said, "reason": said})
	case 2:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<title>"+said+"</title>")
	case 3:
		panic(http.ErrAbortHandler)
	default:
		c.sim.ServeHTTP(w, r)
	}
}

// markedInstance has a marker in every secret that the data source takes.
func markedInstance(t *testing.T) (*Instance, *telltale, *pgtest.Database) {
	sim := simulator.New(simulator.Config{
		Generate: simulator.Generate{Days: 2, PerDay: 300, LivePerDay: -1}, Now: func() time.Time { return present },
		Keys: []simulator.Key{{APIID: "MARKED", APISecret: markers["apiSecret"], Permissions: []string{simulator.PermissionAudits, simulator.PermissionJobs}}},
	})
	c := &telltale{sim: sim}
	server := serve(c)
	t.Cleanup(server.Close)
	db := pgtest.New(t)
	dsn, err := url.Parse(db.DSN)
	require.NoError(t, err)
	if _, given := dsn.User.Password(); !given { // a server that was given by its URL needs its own password
		dsn.User = url.UserPassword(dsn.User.Username(), markers["storeDsn"])
	}
	s := settingsOf(sim, server.URL, 0, map[string]any{
		"store": "postgres", "queueEnabled": true, "httpHeaderName1": "X-Proxy-Key", "basicAuth": true, "basicAuthUser": "proxy",
	})
	s.UID, s.BasicAuthEnabled, s.BasicAuthUser = "marked", true, "proxy"
	s.DecryptedSecureJSONData = map[string]string{
		"apiSecret": markers["apiSecret"], "storeDsn": dsn.String(), "httpHeaderValue1": markers["httpHeaderValue1"], "basicAuthPassword": markers["basicAuthPassword"],
	}
	return newInstance(t, s), c, db
}

// use does everything that can be done with a data source.
func use(t *testing.T, d *Instance, said *transcript) {
	headers := map[string]string{"http_X-Dashboard-Uid": "board", "http_X-Panel-Id": "7"}
	for ref, a := range ask(t, d, headers, `{"queryType":"count"}`, `{"queryType":"events"}`, `{"queryType":"top","groupBy":["actor"]}`, `{"queryType":"series"}`,
		`{"queryType":"firstSeen","groupBy":["actor"]}`, `{"source":"queue"}`, `{"queryType":"status"}`, `{"queryType":"callers"}`, `{"query":"a:("}`, `{"x":1}`) {
		said.addJSON(t, a.Frames)
		said.add(ref, a.Error)
	}
	for _, a := range ask(t, d, map[string]string{"FromAlert": "true"}, `{"queryType":"count"}`) {
		said.addJSON(t, a.Frames)
		said.add(a.Error)
	}
	health, err := d.CheckHealth(context.Background(), &backend.CheckHealthRequest{})
	said.add(health.Message, string(health.JSONDetails), err)
	for _, path := range []string{"status", "catalog", "exports", "exports/unknown", "values?field=actor&from=1773100000000&to=1773230400000", "nowhere"} {
		a := call(t, d, "Admin", "GET", path, "")
		said.add(a.header, a.body.String(), a.err)
	}
	a := call(t, d, "Editor", "POST", "exports", exportBody("csv", `{"refId":"A"}`))
	said.add(a.header, a.body.String(), a.err)
}

// TestSecretsAreFoundNowhere: logs, traces, metrics, answers, errors, status, export ids, files and manifests, and the store's tables.
func TestSecretsAreFoundNowhere(t *testing.T) {
	said, addSpans := record(t)
	d, c, db := markedInstance(t)
	id := finished(t, d, exportBody("json", `{"refId":"A"}`))
	for _, path := range []string{"/manifest", "/download", ""} {
		a := call(t, d, "Viewer", "GET", "exports/"+id+path, "")
		require.Equal(t, http.StatusOK, a.status)
		said.add(id, a.header, a.body.String())
	}
	restore := func() {}
	for mode := range int32(5) {
		c.mode.Store(mode)
		if mode == 4 { // the store is gone, too
			c.mode.Store(0)
			restore = db.Interrupt(t)
		}
		use(t, d, said)
	}
	restore()
	addSpans()
	families, err := prometheus.DefaultGatherer.Gather()
	require.NoError(t, err)
	for _, f := range families {
		said.add(f.String())
	}
	said.add(tables(t, db.DSN))
	for _, part := range []string{"cbc_audit_api_calls_total", "audit log query"} {
		require.Contains(t, said.text.String(), part)
	}
	require.Greater(t, said.text.Len(), 10_000)
	requireNoMarker(t, said.text.String())
}

// tables returns all that the store has written.
func tables(t *testing.T, dsn string) string {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(ctx)) }()
	rows, err := conn.Query(ctx, `select format('%I.%I', table_schema, table_name) from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema')`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, names)
	var text strings.Builder
	for _, name := range names {
		rows, err := conn.Query(ctx, "select t::text from "+name+" t")
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		text.WriteString(name + "\n" + strings.Join(lines, "\n"))
	}
	return text.String()
}
