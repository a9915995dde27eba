// Command cmd starts the workbench, a page for the built plugin without Grafana.
package main

import (
	"context"
	"flag"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"carbonblack-auditlog-datasource/dev/workbench"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr, os.Environ()); err != nil {
		_, _ = io.WriteString(os.Stderr, "workbench: "+err.Error()+"\n")
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer, environment []string) error {
	config := workbench.Config{Stderr: stderr, Env: toMap(environment)}
	flags := flag.NewFlagSet("workbench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&config.Addr, "addr", "127.0.0.1:3000", "loopback address to listen on")
	flags.StringVar(&config.PluginDir, "plugin", "dist", "folder of the built plugin")
	flags.StringVar(&config.PageDir, "page", filepath.Join("dev", "workbench", "page", "dist", "react19"), "folder of the built page")
	flags.StringVar(&config.Provisioning, "provisioning", "", "folder with datasources/ and dashboards/")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	bench, err := workbench.Start(ctx, config)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, bench.URL()+"\n"); err != nil {
		return err
	}
	<-ctx.Done()
	return bench.Close()
}

func toMap(environment []string) map[string]string {
	values := make(map[string]string, len(environment))
	for _, entry := range environment {
		if name, value, ok := strings.Cut(entry, "="); ok {
			values[name] = value
		}
	}
	return values
}
