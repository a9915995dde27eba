package catalog

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func TestRulesGoBeforeTheCatalog(t *testing.T) {
	c, err := Default().With([]Rule{
		{Pattern: "Login failed{rest}", Category: "authentication", Action: "login", Outcome: "failure", Severity: "critical", Code: "login.failed"},
		{Pattern: "Login failed for {user:email}", Category: "break_glass", Action: "use2", Outcome: "failure"},
		{Pattern: "{any}nightly{more}", Category: "other", Action: "backup"},
	})
	require.NoError(t, err)
	for description, want := range map[string]auditlog.Class{
		"Login failed":                   class("authentication", "login", "failure", "critical", "login.failed"),
		"Login failed for a@b.example\n": class("break_glass", "use2", "failure", "info", "break_glass.use2"),
		"Login failed for nobody":        class("authentication", "login", "failure", "critical", "login.failed"),
		"The nightly run":                class("other", "backup", "unknown", "info", "other.backup"),
		"Connector x created":            class("connector", "create", "unknown", "warning", "connector.created"),
		"Something nobody has seen":      Unknown(),
	} {
		require.Equal(t, want, plainClass(c, auditlog.Event{Description: description}), description)
	}
	row, ok := c.Find("Login failed")
	require.True(t, ok)
	require.Equal(t, []string{SourceSettings}, row.Sources)
	_, ok = c.Find("Something nobody has seen")
	require.False(t, ok)

	require.Equal(t, "Login failed{rest}", c.Rows()[0].Pattern)
	require.Len(t, c.Rows(), len(Default().Rows())+3)
	require.Contains(t, c.Categories(), "break_glass")
	require.True(t, slices.IsSorted(c.Categories()))
	require.Contains(t, c.Actions(), "use2")
	require.NotContains(t, Default().Actions(), "use2")
	require.Equal(t, Default().Outcomes(), c.Outcomes())
}

func TestNoRulesAreNoChange(t *testing.T) {
	c, err := Default().With(nil)
	require.NoError(t, err)
	require.Same(t, Default(), c)
}

func TestWrongRulesAreNamed(t *testing.T) {
	good := Rule{Pattern: "A {x} b", Category: "other", Action: "paint"}
	with := func(change func(*Rule)) []Rule {
		bad := good
		bad.Pattern += "!"
		change(&bad)
		return []Rule{good, bad}
	}
	for want, rules := range map[string][]Rule{
		"[1].pattern is missing":                           with(func(r *Rule) { r.Pattern = "" }),
		"[1].pattern has 1001 bytes":                       with(func(r *Rule) { r.Pattern = strings.Repeat("x", 1001) }),
		`[1].pattern "{rest}": the pattern has no`:         with(func(r *Rule) { r.Pattern = "{rest}" }),
		`[1].pattern "A {x:float}": placeholder`:           with(func(r *Rule) { r.Pattern = "A {x:float}" }),
		"[1].pattern is the same as [0].pattern":           {good, good},
		`[1].category "Big" is not a word`:                 with(func(r *Rule) { r.Category = "Big" }),
		`[1].category "" is not a word`:                    with(func(r *Rule) { r.Category = "" }),
		`[1].action "2nd" is not a word`:                   with(func(r *Rule) { r.Action = "2nd" }),
		`aaa" is not a word`:                               with(func(r *Rule) { r.Action = strings.Repeat("a", 41) }),
		`[1].outcome "maybe" is not one of failure`:        with(func(r *Rule) { r.Outcome = "maybe" }),
		`[1].severity "debug" is not one of critical`:      with(func(r *Rule) { r.Severity = "debug" }),
		`[1].code "paint" is not two words`:                with(func(r *Rule) { r.Code = "paint" }),
		`[1].code "a.b.c" is not two words`:                with(func(r *Rule) { r.Code = "a.b.c" }),
		`[1].code "other.unknown" is reserved for unknown`: with(func(r *Rule) { r.Action = "unknown" }),
		` has 501 rules: at most 500 are allowed`:          make([]Rule, 501),
	} {
		_, err := Default().With(rules)
		require.ErrorContains(t, err, want)
	}
}

// A rule on top changes nothing but the classes of the texts that it fits.
func TestRulesLeaveTheRestAlone(t *testing.T) {
	c := Default()
	rows := c.Rows()
	names := hostile(rows)
	rapid.Check(t, func(t *rapid.T) {
		rule := Rule{
			Pattern:  rapid.SampledFrom(append(patterns(rows), "{x} logged in{rest}", "Policy {name:word} was modified", "{x}o{y}")).Draw(t, "pattern"),
			Category: "mine", Action: "paint",
		}
		mine, err := c.With([]Rule{rule})
		require.NoError(t, err)
		parts, err := splitParts(rapid.SampledFrom(append(patterns(rows), rule.Pattern)).Draw(t, "text of"))
		require.NoError(t, err)
		text := render(t, parts, names)
		own, err := splitParts(rule.Pattern)
		require.NoError(t, err)
		in, fits := newInput(text, ""), false
		for end := in.trimmed; end <= len(in.text); end++ { // white space at the end may be missing
			fits = fits || naiveMatch(own, in.text[:end], 0)
		}
		if fits {
			require.Equal(t, "mine.paint", mine.Classify(text).Code)
		} else {
			require.Equal(t, c.Classify(text), mine.Classify(text))
		}
	})
}

// patterns are those of the text rows.
func patterns(rows []Row) []string {
	var out []string
	for _, row := range rows {
		if row.Evidence == EvidenceText {
			out = append(out, row.Pattern)
		}
	}
	return out
}

func FuzzRules(f *testing.F) {
	for _, row := range Default().Rows() {
		f.Add(row.Pattern, row.Example)
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		c, err := Default().With([]Rule{{Pattern: pattern, Category: "mine", Action: "paint"}})
		if err != nil {
			require.ErrorContains(t, err, "[0].pattern")
			return
		}
		c.Classify(text)
		c.Classify(pattern)
		id, name := c.Subject(text)
		require.Contains(t, text, id)
		require.Contains(t, text, name)
	})
}

func BenchmarkClassifyWithRules(b *testing.B) {
	rules := make([]Rule, MaxRules)
	for i := range rules {
		rules[i] = Rule{Pattern: "{any}" + strings.Repeat("x", 1+i) + "{more}", Category: "mine", Action: "paint"}
	}
	c, err := Default().With(rules)
	require.NoError(b, err)
	mix := realisticMix(c)
	i := 0
	for b.Loop() {
		c.Classify(mix[i])
		if i++; i == len(mix) {
			i = 0
		}
	}
}
