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
	module = "carbonblack-auditlog-datasource/pkg/"
	sdk    = "github.com/grafana/grafana-plugin-sdk-go/"
)

// rooms says what each room may import of the others. A room that is missing here fails the test.
var rooms = map[string][]string{
	"auditlog":        {},
	"cbc":             {"auditlog"},
	"history":         {"auditlog", "cbc"},
	"queue":           {"auditlog", "cbc"},
	"queue/pgtest":    {},
	"frame":           {"auditlog"},
	"export":          {"auditlog", "cbc", "history"},
	"tail":            {"auditlog", "cbc", "history", "queue", "frame"},
	"panel":           {"auditlog", "cbc", "history", "queue", "frame"},
	"plugin":          {"auditlog", "cbc", "history", "queue", "frame", "panel", "tail", "export"},
	"simulator":       {},
	"simulator/cmd":   {"simulator"},
	"workbench":       {},
	"workbench/cmd":   {"workbench"},
	"workbench/chaos": {},
	"workbench/demo":  {"workbench", "simulator"},
	"":                {"plugin"},
}

// Arrows point one way, and Grafana's own words are known in few rooms only.
func TestArrowsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	require.NoError(t, err)
	seen := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		room := strings.TrimPrefix(strings.TrimPrefix(words[0], strings.TrimSuffix(module, "/")), "/")
		if strings.Contains(room, "testdata") || strings.HasPrefix(room, "workbench/bench") {
			continue
		}
		allowed, known := rooms[room]
		require.True(t, known, "the room %q is new: say what it may import", room)
		seen++
		for _, imported := range words[1:] {
			if other, ours := strings.CutPrefix(imported, module); ours {
				require.Contains(t, allowed, other, "%s imports %s", room, other)
			}
			switch {
			case strings.HasPrefix(imported, sdk+"data"):
				require.Equal(t, "frame", room, "only frame knows data frames")
			case strings.HasPrefix(imported, sdk):
				require.True(t, slices.Contains([]string{"", "plugin"}, room) || strings.HasPrefix(room, "workbench"), "%s imports %s", room, imported)
			case room == "cbc" || room == "auditlog":
				require.False(t, strings.Contains(imported, ".") && !strings.HasPrefix(imported, module), "%s stands on the standard library, not on %s", room, imported)
			}
		}
	}
	require.Equal(t, len(rooms), seen)
}
