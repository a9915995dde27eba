// Package frame turns results into Grafana data frames, by the rules of Grafana's data plane. It is pure, and the only package that
// imports the data frame library.
package frame

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Frames is the answer to one query.
type Frames = data.Frames

// typeVersion is the version of the data plane contract. Grafana's expressions use the type of a frame only if it is not zero.
var typeVersion = data.FrameTypeVersion{0, 1}

// Notice is a message that Grafana shows on the panel.
type Notice struct {
	Warning bool // else information
	Text    string
}

// Stats are the statistics of an answer, shown in the query inspector.
type Stats struct {
	Found        int // events that match in the time range
	FoundAtLeast bool
	Read         int // events that were read to answer
	Shown        int // rows, or events counted in what is shown
	Counted      int // counts that were requested instead of reading the events
	Calls        int // requests sent to Carbon Black Cloud
	BudgetLeft   int // requests that may still be sent in the present five minutes
	CacheShare   float64
	Wait         time.Duration // time spent waiting for the rate limit
	Classified   bool          // events were classified
	Unknown      float64       // share of the matching events that the catalog does not know
	Folded       int           // entries of policy edits that are part of another row
}

// Meta describes an answer.
type Meta struct {
	Executed    string // what was sent, without secrets
	Notices     []Notice
	Stats       Stats
	SearchWords []string // words to highlight in the rows of a log
	Limit       int
	Fold        bool // entries of one policy edit are one row
	// DescriptionOnly leaves the account and the address out of the lines of a log.
	DescriptionOnly bool
}

// describe puts notices and statistics on the first frame, and what was sent on all frames.
func describe(frames Frames, frameType data.FrameType, visualization data.VisType, m Meta) Frames {
	for i, f := range frames {
		f.Meta = &data.FrameMeta{
			Type:                   frameType,
			TypeVersion:            typeVersion,
			PreferredVisualization: visualization,
			ExecutedQueryString:    m.Executed,
		}
		if i > 0 {
			continue // Grafana adds up the statistics of all frames
		}
		for _, n := range m.Notices {
			severity := data.NoticeSeverityInfo
			if n.Warning {
				severity = data.NoticeSeverityWarning
			}
			f.Meta.Notices = append(f.Meta.Notices, data.Notice{Severity: severity, Text: n.Text})
		}
		f.Meta.Stats = stats(m.Stats)
	}
	return frames
}

// Failed makes the empty frame that goes with an error, for the query inspector.
func Failed(m Meta) Frames {
	return Frames{{Meta: &data.FrameMeta{ExecutedQueryString: m.Executed, Stats: stats(m.Stats)}}}
}

func stats(s Stats) []data.QueryStat {
	stat := func(name, unit string, value float64) data.QueryStat {
		return data.QueryStat{FieldConfig: data.FieldConfig{DisplayName: name, Unit: unit}, Value: value}
	}
	found := "Events found"
	if s.FoundAtLeast {
		found = "Events found (at least)"
	}
	out := []data.QueryStat{
		stat(found, "short", float64(s.Found)),
		stat("Events read", "short", float64(s.Read)),
		stat("Events shown", "short", float64(s.Shown)),
		stat("Counted instead of read", "short", float64(s.Counted)),
		stat("API calls", "short", float64(s.Calls)),
		stat("API calls left in five minutes", "short", float64(s.BudgetLeft)),
		stat("From cache", "percentunit", s.CacheShare),
		stat("Waited for the rate limit", "ms", float64(s.Wait.Milliseconds())),
	}
	if s.Classified {
		out = append(out, stat("Not in the catalog", "percentunit", s.Unknown))
	}
	if s.Folded > 0 {
		out = append(out, stat("Folded into others", "short", float64(s.Folded)))
	}
	return out
}

// Group is a set of events with equal values of the grouping keys.
type Group struct {
	Values []string // one per key
	Count  int64
	First  time.Time // zero if unknown
	Last   time.Time // zero if unknown
	// Buckets are the counts by time, for series.
	Buckets []int64
	// Rest marks the sum of all groups that are not shown.
	Rest bool
}

// labels returns the group's values by key.
func (g Group) labels(keys []auditlog.Key) data.Labels {
	if len(keys) == 0 || len(g.Values) == 0 {
		return nil
	}
	labels := make(data.Labels, len(keys))
	for i, key := range keys {
		labels[string(key)] = g.Values[i]
	}
	return labels
}

// Shape is the layout of an answer.
type Shape int

// The shapes of an answer.
const (
	ShapeLogs Shape = iota
	ShapeTable
	ShapeCounts
	ShapeSeries
	ShapeTop
)

// Content is what an answer shows: rows of events, or groups by keys, for a series with the times of its buckets.
type Content struct {
	Shape  Shape
	Rows   []Row
	Keys   []auditlog.Key
	Groups []Group
	Times  []time.Time
}

// Events returns how many events are listed, or counted in the groups.
func (c Content) Events() int {
	n := int64(len(c.Rows))
	for _, g := range c.Groups {
		n += g.Count
	}
	return int(n)
}

// Build makes the frames of an answer.
func Build(c Content, m Meta) Frames {
	switch c.Shape {
	case ShapeTable:
		return Table(c.Rows, m)
	case ShapeCounts:
		return Counts(c.Keys, c.Groups, m)
	case ShapeSeries:
		return Series(c.Keys, c.Times, c.Groups, m)
	case ShapeTop:
		return Top(c.Keys, c.Groups, m)
	}
	return Logs(c.Rows, m)
}
