package catalog

import (
	"cmp"
	"errors"
	"iter"
	"math/bits"
	"slices"
	"strings"
)

// textRow is a pattern and the row of the catalog that it belongs to.
type textRow struct {
	pattern
	row int
}

// textIndex finds the text row of a description by its first word, so that only a handful of patterns is tried.
type textIndex struct {
	byFirst map[string][]textRow // rows that start with this word, most specific first
	others  []textRow            // rows that may start with anything, most specific first
	needs   []pairs              // of those, what a text must have to be tried
	byPair  [256][]int           // which of them are looked at when a text has this pair
	free    []int                // which of them need no pair
}

func (x *textIndex) add(row int, p pattern) {
	if p.first == "" {
		x.others = append(x.others, textRow{p, row})
		return
	}
	if x.byFirst == nil {
		x.byFirst = make(map[string][]textRow)
	}
	x.byFirst[p.first] = append(x.byFirst[p.first], textRow{p, row})
}

// sort puts the most specific row first. The sort is stable: of equals the earlier wins.
func (x *textIndex) sort() {
	for _, rows := range x.byFirst {
		sortBySpecificity(rows)
	}
	sortBySpecificity(x.others)
	x.sortByPair()
}

// sortByPair notes every row at the pair that the fewest rows need.
func (x *textIndex) sortByPair() {
	x.needs, x.byPair, x.free = make([]pairs, len(x.others)), [256][]int{}, nil
	var users [256]int
	for i := range x.others {
		for _, run := range x.others[i].runs {
			for _, part := range run {
				x.needs[i].add(part.text)
			}
		}
		for pair := range x.needs[i].all() {
			users[pair]++
		}
	}
	for i, need := range x.needs {
		rarest := -1
		for pair := range need.all() {
			if rarest < 0 || users[pair] < users[rarest] {
				rarest = pair
			}
		}
		if rarest < 0 {
			x.free = append(x.free, i)
		} else {
			x.byPair[rarest] = append(x.byPair[rarest], i)
		}
	}
}

// sortBySpecificity compares the literal starts first: no name can stand there, so what they say is the vendor's.
func sortBySpecificity(rows []textRow) {
	slices.SortStableFunc(rows, func(a, b textRow) int {
		return cmp.Or(cmp.Compare(b.start, a.start), cmp.Compare(b.literals, a.literals))
	})
}

// find returns the row that a text is of, or nil. The actor is who the event says did it.
func (x *textIndex) find(text, actor string) *textRow {
	first := text
	if space := strings.IndexByte(text, ' '); space >= 0 {
		first = text[:space]
	}
	if found := firstMatch(x.byFirst[first], text, actor); found != nil {
		return found
	}
	if len(x.others) < worthPairs || len(x.others) > mostPaired {
		return firstMatch(x.others, text, actor)
	}
	var has pairs
	has.add(text)
	var candidates [mostPaired / 64]uint64 // rows to look at, as bits, so that the most specific comes first
	for _, i := range x.free {
		candidates[i/64] |= 1 << (i % 64)
	}
	for pair := range has.all() {
		for _, i := range x.byPair[pair] {
			candidates[i/64] |= 1 << (i % 64)
		}
	}
	for word, rows := range candidates {
		for ; rows != 0; rows &= rows - 1 {
			i := word*64 + bits.TrailingZeros64(rows)
			if x.needs[i].within(has) && x.others[i].fits(text, actor) {
				return &x.others[i]
			}
		}
	}
	return nil
}

const (
	// worthPairs is from how many rows on it pays to note a text's pairs.
	worthPairs = 16
	// mostPaired is for how many rows there is room: rules of one's own and the catalog's are fewer.
	mostPaired = 1024
)

func firstMatch(rows []textRow, text, actor string) *textRow {
	for i := range rows {
		if rows[i].fits(text, actor) {
			return &rows[i]
		}
	}
	return nil
}

func (r *textRow) fits(text, actor string) bool { return r.match(text) && r.suits(text, actor) }

// pairs are the neighbouring characters that a text has, as bits by a hash. A text that lacks one of a pattern's literal texts does
// not match it, which is found out faster than by looking for the literal texts themselves.
type pairs struct{ a, b, c, d uint64 } // four words, which the compiler keeps in registers

func (p *pairs) add(text string) {
	words := [4]*uint64{&p.a, &p.b, &p.c, &p.d}
	for i := 1; i < len(text); i++ {
		hash := uint(text[i-1])*31 + uint(text[i])
		*words[hash>>6&3] |= 1 << (hash & 63)
	}
}

// all gives the pairs by their hashes.
func (p pairs) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range [4]uint64{p.a, p.b, p.c, p.d} {
			for ; word != 0; word &= word - 1 {
				if !yield(i*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

func (p pairs) within(all pairs) bool {
	return p.a&^all.a|p.b&^all.b|p.c&^all.c|p.d&^all.d == 0
}

// wordIndex finds the word row of a description in one pass over it: each phrase found sets a bit, and the first row whose
// bits are all set wins.
type wordIndex struct {
	phrases [26][]phrase // by first letter
	all     []string
	rows    []wordRow
}

type phrase struct {
	text string
	bit  uint64
}

type wordRow struct {
	row  int
	bits uint64
}

// add takes a pattern such as "live response + session".
func (x *wordIndex) add(row int, pattern string) error {
	w := wordRow{row: row}
	for text := range strings.SplitSeq(pattern, " + ") {
		bit, err := x.bit(strings.ToLower(text))
		if err != nil {
			return err
		}
		w.bits |= bit
	}
	x.rows = append(x.rows, w)
	return nil
}

// bit returns the bit of a phrase, new or known.
func (x *wordIndex) bit(text string) (uint64, error) {
	if i := slices.Index(x.all, text); i >= 0 {
		return 1 << i, nil
	}
	switch {
	case text == "" || text[0] < 'a' || text[0] > 'z' || !isWordByte(text[len(text)-1]):
		return 0, errors.New("a phrase must start with a letter and end with a letter or digit")
	case len(x.all) == 64:
		return 0, errors.New("there are more than 64 phrases")
	}
	p := phrase{text: text, bit: 1 << len(x.all)}
	x.all = append(x.all, text)
	letter := text[0] - 'a'
	x.phrases[letter] = append(x.phrases[letter], p)
	return p.bit, nil
}

func (x *wordIndex) find(text string) (row int, ok bool) {
	found := x.scan(text)
	if found == 0 {
		return 0, false
	}
	for _, w := range x.rows {
		if w.bits&^found == 0 {
			return w.row, true
		}
	}
	return 0, false
}

func (x *wordIndex) scan(text string) (found uint64) {
	inWord := false
	for i := range len(text) {
		b := text[i]
		atStart := !inWord
		inWord = isWordByte(b)
		letter := b | 0x20 // lower case, for a letter
		if !atStart || letter < 'a' || letter > 'z' {
			continue
		}
		for _, p := range x.phrases[letter-'a'] {
			if p.startsAt(text[i:]) {
				found |= p.bit
			}
		}
	}
	return found
}

// startsAt says whether text starts with the phrase, in any case, and a word ends there.
func (p *phrase) startsAt(text string) bool {
	n := len(p.text)
	return len(text) >= n && (len(text) == n || !isWordByte(text[n])) && strings.EqualFold(text[:n], p.text)
}
