package workbench

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// provision loads this plugin's data sources from dir/datasources/*.yaml and ignores those of other plugins.
func (s *sources) provision(dir string, env map[string]string) error {
	if dir == "" {
		return nil
	}
	for _, pattern := range []string{"*.yaml", "*.yml"} {
		paths, err := filepath.Glob(filepath.Join(dir, "datasources", pattern))
		if err != nil {
			return err
		}
		slices.Sort(paths)
		for _, path := range paths {
			if err := s.provisionFile(path, env); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return nil
}

type provisionedSource struct {
	Name           string            `yaml:"name"`
	Type           string            `yaml:"type"`
	UID            string            `yaml:"uid"`
	URL            string            `yaml:"url"`
	User           string            `yaml:"user"`
	Database       string            `yaml:"database"`
	BasicAuth      bool              `yaml:"basicAuth"`
	BasicAuthUser  string            `yaml:"basicAuthUser"`
	IsDefault      bool              `yaml:"isDefault"`
	Editable       bool              `yaml:"editable"`
	JSONData       map[string]any    `yaml:"jsonData"`
	SecureJSONData map[string]string `yaml:"secureJsonData"`
}

func (s *sources) provisionFile(path string, env map[string]string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil {
		return err
	}
	expandNode(&root, env)
	var file struct {
		Datasources []provisionedSource `yaml:"datasources"`
	}
	if err := root.Decode(&file); err != nil {
		return err
	}
	for _, p := range file.Datasources {
		if p.Type != s.pluginID {
			continue
		}
		_, err := s.save(Source{
			UID: p.UID, Name: p.Name, Type: p.Type, URL: p.URL, User: p.User, Database: p.Database,
			BasicAuth: p.BasicAuth, BasicAuthUser: p.BasicAuthUser, IsDefault: p.IsDefault, ReadOnly: !p.Editable,
			JSONData: p.JSONData, SecureJSONData: p.SecureJSONData,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expandNode expands values after parsing, as Grafana does, so that no value can change the file's structure. An
// expanded value stays a string, even "60" and "true", and plugins must accept that.
func expandNode(node *yaml.Node, env map[string]string) {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!str" {
		node.Value = expand(node.Value, env)
	}
	for _, child := range node.Content {
		expandNode(child, env)
	}
}

var envReference = regexp.MustCompile(`\$\$|\$\{\w+\}|\$\w+`)

// expand replaces $NAME and ${NAME}; $$ is a dollar sign.
func expand(text string, env map[string]string) string {
	return envReference.ReplaceAllStringFunc(text, func(match string) string {
		if match == "$$" {
			return "$"
		}
		return env[strings.Trim(match, "${}")]
	})
}
