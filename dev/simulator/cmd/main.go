// Command cmd serves a simulated Carbon Black Cloud. It prints one line of JSON with its address and keys when it listens.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"carbonblack-auditlog-datasource/dev/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

// options holds the command line options.
type options struct {
	addr   string
	secure bool
	config simulator.Config
}

// hello is the line that is printed at the start.
type hello struct {
	URL    string          `json:"url"`
	OrgKey string          `json:"orgKey"`
	Keys   []simulator.Key `json:"keys"`
	Apps   []simulator.App `json:"apps"`
	CA     string          `json:"ca,omitempty"`
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var switches, faults string
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8080", "host and port to listen on; port 0 takes a free one")
	flags.BoolVar(&o.secure, "tls", false, "serve https with a certificate made for this run")
	flags.Uint64Var(&o.config.Seed, "seed", 1, "of the generated events and of chance")
	flags.StringVar(&o.config.OrgKey, "org-key", simulator.DefaultOrgKey, "key of the organization")
	flags.IntVar(&o.config.Generate.Days, "days", 30, "of history")
	flags.IntVar(&o.config.Generate.PerDay, "per-day", 2000, "events a day of history")
	flags.IntVar(&o.config.Generate.LivePerDay, "live-per-day", 8640, "events a day from now on; -1 for none")
	flags.DurationVar(&o.config.Generate.Lateness, "lateness", 0, "how long after its time a new event may become visible")
	flags.StringVar(&switches, "switches", "", "JSON object, or @file with one")
	flags.StringVar(&faults, "faults", "", "JSON object, or @file with one")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := readJSON("switches", switches, &o.config.Switches); err != nil {
		return o, err
	}
	return o, readJSON("faults", faults, &o.config.Faults)
}

func readJSON(name, text string, into any) error {
	if text == "" {
		return nil
	}
	if file, ok := strings.CutPrefix(text, "@"); ok {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("-%s: %w", name, err)
		}
		text = string(content)
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("-%s: %w", name, err)
	}
	return nil
}

// run serves until ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if err := o.config.Check(); err != nil {
		return err
	}
	sim := simulator.New(o.config)
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	line := hello{URL: "http://" + listener.Addr().String(), OrgKey: sim.OrgKey(), Keys: sim.Keys(), Apps: sim.Apps()}
	if o.secure {
		certificate, ca, err := selfSigned(time.Now())
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
		line.URL, line.CA = strings.Replace(line.URL, "http:", "https:", 1), ca
	}
	if err := json.NewEncoder(stdout).Encode(line); err != nil {
		return fmt.Errorf("print address: %w", err)
	}
	return serve(ctx, listener, sim)
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil { // an endless answer does not end
		return server.Close()
	}
	return nil
}
