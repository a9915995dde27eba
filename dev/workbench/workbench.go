// Package workbench is a small host for trying and testing the built plugin without Grafana. It starts the
// plugin's executable with the same handshake and the same empty environment as Grafana, and serves the few of
// Grafana's HTTP routes that a data source needs. It has no users, no storage, no alerting, no
// expressions and no websocket for live channels, and keeps nothing when it stops.
package workbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config configures a Workbench.
type Config struct {
	// Addr is a loopback address to listen on, 127.0.0.1:0 by default.
	Addr string
	// PluginDir holds the built plugin: plugin.json, module.js and the executable.
	PluginDir string
	// PageDir holds the built page. If it is empty, only the HTTP routes are served.
	PageDir string
	// Provisioning holds datasources/*.yaml and dashboards/**.json, like the folder of the same name in Grafana.
	Provisioning string
	// Env expands $VAR and ${VAR} in provisioned data sources. As in Grafana, an unknown name is empty.
	Env map[string]string
	// Stderr receives the plugin's log; nil discards it.
	Stderr io.Writer
	// Now is the clock for relative times, time.Now by default.
	Now func() time.Time
}

// Workbench is a running host. Call Close at the end.
type Workbench struct {
	config  Config
	meta    pluginMeta
	url     string
	process *process
	sources *sources
	server  *http.Server
	served  chan error
	close   func() error
}

// Start starts the plugin and serves until Close. When ctx is done, running requests are canceled.
func Start(ctx context.Context, config Config) (*Workbench, error) {
	config = withDefaults(config)
	meta, err := readPluginMeta(config.PluginDir)
	if err != nil {
		return nil, err
	}
	sources := newSources(meta.ID, config.Now)
	if err := sources.provision(config.Provisioning, config.Env); err != nil {
		return nil, err
	}
	listener, err := listenLoopback(ctx, config.Addr)
	if err != nil {
		return nil, err
	}
	w := &Workbench{
		config:  config,
		meta:    meta,
		url:     "http://" + listener.Addr().String(),
		process: newProcess(meta.executable(config.PluginDir), config.Stderr),
		sources: sources,
		served:  make(chan error, 1),
	}
	if _, err := w.process.connect(); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	w.close = sync.OnceValue(w.shutDown)
	w.server = &http.Server{
		Handler:           onlyLocal(http.NewCrossOriginProtection().Handler(w.routes())),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() { w.served <- w.server.Serve(listener) }()
	return w, nil
}

func withDefaults(config Config) Config {
	if config.Addr == "" {
		config.Addr = "127.0.0.1:0"
	}
	if config.Stderr == nil {
		config.Stderr = io.Discard
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return config
}

// listenLoopback rejects all other addresses: the workbench has no passwords.
func listenLoopback(ctx context.Context, addr string) (net.Listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("workbench address: %w", err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("workbench address %q is not a loopback address", addr)
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
}

// URL returns the address of the page and the routes, without a trailing slash.
func (w *Workbench) URL() string { return w.url }

// Close stops the server, its open requests and the plugin. It may be called more than once.
func (w *Workbench) Close() error { return w.close() }

func (w *Workbench) shutDown() error {
	err := w.server.Close()
	if served := <-w.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	w.process.close()
	return err
}

// onlyLocal rejects host names that merely resolve to this machine: a foreign site could use such a name to
// pass its pages off as the workbench's.
func onlyLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		name := r.Host
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		if name != "localhost" && !net.ParseIP(strings.Trim(name, "[]")).IsLoopback() {
			writeError(rw, http.StatusForbidden, fmt.Errorf("%q is not a name of this machine", r.Host))
			return
		}
		next.ServeHTTP(rw, r)
	})
}

func (w *Workbench) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/ds/query", w.handleQuery)
	mux.HandleFunc("POST /api/live/ds/{uid}/{path...}", w.handleStream)
	mux.HandleFunc("/api/datasources/uid/{uid}/health", w.handleHealth)
	mux.HandleFunc("/api/datasources/uid/{uid}/resources/{path...}", w.handleResource)
	mux.HandleFunc("GET /api/datasources", w.handleListSources)
	mux.HandleFunc("POST /api/datasources", w.handleCreateSource)
	mux.HandleFunc("GET /api/datasources/uid/{uid}", w.handleGetSource)
	mux.HandleFunc("PUT /api/datasources/uid/{uid}", w.handleUpdateSource)
	mux.HandleFunc("DELETE /api/datasources/uid/{uid}", w.handleDeleteSource)
	mux.HandleFunc("GET /api/frontend/settings", w.handleFrontendSettings)
	mux.HandleFunc("GET /api/search", w.handleSearchDashboards)
	mux.HandleFunc("GET /api/dashboards/uid/{uid}", w.handleGetDashboard)
	mux.HandleFunc("/api/", func(rw http.ResponseWriter, r *http.Request) {
		writeError(rw, http.StatusNotFound, fmt.Errorf("the workbench has no route %s %s", r.Method, r.URL.Path))
	})
	w.routeFiles(mux)
	return mux
}
