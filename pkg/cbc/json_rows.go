package cbc

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// JSONRows splits a JSON export into rows and keeps every byte: the events, and what is around and between them. The format of the file
// is not documented, so it may be a list, an object with a list of results as in a search, or one object per line.
type JSONRows struct {
	envelope envelope
	ended    bool
	created  []byte // create_time of the last event, unchanged
}

type envelope int

const (
	listOfEvents envelope = iota
	objectWithResults
	objectALine
)

// ErrForm is returned for JSON that is not an export of events.
var ErrForm = errors.New("the file is not a list of events")

// Wrapped reports whether the list of events is a member of an object.
func (f *JSONRows) Wrapped() bool { return f.envelope == objectWithResults }

// Lines reports whether every event is a line of its own.
func (f *JSONRows) Lines() bool { return f.envelope == objectALine }

// Head returns the length of what precedes the first event. b is the beginning of the file; last means that it is the whole file.
func (f *JSONRows) Head(b []byte, last bool) (length int, err error) {
	pos := skipSpace(b, len(mark(b)))
	switch {
	case pos == len(b) && last:
		f.envelope, f.ended = objectALine, true
		return len(b), nil
	case pos == len(b), !last && strings.HasPrefix(byteOrderMark, string(b)):
		return 0, ErrMore
	case b[pos] == '[':
		return pos + 1, nil
	case b[pos] == '{':
		length, err = f.headOfObject(b, pos)
		return length, atEnd(err, last)
	}
	return 0, ErrForm
}

// atEnd returns what an error means at the end of the file.
func atEnd(err error, last bool) error {
	if last && errors.Is(err, ErrMore) {
		return io.ErrUnexpectedEOF
	}
	return err
}

const byteOrderMark = "\ufeff"

// mark returns the byte order mark at the beginning of b, if any.
func mark(b []byte) []byte { return b[:len(b)-len(bytes.TrimPrefix(b, []byte(byteOrderMark)))] }

// headOfObject looks for a list of results among the members of the first object. An object without one is an event if it has a time.
func (f *JSONRows) headOfObject(b []byte, open int) (int, error) {
	timed := false
	for pos := open + 1; ; pos++ {
		pos = skipSpace(b, pos)
		if pos == len(b) {
			return 0, ErrMore
		}
		if b[pos] == '}' && !timed {
			f.envelope, f.ended = objectWithResults, true // a response without events may omit the list
			return pos, nil
		}
		if b[pos] == '}' {
			break
		}
		end, err := valueEnd(b, pos)
		if err != nil {
			return 0, err
		}
		name := b[pos:end]
		if pos = skipSpace(b, end); pos == len(b) {
			return 0, ErrMore
		}
		if b[pos] != ':' {
			return 0, ErrForm
		}
		if pos = skipSpace(b, pos+1); pos == len(b) {
			return 0, ErrMore
		}
		if string(name) == `"results"` && b[pos] == '[' {
			f.envelope = objectWithResults
			return pos + 1, nil
		}
		timed = timed || string(name) == `"create_time"`
		if end, err = valueEnd(b, pos); err != nil {
			return 0, err
		}
		if pos = skipSpace(b, end); pos == len(b) {
			return 0, ErrMore
		}
		if b[pos] == '}' {
			pos--
		} else if b[pos] != ',' {
			return 0, ErrForm
		}
	}
	f.envelope = objectALine
	return open, nil
}

// RowError says why a row cannot be read although its end is known.
type RowError struct{ Reason string }

func (e *RowError) Error() string { return e.Reason }

// Next returns the lengths of the next event and of the separator before it, also with a *RowError. b is the file from there on; last
// means that it is the rest of the file. The error is io.EOF at the end of the list.
func (f *JSONRows) Next(b []byte, last bool) (separator, event int, err error) {
	f.created = nil
	if f.ended {
		return 0, 0, io.EOF
	}
	pos := skipSpace(b, 0)
	if pos < len(b) && b[pos] == ',' && f.envelope != objectALine {
		pos = skipSpace(b, pos+1)
	}
	switch {
	case pos == len(b) && last && f.envelope == objectALine, pos < len(b) && b[pos] == ']' && f.envelope != objectALine:
		f.ended = true
		return 0, 0, io.EOF
	case pos == len(b):
		return 0, 0, atEnd(ErrMore, last)
	}
	row, whole := f.row(b, pos, last)
	end, err := members(row, pos, f.member(row))
	switch {
	case err == nil:
		return pos, end - pos, nil
	case errors.Is(err, ErrMore) && !whole:
		return 0, 0, atEnd(err, last)
	case errors.Is(err, ErrMore):
		err = io.ErrUnexpectedEOF
	}
	end, endErr := f.endOfMalformed(row, pos, whole)
	if endErr != nil {
		return 0, 0, atEnd(endErr, last)
	}
	return pos, end - pos, &RowError{Reason: "it is malformed: " + err.Error()}
}

// row returns b up to the end of the row at pos, if that is known without parsing: an object that starts on a new line is another row
// where every event is a line. whole is false if the row may continue after b.
func (f *JSONRows) row(b []byte, pos int, last bool) (row []byte, whole bool) {
	if f.envelope != objectALine {
		return b, false
	}
	if next := bytes.Index(b[pos:], []byte("\n{")); next >= 0 {
		return b[:pos+next], true
	}
	return b, last
}

// member returns the function that checks each member of an event.
func (f *JSONRows) member(b []byte) func(name []byte, start, end int) error {
	return func(name []byte, start, end int) error {
		if !wellFormed(name) || !wellFormed(b[start:end]) {
			return errMalformed
		}
		if string(name) == `"create_time"` {
			f.created = b[start:end]
		}
		return nil
	}
}

var errMalformed = errors.New("a value is malformed")

// wellFormed reports whether a value whose end was found is valid JSON.
func wellFormed(value []byte) bool {
	switch value[0] {
	case '"':
		return wellFormedString(value)
	case 't', 'f', 'n':
		return string(value) == "true" || string(value) == "false" || string(value) == "null"
	}
	return json.Valid(value)
}

// wellFormedString reports whether a string has no control characters and only valid escapes. It skips eight bytes at a time without
// either.
func wellFormedString(value []byte) bool {
	for i := 1; i < len(value)-1; {
		if i+8 < len(value) && plainWord(binary.LittleEndian.Uint64(value[i:])) {
			i += 8
			continue
		}
		switch c := value[i]; {
		case c < ' ':
			return false
		case c != '\\':
		case simpleEscapes[value[i+1]] != 0:
			i++
		default:
			return json.Valid(value)
		}
		i++
	}
	return true
}

// plainWord reports whether none of eight bytes is a control character or a backslash.
func plainWord(word uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	escapes := word ^ '\\'*ones // backslashes become 0
	return ((word-' '*ones)&^word|(escapes-ones)&^escapes)&tops == 0
}

// endOfMalformed returns the end of a row that is not an event: of its line or of its value, or where the next event seems to start,
// whichever comes first. After a missing quote, the rest of a list looks like a string.
func (f *JSONRows) endOfMalformed(b []byte, pos int, whole bool) (end int, err error) {
	if f.envelope == objectALine {
		line := bytes.IndexByte(b[pos:], '\n')
		switch {
		case line >= 0:
			return pos + line, nil
		case whole:
			return len(b), nil
		}
		return 0, ErrMore
	}
	end, err = endOfElement(b, pos)
	if next := nextObject.FindIndex(b[pos:]); next != nil && (err != nil || pos+next[0]+1 < end) {
		return pos + next[0] + 1, nil
	}
	return end, err
}

// nextObject matches the end of one object and the start of the next. It matches in no string, where quotes are escaped.
var nextObject = regexp.MustCompile(`\}\s*,\s*\{\s*"`)

// endOfElement returns the end of a value that is followed by another one or by the end of the list.
func endOfElement(b []byte, pos int) (int, error) {
	end, err := valueEnd(b, pos)
	if err != nil {
		return 0, err
	}
	next := skipSpace(b, end)
	switch {
	case next == len(b):
		return 0, ErrMore
	case b[next] != ',' && b[next] != ']':
		return 0, ErrForm
	}
	return end, nil
}

// Tail returns an error unless what is around the events is valid: head before the first, and tail after the last to the end of the file.
func (f *JSONRows) Tail(head, tail []byte) error {
	around := append(bytes.Clone(head[len(mark(head)):]), tail...)
	if f.envelope == objectALine {
		around = append(around, "null"...) // only white space may be left
	}
	if !json.Valid(around) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// CreateTime returns the last event's time as written, nil if it has none. It is valid until the next call of Next.
func (f *JSONRows) CreateTime() []byte {
	if len(f.created) < 2 || f.created[0] != '"' {
		return nil
	}
	return f.created[1 : len(f.created)-1]
}

// IsEvent reports whether an object has the members by which audit events differ from the records of other products: a description, a
// create_time, and an actor, address, URL or flag.
func IsEvent(object []byte) bool {
	var described, timed, acted bool
	err := eachMember(object, func(name, _ []byte) error {
		switch string(name) {
		case `"description"`:
			described = true
		case `"create_time"`:
			timed = true
		case `"actor"`, `"actor_ip"`, `"request_url"`, `"flagged"`, `"verbose"`:
			acted = true
		}
		return nil
	})
	return err == nil && described && timed && acted
}

// DecodeEvent decodes one event.
func DecodeEvent(object []byte, e *auditlog.Event) error { return NewEventDecoder().Decode(object, e) }
