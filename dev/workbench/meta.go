package workbench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// pluginMeta is the part of plugin.json that the host needs; the page gets the whole file.
type pluginMeta struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Executable string `json:"executable"`
	Info       struct {
		Version string `json:"version"`
	} `json:"info"`

	raw map[string]any
}

func readPluginMeta(dir string) (pluginMeta, error) {
	path := filepath.Join(dir, "plugin.json")
	content, err := os.ReadFile(path)
	if err != nil {
		return pluginMeta{}, fmt.Errorf("the plugin is not built; run `go tool mage build`: %w", err)
	}
	var meta pluginMeta
	if err := json.Unmarshal(content, &meta); err != nil {
		return pluginMeta{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(content, &meta.raw); err != nil {
		return pluginMeta{}, fmt.Errorf("%s: %w", path, err)
	}
	if meta.ID == "" || meta.Executable == "" {
		return pluginMeta{}, fmt.Errorf("%s has no id or no executable", path)
	}
	return meta, nil
}

// executable returns an absolute path, so that the PATH is not searched.
func (m pluginMeta) executable(dir string) string {
	name := fmt.Sprintf("%s_%s_%s", m.Executable, runtime.GOOS, runtime.GOARCH)
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(dir, name)
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}

// frontend returns plugin.json in the format that Grafana sends to the browser.
func (m pluginMeta) frontend() map[string]any {
	base := "public/plugins/" + m.ID
	meta := map[string]any{"module": base + "/module.js", "baseUrl": base}
	for key, value := range m.raw {
		meta[key] = value
	}
	return meta
}
