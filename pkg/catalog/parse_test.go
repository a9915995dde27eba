package catalog

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goodRow = "a.b\tother\tcreate\tsuccess\tinfo\ttext\tsource\tA {name} b\tA x b"

func catalogOf(rows ...string) []byte {
	return []byte(catalogHeader + "\n" + strings.Join(rows, "\n") + "\n")
}

func TestParseTakesCommentsBlankLinesAndWindowsLineEnds(t *testing.T) {
	c, err := Parse([]byte("# head\r\n\r\n" + catalogHeader + "\r\n# more\r\n" + goodRow + "\r\n"))
	require.NoError(t, err)
	require.Equal(t, "a.b", c.Classify("A x b").Code)
	require.Equal(t, []Row{{
		Code: "a.b", Category: "other", Action: "create", Outcome: "success", Severity: "info", Evidence: EvidenceText,
		Sources: []string{"source"}, Pattern: "A {name} b", Example: "A x b",
	}}, c.Rows())
}

func TestParseNamesTheRowAndWhatIsWrong(t *testing.T) {
	withCell := func(column int, value string) []byte {
		cells := strings.Split(goodRow, "\t")
		cells[column] = value
		return catalogOf(strings.Join(cells, "\t"))
	}
	const at = `line 2: row "a.b": `
	const pattern, evidence = 7, 5
	for _, tt := range []struct {
		data []byte
		want string
	}{
		{nil, "the catalog has no rows"},
		{catalogOf("# nothing"), "the catalog has no rows"},
		{[]byte(goodRow), "line 1: the header must be "},
		{catalogOf("a.b\tother"), at + "has 2 columns, want 9"},
		{catalogOf(goodRow, goodRow), `line 3: row "a.b": the code is taken`},
		{catalogOf(goodRow, "a.c"+goodRow[3:]), `line 3: row "a.c": the pattern "A {name} b" is taken`},
		{withCell(0, "other.unknown"), `line 2: row "other.unknown": the code is taken`},
		{withCell(0, "A.b"), `line 2: row "A.b": a code must be two words`},
		{withCell(0, "ab"), `line 2: row "ab": a code must be two words`},
		{withCell(0, "a."), `line 2: row "a.": a code must be two words`},
		{withCell(1, "colour"), at + `category "colour" is not one of api_key, `},
		{withCell(2, "paint"), at + `action "paint" is not one of approve, `},
		{withCell(3, "maybe"), at + `outcome "maybe" is not one of failure, success, unknown`},
		{withCell(4, "debug"), at + `severity "debug" is not one of critical, error, info, warning`},
		{withCell(evidence, "rumour"), at + `evidence "rumour" is not one of text, word`},
		{withCell(evidence, "word"), at + "the outcome of a word row must be unknown"},
		{withCell(6, ""), at + "a source is empty"},
		{withCell(6, "a; "), at + "a source is empty"},
		{withCell(8, ""), at + "the example is empty"},
		{withCell(pattern, ""), at + "the pattern has no literal text"},
		{withCell(pattern, "{rest}"), at + "the pattern has no literal text"},
		{withCell(pattern, "A {name"), at + "a { has no }"},
		{withCell(pattern, "A name}"), at + "a } has no {"},
		{withCell(pattern, "A {}"), at + "a placeholder has no name"},
		{withCell(pattern, "A {:id}"), at + "a placeholder has no name"},
		{withCell(pattern, "A {x:float}"), at + `placeholder {x:float}: there is no kind "float"`},
		{withCell(pattern, "A {x}{y}"), at + "a placeholder for any text must be followed by literal text"},
		{withCell(pattern, "A {x}{y:id}"), at + "a placeholder for any text must be followed by literal text"},
		{withCell(pattern, "A {rest} b"), at + "a placeholder for the rest must be the last"},
		{withCell(pattern, "A {x:json} b"), at + "a placeholder for the rest must be the last"},
		{withCell(pattern, "A {x}-{y:id}"), at + "between a placeholder for any text and a typed one there must be a space"},
	} {
		_, err := Parse(tt.data)
		require.ErrorContains(t, err, tt.want)
	}
}

func TestParseChecksPhrases(t *testing.T) {
	word := func(pattern string) []byte {
		return catalogOf("a.b\tother\tcreate\tunknown\tinfo\tword\tsource\t" + pattern + "\tx")
	}
	for _, bad := range []string{"", "a + ", "1a", "a-", " a"} {
		_, err := Parse(word(bad))
		require.ErrorContains(t, err, `row "a.b": a phrase must start with a letter`, bad)
	}
	letters := strings.Split("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm", "")
	for i := range letters {
		letters[i] = strings.Repeat(letters[i], 1+i/26)
	}
	_, err := Parse(word(strings.Join(letters[:64], " + ")))
	require.NoError(t, err)
	_, err = Parse(word(strings.Join(letters, " + ")))
	require.ErrorContains(t, err, "more than 64 phrases")
}

func TestTheMostSpecificRowWins(t *testing.T) {
	row := func(code, pattern string) string {
		return code + "\tother\tcreate\tsuccess\tinfo\ttext\tsource\t" + pattern + "\tx"
	}
	word := "a.word\tother\tcreate\tunknown\tinfo\tword\tsource\tand\tx"
	c, err := Parse(catalogOf(
		word,
		row("a.open", "{x} and a very long tail"),
		row("a.first", "one {x} two {y}"),
		row("a.twin", "one {z} {y} two"),
		row("a.longer", "one {x} two {y} three"),
		row("a.lone", "single"),
		row("a.start", "one start of {x}"),
	))
	require.NoError(t, err)
	for description, code := range map[string]string{
		"one and a very long tail":       "a.open",
		"one x two y":                    "a.first",
		"one x two y z two":              "a.first", // as specific as a.twin, and earlier
		"one x y two":                    "a.twin",
		"one x two and three":            "a.longer",
		"one x two y three":              "a.longer",
		"one x two y three four":         "a.first",
		"one a two and a very long tail": "a.first", // starts with literal text
		"two and a very long tail":       "a.open",
		"sand, AND":                      "a.word",
		"one start of two and three":     "a.start", // no more literal text than a.longer, but at the start
		"single":                         "a.lone",
		"single one":                     "other.unknown",
	} {
		require.Equal(t, code, c.Classify(description).Code, description)
	}
}
