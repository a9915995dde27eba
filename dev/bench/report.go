package bench

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
)

// bound is a figure with its maximum.
type bound struct {
	name     string
	got, max float64
	unit     string
	timed    bool // depends on the machine, so exceeding it is a warning
}

func (b bound) verdict() string {
	switch {
	case b.got <= b.max:
		return "PASS"
	case b.timed:
		return "SLOW"
	}
	return "MISS"
}

func (b bound) row() []string {
	ratio := "—"
	if b.max > 0 {
		ratio = fmt.Sprintf("%.2f", b.got/b.max)
	}
	return []string{b.name, short(b.got) + b.unit, short(b.max) + b.unit, ratio, b.verdict()}
}

// short formats a figure with few digits.
func short(x float64) string {
	if x >= 100 || x == float64(int64(x)) {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// table holds figures, with a title and an explanation.
type table struct {
	title  string
	text   string
	header []string
	rows   [][]string
}

// report is the complete report.
type report struct {
	bounds []bound
	tables []table
}

func newReport(f figures) report {
	r := report{bounds: boundsOf(f)}
	reached := table{title: "Bounds", text: boundsText, header: []string{"What", "Measured", "At most", "Share of the bound", ""}}
	for _, b := range r.bounds {
		reached.rows = append(reached.rows, b.row())
	}
	r.tables = append([]table{reached, boardTable(f.board), alertTable(f.board)}, sizeTables(f.sizes)...)
	r.tables = append(r.tables, cacheTable(f.cache), pageTable(f.tests), crowdTable(f.tests), f.store.table(), f.export.table())
	return r
}

// missed returns an error that names every exceeded bound that does not depend on the machine.
func (r report) missed() error {
	var all []error
	for _, b := range r.bounds {
		if b.verdict() == "MISS" {
			all = append(all, fmt.Errorf("missed: %s: %s%s, at most %s%s", b.name, short(b.got), b.unit, short(b.max), b.unit))
		}
	}
	return errors.Join(all...)
}

func (r report) print(out io.Writer) error {
	for _, t := range append(r.tables[1:len(r.tables):len(r.tables)], r.tables[0]) { // the bounds are printed last, where they are seen
		fmt.Fprintf(out, "\n%s\n", t.title)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{t.header}, t.rows...) {
			fmt.Fprintf(w, "  %s\t\n", strings.Join(row, "\t"))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, introduction, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n## %s\n\n", t.title)
		if t.text != "" {
			fmt.Fprintf(&b, "%s\n\n", t.text)
		}
		fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(t.header, " | "), strings.Repeat(" --- |", len(t.header)))
		for _, row := range t.rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
	}
	return b.String()
}
