package export

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// copyCSV copies the rows of a CSV that belong to the export. Its header has to be known by its names, whatever their order, case and
// spacing; a file without one is of no use.
func copyCSV(in *rowBuffer, f *rowFilter, options Options) error {
	c := &csvCopier{in: in, rowFilter: f, guard: options.Safe}
	found, err := c.header()
	if err != nil {
		return err
	}
	for found {
		row, err := c.csv.next()
		if err == nil {
			err = c.row(row)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	in.accept(len(in.unread())) // blank lines behind the last row
	return in.flush()
}

type csvCopier struct {
	*rowFilter
	in      *rowBuffer
	csv     *csvRows
	guard   bool // formulas
	width   int  // cells of a row
	time    int  // the column of create_time
	columns []csvColumn
	event   auditlog.Event
	scratch []byte
}

// csvColumn is a column that the filter needs.
type csvColumn struct {
	at  int
	key auditlog.Key
}

var errNotAuditLog = &unusable{"its columns or members are not those of an audit log"}

// header finds the columns by the names in the first row, and accepts it. A file of no rows has none.
func (c *csvCopier) header() (found bool, err error) {
	line, err := firstLine(c.in)
	if bytes.HasPrefix(c.in.unread(), []byte(byteOrderMark)) {
		c.in.accept(len(byteOrderMark))
		line, err = firstLine(c.in)
	}
	length := len(line)
	if length == 0 || err != nil {
		return false, err
	}
	for _, delim := range ",;\t|" {
		names := headerNames(line, delim)
		if c.time = slices.Index(names, "createtime"); c.time < 0 {
			continue
		}
		c.width = len(names)
		if err := c.findColumns(names); err != nil {
			return false, err
		}
		c.csv = newCSVRows(c.in, delim)
		row, err := c.csv.next()
		if err == nil && len(trimBlankLines(row.bytes)) != length {
			err = errNotAuditLog // a quote in it is not closed
		}
		if err != nil {
			return false, err
		}
		return true, c.accept(row)
	}
	return false, errNotAuditLog
}

// findColumns finds the columns that the filter needs, and notes which columns of an audit log are missing: such a file says less
// than a search answers. A file without actor or description cannot be used. Which columns the vendor writes is not documented.
func (c *csvCopier) findColumns(names []string) error {
	for _, key := range c.needs {
		at := slices.Index(names, plainName(string(key)))
		if at < 0 {
			return errNotAuditLog
		}
		c.columns = append(c.columns, csvColumn{at, key})
	}
	for _, name := range columns {
		if name != "org_key" && !slices.Contains(names, plainName(name)) { // that is the same in every row
			c.missing = append(c.missing, name)
		}
	}
	if slices.Contains(c.missing, string(auditlog.KeyActor)) || slices.Contains(c.missing, string(auditlog.KeyDescription)) {
		return errNotAuditLog
	}
	return nil
}

// row accepts a row or drops it.
func (c *csvCopier) row(row csvRow) error {
	if c.in.mayBeCut && row.bytes[len(row.bytes)-1] != '\n' {
		return &unusable{"its last row has no line break, and the connection does not show whether the file ends there"}
	}
	if len(row.cells) != c.width || row.open {
		c.skip("it does not have as many cells as the header, or a quote is not closed")
		return c.csv.dropFirstLine(row)
	}
	keep, err := c.decide(row)
	switch {
	case err != nil && !c.skipBad(err):
		return err
	case err != nil:
		return c.csv.dropFirstLine(row)
	case !keep:
		return c.csv.drop(row)
	}
	return c.accept(row)
}

// decide reports whether a row belongs to the export.
func (c *csvCopier) decide(row csvRow) (bool, error) {
	ms, err := c.timeOf(row.cells[c.time])
	if err != nil {
		return false, err
	}
	for _, column := range c.columnsFor(ms) {
		if !setText(&c.event, column.key, row.cells[column.at]) {
			return false, &cbc.RowError{Reason: "its " + string(column.key) + " is neither true nor false"}
		}
	}
	return c.count(ms, &c.event), nil
}

// columnsFor returns the columns that have to be looked at in a row of a time.
func (c *csvCopier) columnsFor(ms int64) []csvColumn {
	if !c.inRange(ms) {
		return nil
	}
	return c.columns
}

// accept copies a row, with its formulas guarded.
func (c *csvCopier) accept(row csvRow) error {
	if !c.guard || !slices.ContainsFunc(row.cells, isFormula) {
		c.csv.accept(row)
		return nil
	}
	done := 0
	c.scratch = c.scratch[:0]
	for i, cell := range row.cells {
		if isFormula(cell) {
			at := c.csv.contentStart(row, i)
			c.scratch = append(append(c.scratch, row.bytes[done:at]...), '\'')
			done = at
		}
	}
	c.scratch = append(c.scratch, row.bytes[done:]...)
	if err := c.in.insert(c.scratch); err != nil {
		return err
	}
	return c.csv.drop(row)
}

// plainName returns a name without what differs from writer to writer: create_time, Create Time and createTime are one.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == ' ' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name)))
}

// setText sets a field of an event from a cell. It reports whether the cell has a value that the field can have.
func setText(e *auditlog.Event, key auditlog.Key, text string) bool {
	switch key {
	case auditlog.KeyActor:
		e.Actor = text
	case auditlog.KeyActorIP:
		e.ActorIP = text
	case auditlog.KeyRequestURL:
		e.RequestURL = text
	case auditlog.KeyDescription:
		e.Description = text
	case auditlog.KeyFlagged:
		return setFlag(&e.Flagged, text)
	case auditlog.KeyVerbose:
		return setFlag(&e.Verbose, text)
	case auditlog.KeyCategory, auditlog.KeyAction, auditlog.KeyOutcome:
		return false // no column has them
	}
	return true
}

func setFlag(to *bool, text string) bool {
	switch strings.ToLower(text) {
	case "true", "1", "yes":
		*to = true
	case "false", "0", "no", "", "null":
		*to = false
	default:
		return false
	}
	return true
}
