package release

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestWorkflowsArePinnedAndMayDoLittle: an action is named by the digest of a commit, and no job has rights that it does not list.
func TestWorkflowsArePinnedAndMayDoLittle(t *testing.T) {
	names, err := filepath.Glob("../../.github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	pinned := regexp.MustCompile(`^(\./\.github/workflows/|[\w./-]+@[0-9a-f]{40}$)`)
	writers := map[string]bool{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		var w struct {
			Permissions map[string]string
			Jobs        map[string]struct {
				Permissions map[string]string
				Uses        string
				Steps       []struct {
					Uses string
					With map[string]any
				}
			}
		}
		require.NoError(t, yaml.Unmarshal(raw, &w), name)
		require.NotNil(t, w.Permissions, "%s gives every job the repository's default permissions", name)
		require.Empty(t, w.Permissions, name)
		for job, j := range w.Jobs {
			for scope, right := range j.Permissions {
				if right != "read" {
					writers[filepath.Base(name)+" "+job+" "+scope] = true
				}
			}
			uses := []string{j.Uses}
			for _, s := range j.Steps {
				uses = append(uses, s.Uses)
				if regexp.MustCompile(`^actions/checkout@`).MatchString(s.Uses) {
					require.Equal(t, false, s.With["persist-credentials"], "%s %s leaves the token in the work tree", name, job)
				}
			}
			for _, u := range uses {
				require.True(t, u == "" || pinned.MatchString(u), "%s: %s is not named by a digest", name, u)
			}
		}
	}
	require.Equal(t, map[string]bool{
		"release.yml release contents": true, "release.yml release id-token": true, "release.yml release attestations": true,
	}, writers)
}
