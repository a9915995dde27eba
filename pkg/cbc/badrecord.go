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

// BadRecord is a record of a response that is not a usable event, for example without a readable time or with invalid JSON.
type BadRecord struct {
	Raw    string    // as received, at most maxRawRecord bytes
	Size   int       // of the whole record in bytes
	Time   time.Time // create_time; zero if it cannot be read
	Reason string
}

// maxRawRecord bounds how much of a bad record is kept. Usual records have about 500 bytes.
const maxRawRecord = 64 << 10

func newBadRecord(raw []byte, reason error) BadRecord {
	return BadRecord{Raw: string(raw[:min(len(raw), maxRawRecord)]), Size: len(raw), Time: timeOf(raw), Reason: reason.Error()}
}

// timeOf returns the create_time of a record that may be invalid JSON, the zero time if there is none.
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

// BadRecordsError reports bad records. All other records were read.
type BadRecordsError struct {
	Records []BadRecord // the first ones, at least one
	Count   int         // of all bad records
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

// Unwrap classifies the error as a response that is not understood.
func (e *BadRecordsError) Unwrap() error {
	return &Error{Kind: KindAnswer, Status: http.StatusOK, Message: e.Records[0].Reason}
}

// records returns how many records of a page were read.
func (p *Page) records() int { return len(p.Events) + len(p.Bad) }

// resync continues after a record of invalid JSON, at the next valid record or at the end of the list. A missing quote or bracket hides
// where the record ends, so all bytes up to there count as one bad record. If neither is found, resync returns cause. length is that of
// the record, 0 if it has no end.
func (d *decoder) resync(p *Page, start, length int, cause error) error {
	d.pos = start
	if err := d.readAll(); err != nil {
		return err
	}
	start = d.pos
	if length == 0 {
		d.scanned += len(d.buf) - start
	}
	if d.scanned > maxScans*len(d.buf) {
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
	// maxScans bounds how many times the bytes of a response are scanned for valid records.
	maxScans = 64
	// maxSync bounds the size of a record that is recognized after a bad one.
	maxSync = 1 << 20
	// maxEnds bounds how many brackets are tried as the end of the list.
	maxEnds = 16
)

var errTooBroken = errors.New("too many of its records are broken")

// nextRecord returns the position of the first valid record with a create_time between start and limit, -1 if there is none. A record in
// the list follows a comma.
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

// isRecord reports whether a valid record starts at a position of the buffer.
func (d *decoder) isRecord(pos int) bool {
	first := skipSpace(d.buf, pos+1)
	if first == len(d.buf) || d.buf[first] != '"' || d.scanned > maxScans*len(d.buf) {
		return false
	}
	window := d.buf[pos:min(len(d.buf), pos+maxSync)]
	end, err := valueEnd(window, 0)
	if err != nil {
		d.scanned += len(window)
		return false
	}
	d.scanned += end
	return bytes.Contains(window[:end], []byte(`"create_time"`)) && json.Valid(window[:end])
}

// endOfList returns the position of the bracket that ends the list after start, -1 if there is none. The rest of the response must follow
// it. A truncated response may seem to end like that too, so a brace must precede it unless only one record is missing.
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
