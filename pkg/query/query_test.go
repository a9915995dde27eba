package query

import (
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/catalog"
)

// A rule that was made in Grafana's editor has instant and range in its query; nobody could save one otherwise.
func TestWhatGrafanasAlertEditorAddsIsNoUnknownKey(t *testing.T) {
	plain, err := Parse([]byte(`{"queryType":"count","groupBy":["actor"]}`), catalog.Default(), 100)
	require.NoError(t, err)
	made, err := Parse([]byte(`{"refId":"A","hide":false,"datasource":{"uid":"x"},"queryType":"count","groupBy":["actor"],"instant":true,"range":false,
		"intervalMs":1000,"maxDataPoints":43200}`), catalog.Default(), 100)
	require.NoError(t, err)
	require.Equal(t, plain, made)
	_, err = Parse([]byte(`{"queryType":"count","instants":true}`), catalog.Default(), 100)
	require.ErrorContains(t, err, `unknown key "instants"`)
}
