package cbc

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"unicode/utf8"
)

// stream splits JSON that arrives in pieces into values. A value is a slice of the buffer, valid until the next call.
type stream struct {
	r     io.Reader
	buf   []byte // buf[pos:] has been read but not consumed
	pos   int
	read  int64 // bytes read from r
	whole bool  // r has been read to its end
}

// ErrMore is returned when a value continues beyond the given bytes.
var ErrMore = errors.New("the value continues beyond the given bytes")

// fill reads until the buffer is full. A value that does not fit is scanned again only after the buffer has doubled.
func (s *stream) fill() error {
	if s.pos > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.pos:])]
		s.pos = 0
	}
	if len(s.buf) == cap(s.buf) {
		grown := make([]byte, len(s.buf), max(2*cap(s.buf), 512))
		copy(grown, s.buf)
		s.buf = grown
	}
	n, err := io.ReadFull(s.r, s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	s.read += int64(n)
	if n > 0 && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)) {
		return nil // the next call finds the end
	}
	return err
}

// readAll reads the rest of the input into the buffer.
func (s *stream) readAll() error {
	for !s.whole {
		err := s.fill()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		s.whole = err != nil
	}
	return nil
}

// peek returns the next byte that is not white space, without consuming it.
func (s *stream) peek() (byte, error) {
	for {
		if s.pos = skipSpace(s.buf, s.pos); s.pos < len(s.buf) {
			return s.buf[s.pos], nil
		}
		if err := s.fill(); err != nil {
			return 0, unexpectedEnd(err)
		}
	}
}

func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// expect consumes one byte of punctuation.
func (s *stream) expect(want byte) error {
	b, err := s.peek()
	if err != nil {
		return err
	}
	if b != want {
		return fmt.Errorf("found %q instead of %q", b, want)
	}
	s.pos++
	return nil
}

// raw consumes a value.
func (s *stream) raw() ([]byte, error) {
	if _, err := s.peek(); err != nil {
		return nil, err
	}
	for {
		end, err := valueEnd(s.buf, s.pos)
		if err == nil {
			value := s.buf[s.pos:end]
			s.pos = end
			return value, nil
		}
		if !errors.Is(err, ErrMore) {
			return nil, err
		}
		if err := s.fill(); err != nil {
			return nil, unexpectedEnd(err)
		}
	}
}

// list consumes a bracketed list with commas; item must consume one item.
func (s *stream) list(open, shut byte, item func() error) error {
	if err := s.expect(open); err != nil {
		return err
	}
	for first := true; ; first = false {
		b, err := s.peek()
		if err != nil {
			return err
		}
		if b == shut && first {
			break
		}
		if !first {
			if b == shut {
				break
			}
			if err := s.expect(','); err != nil {
				return err
			}
		}
		if err := item(); err != nil {
			return err
		}
	}
	s.pos++
	return nil
}

// ended returns an error unless only white space follows.
func (s *stream) ended() error {
	b, err := s.peek()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%q follows the end of the response", b)
}

// eachMember calls f for each member of a complete object. The name includes its quotes.
func eachMember(object []byte, f func(name, value []byte) error) error {
	end, err := members(object, 0, func(name []byte, start, end int) error { return f(name, object[start:end]) })
	if err == nil && end != len(object) {
		return errors.New("its braces do not match")
	}
	return err
}

// members calls f for each member of the object at pos, with the position of its value, and returns the position after the object.
func members(b []byte, pos int, f func(name []byte, start, end int) error) (end int, err error) {
	if pos == len(b) || b[pos] != '{' {
		return 0, errors.New("it is not an object")
	}
	if pos = skipSpace(b, pos+1); pos < len(b) && b[pos] == '}' {
		return pos + 1, nil
	}
	for {
		if pos < len(b) && b[pos] != '"' {
			return 0, errors.New("a member's name is not a string")
		}
		if end, err = valueEnd(b, pos); err != nil {
			return 0, err
		}
		name := b[pos:end]
		if pos = skipSpace(b, end); pos < len(b) && b[pos] != ':' {
			return 0, errors.New("a member has no value")
		}
		pos = skipSpace(b, pos+1)
		if end, err = valueEnd(b, pos); err != nil {
			return 0, err
		}
		if err := f(name, pos, end); err != nil {
			return 0, err
		}
		if pos = skipSpace(b, end); pos == len(b) {
			return 0, ErrMore
		}
		switch b[pos] {
		case ',':
			pos = skipSpace(b, pos+1)
		case '}':
			return pos + 1, nil
		default:
			return 0, errors.New("a comma is missing")
		}
	}
}

func skipSpace(b []byte, pos int) int {
	for pos < len(b) && (b[pos] == ' ' || b[pos] == '\n' || b[pos] == '\r' || b[pos] == '\t') {
		pos++
	}
	return pos
}

// valueEnd returns the position after the value at pos. It balances brackets but does not check what is inside.
func valueEnd(b []byte, pos int) (int, error) {
	if pos >= len(b) {
		return 0, ErrMore
	}
	switch b[pos] {
	case '"':
		return stringEnd(b, pos)
	case '{', '[':
		return bracketEnd(b, pos)
	}
	for end := pos; end < len(b); end++ {
		if !endsLiteral[b[end]] {
			continue
		}
		if end == pos {
			return 0, fmt.Errorf("found %q instead of a value", b[pos])
		}
		return end, nil
	}
	return 0, ErrMore
}

// endsLiteral holds the characters that end a number, true, false or null.
var endsLiteral = [256]bool{
	',': true, ':': true, '}': true, ']': true, ' ': true, '\n': true, '\r': true, '\t': true, '"': true, '{': true, '[': true,
}

// stringEnd returns the position after the closing quote. Most strings are short, so testing eight bytes at a time is faster than two
// searches, for quotes and for backslashes.
func stringEnd(b []byte, pos int) (int, error) {
	const ones = 0x0101010101010101
	for pos++; pos < len(b); {
		if pos+8 <= len(b) {
			word := binary.LittleEndian.Uint64(b[pos:])
			quotes, escapes := word^'"'*ones, word^'\\'*ones // matching bytes become 0
			found := ((quotes-ones)&^quotes | (escapes-ones)&^escapes) & (0x80 * ones)
			if found == 0 {
				pos += 8
				continue
			}
			pos += bits.TrailingZeros64(found) / 8
		}
		switch b[pos] {
		case '"':
			return pos + 1, nil
		case '\\':
			pos++
		}
		pos++
	}
	return 0, ErrMore
}

func bracketEnd(b []byte, pos int) (int, error) {
	depth := 0
	for end := pos; end < len(b); {
		switch b[end] {
		case '"':
			next, err := stringEnd(b, end)
			if err != nil {
				return 0, err
			}
			end = next
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return end + 1, nil
			}
		}
		end++
	}
	return 0, ErrMore
}

// plain reports whether the inside of a string is its value: without escapes, control characters and invalid UTF-8.
func plain(b []byte) bool {
	ascii := true
	for _, c := range b {
		if c < 0x20 || c == '\\' {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.Valid(b)
}

// simpleEscapes are the escapes of one letter.
var simpleEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape appends the value of a string's inside to dst. It handles escapes of one letter, which are frequent in descriptions; the
// standard library does the rest.
func unescape(dst, b []byte) ([]byte, error) {
	if !utf8.Valid(b) {
		return unescapeSlowly(dst, b)
	}
	start := len(dst)
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c < 0x20:
			return nil, errors.New("a string holds a control character")
		case c != '\\':
			dst = append(dst, c)
		case i+1 < len(b) && simpleEscapes[b[i+1]] != 0:
			i++
			dst = append(dst, simpleEscapes[b[i]])
		default:
			return unescapeSlowly(dst[:start], b)
		}
	}
	return dst, nil
}

func unescapeSlowly(dst, b []byte) ([]byte, error) {
	quoted := make([]byte, 0, len(b)+2)
	quoted = append(append(append(quoted, '"'), b...), '"')
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return nil, errors.New("a string holds a bad escape")
	}
	return append(dst, s...), nil
}
