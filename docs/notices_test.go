package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// noticesInCode returns the notices of answers, with "…" for what differs.
func noticesInCode(t *testing.T) (notices []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "pkg", "answer", "*.go"))
	require.NoError(t, err)
	verb := regexp.MustCompile(`%[a-z]`)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isNotice(call.Fun) {
				return true
			}
			for _, arg := range call.Args {
				literal, ok := arg.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					continue
				}
				text, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				if !strings.HasPrefix(text, "%s") && !strings.HasPrefix(text, "%v") { // an error, or the words of another function
					notices = append(notices, verb.ReplaceAllString(strings.ToUpper(text[:1])+text[1:], "…"))
				}
				break
			}
			return true
		})
	}
	require.NotEmpty(t, notices)
	return notices
}

func isNotice(f ast.Expr) bool {
	switch f := f.(type) {
	case *ast.Ident:
		return f.Name == "inform" || f.Name == "warn"
	case *ast.SelectorExpr:
		return f.Sel.Name == "inform" || f.Sel.Name == "warn"
	}
	return false
}

// Every notice of an answer has its line in the reference.
func TestNoticesAreDocumented(t *testing.T) {
	var documented []string
	for _, row := range tableRows(t, read(t, filepath.Join("reference", "notices.md"))) {
		documented = append(documented, "^"+strings.ReplaceAll(regexp.QuoteMeta(row[0]), "…", ".+"))
	}
	for _, notice := range noticesInCode(t) {
		found := false
		for _, pattern := range documented {
			found = found || regexp.MustCompile(pattern).MatchString(notice)
		}
		require.True(t, found, "docs/reference/notices.md has no line for %q", notice)
	}
}
