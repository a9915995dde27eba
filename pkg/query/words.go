package query

import (
	"regexp"
	"slices"
	"strings"
)

// word finds quoted phrases and plain words of a Lucene text, each with what stands before it.
var word = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"|([\pL\pN_.@]+)(:)?`)

// SearchWords are the words of the query's Lucene text that are worth highlighting.
func (q Query) SearchWords() []string { return searchWords(q.Filter.Query) }

// searchWords picks the words of a Lucene text that are worth highlighting: phrases and plain words, without field names and
// operators. What a word means is not looked at: highlighting is a help for the eye.
func searchWords(lucene string) []string {
	var words []string
	for _, m := range word.FindAllStringSubmatch(lucene, -1) {
		w := strings.TrimSpace(strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[1]))
		if m[2] != "" && m[3] == "" && !slices.Contains([]string{"AND", "OR", "NOT", "TO"}, m[2]) {
			w = m[2]
		}
		if w != "" && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return words
}
