package export

import (
	"bufio"
	"bytes"
	"encoding/csv"
)

// csvRows splits a CSV into rows with the standard library's reader, and keeps the bytes of each row. Quotes inside a cell that does not
// begin with one are ordinary characters, as in spreadsheets.
type csvRows struct {
	source   *csvSource
	buffered *bufio.Reader
	reader   *csv.Reader
	delim    rune
	start    int64 // of the next row, in the bytes that the reader has read
	reread   int
}

// csvRow is a row with its line ending and the blank lines before it. It is valid until the next one is read.
type csvRow struct {
	bytes []byte
	cells []string
	open  bool // the file ends within its last cell
}

// maxReread bounds how many bytes are read again because a row was malformed.
const maxReread = 64 << 20

func newCSVRows(in *rowBuffer, delim rune) *csvRows {
	r := &csvRows{source: &csvSource{in: in}, delim: delim}
	r.buffered = bufio.NewReaderSize(r.source, minRead)
	r.restart()
	return r
}

// restart reads on from the first byte that is neither accepted nor dropped.
func (r *csvRows) restart() {
	r.source.ahead, r.start = 0, 0
	r.buffered.Reset(r.source)
	r.reader = csv.NewReader(r.buffered)
	r.reader.Comma, r.reader.LazyQuotes, r.reader.ReuseRecord, r.reader.FieldsPerRecord = r.delim, true, true, -1
}

// next reads a row, which has to be accepted or dropped before the next one. At the end of the file it returns io.EOF.
func (r *csvRows) next() (csvRow, error) {
	cells, err := r.reader.Read()
	if err != nil {
		return csvRow{}, err
	}
	length := r.reader.InputOffset() - r.start
	row := csvRow{bytes: r.source.in.unread()[:length], cells: cells}
	row.open = r.source.in.end && int(length) == len(r.source.in.unread()) && r.endsInQuotes(row)
	return row, nil
}

// endsInQuotes reports whether the last cell of a row begins with a quote that is not closed.
func (r *csvRows) endsInQuotes(row csvRow) bool {
	cell := row.bytes[r.cellStart(row, len(row.cells)-1):]
	if len(cell) == 0 || cell[0] != '"' {
		return false
	}
	text := bytes.TrimSuffix(bytes.TrimSuffix(cell[1:], []byte("\n")), []byte("\r"))
	quotes := len(text) - len(bytes.TrimRight(text, `"`))
	return quotes%2 == 0 // a pair of them is a character
}

// cellStart returns where a cell of the last row starts.
func (r *csvRows) cellStart(row csvRow, cell int) int {
	first, _ := r.reader.FieldPos(0)
	line, column := r.reader.FieldPos(cell)
	at := len(row.bytes) - len(trimBlankLines(row.bytes))
	for ; line > first; line-- {
		at += bytes.IndexByte(row.bytes[at:], '\n') + 1
	}
	return at + column - 1
}

// contentStart returns where the text of a cell starts, behind its opening quote.
func (r *csvRows) contentStart(row csvRow, cell int) int {
	at := r.cellStart(row, cell)
	if at < len(row.bytes) && row.bytes[at] == '"' { // an empty cell may end the file
		at++
	}
	return at
}

func (r *csvRows) accept(row csvRow) {
	r.source.in.accept(len(row.bytes))
	r.moved(len(row.bytes))
}

func (r *csvRows) drop(row csvRow) error {
	r.moved(len(row.bytes))
	return r.source.in.drop(len(row.bytes))
}

func (r *csvRows) moved(n int) {
	r.source.ahead -= n
	r.start += int64(n)
}

// dropFirstLine drops the first line of a malformed row and reads on behind it: what looks like the rest of the row may be good rows
// that a stray quote has swallowed.
func (r *csvRows) dropFirstLine(row csvRow) error {
	blank := len(row.bytes) - len(trimBlankLines(row.bytes))
	line := blank + bytes.IndexByte(row.bytes[blank:], '\n') + 1
	if line == blank || line == len(row.bytes) {
		return r.drop(row)
	}
	if r.reread += len(row.bytes) - line; r.reread > maxReread {
		return &unusable{"its quotes do not match"}
	}
	if err := r.source.in.drop(line); err != nil {
		return err
	}
	r.restart()
	return nil
}

// trimBlankLines returns a row without the blank lines before it.
func trimBlankLines(row []byte) []byte {
	for {
		switch {
		case bytes.HasPrefix(row, []byte("\n")):
			row = row[1:]
		case bytes.HasPrefix(row, []byte("\r\n")):
			row = row[2:]
		default:
			return row
		}
	}
}

// csvSource lets a reader read the bytes of a rowBuffer, which stay there until they are accepted or dropped.
type csvSource struct {
	in    *rowBuffer
	ahead int // how many of the unread bytes were read
}

func (s *csvSource) Read(p []byte) (int, error) {
	if s.ahead == len(s.in.unread()) {
		if err := s.in.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.in.unread()[s.ahead:])
	s.ahead += n
	return n, nil
}

// firstLine returns the first line that is not blank, and nothing if there is none.
func firstLine(in *rowBuffer) ([]byte, error) {
	for {
		line := trimBlankLines(in.unread())
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			return line[:end+1], nil
		}
		if in.end {
			return line, nil
		}
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
}

// headerNames returns the names of the columns in a line that is the header of a CSV.
func headerNames(line []byte, delim rune) []string {
	r := csv.NewReader(bytes.NewReader(line))
	r.Comma, r.LazyQuotes = delim, true
	names, _ := r.Read() // a line that is no CSV has no names
	for i, name := range names {
		names[i] = plainName(name)
	}
	return names
}
