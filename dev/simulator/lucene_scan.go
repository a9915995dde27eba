package simulator

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Characters that end a word anywhere, and those that cannot begin one.
const (
	wordEnders   = `()[]{}"^~:`
	wordStarters = `/&|!+-`
)

func (p *parser) space() {
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		if !unicode.IsSpace(r) {
			return
		}
		p.at += size
	}
}

func (p *parser) symbol(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// operator consumes one of the given operators.
func (p *parser) operator(names ...string) bool {
	p.space()
	for _, name := range names {
		if p.ahead(name) {
			p.at += len(name)
			return true
		}
	}
	return false
}

// ahead reports whether an operator is next; a word such as AND must end there.
func (p *parser) ahead(name string) bool {
	rest, ok := strings.CutPrefix(p.text[p.at:], name)
	if !ok || rest == "" || name == "&&" || name == "||" {
		return ok
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return unicode.IsSpace(r) || strings.ContainsRune(`()[]{}"`, r)
}

func (p *parser) binaryAhead() bool {
	p.space()
	return p.ahead("AND") || p.ahead("OR") || p.ahead("&&") || p.ahead("||")
}

// fieldName consumes `name:` if it is next.
func (p *parser) fieldName() (string, bool) {
	end := p.at
	for end < len(p.text) && (p.text[end] == '_' || p.text[end] == '.' || isAlphanumeric(p.text[end])) {
		end++
	}
	if end < len(p.text) && p.text[end] == ':' && end > p.at {
		name := p.text[p.at:end]
		p.at = end + 1
		return name, true
	}
	if strings.HasPrefix(p.text[p.at:], "*:") {
		p.at += 2
		return "*", true
	}
	return "", false
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// word parses an unquoted term. Characters in allowed do not end it.
func (p *parser) word(allowed string) ([]glob, error) {
	var text []glob
	start := p.at
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		if r == '\\' {
			escaped, err := p.escape()
			if err != nil {
				return nil, err
			}
			text = append(text, glob(escaped))
			continue
		}
		if unicode.IsSpace(r) || strings.ContainsRune(wordEnders, r) && !strings.ContainsRune(allowed, r) {
			break
		}
		if p.at == start && strings.ContainsRune(wordStarters, r) {
			return nil, p.fail("%q must be escaped here", r)
		}
		if p.ahead("&&") || p.ahead("||") {
			break
		}
		text = append(text, wildcard(r))
		p.at += size
	}
	if len(text) == 0 {
		return nil, p.fail("missing value")
	}
	if p.at < len(p.text) && p.text[p.at] == ':' {
		return nil, p.fail("':' must be escaped here")
	}
	return text, nil
}

func wildcard(r rune) glob {
	switch r {
	case '*':
		return anyText
	case '?':
		return anyRune
	}
	return glob(r)
}

// escape parses a backslash and the character after it.
func (p *parser) escape() (rune, error) {
	p.at++
	if p.at == len(p.text) {
		return 0, p.fail("missing character after a backslash")
	}
	r, size := utf8.DecodeRuneInString(p.text[p.at:])
	p.at += size
	return r, nil
}

func (p *parser) quoted() (string, error) {
	var b strings.Builder
	p.at++
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		switch r {
		case '"':
			p.at++
			return b.String(), nil
		case '\\':
			escaped, err := p.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(escaped)
		default:
			b.WriteRune(r)
			p.at += size
		}
	}
	return "", p.fail("unclosed phrase")
}

// boost skips ^2, which changes a score; audit logs have none.
func (p *parser) boost() error {
	if p.at < len(p.text) && p.text[p.at] == '~' {
		return p.fail("fuzzy terms and proximity are not supported")
	}
	if !p.symbol('^') {
		return nil
	}
	start := p.at
	for p.at < len(p.text) && (p.text[p.at] == '.' || '0' <= p.text[p.at] && p.text[p.at] <= '9') {
		p.at++
	}
	if p.at == start {
		return p.fail("boost without a number")
	}
	return nil
}

func literal(text string) []glob {
	list := make([]glob, 0, len(text))
	for _, r := range text {
		list = append(list, glob(r))
	}
	return list
}
