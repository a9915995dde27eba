package export

import (
	"errors"
	"io"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// rowBuffer holds the part of a file that was read and not sent. Accepted rows stay where they were read until there is enough for a
// chunk: most files pass through without being copied.
//
//	buf: | sent or dropped | accepted | unread | free
//	                       from       pos      len
type rowBuffer struct {
	r         io.Reader
	out       *chunkWriter
	buf       []byte
	from, pos int
	end       bool
	mayBeCut  bool // the connection does not prove that the end of the file is its end
}

const (
	// minRead is the room that reading needs.
	minRead = 64 << 10
	// maxRow bounds a row: no row of an audit log comes near it.
	maxRow = 16 << 20
)

func newRowBuffer(r io.Reader, out *chunkWriter) *rowBuffer {
	file, knows := r.(interface{ EndProven() bool })
	return &rowBuffer{r: r, out: out, buf: make([]byte, 0, maxChunk), mayBeCut: knows && !file.EndProven()}
}

// unread returns what was neither accepted nor dropped. It is valid until the next fill.
func (b *rowBuffer) unread() []byte { return b.buf[b.pos:] }

// accept accepts the next n bytes as they are.
func (b *rowBuffer) accept(n int) { b.pos += n }

// drop leaves out the next n bytes.
func (b *rowBuffer) drop(n int) error {
	err := b.flush()
	b.pos += n
	b.from = b.pos
	return err
}

// insert adds something to the file, behind what was accepted.
func (b *rowBuffer) insert(part []byte) error {
	if err := b.flush(); err != nil {
		return err
	}
	return b.out.add(part)
}

// flush adds what was accepted to the file.
func (b *rowBuffer) flush() error {
	kept := b.buf[b.from:b.pos]
	b.from = b.pos
	return b.out.add(kept)
}

// fill reads on. Unread bytes move.
func (b *rowBuffer) fill() error {
	if b.end {
		return io.EOF
	}
	full := cap(b.buf)-len(b.buf) < minRead
	if full || b.pos-b.from >= b.out.size {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if full {
		if err := b.makeRoom(); err != nil {
			return err
		}
	}
	// A long row is parsed from its start after each fill, so each time more is read.
	enough := len(b.buf) + len(b.unread())/minRead*(minRead/4)
	for {
		n, err := b.r.Read(b.buf[len(b.buf):cap(b.buf)])
		b.buf = b.buf[:len(b.buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			b.end = true
			return nil
		case err != nil:
			return err
		case n > 0 && (len(b.buf) >= enough || len(b.buf) == cap(b.buf)):
			return nil
		}
	}
}

// makeRoom moves unread bytes to the front, into a larger buffer if they fill most of this one.
func (b *rowBuffer) makeRoom() error {
	rest, buf := b.unread(), b.buf[:0]
	if len(rest) > cap(buf)/2 {
		if 2*cap(buf) > maxRow {
			return &unusable{"one of its rows is longer than 16 MiB"}
		}
		buf = make([]byte, 0, 2*cap(buf))
	}
	b.buf = append(buf, rest...)
	b.from, b.pos = 0, 0
	return nil
}

const byteOrderMark = "\ufeff"

// sniff returns the format of the file by its first character. An empty file has the requested format.
func (b *rowBuffer) sniff(asked cbc.ExportFormat) (cbc.ExportFormat, error) {
	for {
		for i, c := range b.unread() {
			switch {
			case c == ' ' || c == '\t' || c == '\r' || c == '\n' || i < len(byteOrderMark) && c == byteOrderMark[i]:
				continue
			case c == '{' || c == '[':
				return cbc.ExportJSON, nil
			case c == '<':
				return "", &unusable{"it is an HTML page"}
			}
			return cbc.ExportCSV, nil
		}
		if b.end {
			if asked == "" {
				asked = cbc.ExportCSV
			}
			return asked, nil
		}
		if err := b.fill(); err != nil {
			return "", err
		}
	}
}
