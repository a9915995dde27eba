package catalog

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// hostile draws odd names of policies, roles and reports.
func hostile(rows []Row) *rapid.Generator[string] {
	fragments := []string{
		"", " ", "\n", "\t", "\x00", "\xff", "é", "“", "'", `"`, ",", "|", "{", "}", `{"a":1}`, "(ID: 7)", " (ID: 7) was modified", "; ",
		"Super Admin", "Administrator", `"enabled":false`, " with role ", " in policy ", " and renamed to ", "a@example.com",
	}
	for _, row := range rows {
		fragments = append(fragments, row.Example)
	}
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(fragments), rapid.String()), 0, 4).Draw(t, "fragments"), "")
	})
}

// render draws a string that matches the pattern.
func render(t *rapid.T, parts []part, names *rapid.Generator[string]) string {
	text, _ := renderBy(t, parts, names)
	return text
}

// renderBy draws a string that matches the pattern, and the person in it.
func renderBy(t *rapid.T, parts []part, names *rapid.Generator[string]) (text, person string) {
	var b strings.Builder
	for _, p := range parts {
		switch p.kind {
		case kindLiteral:
			b.WriteString(p.text)
		case kindAny:
			b.WriteString(names.Draw(t, "text"))
		case kindPerson:
			person = names.Draw(t, "person")
			b.WriteString(person)
		case kindWord:
			b.WriteString(rapid.StringMatching(`[^\s\v]{1,12}`).Draw(t, "word"))
		case kindAnyCase:
			b.WriteString(rapid.SampledFrom([]string{p.arg, strings.ToUpper(p.arg), strings.ToTitle(p.arg)}).Draw(t, "any case"))
		case kindStranger:
			b.WriteString(rapid.SampledFrom([]string{"", "Eve Smith ", "Eve, PhD <"}).Draw(t, "text") + rapid.StringMatching(`[^\s\v@]{1,8}@[0-9a-z.-]{1,8}`).Draw(t, "email"))
		case kindEmail, kindAccount:
			b.WriteString(rapid.StringMatching(`[^\s\v@]{1,8}@[^\s\v@]{1,8}`).Draw(t, "email"))
		case kindID:
			b.WriteString(rapid.StringMatching(`[0-9A-Za-z_:-]{1,36}`).Draw(t, "id"))
		case kindDigits:
			b.WriteString(rapid.StringMatching(`[0-9]{1,12}`).Draw(t, "digits"))
		case kindJSON:
			b.WriteString(renderJSON(t, p.arg, names))
		case kindGrant:
			b.WriteString(names.Draw(t, "grantee") + " with role " + strings.ToUpper(p.arg))
		case kindRest:
			if rapid.Bool().Draw(t, "more") {
				b.WriteString("; " + names.Draw(t, "rest"))
			}
		}
	}
	return b.String(), person
}

// renderJSON draws a JSON object that contains the member, such as enabled=false, if any.
func renderJSON(t *rapid.T, member string, names *rapid.Generator[string]) string {
	blank := rapid.SampledFrom([]string{"", " ", "\n  "})
	quote := func(s string) string {
		quoted, err := json.Marshal(s)
		require.NoError(t, err)
		return string(quoted)
	}
	members := []string{
		quote(names.Draw(t, "name")) + ":" + quote(names.Draw(t, "value")),
		`"nested" :` + blank.Draw(t, "blank") + `{"enabled":true, "list":[1, {"enabled":null}]}`,
	}
	if name, value, found := strings.Cut(member, "="); found {
		members = append(members, quote(name)+blank.Draw(t, "blank")+":"+blank.Draw(t, "blank")+value)
	}
	members = rapid.Permutation(members).Draw(t, "members")
	return blank.Draw(t, "blank") + "{" + blank.Draw(t, "blank") + strings.Join(members, blank.Draw(t, "blank")+", ") + blank.Draw(t, "blank") + "}"
}

// Whatever names contain, an event keeps its class. Only a value that makes the description a more specific one may lead to another row of
// the same category.
func TestHostileNamesDoNotChangeWhatAnEventIs(t *testing.T) {
	c := Default()
	rows := c.Rows()
	names := hostile(rows)
	refined := map[string]string{
		"login.succeeded": "login.", "login.failed_password": "login.", "grant.created": "grant.created_", "grant.created_admin": "grant.created_",
		"grant.updated": "grant.updated_", "grant.updated_admin": "grant.updated_", "grant.modified": "grant.modified_",
		"grant.modified_admin": "grant.modified_", "policy.modified_by_name": "policy.", "data_forwarder.updated": "data_forwarder.disabled",
		"policy.setting_enabled": "policy.usb_blocking_enabled", "device.setting_changed": "device.",
		"policy.rule_config_updated": "policy.rule_config_", "policy.rule_config_updated_verbose": "policy.rule_config_",
	}
	for _, row := range rows {
		if row.Evidence != EvidenceText {
			continue
		}
		t.Run(row.Code, func(t *testing.T) {
			parts, err := splitParts(row.Pattern)
			require.NoError(t, err)
			rapid.Check(t, func(t *rapid.T) {
				text, actor := renderBy(t, parts, names)
				if row.Code == "user.added_stranger" {
					actor = "jane@example.com"
				}
				got := plainClass(c, auditlog.Event{Actor: actor, Description: text})
				if prefix, ok := refined[row.Code]; ok && strings.HasPrefix(got.Code, prefix) {
					require.Equal(t, row.Category, got.Category)
					return
				}
				require.Equal(t, row.class(), got, "%q", text)
			})
		})
	}
}

// naiveMatch reports whether a string matches a pattern in any way.
func naiveMatch(parts []part, s string, pos int) bool {
	if len(parts) == 0 {
		return pos == len(s)
	}
	if !parts[0].kind.isGap() {
		before := byte(0)
		if pos > 0 {
			before = s[pos-1]
		}
		n := parts[0].length(s[pos:], before)
		return n >= 0 && naiveMatch(parts[1:], s, pos+n)
	}
	for end := pos; end <= len(s); end++ {
		if parts[0].accepts(s[pos:end], "") && naiveMatch(parts[1:], s, end) {
			return true
		}
	}
	return false
}

func TestMatchFindsWhatTryingEverythingFinds(t *testing.T) {
	patterns := []string{
		"a {x} b {y} c", "{x} a{y}", "a {x} b{n:digits} {y} c{m:digits}", "{w:word} a {x} b", "a{x} ab {i:id}{rest}", "a {x} b{j:json}", "a {x}a{y}a",
	}
	rapid.Check(t, func(t *rapid.T) {
		source := rapid.SampledFrom(patterns).Draw(t, "pattern")
		p, err := parsePattern(source)
		require.NoError(t, err)
		parts, err := splitParts(source)
		require.NoError(t, err)
		text := "a" + rapid.StringMatching(`[abc1 {}]{0,16}`).Draw(t, "text")
		in := newInput(text, "")
		in.trimmed = len(text)
		require.Equal(t, naiveMatch(parts, text, 0), in.match(p), "%q in %q", source, text)
	})
}

// classifyInvariants checks what holds for every description.
func classifyInvariants(t require.TestingT, text string) {
	c := Default()
	got := c.Classify(text)
	require.Equal(t, got, c.Classify(text+"\n"))
	got.Targets = nil
	require.Contains(t, knownClasses, got)
	require.Equal(t, "policy", c.Classify("Policy "+text+" was modified").Category)
	require.Equal(t, "policy.create_requested", c.Classify("Request received to create new policy - "+text).Code)
	require.NotEqual(t, "authentication", c.Classify("Saved search "+text).Category)
}

var knownClasses = func() map[auditlog.Class]bool {
	known := map[auditlog.Class]bool{Unknown(): true}
	for _, row := range Default().Rows() {
		known[row.class()] = true
	}
	return known
}()

func FuzzClassify(f *testing.F) {
	for _, row := range Default().Rows() {
		f.Add(row.Example)
		f.Add(row.Pattern)
	}
	for _, text := range []string{"", "\r\n", "\x00\xff", "Policy ", strings.Repeat(" (ID: ", 1000), strings.Repeat("a", 4096)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { classifyInvariants(t, text) })
}

func FuzzParse(f *testing.F) {
	f.Add(catalogFile)
	f.Add(catalogOf(goodRow))
	f.Add(catalogOf(strings.Replace(goodRow, "A {name} b", "{a:id} {b", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			require.Nil(t, c)
			return
		}
		for _, row := range c.Rows() {
			c.Classify(row.Example)
			c.Classify(row.Pattern)
		}
	})
}
