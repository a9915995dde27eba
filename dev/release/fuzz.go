package release

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"time"
)

var fuzzFunction = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)

// fuzzTarget is a fuzz function of a package.
type fuzzTarget struct{ dir, name string }

// fuzzTargets finds the fuzz functions of the packages that ship, and of the simulator.
func fuzzTargets(source fs.FS) ([]fuzzTarget, error) {
	var targets []fuzzTarget
	for _, root := range []string{"pkg", "dev"} {
		err := fs.WalkDir(source, root, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "node_modules":
				return fs.SkipDir
			case !strings.HasSuffix(name, "_test.go"):
				return nil
			}
			raw, err := fs.ReadFile(source, name)
			if err != nil {
				return err
			}
			for _, found := range fuzzFunction.FindAllSubmatch(raw, -1) {
				targets = append(targets, fuzzTarget{path.Dir(name), string(found[1])})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return targets, nil
}

// Fuzz runs every fuzz target for the given time. It stops at the first that fails.
func Fuzz(root string, each time.Duration, log io.Writer) error {
	targets, err := fuzzTargets(os.DirFS(root))
	if err != nil {
		return err
	}
	for _, t := range targets {
		_, _ = fmt.Fprintln(log, t.dir, t.name) // a broken log does not fail the run
		cmd := exec.Command("go", "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+each.String(), "./"+t.dir)
		cmd.Dir, cmd.Stdout, cmd.Stderr = root, log, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s of %s: %w", t.name, t.dir, err)
		}
	}
	return nil
}
