package release

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// forbiddenCalls are what the catalog's scan of pkg refuses, by the name before the dot. It reads names, not imports: a variable
// named fs is refused like the package. "*" stands for every name.
var forbiddenCalls = map[string][]string{
	"syscall": {"*"},
	"fs":      {"*"},
	"fmt":     {"Print", "Println", "Printf"},
	"filepath": {
		"Walk", "WalkDir", "VolumeName", "EvalSymlinks", "Glob",
	},
	"os": {
		"Environ", "Clearenv", "ExpandEnv", "Getenv", "LookupEnv", "Setenv", "Unsetenv", "DirFS", "Getwd", "IsExist", "IsNotExist", "IsPermission",
		"Lchown", "Link", "Mkdir", "MkdirAll", "MkdirTemp", "ReadFile", "Readlink", "Remove", "RemoveAll", "Rename", "SameFile", "Symlink", "TempDir",
		"Truncate", "UserCacheDir", "UserConfigDir", "UserHomeDir", "WriteFile", "ReadDir", "Create", "CreateTemp", "NewFile", "Open", "OpenFile",
		"Chdir", "Chmod", "Chown", "Chtimes", "Stat", "Lstat", "StartProcess", "Pipe",
	},
	"exec": {"Command", "CommandContext"},
}

// forbiddenText is what the catalog's scan refuses in TypeScript, apart from tests.
var forbiddenText = regexp.MustCompile(`window\.(grafanaBootData|grafanaRuntime|__grafanaSceneContext|alert|confirm|prompt|location\.(search|href))|(^|[^.\w])alert\(` +
	`|__SECRET_INTERNALS|console\.(log|info|table|dir|trace|time|count|group)|/api/ds/query|featureToggles\.topnav|@ts-(ignore|expect-error)|<Global\b|gf-form|\.s?css'`)

// checkCode applies the catalog's code rules to pkg and src.
func checkCode(b bundle) []string {
	var problems []string
	for _, root := range []string{"pkg", "src"} {
		err := fs.WalkDir(b.source, root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			found, err := scanFile(b.source, name)
			problems = append(problems, found...)
			return err
		})
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	return problems
}

var typeScript = regexp.MustCompile(`\.tsx?$`)

// scanFile scans Go and TypeScript that ships. The catalog leaves out tests of TypeScript; those of Go use files, too.
func scanFile(source fs.FS, name string) ([]string, error) {
	ships := !strings.HasSuffix(name, "_test.go") && !strings.Contains(name, ".test.") && !strings.HasPrefix(name, "src/testing/")
	if !ships || !strings.HasSuffix(name, ".go") && !typeScript.MatchString(name) {
		return nil, nil
	}
	raw, err := fs.ReadFile(source, name)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, ".go") {
		return scanGo(name, raw)
	}
	var problems []string
	for number, line := range strings.Split(string(raw), "\n") {
		if found := forbiddenText.FindString(line); found != "" {
			problems = append(problems, fmt.Sprintf("%s:%d uses %s, which the catalog refuses", name, number+1, found))
		}
	}
	return problems, nil
}

func scanGo(name string, raw []byte) ([]string, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, raw, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var problems []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, isCall := n.(*ast.CallExpr)
		if !isCall {
			return true
		}
		selector, isSelector := call.Fun.(*ast.SelectorExpr)
		if !isSelector {
			return true
		}
		owner, isName := selector.X.(*ast.Ident)
		if !isName {
			return true
		}
		names := forbiddenCalls[owner.Name]
		if slices.Contains(names, "*") || slices.Contains(names, selector.Sel.Name) {
			problems = append(problems, fmt.Sprintf("%s calls %s.%s, which the catalog refuses", files.Position(call.Pos()), owner.Name, selector.Sel.Name))
		}
		return true
	})
	return problems, nil
}
