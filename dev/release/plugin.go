package release

import (
	"encoding/json"
	"fmt"
	"io/fs"
)

// plugin is what this package needs of plugin.json.
type plugin struct {
	ID         string `json:"id"`
	Executable string `json:"executable"`
	Info       struct {
		Version string `json:"version"`
		Updated string `json:"updated"`
	} `json:"info"`
}

func readJSON(files fs.FS, name string, into any) error {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// version returns the version in package.json, the only place where it is written by hand besides the changelog.
func version(source fs.FS) (string, error) {
	var p struct {
		Version string `json:"version"`
	}
	err := readJSON(source, "package.json", &p)
	return p.Version, err
}
