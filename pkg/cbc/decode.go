package cbc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// decoder reads a response of _search or _queue event by event while it arrives, so that it is never in memory twice. Strings that repeat,
// such as actors, addresses and most descriptions, are stored once.
type decoder struct {
	stream
	maxRecords int // of a response
	interned   map[string]string
	scratch    []byte
	digits     int // the largest number of fraction digits seen
	scanned    int // bytes scanned for valid records after bad ones
}

const (
	// maxQueueRecords bounds a batch of the queue. The vendor's limit is not documented; batches of 2,500 have been seen.
	maxQueueRecords = 100_000
	// maxCount bounds num_found: an impossible number must not cause endless requests.
	maxCount = 1_000_000_000_000
)

var (
	errNotJSON   = errors.New("the response is not a JSON object")
	errNoCount   = errors.New("the response has no num_found")
	errNoResults = errors.New("the response has no results")
)

func newDecoder(r io.Reader) *decoder {
	return &decoder{
		stream: stream{r: r, buf: make([]byte, 0, 64<<10)}, maxRecords: maxQueueRecords, interned: make(map[string]string, 256),
	}
}

// page reads the response of a search. rows is the requested number, which is only a hint of the size.
func (d *decoder) page(p *Page, rows int) error {
	d.maxRecords = max(rows, MaxRows)
	counted, _, err := d.response(p, rows, count)
	if err == nil && !counted {
		return errNoCount // reading it as 0 would be a silent error
	}
	return err
}

// batch reads the response of the queue. It may lack a count, and an unreadable count is ignored: the vendor does not document what it
// counts, and the events cannot be read again. But a response that counts events and lists none is an error.
func (d *decoder) batch(p *Page) error {
	counted, listed, err := d.response(p, 0, func(value []byte) (int, error) {
		if n, err := count(value); err == nil || !json.Valid(value) {
			return n, err
		}
		return 1, nil // without a list of events, it may have lost some
	})
	switch {
	case err != nil:
		return err
	case !listed && (!counted || p.Found > 0):
		return errNoResults
	}
	return nil
}

// response reads a response and reports whether it has a count and a list of events.
func (d *decoder) response(p *Page, rows int, count func([]byte) (int, error)) (counted, listed bool, err error) {
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
		// The vendor's SDK treats this member as a failure, whatever the status is.
		return counted, listed, &Error{Kind: KindAnswer, Message: failure}
	}
	return counted, listed, d.ended()
}

// member reads a member's name and the colon after it.
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

// results reads the list of events. A record that is not a usable event does not affect the others.
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
			return &Error{Kind: KindTooLarge, Message: fmt.Sprintf("it contains more than %d events", d.maxRecords)}
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
			err = d.resync(p, d.pos, 0, fmt.Errorf("found %q instead of a comma", b))
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
	if raw[0] == '"' || !json.Valid(raw) { // its end is uncertain
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
		return 0, errors.New("it is not a valid count")
	}
	return int(n), nil
}
