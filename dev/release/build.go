package release

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/grafana/grafana-plugin-sdk-go/build/buildinfo"

	"carbonblack-auditlog-datasource/dev/schema"
)

const manifestName = "go_plugin_build_manifest"

// builder builds the plugin into a folder that holds nothing else.
type builder struct {
	Config
	plugin  plugin
	version string
	at      time.Time
	stage   string
}

func (b builder) frontend() error {
	cmd := exec.Command("npm", "run", "--silent", "build", "--", "--stats=errors-warnings", "--output-path", b.stage)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.Root, b.Log, os.Stderr
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(b.at.Unix(), 10))
	if err := cmd.Run(); err != nil {
		return err
	}
	repository, err := repositoryOf(os.DirFS(b.Root))
	if err != nil {
		return err
	}
	name := filepath.Join(b.stage, "README.md")
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte(catalogReadme(string(raw), repository, b.version)), 0o644); err != nil {
		return err
	}
	description, err := schema.Generate(os.DirFS(b.Root))
	if err != nil {
		return err
	}
	file := filepath.Join(b.stage, filepath.FromSlash(schema.Name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, description, 0o644)
}

// backend builds the executables. The SDK's build works in the current folder, and states the current time unless told another.
func (b builder) backend() error {
	info, err := json.Marshal(buildinfo.Info{Time: b.at.UnixMilli(), PluginID: b.plugin.ID, Version: b.version})
	if err != nil {
		return err
	}
	err = build.SetBeforeBuildCallback(func(c build.Config) (build.Config, error) {
		c.OutputBinaryPath = b.stage
		c.CustomVars = map[string]string{"github.com/grafana/grafana-plugin-sdk-go/build/buildinfo.buildInfoJSON": string(info)}
		if c.Env != nil { // nil where the SDK only asks for the folder
			c.Env["GOFLAGS"] = strings.TrimSpace(os.Getenv("GOFLAGS") + " -trimpath -buildvcs=false")
		}
		return c, nil
	})
	if err != nil {
		return err
	}
	defer func() {
		_ = build.SetBeforeBuildCallback(func(c build.Config) (build.Config, error) { return c, nil }) // never fails
	}()
	for _, platform := range platforms {
		goos, goarch, _ := strings.Cut(platform, "/")
		_, _ = fmt.Fprintln(b.Log, "build", platform) // a broken log does not fail the build
		if err := (build.Build{}).Custom(goos, goarch); err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
	}
	return b.trimManifest()
}

// sign adds Grafana's signature to the built files if the environment has a token for it.
func (b builder) sign() error {
	if os.Getenv("GRAFANA_ACCESS_POLICY_TOKEN") == "" {
		_, _ = fmt.Fprintln(b.Log, "not signed: GRAFANA_ACCESS_POLICY_TOKEN is not set") // a broken log does not fail the build
		return nil
	}
	cmd := exec.Command("npx", "--yes", "@grafana/sign-plugin@3.3.3", "--distDir", b.stage)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.Root, b.Log, os.Stderr
	return cmd.Run()
}

// trimManifest removes the Go files of npm packages in nested folders from the manifest of sources: the catalog does not see them.
func (b builder) trimManifest() error {
	name := filepath.Join(b.stage, manifestName)
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(raw)) {
		if !strings.Contains(line, "/node_modules/") {
			kept.WriteString(line)
		}
	}
	return os.WriteFile(name, []byte(kept.String()), 0o644)
}

// executables returns the paths of what backend built.
func (b builder) executables() []string {
	var paths []string
	for _, platform := range platforms {
		paths = append(paths, filepath.Join(b.stage, executableName(b.plugin.Executable, platform)))
	}
	return paths
}

func executableName(executable, platform string) string {
	name := executable + "_" + strings.ReplaceAll(platform, "/", "_")
	if strings.HasPrefix(platform, "windows/") {
		name += ".exe"
	}
	return name
}
