package catalog

import (
	"cmp"
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Prefilter is a Lucene text that finds, by words of their descriptions, every event that a filter's derived keys select, and
// others: the Catalog decides among what comes back. It holds as long as a search for a word finds every description in which
// the word stands between blanks, in any case, which the vendor does not document: see [WordProbe].
type Prefilter struct {
	Query string
	// Sure is false when a row on single words is among those selected. The catalog sees such a word next to a comma or in a
	// web address, too, where a search may see another one.
	Sure bool
}

// Prefilter returns the text for a filter. There is none when the filter does not ask for what the catalog makes of an event,
// when it selects unknown text, or when a row that it selects has no word to look for.
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

// Bounds of a prefilter: Lucene allows 1024 clauses in a text unless it is told otherwise.
const (
	maxGroups = 200
	maxWords  = 4 // of one group
)

// anyOf are groups of words, ascending: a description is found that has all words of any group.
type anyOf [][]string

// shortest leaves out every group that has all words of another: what it finds is found anyway.
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

// finds tells whether a set of words has all of any group.
func (a anyOf) finds(words []string) bool {
	return slices.ContainsFunc(a, func(group []string) bool { return containsAll(words, group) })
}

// lucene writes the groups in the few forms of the query language that the vendor's own examples show.
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

// searchWords are words that every description of the row has, the longest ones, in lower case, ascending.
func (r *Row) searchWords() []string {
	var words []string
	if r.Evidence == EvidenceWord {
		words = strings.FieldsFunc(r.Pattern, func(c rune) bool { return c < 0x80 && !isWordByte(byte(c)) })
	} else if parts, err := splitParts(r.Pattern); err == nil {
		words = literalWords(parts)
	}
	return longest(searchable(words), maxWords)
}

// literalWords are the words of a pattern that stand between blanks, or at an end of the description, whatever its placeholders
// stand for.
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

// searchable keeps words that any search by words knows as one: three letters or more of the Latin alphabet, and none of those
// that an index of English text leaves out. They come in lower case, ascending, each once.
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

// stopWords are what indexes of English text may leave out, from Lucene's list and longer ones.
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
