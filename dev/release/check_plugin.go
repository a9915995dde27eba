package release

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// metadata has every key of plugin.json that a data source with a backend may use. Another key is an error.
type metadata struct {
	Schema       string `json:"$schema"`
	Type         string `json:"type"`
	Name         string `json:"name"`
	ID           string `json:"id"`
	Category     string `json:"category"`
	Backend      bool   `json:"backend"`
	Executable   string `json:"executable"`
	Metrics      bool   `json:"metrics"`
	Logs         bool   `json:"logs"`
	Tracing      bool   `json:"tracing"`
	Alerting     bool   `json:"alerting"`
	Annotations  bool   `json:"annotations"`
	Streaming    bool   `json:"streaming"`
	MultiValue   bool   `json:"multiValueFilterOperators"`
	BuildMode    string `json:"buildMode"`
	QueryOptions struct {
		MaxDataPoints bool `json:"maxDataPoints"`
		MinInterval   bool `json:"minInterval"`
		CacheTimeout  bool `json:"cacheTimeout"`
	} `json:"queryOptions"`
	Info         info      `json:"info"`
	Includes     []include `json:"includes"`
	Dependencies struct {
		Grafana string   `json:"grafanaDependency"`
		Plugins []string `json:"plugins"`
	} `json:"dependencies"`
}

type info struct {
	Description string                        `json:"description"`
	Author      struct{ Name, URL string }    `json:"author"`
	Keywords    []string                      `json:"keywords"`
	Logos       struct{ Small, Large string } `json:"logos"`
	Links       []struct{ Name, URL string }  `json:"links"`
	Screenshots []struct{ Name, Path string } `json:"screenshots"`
	Version     string                        `json:"version"`
	Updated     string                        `json:"updated"`
}

type include struct {
	Type       string `json:"type"`
	Name       string `json:"name"`
	Path       string `json:"path"`
	AddToNav   bool   `json:"addToNav"`
	DefaultNav bool   `json:"defaultNav"`
}

var (
	idPattern = regexp.MustCompile(`^[0-9a-z]+-([0-9a-z]+-)?datasource$`)
	floor     = regexp.MustCompile(`^>=\d+\.\d+\.\d+(-0)?$`)
	date      = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
)

// parseMetadata decodes plugin.json. A key that it does not know is an error.
func parseMetadata(raw []byte) (metadata, error) {
	var m metadata
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&m)
	return m, err
}

// checkPluginJSON applies the rules of Grafana's schema of plugin.json, and those that the catalog adds.
func checkPluginJSON(b bundle) []string {
	raw, err := fs.ReadFile(b.source, "plugin.json")
	if err != nil {
		return []string{err.Error()}
	}
	m, err := parseMetadata(raw)
	if err != nil {
		return []string{"plugin.json: " + err.Error()}
	}
	categories := []string{"tsdb", "logging", "tracing", "profiling", "sql", "cloud", "enterprise", "iot", "other", "custom"}
	var problems []string
	for _, rule := range []struct {
		holds bool
		text  string
	}{
		{m.Type == "datasource", `type is not "datasource"`},
		{idPattern.MatchString(m.ID), "id is not organization-name-datasource"},
		{m.Name != "" && m.Name != m.ID, "name is missing or repeats the id"},
		{m.Backend && m.Executable != "", "alert rules need backend and executable"},
		{strings.HasPrefix(m.Executable, "gpx_"), "executable does not start with gpx_"},
		{slices.Contains(categories, m.Category), "category is none of Grafana's"},
		{m.Info.Description != "", "info.description is missing"},
		{m.Info.Author.Name != "", "info.author.name is missing"},
		{len(m.Info.Keywords) > 0, "info.keywords are missing"},
		{len(m.Info.Screenshots) > 0, "info.screenshots are missing"},
		{m.Info.Version == "%VERSION%" && m.Info.Updated == "%TODAY%", "info.version and info.updated are not placeholders"},
		{floor.MatchString(m.Dependencies.Grafana), "dependencies.grafanaDependency is not >=major.minor.patch"},
	} {
		if !rule.holds {
			problems = append(problems, "plugin.json: "+rule.text)
		}
	}
	copied, err := fs.ReadFile(b.source, "src/plugin.json")
	if err != nil || !bytes.Equal(copied, raw) {
		problems = append(problems, "src/plugin.json is not a link to plugin.json")
	}
	return problems
}

// checkPackagedPlugin makes sure that the archive holds what its plugin.json names, and that every placeholder is filled.
func checkPackagedPlugin(b bundle) []string {
	raw, _ := b.in("plugin.json")
	m, err := parseMetadata(raw)
	if err != nil {
		return []string{"plugin.json in the archive: " + err.Error()}
	}
	want, err := version(b.source)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	if m.Info.Version != want {
		problems = append(problems, fmt.Sprintf("plugin.json in the archive has version %s, and package.json %s", m.Info.Version, want))
	}
	if !date.MatchString(m.Info.Updated) {
		problems = append(problems, fmt.Sprintf("plugin.json in the archive: updated is %q, not a date", m.Info.Updated))
	}
	paths := []string{m.Info.Logos.Small, m.Info.Logos.Large}
	for _, s := range m.Info.Screenshots {
		paths = append(paths, s.Path)
	}
	for _, i := range m.Includes {
		paths = append(paths, i.Path)
		raw, _ := b.in(i.Path)
		var d struct{ Title string }
		if err := json.Unmarshal(raw, &d); err != nil || d.Title != i.Name {
			problems = append(problems, fmt.Sprintf("plugin.json includes %q, but %s has the title %q", i.Name, i.Path, d.Title))
		}
	}
	for _, p := range paths {
		if _, found := b.in(p); !found || strings.HasPrefix(p, ".") || strings.HasPrefix(p, "/") {
			problems = append(problems, "plugin.json names "+p+", which is not in the archive")
		}
	}
	return problems
}
