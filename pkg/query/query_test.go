package query

import (
	"encoding/json"
	"fmt"
	"strings"
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

// The words to highlight cost next to nothing, however many a query has.
func TestSearchWordsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 16_000 {
		fmt.Fprintf(&b, "%03x ", i)
	}
	require.LessOrEqual(t, len(searchWords(b.String())), maxMatches)
}

// All values of a query together are bounded, too: matching many phrases takes memory and time before the first event.
func TestValuesOfAQueryAreBoundedTogether(t *testing.T) {
	for _, c := range []struct {
		values, size int
		refused      bool
	}{{5000, 100, false}, {500, 4096, true}, {5000, 200, true}} {
		values := make([]string, c.values)
		for i := range values {
			values[i] = fmt.Sprintf("%0*d", c.size, i)
		}
		raw, err := json.Marshal(map[string]any{"source": "queue", "exclusions": map[string]any{"description": values}})
		require.NoError(t, err)
		_, err = Parse(raw, catalog.Default(), 1000)
		if c.refused {
			require.ErrorContains(t, err, "bytes of values together, more than the 524288 that are allowed")
			continue
		}
		require.NoError(t, err)
	}
}
