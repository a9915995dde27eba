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
type window struct {
	r         io.Reader
	out       *chunker
	buf       []byte
	from, pos int
	end       bool
	mayBeCut  bool // the end of the file says nothing about whether it is whole
}

const (
	// leastRead is how much room there has to be for reading on.
	leastRead = 64 << 10
	// mostRow bounds a row: none of an audit log comes near it.
	mostRow = 16 << 20
)

func newWindow(r io.Reader, out *chunker) *window {
	file, tells := r.(interface{ EndProven() bool })
	return &window{r: r, out: out, buf: make([]byte, 0, mostChunk), mayBeCut: tells && !file.EndProven()}
}

// rest is what has not been looked at yet. It is valid until more is read.
func (w *window) rest() []byte { return w.buf[w.pos:] }

// keep lets the next n bytes go on as they are.
func (w *window) keep(n int) { w.pos += n }

// drop leaves out the next n bytes.
func (w *window) drop(n int) error {
	err := w.flush()
	w.pos += n
	w.from = w.pos
	return err
}

// put hands on something else, behind what is kept.
func (w *window) put(part []byte) error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.out.add(part)
}

// flush hands on what is kept.
func (w *window) flush() error {
	kept := w.buf[w.from:w.pos]
	w.from = w.pos
	return w.out.add(kept)
}

// more reads on. The rest stays, but may be elsewhere.
func (w *window) more() error {
	if w.end {
		return io.EOF
	}
	full := cap(w.buf)-len(w.buf) < leastRead
	if full || w.pos-w.from >= w.out.size {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if full {
		if err := w.makeRoom(); err != nil {
			return err
		}
	}
	// A long row is looked at from its beginning each time, so that it takes more to look again.
	enough := len(w.buf) + len(w.rest())/leastRead*(leastRead/4)
	for {
		n, err := w.r.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			w.end = true
			return nil
		case err != nil:
			return err
		case n > 0 && (len(w.buf) >= enough || len(w.buf) == cap(w.buf)):
			return nil
		}
	}
}

// makeRoom moves the rest to the front, into a larger buffer if it fills most of this one.
func (w *window) makeRoom() error {
	rest, buf := w.rest(), w.buf[:0]
	if len(rest) > cap(buf)/2 {
		if 2*cap(buf) > mostRow {
			return &unusable{"a row of it is longer than any of an audit log"}
		}
		buf = make([]byte, 0, 2*cap(buf))
	}
	w.buf = append(buf, rest...)
	w.from, w.pos = 0, 0
	return nil
}

const bom = "\ufeff"

// sniff tells the format of the file by its first character. asked is what an empty one is.
func (w *window) sniff(asked cbc.ExportFormat) (cbc.ExportFormat, error) {
	for {
		for i, c := range w.rest() {
			switch {
			case c == ' ' || c == '\t' || c == '\r' || c == '\n' || i < len(bom) && c == bom[i]:
				continue
			case c == '{' || c == '[':
				return cbc.ExportJSON, nil
			case c == '<':
				return "", &unusable{"it is a page for people"}
			}
			return cbc.ExportCSV, nil
		}
		if w.end {
			if asked == "" {
				asked = cbc.ExportCSV
			}
			return asked, nil
		}
		if err := w.more(); err != nil {
			return "", err
		}
	}
}
