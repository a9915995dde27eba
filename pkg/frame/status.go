package frame

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Number is something measured of the plugin itself.
type Number struct {
	Name  string
	Value *float64 // nil when there is nothing to measure
}

// Status makes one row of numbers, a column each.
func Status(numbers []Number) Frames {
	fields := make([]*data.Field, len(numbers))
	for i, n := range numbers {
		fields[i] = data.NewField(n.Name, nil, []*float64{n.Value})
	}
	return measured(fields)
}

// Caller is what one panel or alert rule has spent. What it does not have is empty.
type Caller struct {
	Dashboard, Panel, Rule string
	Calls, Throttled       int64
	Waited                 time.Duration
}

// Callers makes a table of who has spent what.
func Callers(callers []Caller) Frames {
	column := func(name, unit string, value func(Caller) int64) *data.Field {
		values := make([]int64, len(callers))
		for i, c := range callers {
			values[i] = value(c)
		}
		field := data.NewField(name, nil, values)
		field.Config = &data.FieldConfig{Unit: unit}
		return field
	}
	text := func(name string, value func(Caller) string) *data.Field {
		values := make([]string, len(callers))
		for i, c := range callers {
			values[i] = value(c)
		}
		return data.NewField(name, nil, values)
	}
	return measured([]*data.Field{
		text("dashboard", func(c Caller) string { return c.Dashboard }),
		text("panel", func(c Caller) string { return c.Panel }),
		text("rule", func(c Caller) string { return c.Rule }),
		column("calls", "short", func(c Caller) int64 { return c.Calls }),
		column("waited", "ms", func(c Caller) int64 { return c.Waited.Milliseconds() }),
		column("throttled", "short", func(c Caller) int64 { return c.Throttled }),
	})
}

func measured(fields []*data.Field) Frames {
	f := data.NewFrame("", fields...)
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: typeVersion, PreferredVisualization: data.VisTypeTable, ExecutedQueryString: "nothing was sent: the plugin reports about itself"}
	return Frames{f}
}
