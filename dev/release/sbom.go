package release

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// bom is a CycloneDX bill of materials, as far as this package changes it.
type bom struct {
	Schema       string          `json:"$schema"`
	Format       string          `json:"bomFormat"`
	SpecVersion  string          `json:"specVersion"`
	Version      int             `json:"version"`
	Metadata     bomMetadata     `json:"metadata"`
	Components   []component     `json:"components"`
	Dependencies []bomDependency `json:"dependencies"`
}

type bomMetadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Ref        string            `json:"bom-ref"`
	Type       string            `json:"type"`
	Name       string            `json:"name"`
	Version    string            `json:"version"`
	Scope      string            `json:"scope,omitempty"`
	Hashes     []json.RawMessage `json:"hashes,omitempty"`
	PURL       string            `json:"purl"`
	References []json.RawMessage `json:"externalReferences,omitempty"`
	Evidence   *evidence         `json:"evidence,omitempty"`
}

type evidence struct {
	Licenses []licenseChoice `json:"licenses,omitempty"`
}

type licenseChoice struct {
	License struct {
		ID string `json:"id,omitempty"`
	} `json:"license"`
}

type bomDependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// sbom writes what the executables and module.js contain.
func (b builder) sbom(name string) error {
	var whole bom
	for _, path := range b.executables() {
		part, err := goBOM(b.Root, path, b.version)
		if err != nil {
			return err
		}
		whole = merge(whole, part)
	}
	bundled, err := npmComponents(b.Root, filepath.Join(b.stage, "module.js.map"))
	if err != nil {
		return err
	}
	whole.Components = append(whole.Components, bundled...)
	slices.SortFunc(whole.Components, func(x, y component) int { return cmp.Compare(x.Ref, y.Ref) })
	whole.Metadata.Timestamp = b.at.Format(time.RFC3339)
	raw, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(raw, '\n'), 0o644)
}

// goBOM reads which modules an executable contains, and finds their licenses.
func goBOM(root, executable, version string) (bom, error) {
	cmd := exec.Command("go", "tool", "-modfile=dev/tools/go.mod", "cyclonedx-gomod", "bin", "-json", "-licenses", "-std", "-noserial",
		"-version", "v"+version, executable)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return bom{}, fmt.Errorf("no bill of materials for %s: %w%s", filepath.Base(executable), err, stderrOf(err))
	}
	var part bom
	err = json.Unmarshal(out, &part)
	return part, err
}

func stderrOf(err error) string {
	if exit, ok := err.(*exec.ExitError); ok {
		return ": " + string(exit.Stderr)
	}
	return ""
}

var platformQualifiers = regexp.MustCompile(`goarch=\w+&goos=\w+&`)

// merge adds what one platform's executable contains.
func merge(whole, part bom) bom {
	part.Metadata.Component.PURL = platformQualifiers.ReplaceAllString(part.Metadata.Component.PURL, "")
	known := map[string]bool{}
	for _, c := range whole.Components {
		known[c.Ref] = true
	}
	for _, c := range part.Components {
		if !known[c.Ref] {
			c.PURL = platformQualifiers.ReplaceAllString(c.PURL, "")
			whole.Components = append(whole.Components, c)
		}
	}
	needs := map[string][]string{}
	for _, d := range append(whole.Dependencies, part.Dependencies...) {
		needs[d.Ref] = append(needs[d.Ref], d.DependsOn...)
	}
	part.Components, part.Dependencies = whole.Components, nil
	for _, ref := range slices.Sorted(maps.Keys(needs)) {
		slices.Sort(needs[ref])
		part.Dependencies = append(part.Dependencies, bomDependency{Ref: ref, DependsOn: slices.Compact(needs[ref])})
	}
	return part
}

var packagePath = regexp.MustCompile(`node_modules/((?:@[^/]+/)?[^/]+)/`)

// npmComponents returns the npm packages whose files are in the bundle.
func npmComponents(root, sourceMap string) ([]component, error) {
	var m struct {
		Sources []string `json:"sources"`
	}
	if err := readJSON(os.DirFS(filepath.Dir(sourceMap)), filepath.Base(sourceMap), &m); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, source := range m.Sources {
		if found := packagePath.FindStringSubmatch(source); found != nil {
			names[found[1]] = true
		}
	}
	var out []component
	for _, name := range slices.Sorted(maps.Keys(names)) {
		var p struct{ Version, License string }
		if err := readJSON(os.DirFS(root), "node_modules/"+name+"/package.json", &p); err != nil {
			return nil, err
		}
		purl := "pkg:npm/" + strings.ReplaceAll(name, "@", "%40") + "@" + p.Version
		c := component{Ref: purl, Type: "library", Name: name, Version: p.Version, Scope: "required", PURL: purl, Evidence: &evidence{Licenses: make([]licenseChoice, 1)}}
		c.Evidence.Licenses[0].License.ID = p.License
		out = append(out, c)
	}
	return out, nil
}
