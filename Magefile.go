//go:build mage

// The project's tasks. Each does its own setup; only Go and Node must be installed.
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
	"carbonblack-auditlog-datasource/dev/release"
	"carbonblack-auditlog-datasource/dev/soak"
)

// Default is the task that runs without a name.
var Default = Build

const (
	page      = "dev/workbench/page"
	react18   = page + "/react18"
	artifacts = "artifacts"
	e2e       = "tests/e2e"
)

// Build builds the plugin into dist: the backend for this machine, and the front end.
func Build() { mg.Deps(Backend, Frontend) }

// Backend builds the backend for this machine into dist.
func Backend() error { return build.Build{}.Custom(runtime.GOOS, runtime.GOARCH) }

// BackendAll builds the backend for every platform Grafana runs on.
func BackendAll() { build.BuildAll() }

// Package makes the archive for Grafana's plugin catalog in artifacts, for every platform, with checksums and a bill of materials.
func Package() error {
	mg.Deps(packages)
	_, err := release.Package(release.Config{Root: ".", Out: artifacts, Log: os.Stdout})
	return err
}

// Validate packages the plugin and checks the archive and the sources by the catalog's rules, without a network.
func Validate() error {
	mg.Deps(packages)
	files, err := release.Package(release.Config{Root: ".", Out: artifacts, Log: os.Stdout})
	if err != nil {
		return err
	}
	return release.Validate(".", files, os.Stdout)
}

// Audit checks the modules' checksums and looks for known vulnerabilities. It skips, and says so, what no database can be reached for.
func Audit() error {
	mg.Deps(packages)
	return release.Audit(".", os.Stdout)
}

// Frontend builds the front end into dist if a source file is newer.
func Frontend() error {
	mg.Deps(packages)
	stale, err := target.Dir("dist/module.js", "src", ".config", "plugin.json", "provisioning/dashboards", "package-lock.json", "README.md", "CHANGELOG.md")
	if err != nil || !stale {
		return err
	}
	if err := sh.RunV("npm", "run", "--silent", "build", "--", "--stats=errors-warnings"); err != nil {
		return err
	}
	now := time.Now() // webpack does not rewrite a file whose content stays the same
	return os.Chtimes("dist/module.js", now, now)
}

// Lint checks formatting, types, workflows and common mistakes, without running tests.
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
	if err := sh.RunV("go", "tool", "staticcheck", "./..."); err != nil {
		return err
	}
	if _, err := exec.LookPath("golangci-lint"); err == nil {
		if err := sh.RunV("golangci-lint", "run", "./..."); err != nil {
			return err
		}
	}
	if err := sh.RunV("go", "tool", "-modfile=dev/tools/go.mod", "actionlint"); err != nil { // the workflows
		return err
	}
	for _, project := range []string{".", page} {
		if err := sh.RunV("npx", "--no-install", "tsc", "--noEmit", "-p", project); err != nil {
			return err
		}
	}
	return sh.RunV("npm", "run", "--silent", "lint")
}

// Test runs every check: lint, the Go tests with the race detector, jest, and the browser tests.
func Test() error {
	mg.SerialDeps(Lint, testGo, testFrontend, testBrowser)
	return nil
}

// testGo uses the race detector where there is a C compiler. A slow machine gets more time than Go's ten minutes for each package.
func testGo() error {
	compiler, err := sh.Output("go", "env", "CC")
	if err == nil {
		_, err = exec.LookPath(compiler)
	}
	if err != nil {
		fmt.Println("no C compiler: the Go tests run without the race detector")
		return sh.RunV("go", "test", "-timeout", "20m", "./...")
	}
	return sh.RunV("go", "test", "-race", "-timeout", "20m", "./...")
}

func testFrontend() error {
	mg.Deps(packages)
	return sh.RunV("npm", "test", "--silent")
}

// testBrowser tests the built plugin in the workbench, on React 19 and React 18.
func testBrowser() error {
	mg.Deps(Build, pages)
	tests, err := filepath.Glob("tests/*.test.mjs")
	if err != nil {
		return err
	}
	return sh.RunV("node", append([]string{"--test", "--test-concurrency=1"}, tests...)...)
}

// Demo runs the plugin against a simulated Carbon Black Cloud: in Grafana if it is on the PATH or in GRAFANA_HOME, otherwise in
// the workbench. It runs every dashboard panel twice, prints the API calls of each, and serves until interrupted. With DEMO_ONCE=1
// it exits after the printout.
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

// Bench measures the API calls, bytes, time and memory of answers, next to a naive client, and writes docs/benchmarks.md. It fails
// if an answer is wrong or exceeds its bound on calls or bytes.
func Bench() error {
	mg.Deps(packages) // includes PostgreSQL
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system's cleanup removes it otherwise
	simulator := filepath.Join(dir, "simulator")
	if err := sh.RunV("go", "build", "-o", simulator, "./dev/simulator/cmd"); err != nil {
		return err
	}
	return bench.Run(ctx, bench.Config{Root: ".", Simulator: simulator, Out: os.Stdout, Save: func(page []byte) error {
		return os.WriteFile("docs/benchmarks.md", page, 0o644)
	}})
}

// Chaos interrupts the queue reader, its connections, its databases and plugin processes at random, and expects every event in the
// store exactly once. CHAOS_RUNS sets the number of runs of each kind, 100 by default. A tenth of them use whole processes; those
// take two minutes each and run eight at a time. A failed run prints how to repeat it.
func Chaos() error {
	mg.Deps(packages) // includes PostgreSQL
	runs, err := number("CHAOS_RUNS", 100)
	if err != nil {
		return err
	}
	if err := sh.RunV("go", "test", "-count=1", "-timeout", "0", "-run", "Chaos", "./pkg/queue", "-chaos.runs="+strconv.Itoa(runs)); err != nil {
		return err
	}
	return sh.RunV("go", "test", "-count=1", "-timeout", "0", "-parallel", "8", "./dev/chaos",
		"-chaos.whole", "-chaos.runs="+strconv.Itoa((runs+9)/10))
}

// Fuzz runs every fuzz target for MINUTES minutes each, 1 by default. New findings are kept in testdata/fuzz of the package.
func Fuzz() error {
	minutes, err := number("MINUTES", 1)
	if err != nil {
		return err
	}
	return release.Fuzz(".", time.Duration(minutes)*time.Minute, os.Stdout)
}

// Soak runs the built plugin for MINUTES minutes, 30 by default, with everything that users do at once and a cloud that fails. It fails
// if what the process holds grows, or stays after the load. The curve is written to docs/soak.svg. Before, it measures the memory of the
// largest answers.
func Soak() error {
	mg.Deps(Build) // the whole plugin: plugin.json comes with the front end
	if err := sh.RunV("go", "test", "-count=1", "-timeout", "0", "-v", "-run", "TestMemoryIsBounded", "./dev/workbench", "-memory.all"); err != nil {
		return err
	}
	minutes, err := number("MINUTES", 30)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return soak.Run(ctx, soak.Config{PluginDir: "dist", For: time.Duration(minutes) * time.Minute, Out: os.Stdout, Save: func(picture []byte) error {
		return os.WriteFile("docs/soak.svg", picture, 0o644)
	}})
}

// E2E tests the plugin in the Grafana at GRAFANA_URL, which has the plugin and the files in provisioning. CHROMIUM names a browser; else
// the one in the npm packages is used.
func E2E() error {
	mg.Deps(packages)
	if err := install(e2e); err != nil {
		return err
	}
	env := map[string]string{"CHROMIUM": os.Getenv("CHROMIUM")}
	if env["CHROMIUM"] == "" {
		path, err := sh.Output("node", "--input-type=module", "-e", "import c from '@sparticuz/chromium'; console.log(await c.executablePath())")
		if err != nil {
			return err
		}
		env["CHROMIUM"] = path
	}
	if err := sh.RunV("npm", "run", "--silent", "typecheck", "--prefix", e2e); err != nil {
		return err
	}
	return sh.RunWithV(env, "npm", "test", "--silent", "--prefix", e2e)
}

// number returns a positive whole number from the environment.
func number(name string, fallback int) (int, error) {
	text := os.Getenv(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is %q, not a whole number above 0", name, text)
	}
	return n, nil
}

// packages installs the npm packages if the lock file is newer than the installed ones.
func packages() error { return install(".") }

// pages builds the workbench page with both versions of React.
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
