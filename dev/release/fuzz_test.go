package release

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryInputHasAFuzzTarget(t *testing.T) {
	targets, err := fuzzTargets(os.DirFS("../.."))
	require.NoError(t, err)
	for _, want := range []fuzzTarget{
		{"pkg/plugin", "FuzzSettings"}, {"pkg/plugin", "FuzzLivePath"}, {"pkg/query", "FuzzParse"}, {"pkg/cbc", "FuzzAnswers"}, {"pkg/cbc", "FuzzDecode"},
		{"pkg/cbc", "FuzzRetryAfter"}, {"pkg/auditlog", "FuzzParseTime"}, {"pkg/export", "FuzzOpenID"}, {"pkg/export", "FuzzClock"}, {"pkg/export", "FuzzCSV"},
		{"pkg/catalog", "FuzzRules"}, {"pkg/catalog", "FuzzWholeRule"},
	} {
		require.Contains(t, targets, want)
	}
}
