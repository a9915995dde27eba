package release

import (
	"archive/zip"
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// archiveFile is a file of the archive.
type archiveFile struct {
	mode fs.FileMode
	data []byte
}

// bundle is what the checks look at.
type bundle struct {
	source  fs.FS                  // the repository
	name    string                 // the archive's file name
	raw     []byte                 // the archive
	sums    map[string]string      // the checksum files by extension
	archive map[string]archiveFile // the archive's files by whole name
	plugin  plugin                 // from the archive
	sbom    bom

	buildSettings func(executable []byte) (map[string]string, error)
}

// in returns a file below the archive's root folder.
func (b bundle) in(name string) ([]byte, bool) {
	f, found := b.archive[b.plugin.ID+"/"+name]
	return f.data, found
}

// check finds problems; each problem is a sentence that says what is wrong and where.
type check struct {
	name string
	run  func(bundle) []string
}

// checks are in the order of the report. Those of the sources need no archive.
var (
	sourceChecks = []check{
		{"plugin.json", checkPluginJSON},
		{"dashboards", checkDashboards},
		{"code", checkCode},
		{"versions", checkVersions},
		{"screenshots", checkScreenshots},
		{"links", checkLinks},
		{"build tools", checkBuildTools},
	}
	archiveChecks = []check{
		{"layout", checkLayout},
		{"permissions", checkPermissions},
		{"executables", checkExecutables},
		{"checksums", checkChecksums},
		{"packaged plugin.json", checkPackagedPlugin},
		{"packaged README", checkPackagedReadme},
		{"source map", checkSourceMap},
		{"Go manifest", checkGoManifest},
		{"licenses", checkLicenses},
	}
)

// Validate checks the archive and the sources it was made of. It needs no network.
func Validate(root string, files Files, log io.Writer) error {
	b, err := readBundle(root, files)
	if err != nil {
		return err
	}
	failed := 0
	for _, c := range slices.Concat(archiveChecks, sourceChecks) {
		problems := c.run(b)
		failed += len(problems)
		word := "ok"
		if len(problems) > 0 {
			word = "FAILED"
		}
		_, _ = fmt.Fprintf(log, "%-22s%s\n", c.name, word) // a broken log does not fail the check
		for _, p := range problems {
			_, _ = fmt.Fprintln(log, "   ", p)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d problems in %s", failed, files.Archive)
	}
	return nil
}

func readBundle(root string, files Files) (bundle, error) {
	raw, err := os.ReadFile(files.Archive)
	if err != nil {
		return bundle{}, err
	}
	b := bundle{source: os.DirFS(root), name: filepath.Base(files.Archive), raw: raw, sums: map[string]string{}, buildSettings: readBuildSettings}
	for _, extension := range []string{".sha1", ".sha256"} {
		line, err := os.ReadFile(files.Archive + extension)
		if err != nil {
			return bundle{}, err
		}
		b.sums[extension] = string(line)
	}
	if b.archive, err = unpack(raw); err != nil {
		return bundle{}, err
	}
	if err := readJSON(b.source, "plugin.json", &b.plugin); err != nil {
		return bundle{}, err
	}
	dir, name := filepath.Split(files.SBOM)
	return b, readJSON(os.DirFS(dir), name, &b.sbom)
}

func unpack(raw []byte) (map[string]archiveFile, error) {
	r, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, err
	}
	files := map[string]archiveFile{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(in)
		_ = in.Close() // read only
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		files[f.Name] = archiveFile{f.Mode(), data}
	}
	return files, nil
}

func checkChecksums(b bundle) []string {
	var problems []string
	one, two := sha1.Sum(b.raw), sha256.Sum256(b.raw)
	for extension, sum := range map[string][]byte{".sha1": one[:], ".sha256": two[:]} {
		want := hex.EncodeToString(sum) + "  " + b.name
		if strings.TrimSpace(b.sums[extension]) != want {
			problems = append(problems, fmt.Sprintf("%s%s does not hold the archive's checksum", b.name, extension))
		}
	}
	return problems
}
