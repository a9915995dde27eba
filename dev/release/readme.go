package release

import (
	"io/fs"
	"regexp"
	"strings"
)

var (
	imageLine    = regexp.MustCompile(`(?m)^!\[[^\]]*\]\([^)]*\)\n+`)
	relativeLink = regexp.MustCompile(`\[([^\]]*)\]\(([^):#]+)(#[^)]*)?\)`)
)

// catalogReadme returns README.md for the catalog's page, where a relative link leads nowhere: it names the repository at the tag
// of the version, or is plain text as long as package.json names no repository.
func catalogReadme(text, repository, version string) string {
	repository = strings.TrimSuffix(strings.TrimPrefix(repository, "git+"), ".git")
	if repository == "" {
		return relativeLink.ReplaceAllString(imageLine.ReplaceAllString(text, ""), "$1")
	}
	text = relativeLink.ReplaceAllString(text, "[$1]("+repository+"/blob/v"+version+"/$2$3)")
	return strings.ReplaceAll(text, "]("+repository+"/blob/v"+version+"/src/img/", "]("+repository+"/raw/v"+version+"/src/img/")
}

// repositoryOf returns the address of the repository in package.json, which may be missing.
func repositoryOf(source fs.FS) (string, error) {
	var p struct {
		Repository struct {
			URL string `json:"url"`
		} `json:"repository"`
	}
	err := readJSON(source, "package.json", &p)
	return p.Repository.URL, err
}
