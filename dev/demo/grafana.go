package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Grafana is an installed Grafana server.
type Grafana struct {
	Binary string // the executable named grafana
	Home   string // the folder with conf/ and public/
}

// FindGrafana looks for Grafana in home if it is set, otherwise on the PATH.
func FindGrafana(home string) *Grafana {
	if home != "" {
		for _, binary := range []string{"bin/grafana", "grafana"} {
			if path, err := exec.LookPath(filepath.Join(home, binary)); err == nil {
				return &Grafana{Binary: path, Home: home}
			}
		}
		return nil
	}
	path, err := exec.LookPath("grafana")
	if err != nil {
		return nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	for _, home := range []string{filepath.Dir(filepath.Dir(path)), "/usr/share/grafana"} {
		if _, err := os.Stat(filepath.Join(home, "conf", "defaults.ini")); err == nil {
			return &Grafana{Binary: path, Home: home}
		}
	}
	return nil
}

// startTimeout is how long Grafana may take to start; the first start creates its database.
const startTimeout = 3 * time.Minute

// process is a running Grafana with temporary data.
type process struct {
	url    string
	cmd    *exec.Cmd
	exited chan error
	data   string
}

func (g *Grafana) start(ctx context.Context, c Config, environment map[string]string) (host, error) {
	home, err := filepath.Abs(g.Home)
	if err != nil {
		return nil, err
	}
	provisioning, err := filepath.Abs(c.Provisioning)
	if err != nil {
		return nil, err
	}
	address, port, err := freePort(ctx, c.Addr)
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp("", "grafana-demo-")
	if err != nil {
		return nil, err
	}
	p := &process{url: "http://" + net.JoinHostPort(address, port), data: data, exited: make(chan error, 1)}
	if err := installPlugin(data, c.PluginDir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(data))
	}
	p.cmd = exec.Command(g.Binary, "server", "--homepath", home)
	p.cmd.Stdout, p.cmd.Stderr = c.Log, c.Log
	p.cmd.Env = os.Environ()
	for name, value := range environment {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Env = append(p.cmd.Env,
		"GF_SERVER_HTTP_ADDR="+address, "GF_SERVER_HTTP_PORT="+port,
		"GF_PATHS_DATA="+data, "GF_PATHS_LOGS="+filepath.Join(data, "log"), "GF_PATHS_PLUGINS="+filepath.Join(data, "plugins"),
		"GF_PATHS_PROVISIONING="+provisioning,
		"GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS="+pluginID, "GF_PLUGINS_PREINSTALL_DISABLED=true",
		"GF_AUTH_ANONYMOUS_ENABLED=true", "GF_AUTH_ANONYMOUS_ORG_ROLE=Admin",
		"GF_ANALYTICS_REPORTING_ENABLED=false", "GF_ANALYTICS_CHECK_FOR_UPDATES=false", "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES=false",
	)
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(data))
	}
	go func() { p.exited <- p.cmd.Wait() }()
	if err := p.healthy(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

const pluginID = "carbonblack-auditlog-datasource"

// installPlugin creates a plugin folder with only the built plugin.
func installPlugin(data, pluginDir string) error {
	built, err := filepath.Abs(pluginDir)
	if err != nil {
		return err
	}
	plugins := filepath.Join(data, "plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		return err
	}
	return os.Symlink(built, filepath.Join(plugins, pluginID))
}

// freePort returns addr if nobody listens there, otherwise a free port of its host.
func freePort(ctx context.Context, wanted string) (host, port string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", wanted)
	if err != nil {
		if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return "", "", err
		}
	}
	host, port, err = net.SplitHostPort(listener.Addr().String())
	return host, port, errors.Join(err, listener.Close())
}

// healthy waits until Grafana answers.
func (p *process) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/health", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			err = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("Grafana does not respond at %s: %w", p.url, ctx.Err())
		case err := <-p.exited:
			p.exited <- err
			return fmt.Errorf("Grafana exited: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// URL returns Grafana's address.
func (p *process) URL() string { return p.url }

// Close stops Grafana and removes its data.
func (p *process) Close() error {
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have exited already
	select {
	case <-p.exited:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	return os.RemoveAll(p.data)
}
