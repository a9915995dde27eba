package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/png" // decodes screenshots
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"golang.org/x/mod/modfile"
)

const sdkModule = "github.com/grafana/grafana-plugin-sdk-go"

// checkDashboards reads every dashboard by the types that Grafana generates from its schemas. Unknown keys are errors. An empty
// "current" means that a variable has no value yet, which Grafana accepts and the schema does not know.
func checkDashboards(b bundle) []string {
	names, err := fs.Glob(b.source, "provisioning/dashboards/*.json")
	if err != nil || len(names) == 0 {
		return []string{"there are no dashboards in provisioning/dashboards"}
	}
	var problems []string
	uids := map[string]string{}
	for _, name := range names {
		raw, err := fs.ReadFile(b.source, name)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		var d dashboard.Dashboard
		raw = withoutFilters(emptyCurrent.ReplaceAll(raw, []byte(`"current":{"text":"","value":""}`)))
		if text := errorText(d.UnmarshalJSONStrict(raw)) + errorText(d.Validate()); text != "" {
			problems = append(problems, name+": "+text)
			continue
		}
		switch {
		case d.Uid == nil || *d.Uid == "":
			problems = append(problems, name+" has no uid")
		case uids[*d.Uid] != "":
			problems = append(problems, fmt.Sprintf("%s has the uid of %s", name, uids[*d.Uid]))
		default:
			uids[*d.Uid] = name
		}
	}
	return problems
}

var emptyCurrent = regexp.MustCompile(`"current":\s*\{\s*\}`)

// withoutFilters removes from variables for ad hoc filters and groups what the generated types do not know, and Grafana does. It returns
// what is no dashboard as it is.
func withoutFilters(raw []byte) []byte {
	var board map[string]any
	if json.Unmarshal(raw, &board) != nil {
		return raw
	}
	templating, _ := board["templating"].(map[string]any)
	variables, _ := templating["list"].([]any)
	for _, v := range variables {
		variable, _ := v.(map[string]any)
		if variable["type"] == "adhoc" || variable["type"] == "groupby" {
			for _, key := range []string{"filters", "baseFilters", "originFilters", "defaultKeys", "defaultValue", "applyMode", "enableGroupBy"} {
				delete(variable, key)
			}
		}
	}
	out, err := json.Marshal(board)
	if err != nil {
		return raw
	}
	return out
}

// errorText returns an error as one line. The dashboard types return an error without text where there is none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// checkVersions compares the places where the version stands.
func checkVersions(b bundle) []string {
	want, err := version(b.source)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	var lock struct {
		Version  string `json:"version"`
		Packages map[string]struct {
			Version string `json:"version"`
		} `json:"packages"`
	}
	if err := readJSON(b.source, "package-lock.json", &lock); err != nil {
		problems = append(problems, err.Error())
	} else if lock.Version != want || lock.Packages[""].Version != want {
		problems = append(problems, "package-lock.json has another version than package.json")
	}
	changes, err := fs.ReadFile(b.source, "CHANGELOG.md")
	if err != nil {
		return append(problems, err.Error())
	}
	if newest := newestSection.FindSubmatch(changes); newest == nil || string(newest[1]) != want {
		problems = append(problems, "the newest section of CHANGELOG.md is not about version "+want)
	}
	return problems
}

var newestSection = regexp.MustCompile(`(?m)\A# .*\n+^## (\S+)`)

// The sizes of screenshots that are readable in the catalog and load quickly.
const (
	minScreenshotWidth = 1000
	maxScreenshotWidth = 3200
	maxScreenshotBytes = 2 << 20
)

// checkScreenshots makes sure that plugin.json names every picture in src/img/screenshots, that each is one that the catalog shows, and
// that both themes are there.
func checkScreenshots(b bundle) []string {
	raw, err := fs.ReadFile(b.source, "plugin.json")
	if err != nil {
		return []string{err.Error()}
	}
	m, err := parseMetadata(raw)
	if err != nil {
		return nil // checkPluginJSON reports it
	}
	var problems []string
	named := map[string]bool{}
	themes := map[string]bool{}
	for _, s := range m.Info.Screenshots {
		named[s.Path] = true
		theme, err := checkPicture(b.source, "src/"+s.Path)
		if err != nil {
			problems = append(problems, fmt.Sprintf("screenshot %q: %v", s.Name, err))
		}
		themes[theme] = true
	}
	for _, theme := range []string{"light", "dark"} {
		if !themes[theme] {
			problems = append(problems, "no screenshot shows the "+theme+" theme")
		}
	}
	found, _ := fs.Glob(b.source, "src/img/screenshots/*") // the pattern is well formed
	for _, name := range found {
		if !named[strings.TrimPrefix(name, "src/")] {
			problems = append(problems, name+" is not among the screenshots of plugin.json")
		}
	}
	return problems
}

// checkPicture checks the size of a screenshot and returns the theme that it shows.
func checkPicture(source fs.FS, name string) (theme string, err error) {
	raw, err := fs.ReadFile(source, name)
	if err != nil {
		return "", err
	}
	picture, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	if width := picture.Bounds().Dx(); width < minScreenshotWidth || width > maxScreenshotWidth {
		return "", fmt.Errorf("%s is %d pixels wide; it takes %d to %d", name, width, minScreenshotWidth, maxScreenshotWidth)
	}
	if len(raw) > maxScreenshotBytes {
		return "", fmt.Errorf("%s has %d bytes, more than %d", name, len(raw), maxScreenshotBytes)
	}
	return themeOf(picture), nil
}

// themeOf returns "dark" where more than half of a grid of pixels is dark, and else "light".
func themeOf(picture image.Image) string {
	const grid = 32
	b := picture.Bounds()
	dark := 0
	for i := range grid * grid {
		x, y := b.Min.X+b.Dx()*(i%grid)/grid, b.Min.Y+b.Dy()*(i/grid)/grid
		if color.GrayModel.Convert(picture.At(x, y)).(color.Gray).Y < 128 {
			dark++
		}
	}
	if dark > grid*grid/2 {
		return "dark"
	}
	return "light"
}

// checkLinks follows the relative links of README.md.
func checkLinks(b bundle) []string {
	raw, err := fs.ReadFile(b.source, "README.md")
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	for _, l := range readmeLink.FindAllSubmatch(raw, -1) {
		target, _, _ := strings.Cut(string(l[1]), "#")
		if target == "" || strings.Contains(target, "://") {
			continue
		}
		if _, err := fs.Stat(b.source, path.Clean(target)); errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, "README.md links to "+target+", which does not exist")
		}
	}
	return problems
}

// checkBuildTools looks for what the catalog expects of the build: the SDK's mage tasks, and the SDK itself, not replaced. The one
// rule that is left out, on the scaffolder's webpack config, is described in docs/releasing.md.
func checkBuildTools(b bundle) []string {
	var problems []string
	magefile, err := fs.ReadFile(b.source, "Magefile.go")
	if err != nil || !bytes.Contains(magefile, []byte(`"`+sdkModule+`/build"`)) {
		problems = append(problems, "Magefile.go does not import the SDK's build tasks")
	}
	raw, err := fs.ReadFile(b.source, "go.mod")
	if err != nil {
		return append(problems, err.Error())
	}
	module, err := modfile.Parse("go.mod", raw, nil)
	if err != nil {
		return append(problems, err.Error())
	}
	uses := false
	for _, r := range module.Require {
		uses = uses || r.Mod.Path == sdkModule
	}
	if !uses {
		problems = append(problems, "go.mod does not require the SDK")
	}
	for _, r := range module.Replace {
		problems = append(problems, "go.mod replaces "+r.Old.Path)
	}
	var p struct {
		Dependencies map[string]json.RawMessage `json:"dependencies"`
	}
	if err := readJSON(b.source, "package.json", &p); err != nil {
		problems = append(problems, err.Error())
	}
	return problems
}
