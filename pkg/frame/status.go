package frame

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Number is a measurement of the plugin itself.
type Number struct {
	Name  string
	Value *float64 // nil if there is nothing to measure
}

// Status makes one row of numbers, one column each.
func Status(numbers []Number) Frames {
	fields := make([]*data.Field, len(numbers))
	for i, n := range numbers {
		fields[i] = data.NewField(n.Name, nil, []*float64{n.Value})
	}
	return measured(fields)
}

// Caller is what one panel or alert rule has spent.
type Caller struct {
	Dashboard, Panel, Rule                string // UIDs
	DashboardTitle, PanelTitle, RuleTitle string // or the UID
	Calls, Throttled                      int64
	Waited                                time.Duration
}

// Callers makes a table of the callers.
func Callers(callers []Caller) Frames {
	number := func(name, unit string, value func(Caller) int64) *data.Field {
		field := column(name, callers, value)
		field.Config = &data.FieldConfig{Unit: unit}
		return field
	}
	return measured([]*data.Field{
		column("dashboard", callers, func(c Caller) string { return c.Dashboard }),
		column("panel", callers, func(c Caller) string { return c.Panel }),
		column("rule", callers, func(c Caller) string { return c.Rule }),
		number("calls", "short", func(c Caller) int64 { return c.Calls }),
		number("waited", "ms", func(c Caller) int64 { return c.Waited.Milliseconds() }),
		number("throttled", "short", func(c Caller) int64 { return c.Throttled }),
		column("dashboardTitle", callers, func(c Caller) string { return c.DashboardTitle }),
		column("panelTitle", callers, func(c Caller) string { return c.PanelTitle }),
		column("ruleTitle", callers, func(c Caller) string { return c.RuleTitle }),
	})
}

func measured(fields []*data.Field) Frames {
	f := data.NewFrame("", fields...)
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: typeVersion, PreferredVisualization: data.VisTypeTable, ExecutedQueryString: "nothing was sent: the plugin reports about itself"}
	return Frames{f}
}
