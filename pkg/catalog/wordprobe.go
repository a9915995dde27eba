package catalog

import (
	"slices"
	"strings"
	"unicode"
)

// WordProbe searches for known descriptions by some of their words, to find out whether a search finds what a [Prefilter] relies on.
type WordProbe struct {
	Query  string
	groups anyOf
}

// NewWordProbe returns a probe of known descriptions. It returns false when they cannot show that a search finds words at any place and in
// any case, that it needs all words of a group, and that one group is enough.
func NewWordProbe(descriptions []string) (WordProbe, bool) {
	seen, p := map[string]bool{}, WordProbe{}
	capital := false
	for _, d := range descriptions {
		words := blankWords(d)
		if len(words) < 2 {
			continue
		}
		// The first, one in the middle and the last: a search may look at the start of a description only.
		group := sortedSet([]string{words[0], words[len(words)/2], words[len(words)-1]})
		if key := strings.Join(group, " "); len(group) > 1 && !seen[key] {
			seen[key] = true
			p.groups = append(p.groups, group)
			capital = capital || strings.IndexFunc(firstOf(d, words[0]), unicode.IsUpper) == 0
		}
		if len(p.groups) == maxProbed {
			break
		}
	}
	p.groups = p.groups.shortest()
	p.Query = p.groups.lucene()
	return p, capital && p.discriminates(descriptions)
}

// maxProbed bounds the groups of a probe.
const maxProbed = 60

// Expects reports whether the probe must find an event with the description.
func (p WordProbe) Expects(description string) bool { return p.groups.finds(blankWords(description)) }

// discriminates reports whether a description is found by one group and not by another.
func (p WordProbe) discriminates(descriptions []string) bool {
	return len(p.groups) > 1 && slices.ContainsFunc(descriptions, func(d string) bool {
		words := blankWords(d)
		return p.groups.finds(words) && slices.ContainsFunc(p.groups, func(group []string) bool { return !containsAll(words, group) })
	})
}

// blankWords returns the searchable words between the blanks of a string, in their order, in lower case.
func blankWords(text string) []string {
	var out []string
	for word := range strings.FieldsSeq(text) {
		out = append(out, searchable([]string{word})...)
	}
	return out
}

// firstOf returns a string from the first place where a word stands, in any case.
func firstOf(text, word string) string {
	if i := strings.Index(strings.ToLower(text), word); i >= 0 && i < len(text) {
		return text[i:]
	}
	return ""
}
