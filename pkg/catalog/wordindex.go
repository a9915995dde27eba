package catalog

import (
	"errors"
	"slices"
	"strings"
)

// wordIndex finds the word row of a description in one pass over it: each phrase that is found sets a bit, and the first row whose
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

// bit returns the bit of a phrase, and adds the phrase when it is new.
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

// find returns the first row whose words a string has. Words in the actor's name do not count.
func (x *wordIndex) find(text, actor string) (row int, ok bool) {
	found := x.scan(text, actor)
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

func (x *wordIndex) scan(text, actor string) (found uint64) {
	inWord, nameEnd := false, 0
	for i := range len(text) {
		b := text[i]
		atStart := !inWord
		inWord = isWordByte(b)
		if atStart && inWord && startsWithName(text[i:], actor) {
			nameEnd = i + len(actor)
		}
		letter := b | 0x20 // lower case, for a letter
		if !atStart || i < nameEnd || letter < 'a' || letter > 'z' {
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

// startsWithName reports whether a string starts with a name and the name ends there.
func startsWithName(text, name string) bool {
	return name != "" && strings.HasPrefix(text, name) && (len(text) == len(name) || !isWordByte(text[len(name)]))
}

// startsAt reports whether text starts with the phrase, in any case, and a word ends there.
func (p *phrase) startsAt(text string) bool {
	n := len(p.text)
	return len(text) >= n && (len(text) == n || !isWordByte(text[n])) && strings.EqualFold(text[:n], p.text)
}
