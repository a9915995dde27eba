package export

import (
	"bytes"
	"errors"
	"io"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// scanner cuts a CSV that arrives piece by piece into rows, and rows into cells. It reads what RFC 4180 says and what spreadsheets
// read beyond it: lines end with CRLF or LF, and a quote within a cell that did not begin with one is a character as any other.
//
// Most rows have no quotes. Who only wants to know how many cells they have, and to see one or two, need not have them split.
type scanner struct {
	in    *window
	delim byte
	lazy  bool   // rows without quotes are not split
	whole bool   // the last row is one of those
	cells []span // of the last row, if it was split
	begun bool   // the first row, which may have a mark of the byte order, has been consumed
}

// span is where a cell is in its row, with its quotes.
type span struct{ start, end int }

func (s span) in(row []byte) []byte { return row[s.start:s.end] }

// content is where the text of the cell begins: behind its opening quote.
func (s span) content(row []byte) int {
	at := s.start
	if at < s.end && row[at] == '"' {
		at++
	}
	return at
}

// next returns the next row of those at hand, which comes with its line ending and is valid until more is read. errMore says that
// no whole one is at hand, io.EOF that there is none any more.
func (s *scanner) next() ([]byte, error) {
	rest := s.in.rest()
	length, err := s.cut(rest, s.in.end)
	return rest[:length], err
}

// peek returns the next row, reading on if need be. At the end there is none.
func (s *scanner) peek() ([]byte, error) {
	for {
		row, err := s.next()
		switch {
		case err == nil:
			return row, nil
		case errors.Is(err, io.EOF):
			return nil, nil
		case !errors.Is(err, errMore):
			return nil, err
		}
		if err := s.in.more(); err != nil {
			return nil, err
		}
	}
}

// count is how many cells the last row has.
func (s *scanner) count(row []byte) int {
	if s.whole {
		return bytes.Count(row, []byte{s.delim}) + 1
	}
	return len(s.cells)
}

// cell is one of the last row, which has so many.
func (s *scanner) cell(row []byte, at, of int) []byte {
	switch {
	case !s.whole:
		return s.cells[at].in(row)
	case at == of-1:
		row = row[bytes.LastIndexByte(row, s.delim)+1:]
	default:
		for ; at > 0; at-- {
			row = row[bytes.IndexByte(row, s.delim)+1:]
		}
	}
	if end := bytes.IndexByte(row, s.delim); end >= 0 {
		return row[:end]
	}
	return row[:lineEnd(row, 0, len(row)-1)]
}

var (
	errMore     = cbc.ErrMore
	errUnclosed = &unusable{"it ends within a quoted cell"}
)

// cut finds the cells of the first row of b. last says that nothing follows b.
func (s *scanner) cut(b []byte, last bool) (length int, err error) {
	if len(b) == 0 {
		if last {
			return 0, io.EOF
		}
		return 0, errMore
	}
	line := bytes.IndexByte(b, '\n')
	plain := line >= 0 && bytes.IndexByte(b[:line], '"') < 0
	if s.whole = s.lazy && plain; s.whole {
		return line + 1, nil
	}
	s.cells = s.cells[:0]
	if plain {
		s.split(b[:line])
		return line + 1, nil
	}
	return s.cutQuoted(b, last)
}

// split finds the cells of a line without quotes.
func (s *scanner) split(line []byte) {
	start := 0
	for {
		i := bytes.IndexByte(line[start:], s.delim)
		if i < 0 {
			break
		}
		s.cells = append(s.cells, span{start, start + i})
		start += i + 1
	}
	s.cells = append(s.cells, span{start, lineEnd(line, start, len(line))})
}

// cutQuoted finds the cells of a row that has quotes, or whose line ending is not at hand.
func (s *scanner) cutQuoted(b []byte, last bool) (length int, err error) {
	pos, delim := 0, s.delim
	if !s.begun && bytes.HasPrefix(b, []byte(bom)) {
		pos = len(bom)
	}
	start := 0
	for {
		if pos < len(b) && b[pos] == '"' {
			if pos, err = quotedEnd(b, pos+1, last); err != nil {
				return 0, err
			}
		}
		for pos < len(b) && b[pos] != delim && b[pos] != '\n' {
			pos++
		}
		switch {
		case pos == len(b) && !last:
			return 0, errMore
		case pos == len(b):
			s.cells = append(s.cells, span{start, lineEnd(b, start, pos)})
			return pos, nil
		case b[pos] == '\n':
			s.cells = append(s.cells, span{start, lineEnd(b, start, pos)})
			return pos + 1, nil
		}
		s.cells = append(s.cells, span{start, pos})
		pos++
		start = pos
	}
}

// lineEnd leaves out the carriage return of a line ending.
func lineEnd(b []byte, start, end int) int {
	if end > start && b[end-1] == '\r' {
		return end - 1
	}
	return end
}

// quotedEnd finds the position behind the closing quote of a cell whose text begins at pos.
func quotedEnd(b []byte, pos int, last bool) (int, error) {
	for {
		i := bytes.IndexByte(b[pos:], '"')
		switch {
		case i < 0 && last:
			return 0, errUnclosed
		case i < 0:
			return 0, errMore
		}
		pos += i + 1
		switch {
		case pos < len(b) && b[pos] == '"':
			pos++
		case pos == len(b) && !last:
			return 0, errMore
		default:
			return pos, nil
		}
	}
}

// unquote is the text of a cell. The buffer serves those that hold quotes.
func unquote(cell []byte, buffer *[]byte) []byte {
	if len(cell) < 2 || cell[0] != '"' || cell[len(cell)-1] != '"' {
		return cell
	}
	inner := cell[1 : len(cell)-1]
	if bytes.IndexByte(inner, '"') < 0 {
		return inner
	}
	*buffer = append((*buffer)[:0], bytes.ReplaceAll(inner, []byte(`""`), []byte(`"`))...)
	return *buffer
}
