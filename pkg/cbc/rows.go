package cbc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// JSONRows cuts a JSON export into rows, keeping every byte: what stands around the list of events, between them, and the
// events themselves. How the vendor writes such a file is not documented, so it may be a list, an object with a list of results
// as in the answer of a search, or an object a line.
type JSONRows struct {
	envelope envelope
	ended    bool
	shape    shape
	created  []byte // create_time of the last event, as it stands there
}

// shape is what stands around the values of an event: most have that of the event before, and are read faster by it.
type shape struct {
	seams []byte // what stands before each value and behind the last, one after the other
	ends  []int  // of those before a value
	timed int    // which of the values is the create_time, -1 if none is
}

type envelope int

const (
	listOfEvents envelope = iota
	objectWithResults
	objectALine
)

// ErrForm says that a JSON text is not an export of events.
var ErrForm = errors.New("the file is not a list of events")

// Wrapped tells whether the list of events is a member of an object, whose other members may count them.
func (f *JSONRows) Wrapped() bool { return f.envelope == objectWithResults }

// Lines tells whether every event is a JSON text of its own.
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

// Next finds the event that follows next, and what stands between it and the one before: a comma or a line break. b is the file
// from there on, and last says that nothing follows b. Both are given by their lengths. io.EOF is the end of the list.
func (f *JSONRows) Next(b []byte, last bool) (gap, event int, err error) {
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
	case b[pos] != '{':
		return 0, 0, ErrForm
	}
	end, err := f.event(b, pos)
	if err != nil {
		return 0, 0, atEnd(err, last)
	}
	return pos, end - pos, nil
}

// Tail tells whether what stands around the events is sound: head, and tail behind the last one, to the end of the file.
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

// event finds the end of the event that starts at pos, and its time.
func (f *JSONRows) event(b []byte, pos int) (end int, err error) {
	f.created = nil
	if end := f.alike(b, pos); end > 0 {
		return end, nil
	}
	s, done := shape{f.shape.seams[:0], f.shape.ends[:0], -1}, pos
	end, err = members(b, pos, func(name []byte, start, end int) error {
		if string(name) == `"create_time"` {
			s.timed, f.created = len(s.ends), b[start:end]
		}
		s.seams = append(s.seams, b[done:start]...)
		s.ends = append(s.ends, len(s.seams))
		done = end
		return nil
	})
	if f.shape = s; err != nil {
		f.shape.ends = s.ends[:0] // of an event that is not at hand as a whole
		return 0, err
	}
	f.shape.seams = append(s.seams, b[done:end]...)
	return end, nil
}

// alike finds the end of an event that has the shape of the one before. Of any other it returns 0.
func (f *JSONRows) alike(b []byte, pos int) int {
	seam := 0
	for i, end := range f.shape.ends {
		if !bytes.HasPrefix(b[pos:], f.shape.seams[seam:end]) {
			return 0
		}
		start := pos + end - seam
		seam = end
		var err error
		if pos, err = valueEnd(b, start); err != nil {
			return 0
		}
		if i == f.shape.timed {
			f.created = b[start:pos]
		}
	}
	last := f.shape.seams[seam:]
	if seam == 0 || !bytes.HasPrefix(b[pos:], last) {
		return 0
	}
	return pos + len(last)
}

// CreateTime is the text of the last event's time, nil if it has none. It is valid until the next call of Next.
func (f *JSONRows) CreateTime() []byte {
	if len(f.created) < 2 || f.created[0] != '"' {
		return nil
	}
	return f.created[1 : len(f.created)-1]
}

// IsEvent tells whether an object has what every event of an audit log has, and other products' records have not: a description,
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
