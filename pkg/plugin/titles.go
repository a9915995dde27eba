package plugin

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	lru "github.com/hashicorp/golang-lru/v2"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

const (
	maxTitles = 1000
	maxTitle  = 200 // bytes
)

// title is what Grafana calls the origin of a request.
type title struct{ dashboard, panel, rule string }

// knownTitles outlives instances, as the rate limit does: Grafana may use one instance for panels and another for alert rules.
var knownTitles = newTitles()

// titles holds the titles of origins. Grafana sends them with each query; the rate limit counts by UID only.
type titles struct {
	known *lru.Cache[ratelimit.Origin, title]
}

func newTitles() titles {
	known, err := lru.New[ratelimit.Origin, title](maxTitles)
	if err != nil {
		panic(err) // the size is a constant
	}
	return titles{known}
}

// record keeps the titles that a query comes with, if there are any.
func (t titles) record(o ratelimit.Origin, req *backend.QueryDataRequest) {
	named := title{
		dashboard: readable(req.GetHTTPHeader("X-Dashboard-Title")),
		panel:     readable(req.GetHTTPHeader("X-Panel-Title")),
		rule:      readable(ruleName(req.GetHTTPHeader("X-Rule-Name"))),
	}
	if named != (title{}) {
		t.known.Add(o, named)
	}
}

// of returns the titles of an origin. If a title is unknown, its UID replaces it.
func (t titles) of(o ratelimit.Origin) title {
	named, _ := t.known.Peek(o)
	if named.dashboard == "" || o.Dashboard == "" {
		named.dashboard = o.Dashboard
	}
	if named.panel == "" || o.Panel == "" {
		named.panel = o.Panel
	}
	if named.rule == "" || o.Rule == "" {
		named.rule = o.Rule
	}
	return named
}

// ruleName decodes the name of a rule as alerting encodes it, with a plus sign for a space.
func ruleName(header string) string {
	if name, err := url.QueryUnescape(header); err == nil {
		return name
	}
	return header
}

// readable returns a header's text in UTF-8, of at most maxTitle bytes. A browser sends Latin-1.
func readable(text string) string {
	if !utf8.ValidString(text) {
		runes := make([]rune, len(text))
		for i := range len(text) {
			runes[i] = rune(text[i])
		}
		text = string(runes)
	}
	if len(text) > maxTitle {
		text = strings.ToValidUTF8(text[:maxTitle], "")
	}
	return text
}
