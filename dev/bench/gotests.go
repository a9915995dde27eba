package bench

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// goFigures holds figures from the project's Go tests and benchmarks.
type goFigures struct {
	page     []benchmark
	classify []benchmark
	crowd    []crowdLine // lines of the tests of many rate-limited viewers
}

// crowdLine is a line that a test logged, or its result.
type crowdLine struct{ test, result string }

// benchmark is a line of go test -bench: figures by unit.
type benchmark struct {
	name    string
	figures map[string]float64
}

func (l *lab) goTests(ctx context.Context) (f goFigures, err error) {
	out, err := l.goTest(ctx, "./pkg/plugin", "-run", "^$", "-bench", "Page", "-benchtime", "3s")
	if err != nil {
		return f, err
	}
	f.page = parseBenchmarks(out)
	if out, err = l.goTest(ctx, "./pkg/catalog", "-run", "^$", "-bench", "Classify", "-benchtime", "1s"); err != nil {
		return f, err
	}
	f.classify = parseBenchmarks(out)
	if out, err = l.goTest(ctx, "./pkg/plugin", "-count", "1", "-run", "Crowd", "-v"); err != nil {
		return f, err
	}
	f.crowd = parseCrowd(out)
	return f, nil
}

func (l *lab) goTest(ctx context.Context, pkg string, args ...string) (string, error) {
	run := exec.CommandContext(ctx, "go", append(append([]string{"test"}, args...), pkg)...)
	run.Dir = l.config.Root
	out, err := run.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go test %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

var (
	benchmarkLine = regexp.MustCompile(`(?m)^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.+)$`)
	benchmarkUnit = regexp.MustCompile(`([\d.e+]+)\s+(\S+)`)
	loggedLine    = regexp.MustCompile(`limits_test\.go:\d+: (.+)$`)
	resultLine    = regexp.MustCompile(`^\s*--- (PASS|FAIL): (\S+)`)
)

func parseBenchmarks(out string) (all []benchmark) {
	for _, line := range benchmarkLine.FindAllStringSubmatch(out, -1) {
		b := benchmark{name: line[1], figures: map[string]float64{}}
		for _, figure := range benchmarkUnit.FindAllStringSubmatch(line[2], -1) {
			if value, err := strconv.ParseFloat(figure[1], 64); err == nil {
				b.figures[figure[2]] = value
			}
		}
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b benchmark) int { return strings.Compare(a.name, b.name) })
	return all
}

// parseCrowd returns the lines that the tests logged, and the results of those that logged nothing.
func parseCrowd(out string) (lines []crowdLine) {
	name := ""
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if running, ok := strings.CutPrefix(strings.TrimSpace(line), "=== RUN"); ok {
			name = strings.TrimSpace(running)
		} else if logged := loggedLine.FindStringSubmatch(line); logged != nil {
			lines = append(lines, crowdLine{name, logged[1]})
		} else if result := resultLine.FindStringSubmatch(line); result != nil && !mentions(lines, result[2]) {
			lines = append(lines, crowdLine{result[2], strings.ToLower(result[1])})
		}
	}
	return lines
}

// mentions reports whether a test or a subtest is among the lines.
func mentions(lines []crowdLine, test string) bool {
	return slices.ContainsFunc(lines, func(l crowdLine) bool { return l.test == test || strings.HasPrefix(l.test, test+"/") })
}
