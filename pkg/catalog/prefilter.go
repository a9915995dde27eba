package catalog

import (
	"cmp"
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Prefilter is a Lucene query for words of descriptions. It finds every event that a filter selects by its class, and others, among which
// the Catalog decides. This holds as long as a search for a word finds every description that has the word between blanks, in any case,
// which the vendor does not document: see [WordProbe].
type Prefilter struct {
	Query string
	// Sure is false when a word row is selected. The catalog also finds such a word next to a comma or inside a URL, where a search
	// may see another word.
	Sure bool
}

// Prefilter returns the query for a filter. It returns false when the filter has no key of the class, when it selects unknown
// descriptions, or when a row that it selects has no word to search for.
func (c *Catalog) Prefilter(f auditlog.Filter) (Prefilter, bool) {
	m := f.ByClass()
	if m.Match(&auditlog.Event{}, Unknown()) {
		return Prefilter{}, false
	}
	out, any := Prefilter{Sure: true}, anyOf{}
	for ; c != nil; c = c.below {
		for i := range c.rows {
			row := &c.rows[i]
			if !m.Match(&auditlog.Event{}, row.class()) {
				continue
			}
			words := row.searchWords()
			if len(words) == 0 {
				return Prefilter{}, false
			}
			any = append(any, words)
			out.Sure = out.Sure && row.Evidence == EvidenceText
		}
	}
	any = any.shortest()
	out.Query = any.lucene()
	return out, len(any) > 0 && len(any) <= maxGroups
}

// Bounds of a prefilter. By default, Lucene allows 1024 clauses in a query.
const (
	maxGroups = 200
	maxWords  = 4 // of one group
)

// anyOf is a list of groups of sorted words. It finds descriptions that have all words of any group.
type anyOf [][]string

// shortest drops every group that contains all words of another, because the other finds the same descriptions.
func (a anyOf) shortest() anyOf {
	slices.SortFunc(a, func(x, y []string) int { return cmp.Or(cmp.Compare(len(x), len(y)), slices.Compare(x, y)) })
	var out anyOf
	for _, group := range a {
		if !slices.ContainsFunc(out, func(shorter []string) bool { return containsAll(group, shorter) }) {
			out = append(out, group)
		}
	}
	return out
}

// finds reports whether words contain all of any group.
func (a anyOf) finds(words []string) bool {
	return slices.ContainsFunc(a, func(group []string) bool { return containsAll(words, group) })
}

// lucene returns the groups in the forms of the query language that the vendor's examples show.
func (a anyOf) lucene() string {
	groups := make([]string, len(a))
	for i, words := range a {
		groups[i] = "(description:" + strings.Join(words, " AND description:") + ")"
	}
	return strings.Join(groups, " OR ")
}

func containsAll(set, subset []string) bool {
	return !slices.ContainsFunc(subset, func(word string) bool { return !slices.Contains(set, word) })
}

// searchWords returns the longest words that every description of the row has, in lower case, sorted.
func (r *Row) searchWords() []string {
	var words []string
	if r.Evidence == EvidenceWord {
		words = strings.FieldsFunc(r.Pattern, func(c rune) bool { return c < 0x80 && !isWordByte(byte(c)) })
	} else if parts, err := splitParts(r.Pattern); err == nil {
		words = literalWords(parts)
	}
	return longest(searchable(words), maxWords)
}

// literalWords returns the words of a pattern that stand between blanks or at an end of the description, whatever its placeholders
// match.
func literalWords(parts []part) []string {
	var words []string
	for i, p := range parts {
		if p.kind != kindLiteral {
			continue
		}
		pieces := strings.Split(p.text, " ")
		if i > 0 {
			pieces = pieces[1:]
		}
		if i < len(parts)-1 && len(pieces) > 0 {
			pieces = pieces[:len(pieces)-1]
		}
		words = append(words, pieces...)
	}
	return words
}

// searchable returns the words that every full-text index has: three or more letters of the Latin alphabet, and no stop words. They are
// distinct, in lower case and sorted.
func searchable(words []string) []string {
	var out []string
	for _, word := range words {
		word = strings.ToLower(word)
		if len(word) >= 3 && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == "" && !stopWords[word] {
			out = append(out, word)
		}
	}
	return sortedSet(out)
}

func longest(words []string, n int) []string {
	if len(words) <= n {
		return words
	}
	slices.SortStableFunc(words, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return sortedSet(words[:n])
}

// stopWords lists what indexes of English text may omit, from Lucene's list and longer ones.
var stopWords = func() map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(`
		about above after again against all also and any are aren because been before being below between both but can cannot
		could couldn did didn does doesn doing don down during each few for from further had hadn has hasn have haven having her
		here hers herself him himself his how however into isn its itself just let may might more most must mustn myself nor not
		now off once only other our ours ourselves out over own same shall shan she should shouldn some such than that the their
		theirs them themselves then there these they this those through too under until upon use used using very was wasn were
		weren what when where whether which while who whom why will with within without won would wouldn yet you your yours
		yourself yourselves`) {
		set[word] = true
	}
	return set
}()
