package plugin

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/frame"
)

func linksOn(frames frame.Frames) map[string][]string {
	found := map[string][]string{}
	for _, f := range frames {
		for _, field := range f.Fields {
			if field.Config == nil {
				continue
			}
			for _, link := range field.Config.Links {
				found[field.Name] = append(found[field.Name], link.URL)
			}
		}
	}
	return found
}

func TestDataLinks(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	list := []any{
		map[string]any{"field": "account", "title": "Directory", "url": "https://dir.test/?q=${__value.raw:percentencode}"},
		map[string]any{"field": "address", "url": "${console}/audit?ip=${__value.raw}"},
		map[string]any{"field": "description", "title": "Login", "pattern": "(?i)logged (in)", "url": "https://wiki.test/${__value.raw}"},
	}
	asText := `[{"field":"account","title":"Directory","url":"https://dir.test/?q=${__value.raw:percentencode}"},` +
		`{"field":"address","url":"${console}/audit?ip=${__value.raw}"},{"field":"description","title":"Login","pattern":"(?i)logged (in)","url":"https://wiki.test/${__value.raw}"}]`
	directory, console, wiki := "https://dir.test/?q=${__value.raw:percentencode}", url+"/audit?ip=${__value.raw}", "https://wiki.test/${__value.raw}"
	for _, value := range []any{list, asText} {
		d := newInstance(t, settingsOf(sim, url, 0, map[string]any{"dataLinks": value}))
		answers := ask(t, d, nil, `{"format":"table"}`, `{"format":"logs"}`, `{"queryType":"top","groupBy":["account"]}`, `{"queryType":"count","groupBy":["account"]}`)
		require.Equal(t, map[string][]string{"account": {directory}, "address": {console}, "Login": {wiki}}, linksOn(answers["A"].Frames))
		require.Equal(t, map[string][]string{"Directory": {directory}, "Open": {console}, "Login": {wiki}}, linksOn(answers["B"].Frames))
		require.Equal(t, map[string][]string{"account": {directory}}, linksOn(answers["C"].Frames))
		require.Empty(t, linksOn(answers["D"].Frames))
		for _, header := range []string{"FromAlert", "http_X-Grafana-From-Expr"} {
			rule := ask(t, d, map[string]string{header: "true"}, `{"format":"table"}`)["A"]
			require.NoError(t, rule.Error)
			require.Empty(t, linksOn(rule.Frames), "rules and expressions need no links")
		}
	}
}

func TestDataLinksThatAreRefused(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	secret := sim.Keys()[0].APISecret
	link := func(field, pattern, url string) []any {
		return []any{map[string]any{"field": "account", "url": "https://fine.test"}, map[string]any{"field": field, "pattern": pattern, "url": url}}
	}
	for words, value := range map[string]any{
		"dataLinks must be a list of links":                "yes",
		"dataLinks must be a list":                         map[string]any{"field": "account"},
		`unknown field "colour"`:                           []any{map[string]any{"colour": "red"}},
		`dataLinks[1].field has an unknown value "colour"`: link("colour", "", "https://a.test"),
		"dataLinks[1].pattern is not a regular expression": link("account", "(", "https://a.test"),
		"pattern is too long":                              link("account", strings.Repeat("x", 600), "https://a.test"),
		"url must begin with https:// or http://":          link("account", "", "javascript:alert(1)"),
		"url must begin with":                              link("account", "", "/relative"),
		"url must begin with https":                        link("account", "", "data:text/html,x"),
		"url must not contain a user":                      link("account", "", "https://user:word@a.test"),
		"url must name its host":                           link("account", "", "https://${__value.raw}.test/"),
		"url contains a secret":                            link("account", "", "https://a.test/?token="+secret),
		"url is too long":                                  link("account", "", "https://a.test/"+strings.Repeat("x", 5000)),
	} {
		_, err := parseSettings(settingsOf(sim, url, 0, map[string]any{"dataLinks": value}))
		require.ErrorContains(t, err, words)
		require.NotContains(t, err.Error(), secret)
	}
	for _, empty := range []any{nil, "", []any{}} {
		_, err := parseSettings(settingsOf(sim, url, 0, map[string]any{"dataLinks": empty}))
		require.NoError(t, err)
	}
}
