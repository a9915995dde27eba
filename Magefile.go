//go:build mage

// The project's tasks. Each does its own set-up: Go and Node are all that a machine needs.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/magefile/mage/mg"
	"github.com/magefile/mage/sh"
	"github.com/magefile/mage/target"

	"carbonblack-auditlog-datasource/dev/bench"
	"carbonblack-auditlog-datasource/dev/demo"
)

// Default is the task that runs when none is named.
var Default = Build

const (
	page    = "dev/workbench/page"
	react18 = page + "/react18"
)

// Build makes the plugin in dist: the backend for this machine and the browser side.
func Build() { mg.Deps(Backend, Frontend) }

// Backend builds the plugin's server side for this machine into dist.
func Backend() error { return build.Build{}.Custom(runtime.GOOS, runtime.GOARCH) }

// BackendAll builds the server side for every platform that Grafana runs on.
func BackendAll() { build.BuildAll() }

// Frontend builds the plugin's browser side into dist, when a source is newer than it.
func Frontend() error {
	mg.Deps(packages)
	stale, err := target.Dir("dist/module.js", "src", ".config", "plugin.json", "provisioning/dashboards", "package-lock.json", "README.md", "CHANGELOG.md")
	if err != nil || !stale {
		return err
	}
	if err := sh.RunV("npm", "run", "--silent", "build", "--", "--stats=errors-warnings"); err != nil {
		return err
	}
	now := time.Now() // webpack leaves a file alone that would not change
	return os.Chtimes("dist/module.js", now, now)
}

// Lint checks format and habits, without running anything.
func Lint() error {
	mg.Deps(packages)
	unformatted, err := sh.Output("gofmt", "-l", "pkg", "dev", "Magefile.go")
	if err != nil {
		return err
	}
	if unformatted != "" {
		return fmt.Errorf("gofmt would change: %s", strings.ReplaceAll(unformatted, "\n", ", "))
	}
	if err := sh.RunV("go", "vet", "./..."); err != nil {
		return err
	}
	if _, err := exec.LookPath("golangci-lint"); err == nil {
		if err := sh.RunV("golangci-lint", "run", "./..."); err != nil {
			return err
		}
	}
	for _, project := range []string{".", page} {
		if err := sh.RunV("npx", "--no-install", "tsc", "--noEmit", "-p", project); err != nil {
			return err
		}
	}
	return sh.RunV("npm", "run", "--silent", "lint")
}

// Test runs everything: format, vet, types, lint, the Go tests with the race detector, jest, and the browser tests.
func Test() error {
	mg.SerialDeps(Lint, testGo, testFrontend, testBrowser)
	return nil
}

// testGo needs a C compiler for the race detector, which not every machine has.
func testGo() error {
	compiler, err := sh.Output("go", "env", "CC")
	if err == nil {
		_, err = exec.LookPath(compiler)
	}
	if err != nil {
		fmt.Println("no C compiler: the Go tests run without the race detector")
		return sh.RunV("go", "test", "./...")
	}
	return sh.RunV("go", "test", "-race", "./...")
}

func testFrontend() error {
	mg.Deps(packages)
	return sh.RunV("npm", "test", "--silent")
}

// testBrowser drives the built plugin in the workbench, on React 19 and on React 18.
func testBrowser() error {
	mg.Deps(Build, pages)
	tests, err := filepath.Glob("tests/*.test.mjs")
	if err != nil {
		return err
	}
	return sh.RunV("node", append([]string{"--test", "--test-concurrency=1"}, tests...)...)
}

// Demo shows the plugin on a simulated Carbon Black Cloud, in Grafana if one is on the PATH or in GRAFANA_HOME, and in the
// workbench otherwise. It asks every panel of every dashboard twice, prints what each cost, and stays until it is interrupted;
// with DEMO_ONCE=1 it ends after the printout.
func Demo() error {
	mg.Deps(Build, pages)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	config := demo.Config{
		PluginDir:    "dist",
		PageDir:      page + "/dist/react19",
		Provisioning: "provisioning",
		DashboardUID: "cbc-audit-overview",
		Grafana:      demo.FindGrafana(os.Getenv("GRAFANA_HOME")),
		Addr:         "127.0.0.1:3000",
		Once:         os.Getenv("DEMO_ONCE") == "1",
		Out:          os.Stdout,
		Log:          io.Discard,
	}
	if mg.Verbose() {
		config.Log = os.Stderr
	}
	return demo.Run(ctx, config)
}

// Bench measures what answers cost in calls, bytes, time and memory, side by side with a naive client, and writes the figures to
// docs/benchmarks.md. It fails when an answer is wrong or takes more calls or bytes than it may.
func Bench() error {
	mg.Deps(packages) // PostgreSQL is one of them
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system empties it otherwise
	simulator := filepath.Join(dir, "simulator")
	if err := sh.RunV("go", "build", "-o", simulator, "./dev/simulator/cmd"); err != nil {
		return err
	}
	return bench.Run(ctx, bench.Config{Root: ".", Simulator: simulator, Out: os.Stdout, Save: func(page []byte) error {
		return os.WriteFile("docs/benchmarks.md", page, 0o644)
	}})
}

// Chaos breaks the queue's reader, its connections, its databases and the plugin's processes at random and wants every event in the
// ledger once. CHAOS_RUNS says how many runs of each kind, 100 by default, and a tenth of it with processes, which take two
// minutes each, eight at a time. One that fails prints how to run it again.
func Chaos() error {
	mg.Deps(packages) // PostgreSQL is one of them
	runs := 100
	if text := os.Getenv("CHAOS_RUNS"); text != "" {
		var err error
		if runs, err = strconv.Atoi(text); err != nil || runs < 1 {
			return fmt.Errorf("CHAOS_RUNS is %q, not a number of runs", text)
		}
	}
	if err := sh.RunV("go", "test", "-count=1", "-timeout", "0", "-run", "Chaos", "./pkg/queue", "-chaos.runs="+strconv.Itoa(runs)); err != nil {
		return err
	}
	return sh.RunV("go", "test", "-count=1", "-timeout", "0", "-parallel", "8", "./dev/chaos",
		"-chaos.whole", "-chaos.runs="+strconv.Itoa((runs+9)/10))
}

// packages installs the npm packages, when the lock file is newer than what is installed.
func packages() error { return install(".") }

// pages builds the workbench's page on both versions of React.
func pages() error {
	mg.Deps(packages)
	if err := install(react18); err != nil {
		return err
	}
	for _, version := range []string{"19", "18"} {
		stale, err := target.Dir(filepath.Join(page, "dist", "react"+version, "index.html"), page+"/src", page+"/build.mjs", "package-lock.json", react18+"/package-lock.json")
		if err != nil {
			return err
		}
		if stale {
			if err := sh.RunV("node", page+"/build.mjs", version); err != nil {
				return err
			}
		}
	}
	return nil
}

func install(dir string) error {
	stale, err := target.Path(filepath.Join(dir, "node_modules", ".package-lock.json"), filepath.Join(dir, "package-lock.json"))
	if err != nil || !stale {
		return err
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	return cmd.Run()
}
