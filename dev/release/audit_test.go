package release

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJudgments(t *testing.T) {
	type judge func(stdout, stderr string, exit int) (string, error)
	for _, c := range []struct {
		name           string
		judge          judge
		stdout, stderr string
		exit           int
		skipped, err   string
	}{
		{"modules verified", judgeVerify, "all modules verified", "", 0, "", ""},
		{"module changed", judgeVerify, "", "x v1: dir has been modified", 1, "", "has been modified"},
		{"no vulnerability", judgeGovulncheck, "No vulnerabilities found.", "", 0, "", ""},
		{"vulnerability", judgeGovulncheck, "GO-2026-1", "", 3, "", "GO-2026-1"},
		{"vulnerability that mentions the database", judgeGovulncheck, "GO-2026-1", "fetching vulnerabilities", 3, "", "GO-2026-1"},
		{"no database", judgeGovulncheck, "", "govulncheck: fetching vulnerabilities: no such host", 1, "cannot be reached", ""},
		{"broken check", judgeGovulncheck, "", "no such package", 1, "", "no such package"},
		{"no advisory", judgeNpmAudit, `{"vulnerabilities":{}}`, "", 0, "", ""},
		{"low advisory", judgeNpmAudit, `{"vulnerabilities":{"a":{"severity":"low"}}}`, "", 1, "", ""},
		{"critical advisory", judgeNpmAudit, `{"vulnerabilities":{"a":{"severity":"critical"}}}`, "", 1, "", "a (critical)"},
		{"no registry", judgeNpmAudit, `{"message":"405","statusCode":405,"error":{"summary":""}}`, "", 1, "no advisories", ""},
		{"no answer", judgeNpmAudit, ``, "npm crashed", 1, "", "npm crashed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			skipped, err := c.judge(c.stdout, c.stderr, c.exit)
			require.Contains(t, skipped, c.skipped)
			require.Equal(t, c.skipped == "", skipped == "")
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.err)
			}
		})
	}
}
