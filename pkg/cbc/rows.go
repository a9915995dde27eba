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

// JSONRows cuts a JSON export into rows, keeping every byte: what stands around the list of events, between them, and the
// events themselves. How the vendor writes such a file is not documented, so it may be a list, an object with a list of results
// as in the answer of a search, or an object a line.
type JSONRows struct {
	envelope envelope
	ended    bool
	created  []byte // create_time of the last event, as it stands there
}

type envelope int

const (
	listOfEvents envelope = iota
	objectWithResults
	objectALine
)

// ErrForm says that a JSON text is not an export of events.
var ErrForm = errors.New("the file is not a list of events")

// Wrapped reports whether the list of events is a member of an object, whose other members may count them.
func (f *JSONRows) Wrapped() bool { return f.envelope == objectWithResults }

// Lines reports whether every event is a JSON text of its own.
func (f *JSONRows) Lines() bool { return f.envelope == objectALine }

// Head finds what stands before the first event of b, the file from its beginning on. last says that nothing follows b.
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

// atEnd is what an error means where nothing follows any more.
func atEnd(err error, last bool) error {
	if last && errors.Is(err, ErrMore) {
		return io.ErrUnexpectedEOF
	}
	return err
}

const byteOrderMark = "\ufeff"

// mark is a byte order mark, if the text begins with one.
func mark(b []byte) []byte { return b[:len(b)-len(bytes.TrimPrefix(b, []byte(byteOrderMark)))] }

// headOfObject looks for a list of results among the members of the first object. An object without one is an event if it has a
// time.
func (f *JSONRows) headOfObject(b []byte, open int) (int, error) {
	timed := false
	for pos := open + 1; ; pos++ {
		pos = skipSpace(b, pos)
		if pos == len(b) {
			return 0, ErrMore
		}
		if b[pos] == '}' && !timed {
			f.envelope, f.ended = objectWithResults, true // an answer without events need not list them
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

// RowError says why one row of a file cannot be read, though it is known where it ends.
type RowError struct{ Reason string }

func (e *RowError) Error() string { return e.Reason }

// Next finds the next event, and the separator between it and the one before: a comma or a line break. b is the file from there on,
// and last says that nothing follows b. Both are given by their lengths, also with a *RowError. io.EOF is the end of the list.
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

// row returns b up to the end of the row that starts at pos, as far as that can be told without reading it: where every event is a
// text of its own, one that starts on a new line is another row. whole is false if the row may go on behind b.
func (f *JSONRows) row(b []byte, pos int, last bool) (row []byte, whole bool) {
	if f.envelope != objectALine {
		return b, false
	}
	if next := bytes.Index(b[pos:], []byte("\n{")); next >= 0 {
		return b[:pos+next], true
	}
	return b, last
}

// member returns what is done with each member of an event.
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

// wellFormed reports whether a value, of which the end was found, is one.
func wellFormed(value []byte) bool {
	switch value[0] {
	case '"':
		return wellFormedString(value)
	case 't', 'f', 'n':
		return string(value) == "true" || string(value) == "false" || string(value) == "null"
	}
	return json.Valid(value)
}

// wellFormedString reports whether a string holds no control character and no escape that JSON does not have. It skips eight bytes at a
// time that hold neither.
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
	escapes := word ^ '\\'*ones // a backslash has become 0
	return ((word-' '*ones)&^word|(escapes-ones)&^escapes)&tops == 0
}

// endOfMalformed finds the end of a row that is no event: that of its line, or that of its value, or where what looks like the next
// event starts, whichever comes first. A quote that is missing makes the rest of a list look like a string.
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

// nextObject is where one object ends and another starts. No string holds it: a quote in a string is escaped.
var nextObject = regexp.MustCompile(`\}\s*,\s*\{\s*"`)

// endOfElement finds the end of a value that is followed by another one or by the end of the list.
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

// Tail reports whether what stands around the events is sound: head, and tail behind the last one, to the end of the file.
func (f *JSONRows) Tail(head, tail []byte) error {
	around := append(bytes.Clone(head[len(mark(head)):]), tail...)
	if f.envelope == objectALine {
		around = append(around, "null"...) // nothing but white space may be left
	}
	if !json.Valid(around) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// CreateTime returns the text of the last event's time, nil if it has none. It is valid until the next call of Next.
func (f *JSONRows) CreateTime() []byte {
	if len(f.created) < 2 || f.created[0] != '"' {
		return nil
	}
	return f.created[1 : len(f.created)-1]
}

// IsEvent reports whether an object has what every event of an audit log has, and other products' records have not: a description,
// a time called create_time, and somebody or something that acted, or a flag.
func IsEvent(object []byte) bool {
	var told, timed, acted bool
	err := eachMember(object, func(name, _ []byte) error {
		switch string(name) {
		case `"description"`:
			told = true
		case `"create_time"`:
			timed = true
		case `"actor"`, `"actor_ip"`, `"request_url"`, `"flagged"`, `"verbose"`:
			acted = true
		}
		return nil
	})
	return err == nil && told && timed && acted
}

// DecodeEvent reads one event, keeping nothing of it elsewhere.
func DecodeEvent(object []byte, e *auditlog.Event) error { return NewEventDecoder().Decode(object, e) }
