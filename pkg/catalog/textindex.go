package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// textRow is a pattern and the row of the catalog that it belongs to.
type textRow struct {
	*pattern
	row int
}

// textIndex finds the text row of a description by its first word, so that only a handful of patterns is tried.
type textIndex struct {
	byFirst map[string][]textRow // rows that start with this word, most specific first
	others  []textRow            // rows that may start with anything, most specific first
}

func (x *textIndex) add(row int, p *pattern) {
	if p.first == "" {
		x.others = append(x.others, textRow{p, row})
		return
	}
	if x.byFirst == nil {
		x.byFirst = make(map[string][]textRow)
	}
	x.byFirst[p.first] = append(x.byFirst[p.first], textRow{p, row})
}

// sort puts the most specific row first. The sort is stable: of equals the earlier wins.
func (x *textIndex) sort() {
	for _, rows := range x.byFirst {
		sortBySpecificity(rows)
	}
	sortBySpecificity(x.others)
}

// sortBySpecificity compares the literal starts first: they contain no names, so their wording is the vendor's.
func sortBySpecificity(rows []textRow) {
	slices.SortStableFunc(rows, func(a, b textRow) int {
		return cmp.Or(cmp.Compare(b.start, a.start), cmp.Compare(b.literals, a.literals))
	})
}

// find returns the row of a description, or nil.
func (x *textIndex) find(in *input) *textRow {
	if in.actor != "" && strings.HasPrefix(in.text, in.actor) { // an actor's name may look like another description
		for i := range x.others {
			if x.others[i].startsWithAccount() && in.match(x.others[i].pattern) {
				return &x.others[i]
			}
		}
	}
	first := in.text
	if space := strings.IndexByte(first, ' '); space >= 0 {
		first = first[:space]
	}
	if found := firstMatch(x.byFirst[first], in); found != nil {
		return found
	}
	return firstMatch(x.others, in)
}

// firstMatch returns the most specific row that matches.
func firstMatch(rows []textRow, in *input) *textRow {
	for i := range rows {
		switch {
		case !in.match(rows[i].pattern):
		case rows[i].startsWithPerson():
			return shortestPerson(rows[i:], in)
		default:
			return &rows[i]
		}
	}
	return nil
}

// shortestPerson returns the row whose person is the event's actor or else has the shortest name, among those that start like the first
// row, which was matched last. A longer name could contain the rest of the description.
func shortestPerson(rows []textRow, in *input) *textRow {
	best, end, certain := 0, in.span(1).start, in.isCertain()
	if certain {
		return &rows[0]
	}
	for i := 1; i < len(rows) && rows[i].start == rows[0].start && !certain; i++ {
		if !rows[i].startsWithPerson() || !in.match(rows[i].pattern) {
			continue
		}
		if certain = in.isCertain(); certain || in.span(1).start < end {
			best, end = i, in.span(1).start
		}
	}
	in.match(rows[best].pattern) // for its spans
	return &rows[best]
}

// isCertain reports whether every row must see the same person as the pattern that was matched last: it is the event's actor, or a word
// without a space.
func (in *input) isCertain() bool {
	from := in.span(0).end
	name := in.text[from:in.span(1).start]
	if name == "" || name == in.actor {
		return name != ""
	}
	return strings.IndexByte(name, ' ') < 0 && (in.actor == "" || !strings.HasPrefix(in.text[from:], in.actor))
}
