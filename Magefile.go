//go:build mage

// The project's tasks. Each does its own set-up: Go and Node are all that a machine needs.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/magefile/mage/mg"
	"github.com/magefile/mage/sh"
	"github.com/magefile/mage/target"
)

// Default is the task that runs when none is named.
var Default = Build

const (
	page    = "pkg/workbench/page"
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
	stale, err := target.Dir("dist/module.js", "src", ".config", "plugin.json", "package-lock.json", "README.md", "CHANGELOG.md")
	if err != nil || !stale {
		return err
	}
	return sh.RunV("npm", "run", "--silent", "build")
}

// Lint checks format and habits, without running anything.
func Lint() error {
	mg.Deps(packages)
	unformatted, err := sh.Output("gofmt", "-l", "pkg", "Magefile.go")
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
	if err := sh.RunV("npm", "run", "--silent", "typecheck"); err != nil {
		return err
	}
	return sh.RunV("npm", "run", "--silent", "lint")
}

// Test runs everything: format, vet, types, lint, the Go tests with the race detector, jest, and the browser tests.
func Test() error {
	mg.SerialDeps(Lint, testGo, testFrontend, testBrowser)
	return nil
}

func testGo() error { return sh.RunV("go", "test", "-race", "./...") }

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

