package workbench

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/gtime"
)

// Grafana's default for a panel of normal width.
const panelMaxDataPoints = 500

// allValues is what Grafana saves for a variable with the value All.
const allValues = "$__all"

type dashboardJSON struct {
	UID        string         `json:"uid"`
	Time       timeRangeJSON  `json:"time"`
	Panels     []panelJSON    `json:"panels"`
	Templating templatingJSON `json:"templating"`
}

type timeRangeJSON struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type templatingJSON struct {
	List []struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Query    any    `json:"query"`
		AllValue string `json:"allValue"`
		Current  struct {
			Value any `json:"value"`
		} `json:"current"`
	} `json:"list"`
}

type panelJSON struct {
	ID            int              `json:"id"`
	Title         string           `json:"title"`
	Type          string           `json:"type"`
	MaxDataPoints int64            `json:"maxDataPoints"`
	Interval      string           `json:"interval"`
	TimeFrom      string           `json:"timeFrom"`
	Datasource    any              `json:"datasource"`
	Targets       []map[string]any `json:"targets"`
	Panels        []panelJSON      `json:"panels"`
}

// variable holds the selected values of a dashboard variable; none means All.
type variable struct {
	values []string
	all    string
}

// flattenPanels includes the panels of collapsed rows.
func flattenPanels(panels []panelJSON) []panelJSON {
	var flat []panelJSON
	for _, panel := range panels {
		flat = append(flat, panel)
		flat = append(flat, flattenPanels(panel.Panels)...)
	}
	return flat
}

// variables returns the saved values. A data source variable without one gets the first data source of its type.
func (c *panelClient) variables(ctx context.Context) (map[string]variable, error) {
	vars := map[string]variable{}
	for _, v := range c.board.Templating.List {
		values := savedValues(v.Current.Value)
		if v.Type == "datasource" && (len(values) == 0 || values[0] == "" || values[0] == "default") {
			uid, err := c.firstSource(ctx, fmt.Sprint(v.Query))
			if err != nil {
				return nil, err
			}
			values = []string{uid}
		}
		if slices.Contains(values, allValues) {
			values = nil
		}
		vars[v.Name] = variable{values: values, all: v.AllValue}
	}
	return vars, nil
}

func savedValues(saved any) []string {
	switch value := saved.(type) {
	case string:
		return []string{value}
	case []any:
		values := make([]string, 0, len(value))
		for _, item := range value {
			values = append(values, fmt.Sprint(item))
		}
		return values
	default:
		return nil
	}
}

func (c *panelClient) firstSource(ctx context.Context, pluginID string) (string, error) {
	var list []Source
	if err := c.get(ctx, "api/datasources", &list); err != nil {
		return "", err
	}
	for _, source := range list {
		if source.Type == pluginID {
			return source.UID, nil
		}
	}
	return "", fmt.Errorf("no data source of type %q", pluginID)
}

func (c *panelClient) queryBody(panel panelJSON) ([]byte, error) {
	timeRange := c.board.Time
	if panel.TimeFrom != "" {
		timeRange = timeRangeJSON{From: "now-" + panel.TimeFrom, To: "now"}
	}
	points := panel.MaxDataPoints
	if points == 0 {
		points = panelMaxDataPoints
	}
	interval, err := panelInterval(timeRange, points, panel.Interval)
	if err != nil {
		return nil, err
	}
	queries := make([]any, 0, len(panel.Targets))
	for _, target := range panel.Targets {
		query, _ := c.interpolate(target).(map[string]any)
		if hidden, _ := query["hide"].(bool); hidden {
			continue
		}
		if query["datasource"] == nil {
			query["datasource"] = c.interpolate(panel.Datasource)
		}
		query["maxDataPoints"], query["intervalMs"] = points, interval.Milliseconds()
		queries = append(queries, query)
	}
	return json.Marshal(map[string]any{"from": timeRange.From, "to": timeRange.To, "queries": queries})
}

// panelInterval returns the interval that Grafana's front end requests: one point per pixel, rounded to a common step.
func panelInterval(timeRange timeRangeJSON, points int64, minimum string) (time.Duration, error) {
	parser := gtime.NewTimeRange(timeRange.From, timeRange.To)
	from, err := parser.ParseFrom()
	if err != nil {
		return 0, fmt.Errorf("from %q: %w", timeRange.From, err)
	}
	to, err := parser.ParseTo()
	if err != nil {
		return 0, fmt.Errorf("to %q: %w", timeRange.To, err)
	}
	interval := gtime.RoundInterval(to.Sub(from) / time.Duration(points))
	if minimum == "" {
		return interval, nil
	}
	least, err := gtime.ParseInterval(strings.TrimPrefix(minimum, ">"))
	return max(interval, least), err
}

var wholeReference = regexp.MustCompile(`^(?:\$(\w+)|\$\{(\w+)(?::\w+)?\})$`)

var anyReference = regexp.MustCompile(`\$\w+|\$\{\w+(?::\w+)?\}`)

// interpolate replaces variables in every string. In a list, a variable becomes its values,
// so All and an empty text box leave an empty list.
func (c *panelClient) interpolate(value any) any {
	switch value := value.(type) {
	case map[string]any:
		result := make(map[string]any, len(value))
		for key, item := range value {
			result[key] = c.interpolate(item)
		}
		return result
	case []any:
		result := []any{}
		for _, item := range value {
			result = append(result, c.interpolateItem(item)...)
		}
		return result
	case string:
		return anyReference.ReplaceAllStringFunc(value, c.replace)
	default:
		return value
	}
}

func (c *panelClient) interpolateItem(item any) []any {
	text, _ := item.(string)
	v, known := c.lookup(wholeReference.FindString(text))
	if !known {
		return []any{c.interpolate(item)}
	}
	items := []any{}
	for _, value := range v.values {
		if value != "" { // an empty text box has no effect
			items = append(items, value)
		}
	}
	return items
}

// replace writes values in Lucene: a phrase for one, a group of phrases for several.
func (c *panelClient) replace(reference string) string {
	v, known := c.lookup(reference)
	switch {
	case !known:
		return reference
	case len(v.values) == 0 && v.all != "":
		return v.all
	case len(v.values) == 0:
		return "*"
	case len(v.values) == 1:
		return v.values[0]
	}
	phrases := make([]string, len(v.values))
	for i, value := range v.values {
		phrases[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	return "(" + strings.Join(phrases, " OR ") + ")"
}

func (c *panelClient) lookup(reference string) (variable, bool) {
	name, _, _ := strings.Cut(strings.Trim(reference, "${}"), ":")
	v, known := c.vars[name]
	return v, known
}
