package auditlog

import (
	"unicode"
	"unicode/utf8"
)

// phraseSet reports whether a string contains any of many phrases: the same words side by side, in any case. A word is a run of letters and
// digits. It is an Aho-Corasick automaton over words, so a string is read once, however many phrases there are.
type phraseSet struct {
	words map[string]int // numbers of the words of all phrases, case-folded
	nodes []phraseNode   // node 0 is the root
	next  map[edge]int
}

type phraseNode struct {
	fallback int // the node of the longest proper suffix that begins a phrase
	ends     bool
}

type edge struct{ node, word int }

// newPhraseSet returns a set of phrases. Phrases without any word match nothing.
func newPhraseSet(phrases []string) *phraseSet {
	s := &phraseSet{words: map[string]int{}, nodes: make([]phraseNode, 1), next: map[edge]int{}}
	var order []edge // in the order of creation
	for _, phrase := range phrases {
		node := 0
		for w := range foldedWords(phrase) {
			word, known := s.words[string(w)]
			if !known {
				word = len(s.words)
				s.words[string(w)] = word
			}
			step := edge{node, word}
			to, known := s.next[step]
			if !known {
				to = len(s.nodes)
				s.nodes, s.next[step] = append(s.nodes, phraseNode{}), to
				order = append(order, step)
			}
			node = to
		}
		s.nodes[node].ends = node != 0
	}
	s.link(order)
	return s
}

// link sets the fallbacks, shorter phrases first.
func (s *phraseSet) link(order []edge) {
	depth := make([]int, len(s.nodes))
	byDepth := make([][]edge, 1)
	for _, step := range order { // a parent is created before its children
		d := depth[step.node] + 1
		depth[s.next[step]] = d
		if d == len(byDepth) {
			byDepth = append(byDepth, nil)
		}
		byDepth[d] = append(byDepth[d], step)
	}
	for _, level := range byDepth {
		for _, step := range level {
			if step.node == 0 {
				continue
			}
			to := s.next[step]
			fallback := s.follow(s.nodes[step.node].fallback, step.word)
			s.nodes[to].fallback = fallback
			s.nodes[to].ends = s.nodes[to].ends || s.nodes[fallback].ends
		}
	}
}

// follow returns the node that a word leads to.
func (s *phraseSet) follow(node, word int) int {
	for {
		if to, ok := s.next[edge{node, word}]; ok || node == 0 {
			return to
		}
		node = s.nodes[node].fallback
	}
}

// foundIn reports whether a string contains any of the phrases.
func (s *phraseSet) foundIn(text string) bool {
	if len(s.words) == 0 {
		return false
	}
	node := 0
	for w := range foldedWords(text) {
		word, known := s.words[string(w)]
		if !known {
			node = 0
			continue
		}
		if node = s.follow(node, word); s.nodes[node].ends {
			return true
		}
	}
	return false
}

// foldedWords yields the case-folded words of a string. A word is valid until the next one.
func foldedWords(text string) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		var stack [64]byte
		word := stack[:0]
		for _, r := range text {
			if r < utf8.RuneSelf && isWordASCII[r] {
				if r >= 'A' && r <= 'Z' {
					r |= 0x20
				}
				word = append(word, byte(r))
				continue
			}
			if r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				word = utf8.AppendRune(word, foldRune(r))
				continue
			}
			if len(word) > 0 {
				if !yield(word) {
					return
				}
				word = word[:0]
			}
		}
		if len(word) > 0 {
			yield(word)
		}
	}
}

var isWordASCII = func() (is [utf8.RuneSelf]bool) {
	for r := range rune(utf8.RuneSelf) {
		is[r] = unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	return is
}()

// foldRune returns one rune for all that differ in case only: ASCII in lower case, otherwise the smallest.
func foldRune(r rune) rune {
	smallest := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		smallest = min(smallest, other)
	}
	if smallest >= 'A' && smallest <= 'Z' {
		smallest |= 0x20
	}
	return smallest
}
