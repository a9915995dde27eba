package answer

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/catalog"
)

// property reads a property of an override and reports whether there is one.
func (o boardOverride) property(t *testing.T, id string, value any) bool {
	t.Helper()
	for _, p := range o.Properties {
		if p.ID == id {
			require.NoError(t, json.Unmarshal(p.Value, value))
			return true
		}
	}
	return false
}

// name is the field that an override matches by name, or "".
func (o boardOverride) name(t *testing.T) string {
	t.Helper()
	if o.Matcher.ID != "byName" {
		return ""
	}
	var name string
	require.NoError(t, json.Unmarshal(o.Matcher.Options, &name))
	return name
}

func eachOverride(t *testing.T, visit func(p boardPanel, o boardOverride, name string)) {
	t.Helper()
	for _, b := range readBoards(t) {
		for _, p := range b.Panels {
			for _, o := range p.FieldConfig.Overrides {
				visit(p, o, o.name(t))
			}
		}
	}
}

// words are the values of the catalog whose colors are fixed.
func words() map[string][]string {
	c := catalog.Default()
	return map[string][]string{"category": c.Categories(), "outcome": c.Outcomes(), "severity": {"critical", "error", "info", "warning"}}
}

// colorsOf returns the colors of a panel's series, or those of the cells of a column, by value.
func colorsOf(t *testing.T, p boardPanel) map[string]map[string]string {
	t.Helper()
	colors := map[string]map[string]string{}
	var asked target
	require.NoError(t, json.Unmarshal(p.Targets[0], &asked))
	series := ""
	if p.Type == "timeseries" && len(asked.GroupBy) == 1 {
		series = asked.GroupBy[0]
		colors[series] = map[string]string{}
	}
	for _, o := range p.FieldConfig.Overrides {
		var color struct{ FixedColor string }
		if series != "" && o.property(t, "color", &color) {
			colors[series][o.name(t)] = color.FixedColor
		}
		var mappings []struct {
			Options map[string]struct{ Color string }
		}
		if o.property(t, "mappings", &mappings) {
			column := map[string]string{}
			for value, option := range mappings[0].Options {
				column[value] = option.Color
			}
			colors[o.name(t)] = column
		}
	}
	return colors
}

// A category, an outcome or a severity has the same color on every dashboard, and none is without.
func TestDashboardsColorAValueAlike(t *testing.T) {
	seen := map[string]map[string]string{}
	for _, b := range readBoards(t) {
		for _, p := range b.Panels {
			for field, colors := range colorsOf(t, p) {
				for _, value := range words()[field] {
					require.NotEmpty(t, colors[value], "%q of %s: %s has no color", p.Title, b.UID, value)
					if seen[field] == nil {
						seen[field] = map[string]string{}
					}
					if other, ok := seen[field][value]; ok {
						require.Equal(t, other, colors[value], "%q of %s: %s", p.Title, b.UID, value)
					}
					seen[field][value] = colors[value]
				}
			}
		}
	}
	require.Len(t, seen, len(words()))
	used := map[string]string{}
	for category, color := range seen["category"] {
		require.Empty(t, used[color], "%s has the color of %s", category, used[color])
		used[color] = category
		for _, background := range []string{"#ffffff", "#181b1f"} {
			require.GreaterOrEqual(t, contrast(t, color, background), 3.0, "%s on %s", category, background)
		}
	}
}

// contrast is the contrast ratio of two colors by the WCAG.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	light := func(color string) float64 {
		var sum float64
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
			require.NoError(t, err, color)
			channel := float64(n) / 255
			if channel <= 0.04045 {
				sum += weight * channel / 12.92
			} else {
				sum += weight * math.Pow((channel+0.055)/1.055, 2.4)
			}
		}
		return sum + 0.05
	}
	return max(light(a), light(b)) / min(light(a), light(b))
}

// A panel whose query failed has no value, and must not look as if nothing had happened. Where nothing has happened, the answer is 0.
func TestDashboardsShowNoZeroForAFailure(t *testing.T) {
	for _, b := range readBoards(t) {
		for _, p := range b.Panels {
			require.NotEqual(t, "0", p.FieldConfig.Defaults.NoValue, "%q", p.Title)
		}
	}
}

// An empty account or address is shown as the data source shows one in a legend, and so in every table.
func TestDashboardsShowAnEmptyValueAlike(t *testing.T) {
	shown := 0
	eachOverride(t, func(p boardPanel, o boardOverride, name string) {
		if !slices.Contains([]string{"account", "address"}, name) {
			return
		}
		var text string
		require.True(t, o.property(t, "noValue", &text), "%q, column %s", p.Title, name)
		require.Equal(t, "(none)", text, "%q, column %s", p.Title, name)
		var tooltip struct{ Field string }
		require.True(t, o.property(t, "custom.tooltip", &tooltip), "%q, column %s: a cell that is cut shows the rest", p.Title, name)
		require.Equal(t, name, tooltip.Field)
		shown++
	})
	require.Greater(t, shown, 10)
}

// Without a unit, Grafana adds milliseconds to the times of a short list, and its column is too narrow for them.
func TestDashboardsFormatTimes(t *testing.T) {
	shown := 0
	eachOverride(t, func(p boardPanel, o boardOverride, name string) {
		if slices.Contains([]string{"create_time", "first", "last"}, name) {
			var unit string
			require.True(t, o.property(t, "unit", &unit), "%q, column %s", p.Title, name)
			shown++
		}
	})
	require.Greater(t, shown, 10)
}

// The plugin may add columns to a table of events: only the named ones are shown.
func TestDashboardsShowNamedColumnsOfEvents(t *testing.T) {
	for _, b := range readBoards(t) {
		for _, p := range b.Panels {
			var asked target
			require.NoError(t, json.Unmarshal(p.Targets[0], &asked))
			if p.Type != "table" || asked.QueryType != "events" {
				continue
			}
			var names []string
			for _, transformation := range p.Transformations {
				if transformation.ID == "filterFieldsByName" {
					names = transformation.Options.Include.Names
				}
			}
			for _, o := range p.FieldConfig.Overrides {
				var hidden bool
				require.False(t, o.property(t, "custom.hideFrom.viz", &hidden),
					"%q: Grafana matches the titles of columns, so a pattern of the other names hides all of them", p.Title)
			}
			require.Contains(t, names, "create_time", p.Title)
			require.Contains(t, names, "account", p.Title)
			require.Contains(t, names, "description", p.Title)
		}
	}
}

// Grafana cuts the title of a panel that is too narrow: on a screen of 1024 pixels with the menu docked, 690 are left.
func TestTitlesOfNumbersFitNarrowScreens(t *testing.T) {
	const dashboard, letter, besides = 690, 7.5, 46
	for _, b := range readBoards(t) {
		for _, p := range b.Panels {
			if p.Type == "stat" {
				width := float64(dashboard*p.GridPos.W)/24 - besides
				require.LessOrEqual(t, letter*float64(len(p.Title)), width, "%q of %s", p.Title, b.UID)
			}
		}
	}
}
