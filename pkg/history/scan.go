package history

import (
	"context"
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// scan reads a time range page by page. The next page starts at the time of the last event of the page before, so that neither events
// that arrive meanwhile nor the order of equal times can shift a page.
type scan struct {
	history *History
	filter  auditlog.Filter
	order   cbc.Order
	cost    *Cost
	missing auditlog.TimeRange // not read yet
	// requested is what to read instead of missing where times do not tell events apart: nothing beyond the request.
	requested auditlog.TimeRange
	found     int  // what the first page counted
	rows      int  // maximum events of a page; 0 means the reach
	coarse    bool // the server writes times in whole seconds
	// emit takes the events of a part, ascending. whole is false if the server did not return all of them.
	emit func(events []auditlog.Event, part auditlog.TimeRange, whole bool)
	bad  badRecords // of all pages
	// barren counts the requests since the last event that was emitted.
	barren int
}

// maxBarren bounds the requests in a row that bring no event, for a server that contradicts itself. An honest one whose pages are not
// sorted or full of bad records needs a few for each halving of the time range.
const maxBarren = 200

// records returns how many records a page holds, readable or not.
func records(p cbc.Page) int { return len(p.Events) + len(p.Bad) }

// step reads one page.
func (s *scan) step(ctx context.Context) error {
	page, err := s.nextPage(ctx)
	if err != nil {
		return err
	}
	if s.found == 0 {
		s.found = page.Found
	}
	return s.take(ctx, page)
}

// nextPage requests the next page, with the bounds that suit the resolution of the server's times. A server that once wrote a fraction of
// a second does so whenever there is one.
func (s *scan) nextPage(ctx context.Context) (cbc.Page, error) {
	guess := s.history.coarse.Load()
	page, err := s.page(ctx, s.missing, s.maxRows(), 0, boundsFor(guess))
	if err != nil || len(page.Events) == 0 {
		return page, err
	}
	if page.Digits > 0 {
		s.history.fine.Store(true)
	}
	s.coarse = !s.history.fine.Load()
	s.history.coarse.Store(s.coarse)
	if s.coarse && !guess {
		s.missing = intersect(s.missing, s.requested)
		return s.page(ctx, s.missing, s.maxRows(), 0, Narrow)
	}
	if s.coarse == guess || (s.missing.From%1000 == 0 && s.missing.To%1000 == 0) {
		return page, nil
	}
	return s.page(ctx, s.missing, s.maxRows(), 0, boundsFor(s.coarse))
}

func (s *scan) reach() int { return s.history.config.Reach }

// maxRows returns how many events to request.
func (s *scan) maxRows() int {
	if s.rows > 0 {
		return min(s.rows, s.reach())
	}
	return s.reach()
}

func boundsFor(coarse bool) bounds {
	if coarse {
		return Narrow
	}
	return Wide
}

// tightBounds returns the bounds that add as little as possible to a time range.
func (s *scan) tightBounds() bounds {
	if s.coarse {
		return Narrow
	}
	return closest
}

// take emits what a page holds for certain and moves on.
func (s *scan) take(ctx context.Context, page cbc.Page) error {
	if records(page) >= page.Found && records(page) < s.reach() {
		s.pass(page.Events, s.missing, true)
		return nil
	}
	if records(page) == 0 {
		return ErrWithheld
	}
	if len(page.Events) == 0 || !s.sorted(page.Events) {
		return s.halves(ctx)
	}
	part := s.before(page.Events[len(page.Events)-1].CreateTime.UnixMilli())
	if part.From >= part.To {
		return s.instant(ctx, page.Events)
	}
	s.pass(page.Events, part, true)
	return nil
}

// unit returns the resolution of the server's times, in milliseconds.
func (s *scan) unit() int64 {
	if s.coarse {
		return 1000
	}
	return 1
}

// before returns the part of missing that comes, in the scan's order, before an instant.
func (s *scan) before(ms int64) auditlog.TimeRange {
	if s.order == cbc.OldestFirst {
		return auditlog.TimeRange{From: s.missing.From, To: min(max(ms, s.missing.From), s.missing.To)}
	}
	return auditlog.TimeRange{From: max(min(ms+s.unit(), s.missing.To), s.missing.From), To: s.missing.To}
}

// pass emits the events that lie in a part and removes the part from missing.
func (s *scan) pass(events []auditlog.Event, part auditlog.TimeRange, whole bool) {
	inside := slices.DeleteFunc(events, func(e auditlog.Event) bool { return !s.contains(part, e.CreateTime) })
	sortByTime(inside)
	if len(inside) > 0 {
		s.barren = 0
	}
	if s.order == cbc.OldestFirst {
		s.missing.From = part.To
	} else {
		s.missing.To = part.From
	}
	s.emit(inside, part, whole)
}

// contains reports whether an event belongs to a part. A time in whole seconds can stand for any instant of its second: there the
// server's own choice is trusted.
func (s *scan) contains(part auditlog.TimeRange, t time.Time) bool {
	ms := t.UnixMilli()
	return ms < part.To && ms+s.unit() > part.From
}

// sorted reports whether a page has the requested order, to the millisecond.
func (s *scan) sorted(events []auditlog.Event) bool {
	return slices.IsSortedFunc(events, func(a, b auditlog.Event) int {
		c := int(a.CreateTime.UnixMilli() - b.CreateTime.UnixMilli())
		if s.order == cbc.OldestFirst {
			return c
		}
		return -c
	})
}

// halves reads what is missing in two parts, for a server that does not sort as requested.
func (s *scan) halves(ctx context.Context) error {
	if s.missing.To-s.missing.From < 2 {
		return s.offsets(ctx, s.missing, s.tightBounds())
	}
	older, newer := s.missing.Halves()
	parts := []auditlog.TimeRange{newer, older}
	if s.order == cbc.OldestFirst {
		parts = []auditlog.TimeRange{older, newer}
	}
	all := s.missing
	for _, part := range parts {
		s.missing = part
		var err error
		for err == nil && s.missing.From < s.missing.To {
			err = s.step(ctx)
		}
		if s.order == cbc.OldestFirst {
			s.missing = auditlog.TimeRange{From: s.missing.From, To: all.To}
		} else {
			s.missing = auditlog.TimeRange{From: all.From, To: s.missing.To}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// instant goes on after a full page that did not move the start: its events lie in what wide bounds add, or all happened in the same
// millisecond. seen is that page.
func (s *scan) instant(ctx context.Context, seen []auditlog.Event) error {
	page, err := s.page(ctx, s.missing, s.reach(), 0, s.tightBounds())
	if err != nil {
		return err
	}
	if s.lacks(page, seen) {
		return s.offsets(ctx, s.second(), Wide) // the server rounds the bounds
	}
	if len(page.Events) > 0 && s.sorted(page.Events) {
		part := s.missing
		if records(page) < page.Found || records(page) >= s.reach() {
			part = s.before(page.Events[len(page.Events)-1].CreateTime.UnixMilli())
		}
		if part.From < part.To {
			s.pass(page.Events, part, true)
			return nil
		}
	}
	if page.Found == 0 && records(page) == 0 {
		s.pass(nil, s.second(), true) // all of it lies in what wide bounds add to this second
		return nil
	}
	if records(page) == 0 {
		return ErrWithheld
	}
	if len(page.Events) == 0 { // a page of bad records does not show where it ends
		return s.halves(ctx)
	}
	part := auditlog.TimeRange{From: max(s.missing.To-s.unit(), s.missing.From), To: s.missing.To}
	if s.order == cbc.OldestFirst {
		part = auditlog.TimeRange{From: s.missing.From, To: min(s.missing.From+s.unit(), s.missing.To)}
	}
	return s.offsets(ctx, part, s.tightBounds())
}

// lacks reports whether a complete answer misses events that were seen before.
func (s *scan) lacks(page cbc.Page, seen []auditlog.Event) bool {
	inside := func(events []auditlog.Event) (n int) {
		for i := range events {
			if s.contains(s.missing, events[i].CreateTime) {
				n++
			}
		}
		return n
	}
	return records(page) >= page.Found && records(page) < s.reach() && inside(page.Events) < inside(seen)
}

// second returns the first second of missing, in the scan's order.
func (s *scan) second() auditlog.TimeRange {
	w := s.missing
	if s.order == cbc.OldestFirst {
		w.To = min(w.To, w.From-w.From%1000+1000)
	} else {
		w.From = max(w.From, (w.To-1)-(w.To-1)%1000)
	}
	return w
}

// offsets reads an instant by offset, as far as a search reaches, and beyond that in parts. Offsets are exact as long as the server keeps
// the order of equal times from page to page, which is checked by requesting the first page again.
func (s *scan) offsets(ctx context.Context, part auditlog.TimeRange, b bounds) error {
	var events []auditlog.Event
	var first cbc.Page
	found, read := 1, 0
	for read < min(found, s.reach()) {
		page, err := s.page(ctx, part, s.reach()-read, read, b)
		if err != nil {
			return err
		}
		found = max(page.Found, read+records(page))
		if records(page) == 0 {
			break
		}
		if read == 0 {
			first = page
		}
		read += records(page)
		if slices.ContainsFunc(page.Events, func(e auditlog.Event) bool { return s.contains(part, e.CreateTime) }) {
			s.barren = 0
		}
		events = append(events, page.Events...)
	}
	whole := found <= read && read < s.reach()
	if whole && read > records(first) {
		again, err := s.page(ctx, part, records(first), 0, b)
		if err != nil {
			return err
		}
		whole = slices.EqualFunc(first.Events, again.Events, func(a, b auditlog.Event) bool { return auditlog.Compare(&a, &b) == 0 })
	}
	if !whole && found > s.reach() {
		all, ok, err := s.readInParts(ctx, part, b)
		if err != nil {
			return err
		}
		if ok {
			events, whole = all, true
		}
	}
	s.pass(events, part, whole)
	return nil
}

// page requests one page.
func (s *scan) page(ctx context.Context, w auditlog.TimeRange, rows, offset int, b bounds) (cbc.Page, error) {
	return s.pageOf(ctx, s.filter, w, rows, offset, b)
}

// pageOf requests one page for a filter.
func (s *scan) pageOf(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, rows, offset int, b bounds) (cbc.Page, error) {
	if s.barren++; s.barren > maxBarren {
		return cbc.Page{}, ErrStuck
	}
	start, end := b(w)
	r := cbc.SearchRequest{Filter: f, Start: start, End: end, Order: s.order, Rows: rows, Offset: offset}
	page, err := s.history.search(ctx, r, s.cost)
	page.Found = max(page.Found, records(page))
	s.bad.add(page.Bad)
	return page, err
}
