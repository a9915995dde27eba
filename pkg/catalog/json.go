package catalog

import (
	"encoding/json"
	"strings"
	"unicode"
)

// maxIndent bounds the white space before JSON, so that trying every position of a string takes linear time.
const maxIndent = 64

// looksLikeJSON reports whether a string starts and ends like an object or an array.
func looksLikeJSON(s string) bool {
	s = s[skipSpace(s[:min(len(s), maxIndent)], 0):]
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	return len(s) >= 2 && (s[0] == '{' && s[len(s)-1] == '}' || s[0] == '[' && s[len(s)-1] == ']')
}

// hasMember reports whether a string contains a JSON object with a member such as enabled=false.
func hasMember(s, member string) bool {
	name, want, _ := strings.Cut(member, "=")
	value, ok := jsonMember(s, name)
	return ok && value == want
}

// jsonMember returns the value of a member of the first JSON object in a string: the content of a string, or any other value as written. The
// last of several members with the same name counts. A truncated object has the members that are complete.
func jsonMember(s, name string) (value string, ok bool) {
	i := strings.IndexByte(s, '{')
	if i < 0 {
		return "", false
	}
	for i++; ; {
		if i = skipSpace(s, i); i < len(s) && s[i] == ',' {
			i = skipSpace(s, i+1)
		}
		key, next, complete := jsonValue(s, i)
		if !complete || key[0] != '"' {
			return value, ok
		}
		if next = skipSpace(s, next); next == len(s) || s[next] != ':' {
			return value, ok
		}
		var raw string
		if raw, i, complete = jsonValue(s, skipSpace(s, next+1)); !complete {
			return value, ok
		}
		if plain(key) == name {
			value, ok = plain(raw), true
		}
	}
}

// skipSpace returns where the white space at i ends.
func skipSpace(s string, i int) int {
	for i < len(s) && isJSONSpace(s[i]) {
		i++
	}
	return i
}

func isJSONSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// jsonValue returns the JSON value at i and where it ends. complete is false when it is truncated.
func jsonValue(s string, i int) (raw string, end int, complete bool) {
	if i < len(s) && s[i] == '"' {
		if end = closingQuote(s, i); end < len(s) {
			return s[i : end+1], end + 1, true
		}
		return "", end, false
	}
	depth := 0
	for end = i; end < len(s); end++ {
		switch c := s[end]; {
		case c == '"':
			end = closingQuote(s, end)
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == '}' || c == ']' || c == ',' || c == ':' || isJSONSpace(c)):
			return s[i:end], end, end > i
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return s[i : end+1], end + 1, true
			}
		}
	}
	return s[i:min(end, len(s))], len(s), depth == 0 && end == len(s) && end > i
}

// closingQuote returns where the string that starts at i ends, or the length of s.
func closingQuote(s string, i int) int {
	for i++; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return min(i, len(s))
}

// plain returns the content of a JSON string, or any other value as written.
func plain(raw string) string {
	if raw == "" || raw[0] != '"' {
		return raw
	}
	inner := raw[1 : len(raw)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var decoded string
	if json.Unmarshal([]byte(raw), &decoded) != nil {
		return inner
	}
	return decoded
}
