package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

// tableRows returns the cells of every table row in a string, headers and separators excluded.
func tableRows(t *testing.T, text string) [][]string {
	t.Helper()
	var rows [][]string
	header := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			header = true
		case header:
			header = false
		case !strings.HasPrefix(line, "|---"):
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	require.NotEmpty(t, rows)
	return rows
}

// setting is a key that pkg/plugin reads, with its default and its range.
type setting struct{ fallback, values string }

// settingsInCode finds the calls that read settings, such as r.number("maxEvents", 100_000, 1, 10_000_000).
func settingsInCode(t *testing.T) map[string]setting {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "pkg", "plugin", "settings*.go"))
	require.NoError(t, err)
	found := map[string]setting{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if _, method := n.Fun.(*ast.SelectorExpr); method && len(n.Args) >= 2 {
					if name, ok := literal(n.Args[0]); ok && regexp.MustCompile(`^[a-z]+[A-Z]\w*$|^store$`).MatchString(name) {
						found[name] = settingOf(n.Args[1:])
					}
				}
			case *ast.IndexExpr:
				if name, ok := literal(n.Index); ok && name != "basicAuthPassword" && strings.HasSuffix(fmt.Sprint(selector(n.X)), "SecureJSONData") {
					found[name] = setting{}
				}
			}
			return true
		})
	}
	return found
}

func settingOf(args []ast.Expr) setting {
	var values []string
	for _, arg := range args {
		text, _ := literal(arg)
		values = append(values, text)
	}
	if len(values) == 3 {
		return setting{values[0], values[1] + " to " + values[2]}
	}
	return setting{values[0], ""}
}

func selector(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		return s.Sel.Name
	}
	return ""
}

// literal returns the text of a literal, with thousands separators in numbers. Constants such as false are no literals: only their name.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name, false
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			digits := strings.ReplaceAll(e.Value, "_", "")
			for i := len(digits) - 3; i > 0; i -= 3 {
				digits = digits[:i] + "," + digits[i:]
			}
			return digits, true
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	}
	return "", false
}

func TestSettingsReferenceMatchesTheCode(t *testing.T) {
	documented := map[string]setting{}
	for _, row := range tableRows(t, read(t, "reference/settings.md")) {
		for _, key := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[0], -1) {
			documented[key[1]] = setting{row[2], ""}
			if len(row) == 5 {
				documented[key[1]] = setting{row[2], row[3]}
			}
		}
	}
	for name, want := range settingsInCode(t) {
		require.Contains(t, documented, name, "docs/reference/settings.md")
		if want.fallback != "" {
			require.Equal(t, want.fallback, documented[name].fallback, "the default of %s", name)
		}
		if want.values != "" {
			require.Equal(t, want.values, documented[name].values, "the range of %s", name)
		}
	}
	require.Greater(t, len(settingsInCode(t)), 9, "%v", settingsInCode(t))
}

// uiStrings returns everything that the front end shows.
func uiStrings(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "src", "strings", "*.ts"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all strings.Builder
	for _, path := range files {
		all.WriteString(read(t, path))
	}
	return all.String()
}

func TestReferenceNamesTheLabelsOfTheUI(t *testing.T) {
	shown := uiStrings(t)
	for _, row := range tableRows(t, read(t, "reference/editor.md")) {
		if isStat(t, row[0]) {
			continue
		}
		for label := range strings.FieldsFuncSeq(row[0], func(r rune) bool { return r == ':' || r == ',' }) {
			require.Contains(t, shown, "'"+strings.TrimSpace(label)+"'", "docs/reference/editor.md: %s", row[0])
		}
	}
	for _, row := range tableRows(t, read(t, "reference/settings.md")) {
		if row[1] != "" {
			require.Contains(t, shown, "'"+row[1]+"'", "docs/reference/settings.md")
		}
	}
}

// Every label of a control of the query editor is in the reference, so that a reader finds the key behind it.
func TestEditorReferenceListsEveryLabel(t *testing.T) {
	reference := read(t, "reference/editor.md")
	labels := regexp.MustCompile(`label: '([^']+)'`).FindAllStringSubmatch(read(t, filepath.Join(root, "src", "strings", "query.ts")), -1)
	require.NotEmpty(t, labels)
	for _, label := range labels {
		require.Contains(t, reference, label[1], "docs/reference/editor.md")
	}
}

// isStat reports whether a label is one that pkg/frame gives to a statistic of an answer.
func isStat(t *testing.T, label string) bool {
	t.Helper()
	return strings.Contains(read(t, filepath.Join(root, "pkg", "frame", "frame.go")), `"`+label+`"`)
}

// queryKeysInCode returns the keys of the Go map that reads a query, which is the one with the key queryType.
func queryKeysInCode(t *testing.T) []string {
	t.Helper()
	var keys []string
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "pkg"), func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literals, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if found := stringKeys(literals); slices.Contains(found, "queryType") && slices.Contains(found, "baseline") {
				keys = append(keys, found...)
			}
			return true
		})
		return nil
	}))
	return keys
}

func stringKeys(composite *ast.CompositeLit) []string {
	var keys []string
	for _, element := range composite.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if key, ok := literal(pair.Key); ok {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func TestQueryReferenceMatchesTheCode(t *testing.T) {
	var documented []string
	for _, row := range sectionRows(t, "reference/query.md", "Keys") {
		documented = append(documented, strings.Trim(row[0], "`"))
	}
	require.ElementsMatch(t, queryKeysInCode(t), documented, "the table of keys in docs/reference/query.md")

	var fields []string
	for _, row := range sectionRows(t, "reference/query.md", "Filters") {
		for _, field := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[0], -1) {
			fields = append(fields, field[1])
		}
	}
	var keys []string
	for _, key := range auditlog.Keys() {
		keys = append(keys, string(key))
	}
	require.ElementsMatch(t, keys, fields, "the table of fields in docs/reference/query.md")
}

// sectionRows returns the rows of the tables below a heading, up to the next one.
func sectionRows(t *testing.T, path, title string) [][]string {
	t.Helper()
	_, section, found := strings.Cut(read(t, path), "\n## "+title+"\n")
	require.True(t, found, title)
	section, _, _ = strings.Cut(section, "\n## ")
	return tableRows(t, section)
}
