package release

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	testPlugin = `{"type":"datasource","name":"Test","id":"org-test-datasource","category":"logging","backend":true,"executable":"gpx_test",
"info":{"description":"d","author":{"name":"a"},"keywords":["k"],"logos":{"small":"img/logo.svg","large":"img/logo.svg"},"links":[],
"screenshots":[{"name":"One","path":"img/screenshots/one.png"},{"name":"Dark","path":"img/screenshots/dark.png"}],"version":"%VERSION%","updated":"%TODAY%"},
"includes":[{"type":"dashboard","name":"Board","path":"dashboards/board.json"}],"dependencies":{"grafanaDependency":">=12.3.0","plugins":[]}}`
	testBoard = `{"title":"Board","uid":"board","schemaVersion":41,"panels":[],"annotations":{"list":[]},"templating":{"list":[
{"name":"ds","type":"datasource","query":"x","current":{}}]}}`
	testRoot = "org-test-datasource/"
)

// draft is a package before it is packed. A test breaks one part of it.
type draft struct {
	source   fstest.MapFS
	packed   fstest.MapFS
	sbom     bom
	settings map[string]string // build settings of one executable that differ, as NAME/KEY
	archive  func(map[string]archiveFile)
	sums     func(map[string]string)
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// picture returns a picture of one shade, from 0 for black to 255 for white.
func picture(t *testing.T, width int, shade uint8) *fstest.MapFile {
	drawn := image.NewGray(image.Rect(0, 0, width, 10))
	for i := range drawn.Pix {
		drawn.Pix[i] = shade
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, drawn))
	return &fstest.MapFile{Data: b.Bytes()}
}

// newDraft returns a package without a fault.
func newDraft(t *testing.T) *draft {
	module := "export const one = 1;"
	manifest := func(name, text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:]) + ":" + name + "\n"
	}
	goFile, mageFile := "package main\n\nfunc main() { println(1) }\n", "package main\n\nimport _ \"github.com/grafana/grafana-plugin-sdk-go/build\"\n"
	d := &draft{
		source: fstest.MapFS{
			"plugin.json": file(testPlugin), "src/plugin.json": file(testPlugin), "src/module.ts": file(module),
			"src/img/screenshots/one.png": picture(t, 1600, 240), "src/img/screenshots/dark.png": picture(t, 1600, 20),
			"provisioning/dashboards/board.json": file(testBoard),
			"package.json":                       file(`{"version":"1.2.3"}`), "package-lock.json": file(`{"version":"1.2.3","packages":{"":{"version":"1.2.3"}}}`),
			"CHANGELOG.md": file("# Changelog\n\n## 1.2.3 (2026-01-02)\n\nText.\n"), "README.md": file("# Read [more](docs/more.md).\n"), "docs/more.md": file("More."),
			"pkg/main.go": file(goFile), "Magefile.go": file(mageFile),
			"go.mod": file("module x\n\nrequire github.com/grafana/grafana-plugin-sdk-go v0.298.0\n"),
		},
		packed: fstest.MapFS{
			"plugin.json": file(strings.NewReplacer("%VERSION%", "1.2.3", "%TODAY%", "2026-01-02").Replace(testPlugin)),
			"module.js":   file("define([])"), "README.md": file("# Read more.\n"), "CHANGELOG.md": file("# Changelog"), "LICENSE": file("Apache"),
			"module.js.map": file(fmt.Sprintf(`{"sources":["webpack://org-test-datasource/./module.ts","webpack://org-test-datasource/webpack/runtime"],"sourcesContent":[%q,""]}`, module)),
			manifestName:    file(manifest("Magefile.go", mageFile) + manifest("pkg/main.go", goFile)),
			"img/logo.svg":  file("<svg/>"), "img/screenshots/one.png": picture(t, 1600, 240), "img/screenshots/dark.png": picture(t, 1600, 20), "dashboards/board.json": file(testBoard),
		},
		settings: map[string]string{},
	}
	for _, platform := range platforms {
		d.packed[executableName("gpx_test", platform)] = file(platform)
	}
	d.sbom.Components = []component{{Name: "std"}, {Name: "lib", Version: "v1", Evidence: &evidence{Licenses: make([]licenseChoice, 1)}}}
	d.sbom.Components[1].Evidence.Licenses[0].License.ID = "MIT"
	return d
}

// pack makes the bundle that Validate would read.
func (d *draft) pack(t *testing.T) bundle {
	var raw bytes.Buffer
	require.NoError(t, writeArchive(&raw, d.packed, "org-test-datasource", "gpx_test", time.Unix(1e9, 0)))
	b := bundle{source: d.source, name: "x.zip", raw: raw.Bytes(), sbom: d.sbom}
	one, two := sha1.Sum(b.raw), sha256.Sum256(b.raw)
	b.sums = map[string]string{".sha1": hex.EncodeToString(one[:]) + "  x.zip\n", ".sha256": hex.EncodeToString(two[:]) + "  x.zip\n"}
	var err error
	b.archive, err = unpack(b.raw)
	require.NoError(t, err)
	if d.archive != nil {
		d.archive(b.archive)
	}
	if d.sums != nil {
		d.sums(b.sums)
	}
	require.NoError(t, json.Unmarshal([]byte(testPlugin), &b.plugin))
	b.buildSettings = func(executable []byte) (map[string]string, error) {
		goos, goarch, isPlatform := strings.Cut(strings.TrimSpace(string(executable)), "/")
		if !isPlatform {
			return nil, fmt.Errorf("not an executable")
		}
		settings := map[string]string{"GOOS": goos, "GOARCH": goarch, "-trimpath": "true"}
		for key := range settings {
			if value, other := d.settings[string(executable)+" "+key]; other {
				settings[key] = value
			}
		}
		return settings, nil
	}
	return b
}

func problems(b bundle) map[string][]string {
	found := map[string][]string{}
	for _, c := range slices.Concat(archiveChecks, sourceChecks) {
		if p := c.run(b); len(p) > 0 {
			found[c.name] = p
		}
	}
	return found
}

func TestAGoodPackagePasses(t *testing.T) {
	require.Empty(t, problems(newDraft(t).pack(t)))
}

func TestEveryCheckFailsOnABrokenPackage(t *testing.T) {
	replace := func(files fstest.MapFS, name, old, by string) {
		text := strings.ReplaceAll(string(files[name].Data), old, by)
		files[name] = file(text)
	}
	both := func(d *draft, old, by string) {
		replace(d.source, "plugin.json", old, by)
		replace(d.source, "src/plugin.json", old, by)
	}
	cases := []struct {
		check, says string
		break_      func(*draft)
	}{
		{"layout", "module.js is missing", func(d *draft) { delete(d.packed, "module.js") }},
		{"layout", "LICENSE is missing", func(d *draft) { delete(d.packed, "LICENSE") }},
		{"layout", "secret.env does not belong", func(d *draft) { d.packed["secret.env"] = file("x") }},
		{"layout", "outside of the root folder", func(d *draft) {
			d.archive = func(a map[string]archiveFile) { a["other/plugin.json"] = archiveFile{0o644, nil} }
		}},
		{"permissions", "gpx_test_linux_amd64 has mode", func(d *draft) {
			d.archive = func(a map[string]archiveFile) {
				a[testRoot+"gpx_test_linux_amd64"] = archiveFile{0o644, []byte("linux/amd64")}
			}
		}},
		{"permissions", "module.js has mode", func(d *draft) {
			d.archive = func(a map[string]archiveFile) { a[testRoot+"module.js"] = archiveFile{0o777, nil} }
		}},
		{"executables", "gpx_test_linux_arm is missing", func(d *draft) { delete(d.packed, "gpx_test_linux_arm") }},
		{"executables", "was built for linux/arm64", func(d *draft) { d.packed["gpx_test_linux_amd64"] = file("linux/arm64") }},
		{"executables", "was not built by Go", func(d *draft) { d.packed["gpx_test_windows_amd64.exe"] = file("MZ") }},
		{"executables", "paths of the machine", func(d *draft) { d.settings["darwin/arm64 -trimpath"] = "" }},
		{"executables", "debug information", func(d *draft) { d.packed["gpx_test_linux_amd64"] = file("linux/amd64 .debug_info") }},
		{"checksums", ".sha256 does not hold", func(d *draft) { d.sums = func(s map[string]string) { s[".sha256"] = "00  x.zip" } }},
		{"checksums", ".sha1 does not hold", func(d *draft) { d.sums = func(s map[string]string) { delete(s, ".sha1") } }},
		{"packaged plugin.json", "has version 9.9.9", func(d *draft) { replace(d.packed, "plugin.json", "1.2.3", "9.9.9") }},
		{"packaged plugin.json", "not a date", func(d *draft) { replace(d.packed, "plugin.json", "2026-01-02", "%TODAY%") }},
		{"packaged plugin.json", "which is not in the archive", func(d *draft) { delete(d.packed, "img/screenshots/one.png") }},
		{"packaged plugin.json", `has the title "Other"`, func(d *draft) { replace(d.packed, "dashboards/board.json", "Board", "Other") }},
		{"packaged README", "links to docs/more.md", func(d *draft) { d.packed["README.md"] = file("[more](docs/more.md)") }},
		{"packaged README", "comment", func(d *draft) { d.packed["README.md"] = file("<!-- later -->") }},
		{"packaged README", "empty", func(d *draft) { d.packed["README.md"] = file("\n") }},
		{"source map", "has changed since the build", func(d *draft) { replace(d.source, "src/module.ts", "1", "2") }},
		{"source map", "is not below src", func(d *draft) { delete(d.source, "src/module.ts") }},
		{"source map", "content of every source", func(d *draft) { replace(d.packed, "module.js.map", `,""]`, `]`) }},
		{"source map", "names no source", func(d *draft) { d.packed["module.js.map"] = file(`{"sources":[],"sourcesContent":[]}`) }},
		{"source map", "module.js.map:", func(d *draft) { d.packed["module.js.map"] = file(`//`) }},
		{"Go manifest", "pkg/new.go is missing", func(d *draft) { d.source["pkg/new.go"] = file("package main\n") }},
		{"Go manifest", "or has changed", func(d *draft) { replace(d.source, "pkg/main.go", "1", "2") }},
		{"Go manifest", "not in the sources", func(d *draft) { delete(d.source, "pkg/main.go"); d.source["pkg/x.txt"] = file("") }},
		{"licenses", `"GPL-3.0"`, func(d *draft) { d.sbom.Components[1].Evidence.Licenses[0].License.ID = "GPL-3.0" }},
		{"licenses", "no license was found for lib v1", func(d *draft) { d.sbom.Components[1].Evidence = nil }},
		{"licenses", "is empty", func(d *draft) { d.sbom = bom{} }},
		{"plugin.json", "unknown field", func(d *draft) { both(d, `"backend":true`, `"backend":true,"backends":true`) }},
		{"plugin.json", "organization-name-datasource", func(d *draft) { both(d, `"org-test-datasource"`, `"Test"`) }},
		{"plugin.json", "repeats the id", func(d *draft) { both(d, `"Test"`, `"org-test-datasource"`) }},
		{"plugin.json", "none of Grafana's", func(d *draft) { both(d, "logging", "security") }},
		{"plugin.json", "backend and executable", func(d *draft) { both(d, `"backend":true`, `"backend":false`) }},
		{"plugin.json", "cannot unmarshal", func(d *draft) { both(d, `{"type"`, `"type"`) }},
		{"plugin.json", `not "datasource"`, func(d *draft) { both(d, `"type":"datasource"`, `"type":"panel"`) }},
		{"plugin.json", "start with gpx_", func(d *draft) { both(d, "gpx_test", "test") }},
		{"plugin.json", "description is missing", func(d *draft) { both(d, `"description":"d"`, `"description":""`) }},
		{"plugin.json", "author.name is missing", func(d *draft) { both(d, `{"name":"a"}`, `{"name":""}`) }},
		{"plugin.json", "screenshots are missing", func(d *draft) {
			both(d, `{"name":"One","path":"img/screenshots/one.png"},{"name":"Dark","path":"img/screenshots/dark.png"}`, "")
		}},
		{"plugin.json", "keywords are missing", func(d *draft) { both(d, `"keywords":["k"]`, `"keywords":[]`) }},
		{"plugin.json", "grafanaDependency", func(d *draft) { both(d, ">=12.3.0", "latest") }},
		{"plugin.json", "not placeholders", func(d *draft) { both(d, "%VERSION%", "1.2.3") }},
		{"plugin.json", "is not a link", func(d *draft) { replace(d.source, "src/plugin.json", "logging", "cloud") }},
		{"dashboards", "unexpected field", func(d *draft) {
			replace(d.source, "provisioning/dashboards/board.json", `"panels"`, `"panel":1,"panels"`)
		}},
		{"dashboards", "has no uid", func(d *draft) { replace(d.source, "provisioning/dashboards/board.json", `"uid":"board",`, "") }},
		{"dashboards", "has the uid of", func(d *draft) { d.source["provisioning/dashboards/second.json"] = file(testBoard) }},
		{"dashboards", "there are no dashboards", func(d *draft) { delete(d.source, "provisioning/dashboards/board.json") }},
		{"code", "os.Getenv", func(d *draft) {
			d.source["pkg/env.go"] = file("package main\n\nimport \"os\"\n\nvar home = os.Getenv(\"HOME\")\n")
		}},
		{"code", "fs.String", func(d *draft) { d.source["pkg/flag.go"] = file("package main\n\nvar name = fs.String()\n") }},
		{"code", "syscall.Kill", func(d *draft) { d.source["pkg/k.go"] = file("package main\n\nfunc f() { syscall.Kill(1, 2) }\n") }},
		{"code", "fmt.Println", func(d *draft) { d.source["pkg/p.go"] = file("package main\n\nfunc f() { fmt.Println(1) }\n") }},
		{"code", "window.grafanaBootData", func(d *draft) { d.source["src/x.ts"] = file("const a = window.grafanaBootData;") }},
		{"code", "console.log", func(d *draft) { d.source["src/x.tsx"] = file("console.log(1);") }},
		{"versions", "package-lock.json", func(d *draft) { replace(d.source, "package-lock.json", "1.2.3", "1.2.2") }},
		{"versions", "CHANGELOG.md", func(d *draft) { replace(d.source, "CHANGELOG.md", "1.2.3", "1.2.2") }},
		{"screenshots", "not exist", func(d *draft) { delete(d.source, "src/img/screenshots/one.png") }},
		{"screenshots", "is not among", func(d *draft) { d.source["src/img/screenshots/two.png"] = file("") }},
		{"screenshots", "unknown format", func(d *draft) { d.source["src/img/screenshots/one.png"] = file("GIF") }},
		{"screenshots", "400 pixels wide", func(d *draft) { d.source["src/img/screenshots/one.png"] = picture(t, 400, 240) }},
		{"screenshots", "more than 2097152", func(d *draft) {
			large := picture(t, 1600, 240)
			large.Data = append(large.Data, make([]byte, 2<<20)...)
			d.source["src/img/screenshots/one.png"] = large
		}},
		{"screenshots", "the dark theme", func(d *draft) { d.source["src/img/screenshots/dark.png"] = picture(t, 1600, 200) }},
		{"screenshots", "the light theme", func(d *draft) { d.source["src/img/screenshots/one.png"] = picture(t, 1600, 100) }},
		{"links", "docs/more.md, which does not exist", func(d *draft) { delete(d.source, "docs/more.md") }},
		{"build tools", "Magefile.go", func(d *draft) { replace(d.source, "Magefile.go", "/build", "/x") }},
		{"build tools", "replaces", func(d *draft) {
			replace(d.source, "go.mod", "v0.298.0", "v0.298.0\n\nreplace github.com/grafana/grafana-plugin-sdk-go => ../sdk")
		}},
		{"build tools", "does not require the SDK", func(d *draft) { d.source["go.mod"] = file("module x\n") }},
	}
	tested := map[string]bool{}
	for _, c := range cases {
		tested[c.check] = true
		t.Run(c.check+"/"+c.says, func(t *testing.T) {
			d := newDraft(t)
			c.break_(d)
			require.Contains(t, strings.Join(problems(d.pack(t))[c.check], "\n"), c.says)
		})
	}
	for _, c := range slices.Concat(archiveChecks, sourceChecks) {
		require.True(t, tested[c.name], "no package is broken for the check %q", c.name)
	}
}

// TestEveryForbiddenCallIsFound: whatever the list refuses, the scan finds.
func TestEveryForbiddenCallIsFound(t *testing.T) {
	d := newDraft(t)
	want := map[string]bool{}
	var code strings.Builder
	code.WriteString("package main\n\nfunc f() {\n")
	for owner, names := range forbiddenCalls {
		for _, name := range names {
			call := owner + "." + strings.ReplaceAll(name, "*", "Any")
			want[call] = true
			code.WriteString("\t" + call + "()\n")
		}
	}
	d.source["pkg/all.go"] = file(code.String() + "}\n")
	found := strings.Join(checkCode(d.pack(t)), "\n") + "\n"
	for call := range want {
		require.Contains(t, found, " calls "+call+", which")
	}
	for _, text := range []string{
		"window.grafanaRuntime", "window.alert(1)", "alert(1)", "window.confirm(1)", "window.prompt(1)", "window.location.href", "window.location.search",
		"React.__SECRET_INTERNALS", "console.info(1)", "fetch('/api/ds/query')", "config.featureToggles.topnav", "// @ts-ignore", "// @ts-expect-error",
		"<Global styles={a} />", `className="gf-form"`, "import './a.css'", "import './a.scss'",
	} {
		d := newDraft(t)
		d.source["src/x.tsx"] = file(text)
		require.Len(t, checkCode(d.pack(t)), 1, text)
	}
}

func TestTheSourcesPass(t *testing.T) {
	b := bundle{source: os.DirFS("../..")}
	for _, c := range sourceChecks {
		require.Empty(t, c.run(b), c.name)
	}
}

func TestTheArchiveDependsOnNamesAndContentsOnly(t *testing.T) {
	d := newDraft(t)
	first, second := d.pack(t), d.pack(t)
	require.Equal(t, first.raw, second.raw)
	for name := range d.packed { // the times of the files do not count
		d.packed[name].ModTime = time.Unix(5, 0)
	}
	require.Equal(t, first.raw, d.pack(t).raw)
}

func TestReadmeForTheCatalog(t *testing.T) {
	text := "# A\n\n![Picture](src/img/a.png)\n\nSee [docs](docs/x.md#part), [web](https://example.com) and [below](#b).\n"
	require.Equal(t, "# A\n\nSee docs, [web](https://example.com) and [below](#b).\n", catalogReadme(text, "", "1.0.0"))
	require.Equal(t, "# A\n\n![Picture](https://example.com/r/raw/v1.0.0/src/img/a.png)\n\nSee [docs](https://example.com/r/blob/v1.0.0/docs/x.md#part), "+
		"[web](https://example.com) and [below](#b).\n", catalogReadme(text, "git+https://example.com/r.git", "1.0.0"))
}

func TestMergeNamesEveryPlatformsLibraries(t *testing.T) {
	part := func(names ...string) bom {
		b := bom{Dependencies: []bomDependency{{Ref: "app", DependsOn: names}}}
		for _, n := range names {
			b.Components = append(b.Components, component{Ref: n, PURL: "pkg:golang/" + n + "?goarch=amd64&goos=linux&type=module"})
		}
		return b
	}
	whole := merge(merge(bom{}, part("a", "b")), part("b", "c"))
	require.Len(t, whole.Components, 3)
	require.Equal(t, "pkg:golang/a?type=module", whole.Components[0].PURL)
	require.Equal(t, []bomDependency{{Ref: "app", DependsOn: []string{"a", "b", "c"}}}, whole.Dependencies)
}
