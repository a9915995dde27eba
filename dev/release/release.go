// Package release makes the archive that Grafana's plugin catalog takes, with checksums and a bill of materials, and checks it by
// the catalog's rules without a network.
package release

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// platforms are those that Grafana runs on, as GOOS/GOARCH.
var platforms = []string{
	"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm", "linux/arm64", "windows/amd64", "windows/arm64",
}

// Config says where to package.
type Config struct {
	Root string // the repository
	Out  string // receives the archive, its checksums and its bill of materials
	Log  io.Writer
}

// Files are the paths that Package wrote.
type Files struct{ Archive, SBOM string }

// Package builds the plugin for every platform and writes the archive, its checksums and its bill of materials. The same commit, Go
// and Node versions give the same bytes.
func Package(c Config) (Files, error) {
	source := os.DirFS(c.Root)
	var p plugin
	if err := readJSON(source, "plugin.json", &p); err != nil {
		return Files{}, err
	}
	v, err := version(source)
	if err != nil {
		return Files{}, err
	}
	at, err := sourceTime(c.Root)
	if err != nil {
		return Files{}, err
	}
	stage, err := os.MkdirTemp("", "package")
	if err != nil {
		return Files{}, err
	}
	defer func() { _ = os.RemoveAll(stage) }() // the system's cleanup removes it otherwise
	b := builder{Config: c, plugin: p, version: v, at: at, stage: stage}
	if err := b.frontend(); err != nil {
		return Files{}, err
	}
	if err := b.backend(); err != nil {
		return Files{}, err
	}
	if err := b.sign(); err != nil {
		return Files{}, err
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return Files{}, err
	}
	name := filepath.Join(c.Out, p.ID+"-"+v)
	files := Files{Archive: name + ".zip", SBOM: name + ".cdx.json"}
	if err := b.archive(files.Archive); err != nil {
		return Files{}, err
	}
	return files, b.sbom(files.SBOM)
}

// sourceTime returns the time that the build states: SOURCE_DATE_EPOCH, or else the time of the last commit.
func sourceTime(root string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		cmd := exec.Command("git", "log", "-1", "--format=%ct")
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("no time for the build: git log failed: %w; set SOURCE_DATE_EPOCH", err)
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("no time for the build: %q is not a number of seconds", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

func (b builder) archive(name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	sums := map[string]hash.Hash{".sha1": sha1.New(), ".sha256": sha256.New()}
	err = writeArchive(io.MultiWriter(file, sums[".sha1"], sums[".sha256"]), os.DirFS(b.stage), b.plugin.ID, b.plugin.Executable, b.at)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	for extension, sum := range sums {
		line := hex.EncodeToString(sum.Sum(nil)) + "  " + filepath.Base(name) + "\n"
		if err := os.WriteFile(name+extension, []byte(line), 0o644); err != nil {
			return err
		}
		_, _ = fmt.Fprint(b.Log, line) // a broken log does not fail the build
	}
	return nil
}
