package release

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
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

// TestEveryMinorVersionIsTested: the matrix begins with the floor of plugin.json, leaves out no minor version up to that of
// docker-compose.yaml, and names whole versions: what a shorter tag means is not certain.
func TestEveryMinorVersionIsTested(t *testing.T) {
	read := func(name string, into any) string {
		raw, err := os.ReadFile("../../" + name)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(raw, into), name)
		return string(raw)
	}
	var w struct {
		Jobs map[string]struct{ With map[string]string }
	}
	read(".github/workflows/test.yml", &w)
	var images []string
	require.NoError(t, yaml.Unmarshal([]byte(w.Jobs["e2e"].With["images"]), &images))
	var p struct {
		Dependencies struct {
			Grafana string `yaml:"grafanaDependency"`
		}
	}
	read("plugin.json", &p)
	floor := "grafana/grafana:" + strings.TrimPrefix(p.Dependencies.Grafana, ">=")
	require.Equal(t, floor, images[0])
	require.Equal(t, "grafana/grafana:latest", images[len(images)-1])
	version := regexp.MustCompile(`grafana/grafana:((\d+)\.(\d+))\.\d+`)
	newest := version.FindStringSubmatch(read("docker-compose.yaml", &struct{}{}))
	require.NotNil(t, newest)
	require.Equal(t, newest[0], images[len(images)-2])
	last := []string{}
	for _, image := range images[:len(images)-1] {
		found := version.FindStringSubmatch(image)
		require.NotNil(t, found, image)
		require.Equal(t, image, found[0])
		major, minor := number(t, found[2]), number(t, found[3])
		if len(last) > 0 && last[0] == found[2] {
			require.Equal(t, number(t, last[1])+1, minor, image)
		} else if len(last) > 0 {
			require.Equal(t, number(t, last[0])+1, major, image)
			require.Zero(t, minor, image)
		}
		last = found[2:]
	}
}

func number(t *testing.T, text string) int {
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}
