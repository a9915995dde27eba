package cbc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// BadRecord is a record of an answer that is no usable event: it has no time that can be read, for example, or is not valid JSON.
type BadRecord struct {
	Raw    string    // as it was received, at most maxRawRecord bytes of it
	Size   int       // in bytes, as it was received
	Time   time.Time // its create_time, zero if that cannot be read
	Reason string
}

// maxRawRecord bounds how much of a bad record is kept. Usable ones have about 500 bytes.
const maxRawRecord = 64 << 10

func newBadRecord(raw []byte, reason error) BadRecord {
	return BadRecord{Raw: string(raw[:min(len(raw), maxRawRecord)]), Size: len(raw), Time: timeOf(raw), Reason: reason.Error()}
}

// timeOf looks for the create_time of a record that need not be valid JSON.
func timeOf(raw []byte) time.Time {
	const name = `"create_time"`
	at := bytes.Index(raw, []byte(name))
	if at < 0 {
		return time.Time{}
	}
	pos := skipSpace(raw, at+len(name))
	if pos == len(raw) || raw[pos] != ':' {
		return time.Time{}
	}
	pos = skipSpace(raw, pos+1)
	end, err := valueEnd(raw, pos)
	if err != nil {
		return time.Time{}
	}
	t, err := timestamp(raw[pos:end])
	if err != nil {
		return time.Time{}
	}
	return t
}

// BadRecordsError says that answers held bad records. Every other record of them was read.
type BadRecordsError struct {
	Records []BadRecord // the first of them, at least one
	Count   int         // of all
}

func (e *BadRecordsError) Error() string {
	first := e.Records[0]
	at := "without a readable time"
	if !first.Time.IsZero() {
		at = "of " + auditlog.FormatTime(first.Time)
	}
	if e.Count <= 1 {
		return fmt.Sprintf("1 record that Carbon Black Cloud returned cannot be read and is left out: one %s (%s)", at, first.Reason)
	}
	return fmt.Sprintf("%d records that Carbon Black Cloud returned cannot be read and are left out; the first is one %s (%s)", e.Count, at, first.Reason)
}

// Unwrap makes the error one of an answer that is not understood.
func (e *BadRecordsError) Unwrap() error {
	return &Error{Kind: KindAnswer, Status: http.StatusOK, Message: e.Records[0].Reason}
}

// records is how many records of a page were read.
func (p *Page) records() int { return len(p.Events) + len(p.Bad) }

// resync goes on behind a record that is not valid JSON and so may not end where it seems to, for a missing quote or bracket: at the
// next valid record, or at the end of the list. What lies between is one bad record. Without either, cause is the page's error.
// length is that of the record as far as it has an end, else 0.
func (d *decoder) resync(p *Page, start, length int, cause error) error {
	d.pos = start
	if err := d.readAll(); err != nil {
		return err
	}
	start = d.pos
	if length == 0 {
		d.effort += len(d.buf) - start
	}
	if d.effort > maxEffort*len(d.buf) {
		return errTooBroken
	}
	limit := len(d.buf)
	next := skipSpace(d.buf, start+length)
	ends := length > 0 && next < limit && (d.buf[next] == ',' || d.buf[next] == ']')
	if ends {
		limit = start + length
	}
	end := start + length
	switch at := d.nextRecord(start, limit); {
	case at >= 0:
		end = start + bytes.LastIndexByte(d.buf[start:at], ',')
	case !ends:
		if end = d.endOfList(start, p.Found == p.records()+1); end < 0 {
			return cause
		}
	}
	p.Bad = append(p.Bad, newBadRecord(bytes.TrimSpace(d.buf[start:end]), cause))
	d.pos = end
	return nil
}

const (
	// maxEffort bounds how many times an answer is looked through for records that are whole.
	maxEffort = 64
	// maxSync bounds the records that are recognized behind a broken one.
	maxSync = 1 << 20
	// maxEnds bounds how many brackets are tried as the end of the list.
	maxEnds = 16
)

var errTooBroken = errors.New("too many of its records are broken")

// nextRecord finds the first valid record that begins behind start and before limit, and has a create_time: what begins a record in
// the list stands behind a comma.
func (d *decoder) nextRecord(start, limit int) int {
	comma := false
	for pos := start; pos < limit; pos++ {
		switch d.buf[pos] {
		case ',':
			comma = true
		case ' ', '\n', '\r', '\t':
		case '{':
			if comma && d.isRecord(pos) {
				return pos
			}
			comma = false
		default:
			comma = false
		}
	}
	return -1
}

// isRecord reports whether a valid record lies at a position of the buffer.
func (d *decoder) isRecord(pos int) bool {
	first := skipSpace(d.buf, pos+1)
	if first == len(d.buf) || d.buf[first] != '"' || d.effort > maxEffort*len(d.buf) {
		return false
	}
	window := d.buf[pos:min(len(d.buf), pos+maxSync)]
	end, err := valueEnd(window, 0)
	if err != nil {
		d.effort += len(window)
		return false
	}
	d.effort += end
	return bytes.Contains(window[:end], []byte(`"create_time"`)) && json.Valid(window[:end])
}

// endOfList finds the bracket that ends the list behind start: what follows it must be the rest of the answer. An answer that was cut
// may seem to end like that, too, so a brace must stand before it unless only one record is missing.
func (d *decoder) endOfList(start int, lastOne bool) int {
	end := len(d.buf)
	for range maxEnds {
		end = start + bytes.LastIndexByte(d.buf[start:end], ']')
		if end < start {
			return -1
		}
		closed := bytes.HasSuffix(bytes.TrimRight(d.buf[start:end], " \n\r\t"), []byte("}"))
		if (closed || lastOne) && json.Valid(append([]byte(`{"results":[`), d.buf[end:]...)) {
			return end
		}
	}
	return -1
}
