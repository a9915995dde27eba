package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSecurityNamesTestsThatExist: the tests and test files that SECURITY.md gives as evidence are there.
func TestSecurityNamesTestsThatExist(t *testing.T) {
	known := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, dir := range []string{"pkg", "dev"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "node_modules":
				return fs.SkipDir
			case !strings.HasSuffix(path, "_test.go"):
				return nil
			}
			raw, err := os.ReadFile(path)
			known[filepath.Base(path)] = true
			for _, found := range function.FindAllSubmatch(raw, -1) {
				known[string(found[1])] = true
			}
			return err
		}))
	}
	raw, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	require.NoError(t, err)
	named := regexp.MustCompile("`(Test\\w+|\\w+_test\\.go)`").FindAllSubmatch(raw, -1)
	require.NotEmpty(t, named)
	for _, n := range named {
		require.True(t, known[string(n[1])], "SECURITY.md names %s, which does not exist", n[1])
	}
}
