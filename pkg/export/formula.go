package export

import (
	"unicode"
	"unicode/utf8"
)

// isFormula reports whether a spreadsheet may take a cell for a formula, or for anything else but text: it begins with a control
// character, or with a formula's first character, in whatever form, behind whatever cannot be seen.
func isFormula[T string | []byte](cell T) bool {
	if len(cell) == 0 || startsPlainly[cell[0]] {
		return false
	}
	if cell[0] < ' ' || cell[0] == 0x7f {
		return true
	}
	for text := string(cell); text != ""; {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case formulaStart(r):
			return true
		case r == utf8.RuneError && size == 1: // a byte that is not UTF-8, which a spreadsheet may read as a blank
		case !invisible(r):
			return false
		}
		text = text[size:]
	}
	return false
}

// startsPlainly are the bytes with which most cells begin: letters and digits.
var startsPlainly = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
	}
	return plain
}()

// formulaStart reports whether a character is =, +, - or @, or one that Unicode holds equivalent to it, such as the full-width forms.
func formulaStart(r rune) bool {
	switch r {
	case '=', '\uff1d', '\ufe66', '\u207c', '\u208c',
		'+', '\uff0b', '\ufe62', '\u207a', '\u208a', '\ufb29',
		'-', '\uff0d', '\ufe63', '\u207b', '\u208b', '\u2212',
		'@', '\uff20', '\ufe6b':
		return true
	}
	return false
}

// invisible reports whether a character leaves no mark on paper: blanks, control and format characters, fillers, variation
// selectors and what is no character.
func invisible(r rune) bool {
	return r == '\u2800' || // the Braille pattern without dots
		unicode.In(r, unicode.White_Space, unicode.Cc, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp,
			unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point)
}
