package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const catalogHeader = "code\tcategory\taction\toutcome\tseverity\tevidence\tsources\tpattern\texample"

// Parse reads a catalog in the format that the head of catalog.tsv describes. An error names the line and the row.
func Parse(data []byte) (*Catalog, error) {
	c := &Catalog{categories: categories, actions: actions}
	seen := make(map[string]bool)
	header := false
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case text == "" || text[0] == '#':
			continue
		case !header:
			if text != catalogHeader {
				return nil, fmt.Errorf("line %d: the header must be %q", number, catalogHeader)
			}
			header = true
			continue
		}
		row, err := parseRow(text)
		if err == nil {
			err = c.add(row, seen)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: row %q: %w", number, row.Code, err)
		}
	}
	if len(c.rows) == 0 {
		return nil, errors.New("the catalog has no rows")
	}
	c.texts.sort()
	return c, nil
}

func parseRow(line string) (Row, error) {
	cells := strings.Split(line, "\t")
	if want := strings.Count(catalogHeader, "\t") + 1; len(cells) != want {
		return Row{Code: cells[0]}, fmt.Errorf("has %d columns, want %d", len(cells), want)
	}
	row := Row{
		Code: cells[0], Category: cells[1], Action: cells[2], Outcome: cells[3], Severity: cells[4], Evidence: cells[5],
		Sources: strings.Split(cells[6], "; "), Pattern: cells[7], Example: cells[8],
	}
	return row, row.check()
}

func (r *Row) check() error {
	for _, cell := range []struct {
		name, value string
		allowed     []string
	}{
		{"category", r.Category, categories},
		{"action", r.Action, actions},
		{"outcome", r.Outcome, outcomes},
		{"severity", r.Severity, severities},
		{"evidence", r.Evidence, []string{EvidenceText, EvidenceWord}},
	} {
		if !slices.Contains(cell.allowed, cell.value) {
			return fmt.Errorf("%s %q is not one of %s", cell.name, cell.value, strings.Join(cell.allowed, ", "))
		}
	}
	switch {
	case !isCode(r.Code):
		return errors.New("a code must be two words of a-z and _ with a dot between them")
	case slices.Contains(r.Sources, ""):
		return errors.New("a source is empty")
	case r.Example == "":
		return errors.New("the example is empty")
	case r.Evidence == EvidenceWord && r.Outcome != "unknown":
		return errors.New("the outcome of a word row must be unknown")
	}
	return nil
}

func (c *Catalog) add(row Row, seen map[string]bool) error {
	if row.Code == Unknown().Code || seen[row.Code] {
		return errors.New("the code is taken")
	}
	if seen[row.Pattern] {
		return fmt.Errorf("the pattern %q is taken", row.Pattern)
	}
	seen[row.Code], seen[row.Pattern] = true, true
	index := len(c.rows)
	c.rows, c.classes = append(c.rows, row), append(c.classes, row.class())
	if row.Evidence == EvidenceWord {
		return c.words.add(index, row.Pattern)
	}
	p, err := parsePattern(row.Pattern)
	if err != nil {
		return err
	}
	c.addText(index, p)
	return nil
}

func isCode(s string) bool {
	left, right, found := strings.Cut(s, ".")
	return found && isName(left) && isName(right) && !strings.ContainsAny(s, "0123456789")
}
