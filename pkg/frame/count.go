package frame

import (
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

const countField = "count"

// RestName is the name of the series of all groups that have no series of their own.
const RestName = "other"

// emptyValue is how an empty value of a group is displayed.
const emptyValue = "(none)"

// showEmpty displays empty cells of a column as emptyValue. The value itself stays empty, so that it can be filtered for.
var showEmpty = data.ValueMappings{data.SpecialValueMapper{Match: data.SpecialValueEmpty, Result: data.ValueMappingResult{Text: emptyValue}}}

// Counts makes one number per group (numeric-multi). Without groups there is one unlabelled 0.
func Counts(keys []auditlog.Key, groups []Group, m Meta) Frames {
	frames := make(Frames, 0, max(len(groups), 1))
	for _, g := range groups {
		frames = append(frames, data.NewFrame("", data.NewField(countField, g.labels(keys), []int64{g.Count})))
	}
	if len(groups) == 0 {
		frames = append(frames, data.NewFrame("", data.NewField(countField, nil, []int64{0})))
	}
	return describe(frames, data.FrameTypeNumericMulti, "", m)
}

// Series makes one series of counts per group (timeseries-multi) over the same times. Without groups there is one unlabelled series.
func Series(keys []auditlog.Key, times []time.Time, groups []Group, m Meta) Frames {
	if len(groups) == 0 {
		groups = []Group{{Buckets: make([]int64, len(times))}}
	}
	frames := make(Frames, 0, len(groups))
	for _, g := range groups {
		value := data.NewField(countField, g.labels(keys), g.Buckets)
		value.Config = &data.FieldConfig{DisplayNameFromDS: displayName(g)}
		if g.Rest {
			value.Name = RestName // so that it stays apart from a group whose value is "other"
			if slices.ContainsFunc(groups, func(o Group) bool { return !o.Rest && displayName(o) == RestName }) {
				value.Config.DisplayNameFromDS = RestName + " (rest)"
			}
		}
		frames = append(frames, data.NewFrame("", data.NewField("time", nil, times), value))
	}
	return describe(frames, data.FrameTypeTimeSeriesMulti, data.VisTypeGraph, m)
}

// displayName returns what a legend shows.
func displayName(g Group) string {
	if g.Rest {
		return RestName
	}
	if len(g.Values) == 0 {
		return countField
	}
	shown := make([]string, len(g.Values))
	for i, v := range g.Values {
		if shown[i] = v; v == "" {
			shown[i] = emptyValue
		}
	}
	return strings.Join(shown, ", ")
}

// Top makes one table of groups (numeric-long): a string column per key, then the number of events and when the first and last happened.
func Top(keys []auditlog.Key, groups []Group, m Meta) Frames {
	fields := make([]*data.Field, 0, len(keys)+3)
	for i, key := range keys {
		field := column(string(key), groups, func(g Group) string { return g.Values[i] })
		field.Config = &data.FieldConfig{Mappings: showEmpty}
		fields = append(fields, field)
	}
	fields = append(fields,
		column(countField, groups, func(g Group) int64 { return g.Count }),
		column("first", groups, func(g Group) *time.Time { return known(g.First) }),
		column("last", groups, func(g Group) *time.Time { return known(g.Last) }))
	return describe(Frames{data.NewFrame("", fields...)}, data.FrameTypeNumericLong, data.VisTypeTable, m)
}

// known returns nil for a time that is not known.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
