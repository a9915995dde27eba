package catalog

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func TestPrefilter(t *testing.T) {
	only := func(key auditlog.Key, values ...string) auditlog.Filter {
		return auditlog.Filter{Criteria: auditlog.Terms{key: values}}
	}
	for _, tt := range []struct {
		filter auditlog.Filter
		want   string
		sure   bool
	}{
		{only(auditlog.KeyAction, "quarantine"), "(description:quarantine AND description:set)", true},
		{only(auditlog.KeyAction, "bypass", "regenerate"), "(description:bypass AND description:sensor) OR (description:bypass AND description:set) OR (description:api AND description:key AND description:regenerated)", true},
		{only(auditlog.KeyCategory, "live_response"), "(description:liveresponse) OR (description:live AND description:response)", false},
		{only(auditlog.KeyCategory, "grant"), "(description:created) OR (description:modified) OR (description:updated)", true},
		{auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyCategory: {"device"}, auditlog.KeyActor: {"a"}}, Exclusions: auditlog.Terms{auditlog.KeyAction: {"update", "delete", "unknown", "read", "reset", "enable", "disable", "register", "uninstall"}}},
			"(description:bypass AND description:sensor) OR (description:bypass AND description:set) OR (description:quarantine AND description:set)", true},
	} {
		p, ok := Default().Prefilter(tt.filter)
		require.True(t, ok)
		require.Equal(t, Prefilter{Query: tt.want, Sure: tt.sure}, p)
	}
	for name, f := range map[string]auditlog.Filter{
		"nothing derived":  {Criteria: auditlog.Terms{auditlog.KeyActor: {"a"}}},
		"unknown text":     only(auditlog.KeyCategory, "other"),
		"unknown excluded": {Exclusions: auditlog.Terms{auditlog.KeyCategory: {"policy"}}},
		"unknown outcome":  only(auditlog.KeyOutcome, "unknown"),
		"nothing at all":   {Criteria: auditlog.Terms{auditlog.KeyCategory: {"policy"}, auditlog.KeyAction: {"login"}}},
	} {
		_, ok := Default().Prefilter(f)
		require.False(t, ok, name)
	}
}

// There is no prefilter when a rule has no word to search for, or when there are too many rules.
func TestPrefilterWithRules(t *testing.T) {
	mine := auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyCategory: {"mine"}}}
	for pattern, want := range map[string]string{
		"Ärger im Büro {x}":              "",
		"go {x}":                         "",
		"the_login {x}":                  "",
		"x{y}login failed{rest}":         "",
		"Backup of {x} finished, well":   "(description:backup AND description:well)",
		"{x} Backup finished":            "(description:backup AND description:finished)",
		"alpha bravo charlie delta echo": "(description:alpha AND description:bravo AND description:charlie AND description:delta)",
	} {
		c, err := Default().With([]Rule{{Pattern: pattern, Category: "mine", Action: "paint"}})
		require.NoError(t, err)
		p, ok := c.Prefilter(mine)
		require.Equal(t, want != "", ok, pattern)
		require.Equal(t, want, p.Query)
	}
	var rules []Rule
	for a := range 15 {
		for b := range 15 {
			word := "w" + string(rune('a'+a)) + string(rune('a'+b))
			rules = append(rules, Rule{Pattern: word, Category: "mine", Action: "paint"})
		}
	}
	c, err := Default().With(rules)
	require.NoError(t, err)
	_, ok := c.Prefilter(mine)
	require.False(t, ok)
}

// Every description of a row has the words that it is searched by, between blanks, whatever its placeholders match.
func TestRowsAreFoundByTheirWords(t *testing.T) {
	rows := Default().Rows()
	names := hostile(rows)
	for _, row := range rows {
		words := row.searchWords()
		require.NotEmpty(t, words, row.Code)
		require.True(t, slices.IsSorted(words))
		if row.Evidence == EvidenceWord {
			require.True(t, containsAll(strings.Fields(strings.ToLower(strings.ReplaceAll(row.Pattern, "-", " "))), words))
			continue
		}
		parts, err := splitParts(row.Pattern)
		require.NoError(t, err)
		rapid.Check(t, func(t *rapid.T) {
			text := render(t, parts, names)
			require.True(t, containsAll(blankWords(text), words), "%q has not all of %v", text, words)
		})
	}
}

func TestWordProbe(t *testing.T) {
	known := []string{"Logged in successfully", "Policy Standard was modified", "Login failed", "Policy", "42 (x)", ""}
	p, ok := NewWordProbe(known)
	require.True(t, ok)
	require.Equal(t, "(description:failed AND description:login) OR (description:logged AND description:successfully) OR "+
		"(description:modified AND description:policy AND description:standard)", p.Query)
	for text, want := range map[string]bool{
		"Login failed": true, "login: failed": false, "LOGIN FAILED again": true, "failed the login": true, "Login": false,
		"Policy Other was modified": false, "A standard policy, was Modified by policy": true,
	} {
		require.Equal(t, want, p.Expects(text), text)
	}
	for name, poor := range map[string][]string{
		"one group":              {"Logged in successfully"},
		"single words":           {"Login", "Policy"},
		"no capital":             {"logged in successfully", "login failed"},
		"no description apart":   {"Login failed", "Failed login login failed"},
		"nothing":                nil,
		"nothing but stop words": {"Not Now", "For Each"},
	} {
		_, ok := NewWordProbe(poor)
		require.False(t, ok, name)
	}
	var many []string
	for i := range 1000 {
		many = append(many, "Word "+strings.Repeat("abcdefghij"[i%10:i%10+1], 3+i/10))
	}
	p, ok = NewWordProbe(many)
	require.True(t, ok)
	require.Len(t, p.groups, maxProbed)
}

func TestSubject(t *testing.T) {
	for description, want := range map[string][2]string{
		"Policy Standard (ID: 12) was modified":                                   {"12", "Standard"},
		"Policy x (ID: 8) was modified (ID: 12) was modified\n":                   {"12", "x (ID: 8) was modified"},
		"Policy Standard (ID: 12) was modified and renamed to Strict (ID: 14)":    {"12", "Standard"},
		"Policy Standard was modified":                                            {"", "Standard"},
		"Request received to create new policy - Standard":                        {"", "Standard"},
		"Request received to modify policy Standard (ID: 12)":                     {"", "Standard (ID: 12)"},
		"Enabled USB device blocking in policy '6525'":                            {"6525", ""},
		`Parameters updated for XDR (ID: 1-a) for policy Standard (ID: 7){"a":1}`: {"7", "Standard"},
		`Parameters updated for XDR (ID: 1-a) for policy with ID 7{"a":1}`:        {"7", ""},
		"Logged in successfully":                                                  {"", ""},
		"Policy update applied, from policy to Standard":                          {"", ""},
		"Something nobody has seen":                                               {"", ""},
	} {
		id, name := Default().Subject(description)
		require.Equal(t, want, [2]string{id, name}, description)
	}
}
