package query

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/catalog"
)

func TestModelNamesEveryKey(t *testing.T) {
	for _, key := range sortedKeys(members) {
		require.True(t, slices.Contains(rules.Keys, key) || slices.Contains(rules.GrafanaKeys, key), key)
	}
	for _, key := range rules.Keys {
		require.Contains(t, members, key)
	}
	require.True(t, slices.IsSorted(rules.Keys))
	require.True(t, slices.IsSorted(rules.GrafanaKeys))
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	many := make([]string, rules.Limits.ValuesPerField+1)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprint("user", i))
	}
	for words, text := range map[string]string{
		"Lucene query may have":     `{"query":"` + strings.Repeat("a ", rules.Limits.LuceneBytes/2+1) + `"}`,
		"5001 values, more than":    `{"criteria":{"actor":[` + strings.Join(many, ",") + `]}}`,
		"not a valid address range": `{"criteria":{"address":["203.0.113.0/33"]}}`,
		"value of 4097 bytes":       `{"exclusions":{"description":["` + strings.Repeat("x", rules.Limits.ValueBytes+1) + `"]}}`,
		"unknown key":               `{"` + strings.Repeat("k", 8<<20) + `":1}`,
		"sort has an unknown":       `{"sort":"` + strings.Repeat("k", 8<<20) + `"}`,
		"groupBy has an unknown":    `{"groupBy":["` + strings.Repeat("k", 8<<20) + `"]}`,
		"criteria has an unknown":   `{"criteria":{"` + strings.Repeat("k", 8<<20) + `":[]}}`,
		"category has an unknown":   `{"criteria":{"category":["` + strings.Repeat("k", 4000) + `"]}}`,
		"limit must be":             `{"limit":"` + strings.Repeat("9", 8<<20) + `"}`,
		"baseline":                  `{"baseline":"` + strings.Repeat("9", 8<<20) + `d"}`,
	} {
		_, err := Parse([]byte(text), catalog.Default(), 1000)
		require.ErrorContains(t, err, words)
		require.Less(t, len(err.Error()), 1000)
	}
	_, err := Parse([]byte(`{"criteria":{"actor":[`+strings.Join(many[1:], ",")+`]}}`), catalog.Default(), 1000)
	require.NoError(t, err)
}
