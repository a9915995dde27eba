package simulator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func settled(t testing.TB, sw Switches) *Switches {
	t.Helper()
	sw, err := sw.withDefaults()
	require.NoError(t, err)
	return &sw
}

var sample = Event{
	CreateTime: noon, OrgKey: "ABCD1234", Actor: "alice.moreau@example.com", ActorIP: "192.0.2.10", RequestURL: "/access/v2/orgs",
	Description: `Downloaded policy "Standard" (ID: 6525) was modified: LiveResponse-session`, Flagged: true,
}

func TestQueryMatches(t *testing.T) {
	for query, want := range map[string]bool{
		"description:policy":                                              true,
		"description:POLICY":                                              true,
		"description:polic":                                               false,
		"description:modify":                                              false,
		`description:"was modified"`:                                      true,
		`description:"modified was"`:                                      false,
		"description:(nothing OR policy)":                                 true,
		"description:(nothing OR (policy AND standard))":                  true,
		"description:(policy standard)":                                   true,
		"description:(policy nothing)":                                    false,
		"description:policy AND NOT description:(note OR \"for device\")": true,
		"NOT description:policy":                                          false,
		"-description:policy":                                             false,
		"!description:nothing":                                            true,
		"description:policy -description:nothing":                         true,
		"policy && standard || nothing":                                   true,
		"nothing || policy && nothing":                                    false,
		"+policy +standard":                                               true,
		"description:Downloaded policy":                                   true,
		`description:Downloaded\ policy`:                                  true,
		`description:policy\ downloaded`:                                  false,
		"description:Live*":                                               true,
		"description:live":                                                false,
		"description:*modif?ed":                                           true,
		"description:modif?":                                              false,
		`description:modif\*`:                                             false,
		"actor:alice.moreau@example.com":                                  true,
		"actor:bob@example.com":                                           false,
		"actor:*@example.com":                                             true,
		"actor_ip:192.0.2.10":                                             true,
		"actor_ip:192.0.2.1":                                              false,
		"actor_ip:192.0.2.*":                                              true,
		`request_url:\/access\/v2`:                                        true,
		`request_url:"/access/v2/orgs"`:                                   true,
		"request_url:*":                                                   true,
		"flagged:true":                                                    true,
		"verbose:true":                                                    false,
		"flagged:true AND (verbose:true OR policy)":                       true,
		"*:*":              true,
		"*":                true,
		"org_key:abcd1234": true,
		"create_time:[2026-03-11T12:00:00Z TO *]":                                true,
		"create_time:{2026-03-11T12:00:00Z TO *]":                                false,
		"create_time:[* TO 2026-03-11T12:00:00Z}":                                false,
		`create_time:["2026-03-11T11:00:00.000Z" TO "2026-03-11T12:00:00.000Z"]`: true,
		`create_time:2026\-03\-11T12\:00\:00Z`:                                   true,
		"actor:[alice TO bob]":                                                   true,
		"actor:{alice.moreau@example.com TO bob}":                                false,
		"actor:[bob TO carla]":                                                   false,
		"policy^2":                                                               true,
		`\-`:                                                                     false,
		`"` + `\"standard\"` + `"`:                                               true,
	} {
		match, err := compileQuery(query, settled(t, Switches{}))
		require.NoError(t, err, query)
		require.Equal(t, want, match(&sample), query)
	}
}

func TestQuerySyntaxErrors(t *testing.T) {
	for _, query := range []string{
		"AND", "OR a", "a AND", "a OR", "NOT", "a AND OR b", "(a", "a)", "()", "description:()", `"a`, `description:"a`, "description:",
		"description: a", "a:b:c", "psc:role:A", "nosuch:a", "/access/", "description:/a/", "[a b]", "description:[a TO b",
		"description:[a b]", "description:[a TO b*]", `a\`, "a~", `"a b"~2`, "a^", "flagged:TRUE", "flagged:yes", "create_time:yesterday",
		"create_time:[yesterday TO *]", "create_time:[* TO x]", "*:a", "+", "-", "!", "a && ", "description:(actor:a)", "description:-a",
		strings.Repeat("(", 200) + "a" + strings.Repeat(")", 200), strings.Repeat("-", 200) + "a", "\xff",
	} {
		_, err := compileQuery(query, settled(t, Switches{}))
		var syntax *syntaxError
		require.ErrorAs(t, err, &syntax, query)
	}
}

func TestQueryWithOrAsDefault(t *testing.T) {
	for query, want := range map[string]bool{
		"policy nothing":                true,
		"nothing nowhere":               false,
		"+nothing policy":               false,
		"+policy nothing":               true,
		"policy -standard":              false,
		"nothing -nowhere":              false,
		"-nowhere":                      true,
		"description:(nothing policy)":  true,
		"description:Downloaded policy": true,
	} {
		match, err := compileQuery(query, settled(t, Switches{DefaultOperator: "OR"}))
		require.NoError(t, err, query)
		require.Equal(t, want, match(&sample), query)
	}
	_, err := compileQuery("+policy nosuch:a", settled(t, Switches{DefaultOperator: "OR"}))
	require.Error(t, err, "an optional term is still checked")
}

var (
	naiveWords  = []string{"alpha", "Beta", "gamma", "ünïcode", "42", "a_b"}
	naiveTokens = regexp.MustCompile(`[\p{L}\p{N}\p{M}_]+`)
)

// drawQuery draws a query and a naive evaluation of it on the words of a description.
func drawQuery(t *rapid.T, depth int) (string, func(words []string) bool) {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind %= 3
	}
	word := rapid.SampledFrom(naiveWords).Draw(t, "word")
	switch kind {
	case 0:
		return "description:" + word, func(words []string) bool { return slices.Contains(words, strings.ToLower(word)) }
	case 1:
		second := rapid.SampledFrom(naiveWords).Draw(t, "second")
		phrase := strings.ToLower(" " + word + " " + second + " ")
		return fmt.Sprintf("%q", word+" - "+second), func(words []string) bool {
			return strings.Contains(" "+strings.Join(words, " ")+" ", phrase)
		}
	case 2:
		prefix := strings.ToLower(string([]rune(word)[:1]))
		return prefix + "*", func(words []string) bool {
			return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, prefix) })
		}
	case 3:
		text, eval := drawQuery(t, depth-1)
		negation := rapid.SampledFrom([]string{"NOT ", "-", "!", "NOT  !!"}).Draw(t, "not")
		return negation + "(" + text + ")", func(words []string) bool { return !eval(words) }
	}
	left, evalLeft := drawQuery(t, depth-1)
	right, evalRight := drawQuery(t, depth-1)
	if kind == 4 {
		joint := rapid.SampledFrom([]string{" OR ", " || "}).Draw(t, "or")
		return "(" + left + joint + right + ")", func(words []string) bool { return evalLeft(words) || evalRight(words) }
	}
	joint := rapid.SampledFrom([]string{" AND ", " && ", " ", "\n"}).Draw(t, "and")
	return "(" + left + joint + right + ")", func(words []string) bool { return evalLeft(words) && evalRight(words) }
}

func TestQueryAgreesWithNaiveEvaluation(t *testing.T) {
	sw := settled(t, Switches{})
	rapid.Check(t, func(t *rapid.T) {
		query, eval := drawQuery(t, 4)
		match, err := compileQuery(query, sw)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for range 8 {
			words := rapid.SliceOfN(rapid.SampledFrom(naiveWords), 0, 5).Draw(t, "words")
			description := strings.Join(words, rapid.SampledFrom([]string{" ", "-", ", ", "/"}).Draw(t, "separator"))
			want := eval(naiveTokens.FindAllString(strings.ToLower(description), -1))
			// A prefix of the first token is a prefix of the whole value, so prefixes agree.
			if got := match(&Event{Description: description}); got != want {
				t.Fatalf("%s on %q: got %v", query, description, got)
			}
		}
	})
}

func TestHasPhraseDoesNotAllocate(t *testing.T) {
	want := tokens("LiveResponse session")
	require.Zero(t, testing.AllocsPerRun(100, func() { hasPhrase(sample.Description, want) }))
}

func TestWildcardsAreNotExponential(t *testing.T) {
	match, err := compileQuery("description:"+strings.Repeat("a*", 30)+"b", settled(t, Switches{}))
	require.NoError(t, err)
	started := time.Now()
	require.False(t, match(&Event{Description: strings.Repeat("a", 5000)}))
	require.Less(t, time.Since(started), time.Second)
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		`description:(Policy OR "was modified" OR "modify policy") AND NOT description:(downloaded OR "for device")`, "a AND", "((", `\`,
		"create_time:[2026-03-11T12:00:00Z TO *}", "-(a b)^3 || !c", "description:Logged\\ in", "\u00a0:\u0085", "*:*", `"\"`, "a:*b?c",
	} {
		f.Add(seed)
	}
	sw := settled(f, Switches{})
	f.Fuzz(func(t *testing.T, query string) {
		match, err := compileQuery(query, sw)
		if (match == nil) == (err == nil) {
			t.Fatalf("match %v and error %v", match != nil, err)
		}
		if err == nil {
			match(&sample)
		}
	})
}
