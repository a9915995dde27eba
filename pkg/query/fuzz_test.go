package query

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

type fuzzVocabulary struct{}

func (fuzzVocabulary) Categories() []string { return []string{"authentication"} }
func (fuzzVocabulary) Actions() []string    { return []string{"login"} }
func (fuzzVocabulary) Outcomes() []string   { return []string{"failure", "success", "unknown"} }

// FuzzParse makes sure that a query is parsed within its bounds, or refused with an error that can be shown.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"refId":"A","schemaVersion":1,"queryType":"events","source":"search","format":"logs","query":"description:(login OR \"logged in\")",` +
			`"criteria":{"actor":["a@b"],"flagged":true,"category":["authentication"]},"exclusions":{"address":["10.0.0.0/8"]},"groupBy":["actor"],"limit":500,"sort":"desc",` +
			`"baseline":"30d","fold":false,"after":{"criteria":{"outcome":["failure"]},"atLeast":3}}`,
		`{"queryType":"firstSeen","groupBy":["actor","actor_ip"],"baseline":"1h"}`, `{"limit":1e99}`, `{"limit":-1}`, `{"limit":"5"}`, `{"criteria":{"actor":[1]}}`,
		`{"queue":1}`, `{"source":"queue","query":"a"}`, `{"after":{"atLeast":0}}`, `{"baseline":"9999999999d"}`, `{"criteria":{"address":["::1%eth0","1.2.3.4/99"]}}`,
	} {
		f.Add([]byte(seed))
	}
	const maxEvents = 1000
	f.Fuzz(func(t *testing.T, raw []byte) {
		q, err := Parse(raw, fuzzVocabulary{}, maxEvents)
		if err != nil {
			var named *Error
			require.ErrorAs(t, err, &named)
			require.NotEmpty(t, err.Error())
			require.True(t, utf8.ValidString(err.Error()), "%q cannot be sent as JSON", err)
			return
		}
		require.True(t, q.Limit >= 1 && q.Limit <= maxEvents, "limit %d", q.Limit)
		require.Positive(t, q.Baseline)
		require.True(t, q.Type != TypeFirstSeen || len(q.GroupBy) > 0)
		if q.After != nil {
			require.Positive(t, q.After.AtLeast)
		}
		again, err := Parse(raw, fuzzVocabulary{}, maxEvents)
		require.NoError(t, err)
		require.Equal(t, q, again, "a query means the same every time")
		q.SearchWords()
	})
}
