// Package soak runs the built plugin for a long time with everything that users do at once, against a simulated Carbon Black Cloud
// that fails now and then, and makes sure that what the process holds does not grow.
package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/dev/workbench"
)

// Config describes a run.
type Config struct {
	PluginDir string // the built plugin
	For       time.Duration
	Out       io.Writer
	Save      func(svg []byte) error
}

const (
	pluginType = "carbonblack-auditlog-datasource"
	samples    = 240
	uid        = "soak"
)

// run is a running soak.
type run struct {
	Config
	sim  *simulator.Server
	url  string // of the simulated cloud
	host *workbench.Workbench
	done tally
}

// Run loads the plugin for the configured time and fails if it holds more at the end than before.
func Run(ctx context.Context, c Config) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r := &run{Config: c, url: "http://" + listener.Addr().String(), done: tally{}}
	r.sim = simulator.New(simulator.Config{Generate: simulator.Generate{Days: 30, PerDay: 2000, LivePerDay: 100_000}})
	server := &http.Server{Handler: r.sim, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		_ = server.Close() // the run is over
		<-served
	}()
	if r.host, err = workbench.Start(ctx, workbench.Config{PluginDir: c.PluginDir}); err != nil {
		return err
	}
	curve, err := r.measure(ctx)
	err = errors.Join(err, r.host.Close())
	if len(curve) > 0 && c.Save != nil {
		err = errors.Join(err, c.Save(draw(curve)))
	}
	return err
}

// measure takes samples before, during and after the load, and judges them.
func (r *run) measure(ctx context.Context) ([]sample, error) {
	if err := r.saveSettings(ctx, 0); err != nil {
		return nil, err
	}
	if err := r.get(ctx, "/health"); err != nil {
		return nil, err
	}
	before, err := r.settled(ctx, sample{})
	if err != nil {
		return nil, err
	}
	started := time.Now()
	curve, err := r.underLoad(ctx, started)
	if err != nil {
		return curve, err
	}
	// New settings end the instance that did the work: Grafana's SDK disposes of it five seconds later.
	if err := r.saveSettings(ctx, -1); err != nil {
		return curve, err
	}
	if err := r.get(ctx, "/health"); err != nil {
		return curve, err
	}
	after, err := r.settled(ctx, before)
	if err != nil {
		return curve, err
	}
	after.at = time.Since(started)
	_, _ = fmt.Fprintf(r.Out, "done: %v\nbefore: %v\nafter:  %v\n", &r.done, before, after) // a broken log does not fail the run
	return append(curve, after), judge(before, curve, after)
}

// underLoad runs the load for the configured time, and takes samples.
func (r *run) underLoad(ctx context.Context, started time.Time) ([]sample, error) {
	loadCtx, stop := context.WithCancel(ctx)
	defer stop()
	var working sync.WaitGroup
	for _, job := range r.jobs() {
		working.Go(func() { job(loadCtx) })
	}
	var curve []sample
	ticker := time.NewTicker(r.For / samples)
	defer ticker.Stop()
	var err error
	for err == nil && time.Since(started) < r.For {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-ticker.C:
			var s sample
			if s, err = r.sample(ctx); err == nil {
				s.at = time.Since(started)
				curve = append(curve, s)
			}
		}
	}
	stop()
	working.Wait()
	r.sim.SetFaults(simulator.Faults{})
	return curve, err
}

// settled waits until the process holds as little as before, or no longer shrinks, and returns what it holds.
func (r *run) settled(ctx context.Context, before sample) (sample, error) {
	var least sample
	for i := range 40 {
		select {
		case <-ctx.Done():
			return least, ctx.Err()
		case <-time.After(4 * time.Second):
		}
		s, err := r.sample(ctx)
		if err != nil {
			return least, err
		}
		if i == 0 {
			least = s
		}
		least = least.min(s)
		if before == (sample{}) && i >= 3 || before != (sample{}) && judgeEnd(before, least) == nil {
			break
		}
	}
	return least, nil
}
