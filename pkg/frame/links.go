package frame

import (
	"encoding/json"
	"regexp"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Link is a link on the values of a field.
type Link struct {
	Field   string
	Title   string
	URL     string         // may contain Grafana's variables, such as ${__value.raw}
	Pattern *regexp.Regexp // which values have the link; its first group is the value. Nil means all
}

// AddLinks adds links to lists of events and groups. Where a link is for some values only, and in logs, whose values are labels, it is
// on a field of its own with the title of the link, which is empty for the other rows.
func AddLinks(frames Frames, links []Link) {
	for _, f := range frames {
		if f == nil || f.Meta == nil {
			continue
		}
		for _, link := range links {
			switch f.Meta.Type {
			case data.FrameTypeLogLines:
				addLogLink(f, link)
			case data.FrameTypeTable, data.FrameTypeNumericLong:
				addColumnLink(f, link)
			}
		}
	}
}

func addColumnLink(f *data.Frame, link Link) {
	field, _ := f.FieldByName(link.Field)
	if field == nil {
		return
	}
	if link.Pattern == nil {
		attach(field, link)
		return
	}
	values := make([]*string, field.Len())
	for i := range values {
		if text, isText := field.At(i).(string); isText {
			values[i] = link.value(text)
		}
	}
	addField(f, link, values)
}

func addLogLink(f *data.Frame, link Link) {
	labels, _ := f.FieldByName("labels")
	if labels == nil {
		return
	}
	body, _ := f.FieldByName("body")
	values := make([]*string, labels.Len())
	for i := range values {
		if link.Field == "description" {
			text, _ := body.At(i).(string)
			values[i] = link.value(text)
			continue
		}
		raw, _ := labels.At(i).(json.RawMessage)
		var row map[string]string
		if json.Unmarshal(raw, &row) == nil {
			values[i] = link.value(row[link.Field])
		}
	}
	addField(f, link, values)
}

// value returns the value that the link is for, nil if there is none.
func (l Link) value(text string) *string {
	if text == "" {
		return nil
	}
	if l.Pattern == nil {
		return &text
	}
	found := l.Pattern.FindStringSubmatch(text)
	if found == nil {
		return nil
	}
	value := found[0]
	if len(found) > 1 {
		value = found[1]
	}
	return &value
}

// addField adds a field for a link, unless no row has a value for it.
func addField(f *data.Frame, link Link, values []*string) {
	if !slices.ContainsFunc(values, func(v *string) bool { return v != nil }) {
		return
	}
	name := link.Title
	for i := 0; i < len(f.Fields); i++ {
		if f.Fields[i].Name == name {
			name, i = name+" ", -1
		}
	}
	field := data.NewField(name, nil, values)
	attach(field, link)
	f.Fields = append(f.Fields, field)
}

func attach(field *data.Field, link Link) {
	config := data.FieldConfig{}
	if field.Config != nil {
		config = *field.Config
	}
	config.Links = append(slices.Clone(config.Links), data.DataLink{Title: link.Title, URL: link.URL, TargetBlank: true})
	field.SetConfig(&config)
}
