package catalog

import (
	"errors"
	"fmt"
	"strings"
)

// kind says what a part of a pattern matches.
type kind uint8

const (
	kindLiteral kind = iota
	kindAny          // any text, even none: a gap
	kindWord
	kindEmail
	kindStranger // a mail address of another domain than the actor's
	kindID
	kindDigits
	kindJSON
	kindRest
)

var kinds = map[string]kind{"word": kindWord, "email": kindEmail, "stranger": kindStranger, "id": kindID, "digits": kindDigits, "json": kindJSON}

// part is one piece of a pattern. Every kind but kindAny has at most one way to match at a given place: it takes all it can.
// Matching therefore never backtracks into a part.
type part struct {
	kind kind
	text string // of a literal
	name string // of a placeholder
}

// pattern is a whole description with gaps. The first run of parts must match at the start, the last at the end, and those
// between wherever they first do. A run is empty where the pattern starts or ends with a gap.
type pattern struct {
	runs     [][]part
	gaps     []string // the names of the gaps between the runs
	start    int      // bytes of literal text before the first placeholder
	literals int      // bytes of literal text in all
	first    string   // the literal word that every match starts with; "" when there is none
	stranger string   // the name of the placeholder for a stranger; "" when there is none
}

func parsePattern(s string) (pattern, error) {
	parts, err := splitParts(s)
	if err != nil {
		return pattern{}, err
	}
	p := pattern{runs: [][]part{nil}}
	for i, part := range parts {
		last := i == len(parts)-1
		switch part.kind {
		case kindAny:
			if !last && parts[i+1].kind != kindLiteral {
				return pattern{}, errors.New("a placeholder for any text must be followed by literal text")
			}
			p.runs, p.gaps = append(p.runs, nil), append(p.gaps, part.name)
			continue
		case kindJSON, kindRest:
			if !last {
				return pattern{}, errors.New("a placeholder for the rest must be the last")
			}
		}
		end := len(p.runs) - 1
		if end > 0 && isSpaceless(part.kind) && !strings.Contains(p.runs[end][0].text, " ") {
			return pattern{}, errors.New("between a placeholder for any text and a typed one there must be a space")
		}
		p.runs[end] = append(p.runs[end], part)
		if part.kind == kindStranger {
			p.stranger = part.name
		}
		p.literals += len(part.text)
	}
	if p.literals == 0 {
		return pattern{}, errors.New("the pattern has no literal text")
	}
	if parts[0].kind == kindLiteral {
		p.start = len(parts[0].text)
	}
	p.first = firstWord(parts)
	return p, nil
}

func splitParts(s string) ([]part, error) {
	var parts []part
	for s != "" {
		text, tail, found := strings.Cut(s, "{")
		if strings.Contains(text, "}") {
			return nil, errors.New("a } has no {")
		}
		if text != "" {
			parts = append(parts, part{kind: kindLiteral, text: text})
		}
		if !found {
			break
		}
		placeholder, after, closed := strings.Cut(tail, "}")
		if !closed {
			return nil, errors.New("a { has no }")
		}
		k, err := parseKind(placeholder)
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(placeholder, ":")
		parts = append(parts, part{kind: k, name: name})
		s = after
	}
	return parts, nil
}

func parseKind(placeholder string) (kind, error) {
	name, kindName, typed := strings.Cut(placeholder, ":")
	if name == "" {
		return 0, errors.New("a placeholder has no name")
	}
	if !typed {
		if name == "rest" {
			return kindRest, nil
		}
		return kindAny, nil
	}
	k, ok := kinds[kindName]
	if !ok {
		return 0, fmt.Errorf("placeholder {%s}: there is no kind %q", placeholder, kindName)
	}
	return k, nil
}

// firstWord returns what every match has before its first space, as far as the pattern settles it.
func firstWord(parts []part) string {
	if parts[0].kind != kindLiteral {
		return ""
	}
	before, _, space := strings.Cut(parts[0].text, " ")
	if space || len(parts) == 1 {
		return before
	}
	return ""
}

// match says whether s is the pattern from its first byte to its last. It takes time linear in s for each run.
func (p *pattern) match(s string) bool {
	pos, ok := matchRun(p.runs[0], s, 0)
	if !ok {
		return false
	}
	last := len(p.runs) - 1
	if last == 0 {
		return pos == len(s)
	}
	for _, run := range p.runs[1:last] {
		if _, pos, ok = findRun(run, s, pos, false); !ok {
			return false
		}
	}
	if len(p.runs[last]) == 0 {
		return true
	}
	_, _, ok = findRun(p.runs[last], s, pos, true)
	return ok
}

// findRun looks from pos on for the first place where a run matches, up to the very end of s if toEnd, and returns where the
// match starts and ends. A run after a gap starts with a literal.
func findRun(run []part, s string, pos int, toEnd bool) (start, end int, ok bool) {
	lead := run[0].text
	if toEnd && len(run) == 1 {
		start = len(s) - len(lead)
		return start, len(s), start >= pos && strings.HasSuffix(s, lead)
	}
	for {
		i := strings.Index(s[pos:], lead)
		if i < 0 {
			return 0, 0, false
		}
		pos += i
		if end, ok := matchRun(run, s, pos); ok && (!toEnd || end == len(s)) {
			return pos, end, true
		}
		pos++
	}
}

// matchRun matches a run at pos and returns where the match ends.
func matchRun(run []part, s string, pos int) (int, bool) {
	for i := range run {
		n := run[i].length(s, pos)
		if n < 0 {
			return 0, false
		}
		pos += n
	}
	return pos, true
}

// length returns how many bytes of s the part takes at pos, or -1 when it does not match there.
func (p *part) length(s string, pos int) int {
	tail := s[pos:]
	switch p.kind {
	case kindLiteral:
		if strings.HasPrefix(tail, p.text) {
			return len(p.text)
		}
	case kindWord:
		return orNone(span(tail, isNotSpace))
	case kindEmail, kindStranger:
		n := span(tail, isNotSpace)
		if at := strings.IndexByte(tail[:n], '@'); at > 0 && at < n-1 {
			return n
		}
	case kindID:
		return orNone(span(tail, isIDByte))
	case kindDigits:
		return orNone(span(tail, isDigit))
	case kindJSON:
		if len(tail) >= 2 && tail[0] == '{' && tail[len(tail)-1] == '}' {
			return len(tail)
		}
	case kindRest:
		if tail == "" || pos == 0 || !isWordByte(s[pos-1]) || !isWordByte(tail[0]) {
			return len(tail)
		}
	}
	return -1
}

// isSpaceless says whether a kind takes a run of characters without a space. A run of parts that starts with a space can then
// not match inside what it took before, which keeps the search for it linear.
func isSpaceless(k kind) bool {
	return k == kindWord || k == kindEmail || k == kindStranger || k == kindID || k == kindDigits
}

func span(s string, is func(byte) bool) int {
	n := 0
	for n < len(s) && is(s[n]) {
		n++
	}
	return n
}

func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

func isNotSpace(b byte) bool { return b != ' ' && (b < '\t' || b > '\r') }

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// isWordByte counts every byte above ASCII in, so that a letter of another script never ends a word.
func isWordByte(b byte) bool {
	return isDigit(b) || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b >= 0x80
}

func isIDByte(b byte) bool { return b < 0x80 && isWordByte(b) || b == '-' || b == ':' }
