package frame_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/frame"
)

func TestLinksOfATable(t *testing.T) {
	frames := frame.Table(rows(), meta)
	columns := len(frames[0].Fields)
	frame.AddLinks(frames, []frame.Link{
		{Field: "actor", Title: "Directory", URL: "https://dir.test/?q=${__value.raw}"},
		{Field: "actor", Title: "Second", URL: "https://second.test"},
		{Field: "colour", Title: "None", URL: "https://none.test"},
		{Field: "description", Title: "Word", URL: "https://word.test", Pattern: regexp.MustCompile(`(?i)logged (in)`)},
		{Field: "description", Title: "Nothing", URL: "https://nothing.test", Pattern: regexp.MustCompile(`no such text`)},
	})
	actor, _ := frames[0].FieldByName("actor")
	require.Len(t, actor.Config.Links, 2)
	require.Equal(t, "https://dir.test/?q=${__value.raw}", actor.Config.Links[0].URL)
	require.True(t, *actor.Config.Filterable, "what was set stays")
	require.Len(t, frames[0].Fields, columns+1)
	word, _ := frames[0].FieldByName("Word")
	require.Len(t, word.Config.Links, 1)
	require.Equal(t, "in", *word.At(0).(*string))
}

func TestLinksOfALog(t *testing.T) {
	frames := frame.Logs(rows(), meta)
	frame.AddLinks(frames, []frame.Link{
		{Field: "category", Title: "body", URL: "https://a.test"},
		{Field: "description", Title: "Line", URL: "https://b.test"},
		{Field: "colour", Title: "None", URL: "https://none.test"},
	})
	names := []string{}
	for _, f := range frames[0].Fields {
		names = append(names, f.Name)
	}
	require.Equal(t, []string{"timestamp", "body", "severity", "id", "labels", "body ", "Line"}, names, "names stay unique")
	for _, name := range []string{"body ", "Line"} {
		field, _ := frames[0].FieldByName(name)
		require.Equal(t, len(rows()), field.Len())
		require.Len(t, field.Config.Links, 1)
	}
}

func TestLinksOfGroups(t *testing.T) {
	frames := append(frame.Top(byTwo, twoKeys, meta), frame.Counts(byTwo, twoKeys, meta)...)
	frame.AddLinks(frames, []frame.Link{{Field: "actor", Title: "Directory", URL: "https://dir.test"}})
	actor, _ := frames[0].FieldByName("actor")
	require.Len(t, actor.Config.Links, 1)
	for _, f := range frames[1:] {
		for _, field := range f.Fields {
			require.True(t, field.Config == nil || len(field.Config.Links) == 0, "numbers have no links")
		}
	}
}
