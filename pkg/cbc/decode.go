package cbc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// decoder reads an answer of _search or _queue as it arrives, one event at a time, so that an answer is never held twice.
// Texts that repeat from event to event (actors, addresses, most descriptions) are kept once.
type decoder struct {
	stream
	texts   map[string]string
	scratch []byte
	digits  int // most fraction digits of a second seen
}

var (
	errNotJSON   = errors.New("the answer is not a JSON object")
	errNotAnswer = errors.New("the answer does not count what it found: it has no num_found")
	errNotBatch  = errors.New("the answer lists no events: it has no results")
)

func newDecoder(r io.Reader) *decoder {
	return &decoder{stream: stream{r: r, buf: make([]byte, 0, 64<<10)}, texts: make(map[string]string, 256)}
}

// page reads a whole answer of a search. rows is the number that was asked for: a hint of the size, never trusted.
func (d *decoder) page(p *Page, rows int) error {
	counted, _, err := d.answer(p, rows, count)
	if err == nil && !counted {
		return errNotAnswer // taken for 0, it would be a wrong number that nobody sees
	}
	return err
}

// batch reads a whole answer of the queue. It need not count, because what it counts is not documented: the batch or what is
// left. But one that counts events and lists none is not whole. What is no count is none: the events are not to be had again.
func (d *decoder) batch(p *Page) error {
	counted, listed, err := d.answer(p, 0, func(value []byte) (int, error) {
		if n, err := count(value); err == nil || !json.Valid(value) {
			return n, err
		}
		return 1, nil // unless it lists events, it is not known to hold none
	})
	switch {
	case err != nil:
		return err
	case !listed && (!counted || p.Found > 0):
		return errNotBatch
	}
	return nil
}

// answer reads a whole answer and tells whether it counts and whether it lists events.
func (d *decoder) answer(p *Page, rows int, count func([]byte) (int, error)) (counted, listed bool, err error) {
	if b, err := d.peek(); err != nil || b != '{' {
		return false, false, errors.Join(errNotJSON, err)
	}
	failure := ""
	err = d.list('{', '}', func() error {
		name, err := d.member()
		if err != nil {
			return err
		}
		if name == "results" {
			err := d.results(p, rows)
			listed = p.Events != nil
			return err
		}
		value, err := d.raw()
		if err != nil {
			return err
		}
		switch name {
		case "num_found":
			counted = string(value) != "null"
			p.Found, err = count(value)
		case "num_available":
			p.Available, err = count(value)
		case "errorMessage":
			failure, err = d.text(value)
		default:
			if !json.Valid(value) {
				err = errors.New("it is not valid JSON")
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	switch {
	case err != nil:
		return counted, listed, err
	case failure != "":
		// The vendor's own client treats this member as a failure, whatever the status says.
		return counted, listed, &Error{Kind: KindAnswer, Message: failure}
	}
	return counted, listed, d.ended()
}

// member reads a member's name and the colon behind it.
func (d *decoder) member() (string, error) {
	raw, err := d.raw()
	if err != nil {
		return "", err
	}
	if raw[0] != '"' {
		return "", errors.New("a member's name is not a string")
	}
	name, err := d.text(raw)
	if err != nil {
		return "", err
	}
	return name, d.expect(':')
}

// results reads the list of events.
func (d *decoder) results(p *Page, rows int) error {
	b, err := d.peek()
	if err != nil {
		return err
	}
	if b == 'n' {
		value, err := d.raw()
		if err == nil && string(value) != "null" {
			err = errors.New("results: it is not valid JSON")
		}
		return err
	}
	p.Events = make([]auditlog.Event, 0, min(max(rows, 1), MaxRows))
	return d.list('[', ']', func() error {
		raw, err := d.raw()
		if err != nil {
			return err
		}
		p.Events = append(p.Events, auditlog.Event{})
		if err := d.event(raw, &p.Events[len(p.Events)-1]); err != nil {
			return fmt.Errorf("event %d: %w", len(p.Events), err)
		}
		return nil
	})
}

// event decodes one object into e.
func (d *decoder) event(object []byte, e *auditlog.Event) error {
	timed := false
	err := eachMember(object, func(name, value []byte) error {
		var err error
		if bytes.IndexByte(name, '\\') >= 0 {
			if name, err = plainName(name); err != nil {
				return err
			}
		}
		switch string(name) {
		case `"create_time"`:
			timed = true
			e.CreateTime, err = timestamp(value)
			d.digits = max(d.digits, fractionDigits(value))
		case `"org_key"`:
			e.OrgKey, err = d.text(value)
		case `"actor"`:
			e.Actor, err = d.text(value)
		case `"actor_ip"`:
			e.ActorIP, err = d.text(value)
		case `"request_url"`:
			e.RequestURL, err = d.text(value)
		case `"description"`:
			e.Description, err = d.text(value)
		case `"flagged"`:
			e.Flagged, err = flag(value)
		case `"verbose"`:
			e.Verbose, err = flag(value)
		default:
			err = d.extra(name, value, e)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !timed {
		return errors.New("it has no create_time")
	}
	e.Extra = sorted(e.Extra)
	return nil
}

// sorted orders fields by name. Of fields with the same name the last one stays, as with the fields that are known.
func sorted(fields []auditlog.Field) []auditlog.Field {
	slices.SortStableFunc(fields, func(a, b auditlog.Field) int { return strings.Compare(a.Name, b.Name) })
	n := 0
	for i, f := range fields {
		if i+1 == len(fields) || fields[i+1].Name != f.Name {
			fields[n] = f
			n++
		}
	}
	return fields[:n]
}

// plainName writes a name without needless escapes, so that it is known however it is written.
func plainName(name []byte) ([]byte, error) {
	var s string
	if err := json.Unmarshal(name, &s); err != nil {
		return nil, errors.New("a member's name holds a bad escape")
	}
	return json.Marshal(s)
}

// extra keeps a field that this version does not know.
func (d *decoder) extra(name, value []byte, e *auditlog.Event) error {
	key, err := d.text(name)
	if err != nil || string(value) == "null" {
		return err
	}
	if value, err = verbatim(value); err != nil {
		return err
	}
	e.Extra = append(e.Extra, auditlog.Field{Name: key, Value: bytes.Clone(value)})
	return nil
}

// verbatim checks a value that is kept as it is written.
func verbatim(value []byte) ([]byte, error) {
	if !json.Valid(value) {
		return nil, errors.New("it is not valid JSON")
	}
	if !utf8.Valid(value) {
		value = bytes.ToValidUTF8(value, []byte("\ufffd"))
	}
	return value, nil
}

// text decodes a string. null is "", and a value of another type is kept as it is written: a record loses nothing because the
// vendor changed a type.
func (d *decoder) text(value []byte) (string, error) {
	if value[0] != '"' {
		if string(value) == "null" {
			return "", nil
		}
		value, err := verbatim(value)
		return d.keep(value), err
	}
	inner := value[1 : len(value)-1]
	if plain(inner) {
		return d.keep(inner), nil
	}
	var err error
	if d.scratch, err = unescape(d.scratch[:0], inner); err != nil {
		return "", err
	}
	return d.keep(d.scratch), nil
}

// maxKept bounds the texts that are looked for among earlier ones: long ones rarely repeat.
const maxKept = 256

func (d *decoder) keep(b []byte) string {
	if len(b) > maxKept {
		return string(b)
	}
	if s, ok := d.texts[string(b)]; ok { // the compiler makes no copy for the look-up
		return s
	}
	s := string(b)
	d.texts[s] = s
	return s
}

// flag decodes a boolean; null means false, as an absent one does.
func flag(value []byte) (bool, error) {
	switch string(value) {
	case "true", `"true"`:
		return true, nil
	case "false", `"false"`, "null":
		return false, nil
	}
	return false, errors.New("it is neither true nor false")
}

// timestamp decodes ISO 8601 with 0 to 9 digits of a second. A text without a zone is UTC, the only zone the vendor writes.
func timestamp(value []byte) (time.Time, error) {
	if len(value) < 2 || value[0] != '"' {
		return time.Time{}, errors.New("it is not a time")
	}
	s := string(value[1 : len(value)-1])
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		if t, err = time.Parse("2006-01-02T15:04:05", s); err != nil {
			return time.Time{}, errors.New("it is not a time")
		}
	}
	return t.UTC(), nil
}

// fractionDigits counts the digits behind the point of a second.
func fractionDigits(value []byte) int {
	point := bytes.IndexByte(value, '.')
	if point < 0 {
		return 0
	}
	n := 0
	for _, c := range value[point+1:] {
		if c < '0' || c > '9' {
			break
		}
		n++
	}
	return n
}

func count(value []byte) (int, error) {
	if string(value) == "null" {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < 0 {
		return 0, errors.New("it is not a count")
	}
	return int(n), nil
}
