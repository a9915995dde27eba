package cbc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// decoder reads an answer of _search or _queue as it arrives, one event at a time, so that an answer is never held twice.
// Strings that repeat from event to event (actors, addresses, most descriptions) are kept once.
type decoder struct {
	stream
	maxRecords int // of an answer
	texts      map[string]string
	scratch    []byte
	digits     int // the most fraction digits of a second seen
	effort     int // bytes that were looked at to find where good records go on
}

const (
	// maxQueueRecords bounds a batch of the queue. How large a full one is, is not documented; 2,500 have been seen.
	maxQueueRecords = 100_000
	// maxCount bounds what an answer may count: a number that cannot be true must not be taken for work to do.
	maxCount = 1_000_000_000_000
)

var (
	errNotJSON   = errors.New("the answer is not a JSON object")
	errNotAnswer = errors.New("the answer does not count what it found: it has no num_found")
	errNotBatch  = errors.New("the answer lists no events: it has no results")
)

func newDecoder(r io.Reader) *decoder {
	return &decoder{
		stream: stream{r: r, buf: make([]byte, 0, 64<<10)}, maxRecords: maxQueueRecords, texts: make(map[string]string, 256),
	}
}

// page reads a whole answer of a search. rows is the number that was asked for: a hint of the size, never trusted.
func (d *decoder) page(p *Page, rows int) error {
	d.maxRecords = max(rows, MaxRows)
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

// answer reads a whole answer and reports whether it counts and whether it lists events.
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

// results reads the list of events. A record that is no usable event costs only itself.
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
	if err := d.expect('['); err != nil {
		return err
	}
	p.Events = make([]auditlog.Event, 0, min(max(rows, 1), MaxRows))
	for first := true; ; first = false {
		b, err := d.peek()
		switch {
		case err != nil:
			return err
		case b == ']':
			d.pos++
			return nil
		case p.records() >= d.maxRecords:
			return &Error{Kind: KindTooLarge, Message: fmt.Sprintf("it holds more than %d events", d.maxRecords)}
		case first:
			err = d.record(p)
		case b == '{':
			p.Bad = append(p.Bad, newBadRecord(nil, errors.New("a comma is missing before the next record")))
			err = d.record(p)
		case b == ',':
			d.pos++
			if b, err = d.peek(); err == nil && b == ']' {
				p.Bad = append(p.Bad, newBadRecord(nil, errors.New("no record follows the last comma")))
				continue
			}
			err = d.record(p)
		default:
			err = d.resync(p, d.pos, 0, fmt.Errorf("%q stands where a comma was expected", b))
		}
		if err != nil {
			return err
		}
	}
}

// record reads one record of the list.
func (d *decoder) record(p *Page) error {
	raw, err := d.raw()
	if err != nil {
		return d.resync(p, d.pos, 0, err)
	}
	p.Events = append(p.Events, auditlog.Event{})
	err = d.event(raw, &p.Events[len(p.Events)-1])
	if err == nil {
		return nil
	}
	p.Events = p.Events[:len(p.Events)-1]
	if raw[0] == '"' || !json.Valid(raw) { // where it ends is uncertain
		length := len(raw)
		if raw[0] == '{' && raw[length-1] != '}' {
			length = 0 // it ends with the list
		}
		return d.resync(p, d.pos-len(raw), length, err)
	}
	p.Bad = append(p.Bad, newBadRecord(raw, err))
	return nil
}

func count(value []byte) (int, error) {
	if string(value) == "null" {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < 0 || n > maxCount {
		return 0, errors.New("it is not a count")
	}
	return int(n), nil
}
