package main

import (
	"bufio"
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "carbonblack-auditlog-datasource/"
	sdk    = "github.com/grafana/grafana-plugin-sdk-go/"
)

// allowedImports lists, for each package, the project's packages that it may import. A package that is missing here fails the test.
var allowedImports = map[string][]string{
	"pkg":          {"pkg/plugin"},
	"pkg/auditlog": {},
	"pkg/catalog":  {"pkg/auditlog"},
	"pkg/cbc":      {"pkg/auditlog", "pkg/clock", "pkg/ratelimit"},
	"pkg/clock":    {},
	"pkg/history":  {"pkg/auditlog", "pkg/cbc", "pkg/clock", "pkg/ratelimit"},
	"pkg/store":    {"pkg/auditlog", "pkg/cbc", "pkg/ratelimit"},
	"pkg/queue":    {"pkg/auditlog", "pkg/cbc", "pkg/clock", "pkg/ratelimit", "pkg/store"},
	"pkg/frame":    {"pkg/auditlog"},
	"pkg/export":   {"pkg/auditlog", "pkg/cbc", "pkg/ratelimit", "pkg/history"},
	"pkg/tail":     {"pkg/auditlog", "pkg/cbc", "pkg/clock", "pkg/ratelimit", "pkg/history", "pkg/queue", "pkg/store", "pkg/frame"},
	"pkg/query":    {"pkg/auditlog"},
	"pkg/archive":  {"pkg/auditlog", "pkg/cbc", "pkg/clock", "pkg/history", "pkg/store"},
	"pkg/answer":   {"pkg/query", "pkg/auditlog", "pkg/catalog", "pkg/cbc", "pkg/history", "pkg/queue", "pkg/store", "pkg/frame"},
	"pkg/plugin":   {"pkg/auditlog", "pkg/catalog", "pkg/cbc", "pkg/ratelimit", "pkg/history", "pkg/queue", "pkg/store", "pkg/frame", "pkg/query", "pkg/answer", "pkg/archive", "pkg/tail", "pkg/export"},

	"pkg/ratelimit": {},

	"docs":              {"pkg/auditlog"},
	"dev/pgtest":        {},
	"dev/simulator":     {},
	"dev/simulator/cmd": {"dev/simulator"},
	"dev/workbench":     {},
	"dev/workbench/cmd": {"dev/workbench"},
	"dev/chaos":         {},
	"dev/demo":          {"dev/workbench", "dev/simulator"},
	"dev/release":       {"dev/schema"},
	"dev/schema":        {"pkg/auditlog", "pkg/catalog"},
	"dev/soak":          {"dev/simulator", "dev/workbench"},
	"dev/bench":         {"pkg/query", "dev/workbench", "dev/simulator", "pkg/auditlog", "pkg/catalog", "pkg/cbc", "pkg/history", "pkg/export", "pkg/answer", "pkg/plugin"},
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"...").Output()
	require.NoError(t, err)
	seen := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		pkg := strings.TrimPrefix(words[0], module)
		allowed, known := allowedImports[pkg]
		require.True(t, known, "the package %q is new: list what it may import", pkg)
		seen++
		for _, imported := range words[1:] {
			if other, ours := strings.CutPrefix(imported, module); ours {
				require.Contains(t, allowed, other, "%s imports %s", pkg, other)
			}
			switch {
			case strings.HasPrefix(pkg, "dev/"):
			case imported == "syscall" || imported == "os" && pkg != "pkg" || imported == "os/exec" || imported == "io/ioutil":
				require.Fail(t, "the catalog's code scan refuses it", "%s imports %s", pkg, imported)
			case strings.HasPrefix(imported, sdk+"data"):
				require.Equal(t, "pkg/frame", pkg, "only frame builds data frames")
			case strings.HasPrefix(imported, sdk):
				require.True(t, slices.Contains([]string{"pkg", "pkg/plugin"}, pkg), "%s imports %s", pkg, imported)
			case pkg == "pkg/cbc" || pkg == "pkg/ratelimit" || pkg == "pkg/auditlog" || pkg == "pkg/catalog":
				require.False(t, strings.Contains(imported, ".") && !strings.HasPrefix(imported, module) && !strings.HasPrefix(imported, "golang.org/x/") && !strings.HasPrefix(imported, "github.com/hashicorp/golang-lru/"),
					"%s uses the standard library, golang.org/x and golang-lru only, not %s", pkg, imported)
			}
		}
	}
	require.Equal(t, len(allowedImports), seen)
}
