package export

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// relayCSV hands on the rows of a CSV that are kept. Its header has to be known by its names, whatever their order, case and
// spacing; a file without one is of no use.
func relayCSV(in *window, k *keeper, safe bool) error {
	r := &csvRelay{scanner: scanner{in: in, delim: ','}, keeper: k, safe: safe}
	if err := r.header(); err != nil {
		return err
	}
	for {
		err := r.rows()
		if errors.Is(err, io.EOF) {
			return in.flush()
		}
		if !errors.Is(err, errMore) {
			return err
		}
		if err := in.more(); err != nil {
			return err
		}
	}
}

type csvRelay struct {
	scanner
	*keeper
	safe    bool
	width   int // cells of a row
	time    int // the column of create_time
	columns []csvColumn
	event   auditlog.Event
	scratch []byte
}

// csvColumn is a column that the filter looks at.
type csvColumn struct {
	at  int
	key auditlog.Key
}

// rows hands on those at hand that are kept.
func (r *csvRelay) rows() error {
	for {
		row, err := r.next()
		if err != nil {
			return err
		}
		keep, err := r.keep(row)
		switch {
		case err != nil:
			return err
		case !keep:
			err = r.in.drop(len(row))
		case r.hasFormula(row):
			err = r.replace(row)
		default:
			r.in.keep(len(row))
		}
		if err != nil {
			return err
		}
	}
}

var errForm = &unusable{"its columns or members are not those of an audit log"}

// header finds the columns by the names in the first row. A separator other than the comma is told by the same.
func (r *csvRelay) header() error {
	for _, delim := range []byte{',', ';', '\t', '|'} {
		r.delim = delim
		row, err := r.peek()
		if err != nil {
			return err
		}
		if row == nil {
			return nil // an empty file, of no rows
		}
		names := r.names(row)
		if r.time = slices.Index(names, "createtime"); r.time < 0 {
			continue
		}
		r.width = len(names)
		for _, key := range r.needs {
			at := slices.Index(names, plainName(string(key)))
			if at < 0 {
				return errForm
			}
			r.columns = append(r.columns, csvColumn{at, key})
		}
		if err := r.noteMissing(names); err != nil {
			return err
		}
		r.begun, r.lazy = true, !r.safe
		if r.hasFormula(row) {
			return r.replace(row)
		}
		r.in.keep(len(row))
		return nil
	}
	return errForm
}

// noteMissing notes which columns of an audit log are not there: such a file says less than a search answers. One that does not even
// tell who did what cannot be used. Which columns the vendor writes is not documented.
func (r *csvRelay) noteMissing(names []string) error {
	for _, name := range columns {
		if name != "org_key" && !slices.Contains(names, plainName(name)) { // that is the same in every row
			r.lacks = append(r.lacks, name)
		}
	}
	if slices.Contains(r.lacks, string(auditlog.KeyActor)) || slices.Contains(r.lacks, string(auditlog.KeyDescription)) {
		return errForm
	}
	return nil
}

// names are a row's cells as names of columns.
func (r *csvRelay) names(row []byte) []string {
	names := make([]string, len(r.cells))
	for i, c := range r.cells {
		text := c.in(row)
		if i == 0 {
			text = bytes.TrimPrefix(text, []byte(bom))
		}
		names[i] = plainName(string(unquote(text, &r.scratch)))
	}
	return names
}

// plainName is a name without what differs from writer to writer: create_time, Create Time and createTime are one.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == ' ' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name)))
}

// keep tells whether a row belongs to the export.
func (r *csvRelay) keep(row []byte) (bool, error) {
	switch string(row) {
	case "\r\n", "\n", "\r":
		return true, nil // a blank line is no row
	}
	if r.in.mayBeCut && row[len(row)-1] != '\n' {
		return false, &unusable{"its last row has no line break, and the connection does not tell whether that is its end"}
	}
	if r.count(row) != r.width {
		return false, &unusable{"its rows differ in length"}
	}
	if inside, err := r.inside(unquote(r.cell(row, r.time, r.width), &r.scratch)); !inside {
		return false, err
	}
	for _, column := range r.columns {
		if !setText(&r.event, column.key, string(unquote(r.cell(row, column.at, r.width), &r.scratch))) {
			return false, &unusable{"its flags are neither true nor false"}
		}
	}
	return r.passes(&r.event), nil
}

// setText sets a property of an event from a cell.
func setText(e *auditlog.Event, key auditlog.Key, text string) bool {
	flag := func(to *bool) bool {
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
		return flag(&e.Flagged)
	case auditlog.KeyVerbose:
		return flag(&e.Verbose)
	case auditlog.KeyCategory, auditlog.KeyAction, auditlog.KeyOutcome:
		return false // no column has them
	}
	return true
}

// hasFormula reports whether a cell of the last row has to be guarded.
func (r *csvRelay) hasFormula(row []byte) bool {
	return r.safe && slices.ContainsFunc(r.cells, func(c span) bool { return c.isFormula(row) })
}

// replace hands on the last row with its formulas made texts.
func (r *csvRelay) replace(row []byte) error {
	done := 0
	r.scratch = r.scratch[:0]
	for _, c := range r.cells {
		if c.isFormula(row) {
			at := c.content(row)
			r.scratch = append(append(r.scratch, row[done:at]...), '\'')
			done = at
		}
	}
	r.scratch = append(r.scratch, row[done:]...)
	if err := r.in.put(r.scratch); err != nil {
		return err
	}
	return r.in.drop(len(row))
}

// isFormula reports whether the text of a cell has to be guarded. A quote inside ends the look at it: no text is a formula behind one.
func (s span) isFormula(row []byte) bool { return isFormula(row[s.content(row):s.end]) }
