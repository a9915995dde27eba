// Package demo runs the built plugin against a simulated Carbon Black Cloud: in Grafana if it is installed, otherwise in the
// workbench.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/dev/workbench"
)

// Config configures the demo.
type Config struct {
	PluginDir    string // the built plugin
	PageDir      string // the workbench's built page
	Provisioning string // data source and dashboards
	DashboardUID string
	Grafana      *Grafana // nil: use the workbench
	Addr         string   // loopback address to listen on
	Once         bool     // exit after the printout
	Out          io.Writer
	Log          io.Writer // receives the log of the plugin or Grafana
}

// perDay is large enough for data in every panel on a weekend, and small enough for one page per day.
const perDay = 6000

// host is a server that runs the plugin.
type host interface {
	URL() string
	Close() error
}

// Run starts the demo, prints the cost of each panel of each dashboard, and serves until ctx is done; with Once it returns. It
// fails if a panel failed or was empty.
func Run(ctx context.Context, c Config) (err error) {
	environment, stop, err := cloud(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	h, err := start(ctx, c, environment)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	failed := printBoards(ctx, c.Out, h.URL())
	if c.Once || errors.Is(failed, context.Canceled) {
		return failed
	}
	if failed != nil {
		fmt.Fprintf(c.Out, "%v\n", failed)
	}
	fmt.Fprintf(c.Out, "\nOpen %s (Ctrl+C to stop)\n", address(c, h.URL()))
	<-ctx.Done()
	return nil
}

// address returns the URL of the dashboard.
func address(c Config, base string) string {
	if c.Grafana != nil {
		return base + "/d/" + c.DashboardUID
	}
	return base + "/#/dashboard/" + c.DashboardUID
}

func start(ctx context.Context, c Config, environment map[string]string) (host, error) {
	if c.Grafana != nil {
		fmt.Fprintf(c.Out, "Starting Grafana (%s) …\n", c.Grafana.Binary)
		return c.Grafana.start(ctx, c, environment)
	}
	fmt.Fprintln(c.Out, "No Grafana found on the PATH or in GRAFANA_HOME: starting the workbench …")
	hostname, port, err := freePort(ctx, c.Addr)
	if err != nil {
		return nil, err
	}
	return workbench.Start(ctx, workbench.Config{
		Addr: net.JoinHostPort(hostname, port), PluginDir: c.PluginDir, PageDir: c.PageDir, Provisioning: c.Provisioning, Env: environment, Stderr: c.Log,
	})
}

// cloud starts the simulated Carbon Black Cloud and returns the variables of the provisioned data source.
func cloud(ctx context.Context) (environment map[string]string, stop func() error, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	sim := simulator.New(simulator.Config{Generate: simulator.Generate{PerDay: perDay}})
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	key := sim.Keys()[0]
	environment = map[string]string{
		"CBC_URL": "http://" + listener.Addr().String(), "CBC_ORG_KEY": sim.OrgKey(), "CBC_API_ID": key.APIID, "CBC_API_SECRET": key.APISecret,
	}
	return environment, func() error {
		err := server.Close()
		if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
			err = errors.Join(err, serveErr)
		}
		return err
	}, nil
}
