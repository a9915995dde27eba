package auditlog_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func TestEscapeLucene(t *testing.T) {
	for value, want := range map[string]string{
		"plain":                `plain`,
		"a@example.com":        `a@example.com`,
		"":                     `""`,
		"AND":                  `"AND"`,
		"OR":                   `"OR"`,
		"NOT":                  `"NOT"`,
		"TO":                   `"TO"`,
		"And":                  `And`,
		"two words":            `"two words"`,
		"tab\there":            "\"tab\there\"",
		"line\nbreak":          "\"line\nbreak\"",
		"wide\u3000space":      "\"wide\u3000space\"",
		`say "hi" there`:       `"say \"hi\" there"`,
		`"`:                    `\"`,
		`DOMAIN\HOST`:          `DOMAIN\\HOST`,
		`trailing space \ `:    `"trailing space \\ "`,
		"/settings/users":      `\/settings\/users`,
		"psc:role:A":           `psc\:role\:A`,
		"foo*":                 `foo\*`,
		"a+b-c&d|e!f(g)h{i}":   `a\+b\-c\&d\|e\!f\(g\)h\{i\}`,
		"[a]^b~c?":             `\[a\]\^b\~c\?`,
		"2001:db8::1":          `2001\:db8\:\:1`,
		"x OR description:*":   `"x OR description:*"`,
		`x" OR description:"y`: `"x\" OR description:\"y"`,
		"é€😀":                  "é€😀",
	} {
		require.Equal(t, want, auditlog.EscapeLucene(value), value)
	}
}

// readTerm reads one Lucene term by the rules: a phrase in quotes, or characters of which the special ones are escaped. It
// tells false when the text is more or less than one term.
func readTerm(text string) (string, bool) {
	phrase := strings.HasPrefix(text, `"`)
	special := `+-&|!(){}[]^"~*?:\/`
	if phrase {
		if len(text) < 2 || !strings.HasSuffix(text, `"`) {
			return "", false
		}
		text, special = text[1:len(text)-1], `"\`
	} else if text == "" || text == "AND" || text == "OR" || text == "NOT" || text == "TO" {
		return "", false
	}
	var b strings.Builder
	escaped := false
	for _, r := range text {
		switch {
		case escaped, !strings.ContainsRune(special, r) && (phrase || !strings.ContainsRune(" \t\n\r\u3000", r)):
			escaped = false
			b.WriteRune(r)
		case r == '\\':
			escaped = true
		default:
			return "", false
		}
	}
	return b.String(), !escaped
}

func TestEscapedIsOneTerm(t *testing.T) {
	hostile := rapid.StringOf(rapid.OneOf(rapid.RuneFrom([]rune(` +-&|!(){}[]^"~*?:\/ANDORT`+"\t\n\u3000")), rapid.Rune()))
	rapid.Check(t, func(t *rapid.T) {
		value := hostile.Draw(t, "value")
		got, ok := readTerm(auditlog.EscapeLucene(value))
		require.True(t, ok, "%q is not one term", auditlog.EscapeLucene(value))
		require.Equal(t, value, got)
		got, ok = readTerm(auditlog.QuoteLucene(value))
		require.True(t, ok)
		require.Equal(t, value, got)
	})
}
