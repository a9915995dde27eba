package plugin

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
)

const (
	linksKey   = "dataLinks"
	maxLinks   = 50
	maxLinkURL = 4096 // bytes
	maxPattern = 500  // bytes
	// consoleVariable stands for the URL of the data source in a link.
	consoleVariable = "${console}"
	defaultTitle    = "Open"
)

// dataLink is a link in the settings.
type dataLink struct {
	Field   string `json:"field"`
	Title   string `json:"title"`
	Pattern string `json:"pattern"`
	URL     string `json:"url"`
}

// links reads the data links. Provisioning from an environment variable turns the list into a JSON string.
func (r *settingsReader) links() []dataLink {
	value := r.values[linksKey]
	raw := []byte(nil)
	if text, isText := value.(string); isText {
		raw = []byte(strings.TrimSpace(text))
	} else if value != nil {
		raw, _ = json.Marshal(value) // it was decoded from JSON
	}
	if len(raw) == 0 {
		return nil
	}
	var links []dataLink
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&links); err != nil && r.err == nil {
		r.err = fmt.Errorf("%s must be a list of links, each with field, title, pattern and url: %.200s", linksKey, err.Error())
	}
	if len(links) > maxLinks && r.err == nil {
		r.err = fmt.Errorf("%s has %d links, more than the %d that are allowed", linksKey, len(links), maxLinks)
	}
	return links
}

// frameLinks checks the data links and fills in the address of the console.
func (s settings) frameLinks() ([]frame.Link, error) {
	links := make([]frame.Link, len(s.links))
	for i, l := range s.links {
		link, err := s.frameLink(l)
		if err != nil {
			return nil, fmt.Errorf("%s[%d].%w", linksKey, i, err)
		}
		links[i] = link
	}
	return links, nil
}

func (s settings) frameLink(l dataLink) (frame.Link, error) {
	link := frame.Link{Field: strings.TrimSpace(l.Field), Title: strings.TrimSpace(l.Title)}
	if link.Title == "" {
		link.Title = defaultTitle
	}
	if !auditlog.Key(link.Field).Known() {
		return link, fmt.Errorf("field has an unknown value %.60q: allowed are %s", l.Field, auditlog.KeyList())
	}
	if len(l.Pattern) > maxPattern {
		return link, fmt.Errorf("pattern is too long: at most %d bytes", maxPattern)
	}
	if l.Pattern != "" {
		pattern, err := regexp.Compile(l.Pattern)
		if err != nil {
			return link, fmt.Errorf("pattern is not a regular expression: %.200s", err.Error())
		}
		link.Pattern = pattern
	}
	link.URL = strings.ReplaceAll(strings.TrimSpace(l.URL), consoleVariable, strings.TrimRight(s.url, "/"))
	return link, s.checkLink(link.URL)
}

// linkVariable matches a variable that Grafana fills in.
var linkVariable = regexp.MustCompile(`\$\{[^}]*\}|\$\w+`)

// checkLink accepts links that a browser can follow without harm: http or https, to a host that no value of an event chooses, and without
// a secret.
func (s settings) checkLink(address string) error {
	const example = "https://directory.example.com/search?q=${__value.raw:percentencode}"
	if len(address) > maxLinkURL {
		return fmt.Errorf("url is too long: at most %d bytes", maxLinkURL)
	}
	for _, secret := range s.secrets {
		if secret != "" && strings.Contains(address, secret) {
			return fmt.Errorf("url contains a secret of this data source: viewers can read links")
		}
	}
	plain := linkVariable.ReplaceAllString(address, "VARIABLE")
	u, err := url.Parse(plain)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("url must begin with https:// or http://, such as %s", example)
	case u.User != nil:
		return fmt.Errorf("url must not contain a user or a password: viewers can read links")
	case strings.Contains(u.Host, "VARIABLE"):
		return fmt.Errorf("url must name its host: a variable may only come after it, such as in %s", example)
	}
	return nil
}
