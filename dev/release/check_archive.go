package release

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	required  = []string{"plugin.json", "module.js", "module.js.map", "README.md", "CHANGELOG.md", "LICENSE", manifestName, "img/logo.svg"}
	permitted = regexp.MustCompile(`^(MANIFEST\.txt|img/.+\.(svg|png|jpe?g|gif)|dashboards/[\w-]+\.json|alerting/[\w-]+\.json|schema/[\w-]+\.json|licenses/[\w-]+\.txt)$`)
)

// checkLayout allows one root folder, named like the plugin, and only files that belong there.
func checkLayout(b bundle) []string {
	var problems []string
	for _, name := range required {
		if _, found := b.in(name); !found {
			problems = append(problems, name+" is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.archive)) {
		below, inside := strings.CutPrefix(name, b.plugin.ID+"/")
		switch {
		case !inside:
			problems = append(problems, name+" is outside of the root folder "+b.plugin.ID)
		case !slices.Contains(required, below) && !permitted.MatchString(below) && !isExecutable(b, below):
			problems = append(problems, below+" does not belong into the archive")
		}
	}
	return problems
}

func isExecutable(b bundle, name string) bool {
	return slices.ContainsFunc(platforms, func(p string) bool { return executableName(b.plugin.Executable, p) == name })
}

func checkPermissions(b bundle) []string {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(b.archive)) {
		want := fs.FileMode(0o644)
		if isExecutable(b, strings.TrimPrefix(name, b.plugin.ID+"/")) {
			want = 0o755
		}
		if got := b.archive[name].mode; got != want {
			problems = append(problems, fmt.Sprintf("%s has mode %v instead of %v", name, got, want))
		}
	}
	return problems
}

// checkExecutables makes sure that there is one executable for each platform, and that it was built for it.
func checkExecutables(b bundle) []string {
	var problems []string
	for _, platform := range platforms {
		name := executableName(b.plugin.Executable, platform)
		data, found := b.in(name)
		if !found {
			problems = append(problems, name+" is missing")
			continue
		}
		settings, err := b.buildSettings(data)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s was not built by Go: %v", name, err))
			continue
		}
		if got := settings["GOOS"] + "/" + settings["GOARCH"]; got != platform {
			problems = append(problems, fmt.Sprintf("%s was built for %s", name, got))
		}
		if settings["-trimpath"] != "true" {
			problems = append(problems, name+" holds the paths of the machine that built it")
		}
		if bytes.Contains(data, []byte(".debug_info")) || bytes.Contains(data, []byte("__debug_info")) {
			problems = append(problems, name+" holds debug information")
		}
	}
	return problems
}

// readBuildSettings returns what Go has noted in an executable about its build.
func readBuildSettings(executable []byte) (map[string]string, error) {
	info, err := buildinfo.Read(bytes.NewReader(executable))
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	return settings, nil
}

// sourceMap is a JavaScript source map, as far as the catalog reads it.
type sourceMap struct {
	Sources  []string `json:"sources"`
	Contents []string `json:"sourcesContent"`
}

var (
	notCompared = regexp.MustCompile(`^(external |webpack/|\.?\.?/?node_modules/)|/node_modules/|\.(css|scss|svg|json)$`)
	mapPrefix   = regexp.MustCompile(`^webpack:/*[^/]*/`)
)

// checkSourceMap compares the map with the sources, as the catalog does: every own source is a file below src with that content.
func checkSourceMap(b bundle) []string {
	raw, _ := b.in("module.js.map")
	var m sourceMap
	if err := json.Unmarshal(raw, &m); err != nil {
		return []string{"module.js.map: " + err.Error()}
	}
	if len(m.Sources) != len(m.Contents) {
		return []string{"module.js.map does not hold the content of every source"}
	}
	var problems []string
	compared := 0
	for i, source := range m.Sources {
		name := mapPrefix.ReplaceAllString(source, "")
		if notCompared.MatchString(name) {
			continue
		}
		compared++
		content, err := fs.ReadFile(b.source, path.Join("src", name))
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("module.js.map: %s is not below src", source))
		case string(content) != m.Contents[i]:
			problems = append(problems, fmt.Sprintf("src/%s has changed since the build", name))
		}
	}
	if compared == 0 {
		problems = append(problems, "module.js.map names no source of the plugin")
	}
	return problems
}

// checkGoManifest compares the manifest with the Go files of the sources, which the catalog does, too.
func checkGoManifest(b bundle) []string {
	raw, _ := b.in(manifestName)
	listed := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), ":")
		listed[name] = sum
	}
	var problems []string
	err := fs.WalkDir(b.source, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		content, err := fs.ReadFile(b.source, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		if listed[name] != hex.EncodeToString(sum[:]) {
			problems = append(problems, name+" is missing in the Go manifest or has changed since the build")
		}
		delete(listed, name)
		return nil
	})
	if err != nil {
		problems = append(problems, err.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		problems = append(problems, name+" is in the Go manifest and not in the sources")
	}
	return problems
}

// allowedLicenses are those that let the plugin be shipped under Apache-2.0.
var allowedLicenses = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-Source-Code", "ISC", "MIT", "MPL-2.0"}

// checkLicenses looks at every library of the bill of materials. Go's standard library has no license file among the modules.
func checkLicenses(b bundle) []string {
	var problems []string
	if len(b.sbom.Components) == 0 {
		problems = append(problems, "the bill of materials is empty")
	}
	for _, c := range b.sbom.Components {
		if c.Name == "std" {
			continue
		}
		if c.Evidence == nil || len(c.Evidence.Licenses) == 0 {
			problems = append(problems, fmt.Sprintf("no license was found for %s %s", c.Name, c.Version))
			continue
		}
		for _, l := range c.Evidence.Licenses {
			if !slices.Contains(allowedLicenses, l.License.ID) {
				problems = append(problems, fmt.Sprintf("%s %s has the license %q, which is not on the list", c.Name, c.Version, l.License.ID))
			}
		}
	}
	return problems
}

var readmeLink = regexp.MustCompile(`\]\(([^)\s]+)`)

// checkPackagedReadme refuses relative links and comments: on the catalog's page the links lead nowhere, and the comments show.
func checkPackagedReadme(b bundle) []string {
	raw, _ := b.in("README.md")
	var problems []string
	for _, l := range readmeLink.FindAllSubmatch(raw, -1) {
		if target := string(l[1]); !strings.HasPrefix(target, "https://") && !strings.HasPrefix(target, "#") {
			problems = append(problems, "README.md in the archive links to "+target)
		}
	}
	if bytes.Contains(raw, []byte("<!--")) {
		problems = append(problems, "README.md in the archive has a comment")
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		problems = append(problems, "README.md in the archive is empty")
	}
	return problems
}
