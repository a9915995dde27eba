package query

import (
	"regexp"
	"slices"
	"strings"
)

// word matches a quoted phrase or a plain word of a Lucene query.
var word = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"|([\pL\pN_.@]+)(:)?`)

// maxMatches bounds the phrases and words of a query that are looked at: nobody reads a line in which so many are highlighted.
const maxMatches = 500

var unquote = strings.NewReplacer(`\"`, `"`, `\\`, `\`)

// SearchWords returns the words of the Lucene query to highlight.
func (q Query) SearchWords() []string { return searchWords(q.Filter.Query) }

// searchWords returns the phrases and words of a Lucene query, without field names and operators. It does not parse the query, because
// highlighting need not be exact.
func searchWords(lucene string) []string {
	var words []string
	for _, m := range word.FindAllStringSubmatch(lucene, maxMatches) {
		w := strings.TrimSpace(unquote.Replace(m[1]))
		if m[2] != "" && m[3] == "" && !slices.Contains([]string{"AND", "OR", "NOT", "TO"}, m[2]) {
			w = m[2]
		}
		if w != "" && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return words
}
