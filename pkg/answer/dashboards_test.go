package answer

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/query"
)

// board is the part of a provisioned dashboard that is looked at.
type board struct {
	UID, Title, Description string
	Tags                    []string
	Links                   []any
	Panels                  []boardPanel
	Templating              struct {
		List []boardVariable
	}
}

type boardVariable struct {
	Name, Type string
	Query      json.RawMessage
	Multi      bool
	IncludeAll bool
	// AllowCustomValue lets a viewer enter what is not in the list, such as a range of addresses.
	AllowCustomValue bool
}

type boardPanel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []json.RawMessage
	FieldConfig              struct {
		Defaults struct {
			Links   []boardLink
			NoValue string
		}
		Overrides []boardOverride
	}
	Transformations []struct {
		ID      string
		Options struct {
			Include struct{ Names []string }
		}
	}
}

type boardOverride struct {
	Matcher struct {
		ID      string
		Options json.RawMessage
	}
	Properties []struct {
		ID    string
		Value json.RawMessage
	}
}

type boardLink struct{ Title, URL string }

// target is what a query selects.
type target struct {
	QueryType  string
	Query      string
	Source     string
	Criteria   map[string]any
	Exclusions map[string]any
	GroupBy    []string
	Fold       bool
}

func readBoards(t *testing.T) map[string]board {
	t.Helper()
	paths, err := filepath.Glob("../../provisioning/dashboards/*.json")
	require.NoError(t, err)
	require.Len(t, paths, 8)
	boards := map[string]board{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		var b board
		require.NoError(t, json.Unmarshal(raw, &b), path)
		require.NotContains(t, boards, b.UID)
		boards[b.UID] = b
	}
	return boards
}

func (p boardPanel) links(t *testing.T) []boardLink {
	t.Helper()
	links := slices.Clone(p.FieldConfig.Defaults.Links)
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID == "links" {
				var more []boardLink
				require.NoError(t, json.Unmarshal(property.Value, &more))
				links = append(links, more...)
			}
		}
	}
	return links
}

// variable is one in a list: with none of its values chosen, nothing is left of it.
var variable = regexp.MustCompile(`"\$\w+"`)

func TestDashboardsAreSound(t *testing.T) {
	for uid, b := range readBoards(t) {
		t.Run(uid, func(t *testing.T) {
			require.Regexp(t, `^[a-z-]{1,39}$`, b.UID, "Grafana's uids have at most 40 characters")
			for _, text := range []string{b.Title, b.Description} {
				require.NotEmpty(t, text)
			}
			require.Contains(t, b.Tags, "audit", "the demo finds them by it")
			require.NotEmpty(t, b.Panels)
			ids, taken := map[int]bool{}, map[[2]int]string{}
			for _, p := range b.Panels {
				require.False(t, p.ID < 1 || ids[p.ID], "id %d of %q", p.ID, p.Title)
				ids[p.ID] = true
				require.NotEmpty(t, p.Title)
				require.NotEmpty(t, p.Description, p.Title)
				require.NotEmpty(t, p.Targets, p.Title)
				require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
				for x := range p.GridPos.W {
					for y := range p.GridPos.H {
						cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
						require.Empty(t, taken[cell], "%q lies on another panel", p.Title)
						taken[cell] = p.Title
					}
				}
				for _, raw := range p.Targets {
					_, err := query.Parse(variable.ReplaceAll(raw, nil), catalog.Default(), 100_000)
					require.NoError(t, err, p.Title)
				}
			}
		})
	}
}

// Grafana offers for import what the plugin's description lists.
func TestDashboardsComeWithThePlugin(t *testing.T) {
	raw, err := os.ReadFile("../../plugin.json")
	require.NoError(t, err)
	var plugin struct {
		Includes []struct{ Type, Name, Path string }
	}
	require.NoError(t, json.Unmarshal(raw, &plugin))
	listed := map[string]string{}
	for _, include := range plugin.Includes {
		require.Equal(t, "dashboard", include.Type)
		require.FileExists(t, filepath.Join("../../provisioning", include.Path))
		listed[include.Name] = include.Path
	}
	boards := readBoards(t)
	require.Len(t, listed, len(boards))
	for _, b := range boards {
		require.Contains(t, listed, b.Title)
	}
}

// What a viewer can choose is what the events of the time range have, so it includes what rules of the user's own say.
func TestDashboardsOfferTheValuesOfEvents(t *testing.T) {
	offered := map[string]int{}
	for _, b := range readBoards(t) {
		for _, v := range b.Templating.List {
			if v.Type == "datasource" || v.Type == "adhoc" {
				continue
			}
			require.Equal(t, "query", v.Type, "%s of %s", v.Name, b.UID)
			var values struct{ Field string }
			require.NoError(t, json.Unmarshal(v.Query, &values))
			require.Equal(t, v.Name, values.Field, b.UID)
			require.True(t, v.Multi && v.IncludeAll && v.AllowCustomValue, "%s of %s", v.Name, b.UID)
			offered[v.Name]++
		}
	}
	require.Equal(t, map[string]int{"account": 2, "address": 2, "category": 1, "action": 1, "outcome": 1}, offered)
}

// A dashboard of events can be filtered by any field.
func TestDashboardsOfEventsHaveFilters(t *testing.T) {
	for uid, b := range readBoards(t) {
		if uid == "cbc-audit-public" || uid == "cbc-audit-plugin" {
			continue
		}
		filters := 0
		for _, v := range b.Templating.List {
			if v.Type == "adhoc" {
				filters++
			}
		}
		require.Equal(t, 1, filters, uid)
	}
}

// Every account in a table leads to the dashboard about it, and every address.
func TestDashboardsLeadToAccountsAndAddresses(t *testing.T) {
	about := map[string]string{
		"account": "/d/cbc-audit-person?${__url_time_range}&${datasource:queryparam}&var-account=${__data.fields.account:percentencode}",
		"address": "/d/cbc-audit-address?${__url_time_range}&${datasource:queryparam}&var-address=${__data.fields.address:percentencode}",
	}
	eachOverride(t, func(p boardPanel, o boardOverride, name string) {
		if about[name] == "" {
			return
		}
		var links []boardLink
		require.True(t, o.property(t, "links", &links), "%q, column %s", p.Title, name)
		require.Len(t, links, 1, p.Title)
		require.Equal(t, about[name], links[0].URL, p.Title)
	})
	for uid, b := range readBoards(t) {
		for _, p := range b.Panels {
			if p.Type == "logs" {
				require.Empty(t, p.links(t), "%q of %s: Grafana ignores the fields' settings of a logs panel", p.Title, uid)
			}
		}
	}
}

// A dashboard that everybody may see has nothing to choose, leads nowhere and names nobody.
func TestPublicDashboardNamesNobody(t *testing.T) {
	b := readBoards(t)["cbc-audit-public"]
	require.Empty(t, b.Templating.List, "Grafana cannot share a dashboard with variables")
	require.Empty(t, b.Links)
	for _, p := range b.Panels {
		require.Empty(t, p.links(t), p.Title)
		for _, raw := range p.Targets {
			q, err := query.Parse(raw, catalog.Default(), 100_000)
			require.NoError(t, err)
			require.NotEqual(t, query.TypeEvents, q.Type, p.Title)
			for _, key := range q.GroupBy {
				require.True(t, key.Derived(), "%q groups by %s", p.Title, key)
			}
		}
	}
}

// Grafana's macros and formats, as far as the links use them. What people or devices are called may hold anything, so it never
// goes into a link but percent-encoded.
var reference = regexp.MustCompile(`\$\{([A-Za-z_.]+)(?::([a-z]+))?\}`)

func filledIn(t *testing.T, link, value string) string {
	t.Helper()
	return reference.ReplaceAllStringFunc(link, func(found string) string {
		name, format := reference.FindStringSubmatch(found)[1], reference.FindStringSubmatch(found)[2]
		word := slices.Contains([]string{"__field.labels.category", "__field.labels.action", "__field.labels.outcome"}, name)
		switch {
		case name == "__url_time_range":
			return "from=1700000000000&to=1700000900000"
		case name == "__from", name == "__to":
			return "1700000000000"
		case name == "datasource" && format == "queryparam":
			return "var-datasource=carbonblack"
		case name == "datasource":
			return "carbonblack"
		case format == "queryparam":
			return "var-" + name + "=" + url.QueryEscape(value)
		case format == "percentencode":
			return url.QueryEscape(value)
		}
		require.True(t, word, "%s goes into the link as it is", found)
		return "user_rule"
	})
}

func TestLinksLeadToTheEventsBehindANumber(t *testing.T) {
	boards := readBoards(t)
	linked := 0
	for _, b := range boards {
		for _, p := range b.Panels {
			for _, link := range p.links(t) {
				require.NotEmpty(t, link.Title, p.Title)
				for _, value := range []string{`DOMAIN\HOST`, `say "hi"`, "a+b@c", "x&var-account=y#z%20", "zoë, ${account}", ""} {
					got, err := url.Parse(filledIn(t, link.URL, value))
					require.NoError(t, err, p.Title)
					parameters, err := url.ParseQuery(got.RawQuery)
					require.NoError(t, err, p.Title)
					if got.Path == "/explore" {
						checkExplore(t, p, parameters)
					} else {
						checkBoardLink(t, boards, p, got, parameters, value)
					}
					linked++
				}
			}
		}
	}
	require.Greater(t, linked, 200)
}

// checkExplore wants the selection of the panel, with a series' own group instead of all of them.
func checkExplore(t *testing.T, p boardPanel, parameters url.Values) {
	t.Helper()
	var panes map[string]struct {
		Datasource string
		Queries    []json.RawMessage
		Range      struct{ From, To string }
	}
	require.NoError(t, json.Unmarshal([]byte(parameters.Get("panes")), &panes), p.Title)
	pane := panes["a"]
	require.Equal(t, "carbonblack", pane.Datasource)
	require.Regexp(t, `^\d+$`, pane.Range.From)
	require.Regexp(t, `^\d+$`, pane.Range.To)
	require.Len(t, pane.Queries, 1)
	var asked, shown target
	require.NoError(t, json.Unmarshal(p.Targets[0], &asked))
	require.NoError(t, json.Unmarshal(pane.Queries[0], &shown))
	require.Equal(t, "events", shown.QueryType)
	for _, key := range asked.GroupBy {
		if asked.QueryType == "series" {
			require.Equal(t, []any{"user_rule"}, shown.Criteria[key], "%q: a bar is about one %s", p.Title, key)
			delete(shown.Criteria, key)
			delete(asked.Criteria, key)
		}
	}
	require.NotRegexp(t, variable, string(p.Targets[0]), "%q: Explore does not know the variables of a dashboard", p.Title)
	if len(asked.Criteria) > 0 || len(shown.Criteria) > 0 {
		require.Equal(t, asked.Criteria, shown.Criteria, p.Title)
	}
	require.Equal(t, asked.Exclusions, shown.Exclusions, p.Title)
	require.Equal(t, []any{asked.Query, asked.Source, asked.Fold}, []any{shown.Query, shown.Source, shown.Fold}, p.Title)
}

// checkBoardLink wants that a link sets variables that the other dashboard has, and a value to the letter.
func checkBoardLink(t *testing.T, boards map[string]board, p boardPanel, got *url.URL, parameters url.Values, value string) {
	t.Helper()
	uid, found := strings.CutPrefix(got.Path, "/d/")
	require.True(t, found, got.Path)
	other, known := boards[uid]
	require.True(t, known, got.Path)
	require.Equal(t, "1700000900000", parameters.Get("to"), "%q: the link keeps the time range", p.Title)
	require.Equal(t, "carbonblack", parameters.Get("var-datasource"), p.Title)
	names := map[string]bool{}
	for _, v := range other.Templating.List {
		names["var-"+v.Name] = true
	}
	for name, values := range parameters {
		if strings.HasPrefix(name, "var-") {
			require.True(t, names[name], "%q sets %s, which %s does not have", p.Title, name, uid)
		}
		if name == "var-account" || name == "var-address" {
			require.Len(t, values, 1, p.Title)
			require.Contains(t, []string{value, "$__all"}, values[0], p.Title)
		}
	}
}
