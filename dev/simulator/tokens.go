package simulator

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token is a run of letters, digits and underscores, compared in any case and without stemming: "LiveResponse" is
// one token, "a-b" are two.

var wordByte = func() (table [utf8.RuneSelf]bool) {
	for c := range table {
		table[c] = c == '_' || unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c))
	}
	return table
}()

func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return wordByte[r]
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r)
}

// nextToken returns the bounds of the first token at or after from; start is len(text) if there is none.
func nextToken(text string, from int) (start, end int) {
	start = from
	for start < len(text) {
		r, size := decodeRune(text, start)
		if isWord(r) {
			break
		}
		start += size
	}
	end = start
	for end < len(text) {
		r, size := decodeRune(text, end)
		if !isWord(r) {
			break
		}
		end += size
	}
	return start, end
}

func decodeRune(text string, at int) (rune, int) {
	if c := text[at]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRuneInString(text[at:])
}

// tokens returns the lower-case tokens of text.
func tokens(text string) []string {
	var list []string
	for start, end := nextToken(text, 0); start < len(text); start, end = nextToken(text, end) {
		list = append(list, strings.ToLower(text[start:end]))
	}
	return list
}

// hasPhrase reports whether text contains the lower-case tokens of want in a row. It is false without tokens. It does not
// allocate for ASCII text, because a search may evaluate it on a million descriptions.
func hasPhrase(text string, want []string) bool {
	if len(want) == 0 {
		return false
	}
	for start, end := nextToken(text, 0); start < len(text); start, end = nextToken(text, end) {
		if equalsLower(text[start:end], want[0]) && continues(text, end, want[1:]) {
			return true
		}
	}
	return false
}

func continues(text string, from int, want []string) bool {
	for _, token := range want {
		start, end := nextToken(text, from)
		if start == len(text) || !equalsLower(text[start:end], token) {
			return false
		}
		from = end
	}
	return true
}

// equalsLower reports whether token equals want in lower case.
func equalsLower(token, want string) bool {
	for i := range len(token) {
		c := token[i]
		if c >= utf8.RuneSelf {
			return strings.ToLower(token) == want
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if i >= len(want) || c != want[i] {
			return false
		}
	}
	return len(token) == len(want)
}
