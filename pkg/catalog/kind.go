package catalog

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a part of a pattern matches.
type kind uint8

const (
	kindLiteral  kind = iota
	kindAny           // any text, even none
	kindPerson        // any text: the name of who did it
	kindAccount       // a mail address, an account with its domain, or the event's actor
	kindStranger      // any text with a mail address of another domain than the actor's
	kindWord
	kindEmail
	kindID
	kindDigits
	kindAnyCase // the argument, in any case
	kindJSON    // JSON to the end; with an argument, an object that has such a member
	kindGrant   // a grant to the end; with an argument, one of such a role
	kindRest
)

var kinds = map[string]kind{
	"person": kindPerson, "account": kindAccount, "stranger": kindStranger, "word": kindWord, "email": kindEmail, "id": kindID, "digits": kindDigits,
	"anycase": kindAnyCase, "json": kindJSON, "grant": kindGrant, "rest": kindRest,
}

// isGap reports whether the kind extends to the next literal, wherever that is. Every other kind is greedy and has at most one match at a
// given position, so matching never backtracks into a part.
func (k kind) isGap() bool {
	return k == kindAny || k == kindPerson || k == kindAccount || k == kindStranger
}

func (k kind) takesRest() bool { return k == kindJSON || k == kindGrant || k == kindRest }

// readsRest reports whether the part reads the whole rest of a string.
func (p *part) readsRest() bool { return p.kind == kindGrant || p.kind == kindJSON && p.arg != "" }

// isSpaceless reports whether a kind matches characters without a space. A run of parts that starts with a space then cannot match inside
// its previous attempt, so the search for it is linear.
func (k kind) isSpaceless() bool {
	return k == kindWord || k == kindEmail || k == kindID || k == kindDigits
}

// checkArg returns an error for an argument that the kind does not take, or lacks.
func (k kind) checkArg(arg string) error {
	name, value, pair := strings.Cut(arg, "=")
	switch {
	case k == kindAnyCase && arg == "":
		return errors.New("it needs the expected text, as in {state:anycase on}")
	case k == kindJSON && arg != "" && (!pair || name == "" || value == ""):
		return errors.New("it needs a member and its value, as in {config:json enabled=false}")
	case k != kindAnyCase && k != kindJSON && k != kindGrant && arg != "":
		return errors.New("this kind takes no argument")
	}
	return nil
}

// accepts reports whether a string is valid for a gap in an event of an actor.
func (p *part) accepts(text, actor string) bool {
	switch p.kind {
	case kindAccount:
		return isAccount(text) || text != "" && text == actor
	case kindStranger:
		home, other := mailDomain(actor), mailDomain(text)
		return home != "" && other != "" && !strings.EqualFold(home, other)
	}
	return true
}

// isAccount reports whether a string is a mail address or an account with its domain, such as EXAMPLE\jane.
func isAccount(s string) bool {
	at := strings.IndexByte(s, '@')
	if at > 0 && at < len(s)-1 && leading(s, isNotSpace) == len(s) {
		return true
	}
	domain, user, found := strings.Cut(s, `\`)
	return found && user != "" && domain != "" && leading(domain, isNotSpace) == len(domain)
}

// mailDomain returns the domain of the last mail address in a string, "" when there is none.
func mailDomain(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return ""
	}
	domain := s[at+1:]
	return domain[:leading(domain, func(b byte) bool { return isNotSpace(b) && !strings.ContainsRune(`<>()[]",;`, rune(b)) })]
}

// length returns how many bytes at the start of tail the part matches, or -1. before is the byte before tail, or 0.
func (p *part) length(tail string, before byte) int {
	switch p.kind {
	case kindLiteral:
		if strings.HasPrefix(tail, p.text) {
			return len(p.text)
		}
	case kindWord:
		return orNone(leading(tail, isNotSpace))
	case kindEmail:
		n := leading(tail, isNotSpace)
		if at := strings.IndexByte(tail[:n], '@'); at > 0 && at < n-1 {
			return n
		}
	case kindID:
		return orNone(leading(tail, isIDByte))
	case kindDigits:
		return orNone(leading(tail, isDigit))
	case kindAnyCase:
		n := len(p.arg)
		if len(tail) >= n && strings.EqualFold(tail[:n], p.arg) && (len(tail) == n || !isWordByte(tail[n])) {
			return n
		}
	case kindJSON:
		if p.arg == "" && looksLikeJSON(tail) || p.arg != "" && hasMember(tail, p.arg) {
			return len(tail)
		}
	case kindGrant:
		if p.arg == "" || hasRole(tail, p.arg) {
			return len(tail)
		}
	case kindRest:
		if !isWordByte(before) || !startsWithWord(tail) {
			return len(tail)
		}
	}
	return -1
}

// leading returns the length of the longest prefix of s whose bytes all satisfy is.
func leading(s string, is func(byte) bool) int {
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

// isWordByte includes every byte above ASCII, so a letter of another script never ends a word.
func isWordByte(b byte) bool {
	return isDigit(b) || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b >= 0x80
}

// startsWithWord reports whether a string starts with a character of a word.
func startsWithWord(s string) bool {
	if s == "" || s[0] < utf8.RuneSelf {
		return s != "" && isWordByte(s[0])
	}
	r, _ := utf8.DecodeRuneInString(s)
	return !unicode.IsSpace(r)
}

func isIDByte(b byte) bool { return b < 0x80 && isWordByte(b) || b == '-' || b == ':' }
