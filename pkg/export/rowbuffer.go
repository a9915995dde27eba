package export

import (
	"errors"
	"io"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// window is the part of a file that is at hand, on its way to who downloads it. What is kept as it is stays where it was read, until
// there is enough of it for a chunk: most files go through without being copied.
//
//	buf: | handed on or dropped | kept | not looked at yet | free
//	                            from   pos                 len
type rowBuffer struct {
	r         io.Reader
	out       *chunkWriter
	buf       []byte
	from, pos int
	end       bool
	mayBeCut  bool // the end of the file says nothing about whether it is whole
}

const (
	// minRead is how much room there has to be for reading on.
	minRead = 64 << 10
	// maxRow bounds a row: none of an audit log comes near it.
	maxRow = 16 << 20
)

func newRowBuffer(r io.Reader, out *chunkWriter) *rowBuffer {
	file, tells := r.(interface{ EndProven() bool })
	return &rowBuffer{r: r, out: out, buf: make([]byte, 0, maxChunk), mayBeCut: tells && !file.EndProven()}
}

// rest is what has not been looked at yet. It is valid until more is read.
func (b *rowBuffer) unread() []byte { return b.buf[b.pos:] }

// keep lets the next n bytes go on as they are.
func (b *rowBuffer) accept(n int) { b.pos += n }

// drop leaves out the next n bytes.
func (b *rowBuffer) drop(n int) error {
	err := b.flush()
	b.pos += n
	b.from = b.pos
	return err
}

// put hands on something else, behind what is kept.
func (b *rowBuffer) insert(part []byte) error {
	if err := b.flush(); err != nil {
		return err
	}
	return b.out.add(part)
}

// flush hands on what is kept.
func (b *rowBuffer) flush() error {
	kept := b.buf[b.from:b.pos]
	b.from = b.pos
	return b.out.add(kept)
}

// more reads on. The rest stays, but may be elsewhere.
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
	// A long row is looked at from its beginning each time, so that it takes more to look again.
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

// makeRoom moves the rest to the front, into a larger buffer if it fills most of this one.
func (b *rowBuffer) makeRoom() error {
	rest, buf := b.unread(), b.buf[:0]
	if len(rest) > cap(buf)/2 {
		if 2*cap(buf) > maxRow {
			return &unusable{"a row of it is longer than any of an audit log"}
		}
		buf = make([]byte, 0, 2*cap(buf))
	}
	b.buf = append(buf, rest...)
	b.from, b.pos = 0, 0
	return nil
}

const byteOrderMark = "\ufeff"

// sniff tells the format of the file by its first character. asked is what an empty one is.
func (b *rowBuffer) sniff(asked cbc.ExportFormat) (cbc.ExportFormat, error) {
	for {
		for i, c := range b.unread() {
			switch {
			case c == ' ' || c == '\t' || c == '\r' || c == '\n' || i < len(byteOrderMark) && c == byteOrderMark[i]:
				continue
			case c == '{' || c == '[':
				return cbc.ExportJSON, nil
			case c == '<':
				return "", &unusable{"it is a page for people"}
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
