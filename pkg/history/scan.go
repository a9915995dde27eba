package history

import (
	"context"
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// scan walks through a window page by page. The edge of what was read is the time of the last event of a page: the next page
// starts there, so that neither events that arrive meanwhile nor the order among equal times can shift a page.
type scan struct {
	history *History
	filter  auditlog.Filter
	order   cbc.Order
	cost    *Cost
	rest    auditlog.TimeRange // what is not read yet
	strict  auditlog.TimeRange // what to read instead if events cannot be told apart by their times: no more than was asked for
	found   int                // what the first page counted
	rows    int                // the most events of a page; 0 is as many as can be had
	coarse  bool               // the server writes times without a fraction of a second
	// emit takes the events of a part, ascending. whole is false where the server did not give all of them.
	emit func(events []auditlog.Event, part auditlog.TimeRange, whole bool)
	bad  badRecords // of all pages
}

// records is how many records a page holds: its events, and what cannot be read.
func records(p cbc.Page) int { return len(p.Events) + len(p.Bad) }

// step reads on by one page.
func (s *scan) step(ctx context.Context) error {
	page, err := s.ask(ctx)
	if err != nil {
		return err
	}
	if s.found == 0 {
		s.found = page.Found
	}
	return s.take(ctx, page)
}

// ask asks for the next page, with the bounds that suit how finely the server writes times. A server that was seen to write a
// fraction of a second does so whenever there is one.
func (s *scan) ask(ctx context.Context) (cbc.Page, error) {
	guess := s.history.coarse.Load()
	page, err := s.page(ctx, s.rest, s.most(), 0, boundsFor(guess))
	if err != nil || len(page.Events) == 0 {
		return page, err
	}
	if page.Digits > 0 {
		s.history.fine.Store(true)
	}
	s.coarse = !s.history.fine.Load()
	s.history.coarse.Store(s.coarse)
	if s.coarse && !guess {
		s.rest = intersect(s.rest, s.strict)
		return s.page(ctx, s.rest, s.most(), 0, narrow)
	}
	if s.coarse == guess || (s.rest.From%1000 == 0 && s.rest.To%1000 == 0) {
		return page, nil
	}
	return s.page(ctx, s.rest, s.most(), 0, boundsFor(s.coarse))
}

func (s *scan) reach() int { return s.history.config.Reach }

// most is how many events a page is asked for.
func (s *scan) most() int {
	if s.rows > 0 {
		return min(s.rows, s.reach())
	}
	return s.reach()
}

func boundsFor(coarse bool) bounds {
	if coarse {
		return narrow
	}
	return wide
}

// close returns the bounds that add as little as possible to a window.
func (s *scan) close() bounds {
	if s.coarse {
		return narrow
	}
	return closest
}

// take hands on what a page holds for certain and moves the edge.
func (s *scan) take(ctx context.Context, page cbc.Page) error {
	if records(page) >= page.Found && records(page) < s.reach() {
		s.pass(page.Events, s.rest, true)
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

// unit is the shortest span, in milliseconds, that the server's times tell apart.
func (s *scan) unit() int64 {
	if s.coarse {
		return 1000
	}
	return 1
}

// before is the part of the rest that comes, in the scan's order, before an instant.
func (s *scan) before(ms int64) auditlog.TimeRange {
	if s.order == cbc.OldestFirst {
		return auditlog.TimeRange{From: s.rest.From, To: min(max(ms, s.rest.From), s.rest.To)}
	}
	return auditlog.TimeRange{From: max(min(ms+s.unit(), s.rest.To), s.rest.From), To: s.rest.To}
}

// pass hands on the events that lie in a part and takes the part off the rest.
func (s *scan) pass(events []auditlog.Event, part auditlog.TimeRange, whole bool) {
	inside := slices.DeleteFunc(events, func(e auditlog.Event) bool { return !s.contains(part, e.CreateTime) })
	arrange(inside)
	if s.order == cbc.OldestFirst {
		s.rest.From = part.To
	} else {
		s.rest.To = part.From
	}
	s.emit(inside, part, whole)
}

// contains reports whether an event belongs to a part. A time that is written without a fraction can stand for any instant of
// its second: there the server's own choice is trusted.
func (s *scan) contains(part auditlog.TimeRange, t time.Time) bool {
	ms := t.UnixMilli()
	return ms < part.To && ms+s.unit() > part.From
}

// sorted reports whether the page came in the order that was asked for, to the millisecond.
func (s *scan) sorted(events []auditlog.Event) bool {
	return slices.IsSortedFunc(events, func(a, b auditlog.Event) int {
		c := int(a.CreateTime.UnixMilli() - b.CreateTime.UnixMilli())
		if s.order == cbc.OldestFirst {
			return c
		}
		return -c
	})
}

// halves reads the rest in two parts, for a server that does not sort as it was asked to.
func (s *scan) halves(ctx context.Context) error {
	if s.rest.To-s.rest.From < 2 {
		return s.offsets(ctx, s.rest, s.close())
	}
	older, newer := s.rest.Halves()
	parts := []auditlog.TimeRange{newer, older}
	if s.order == cbc.OldestFirst {
		parts = []auditlog.TimeRange{older, newer}
	}
	whole := s.rest
	for _, part := range parts {
		s.rest = part
		var err error
		for err == nil && s.rest.From < s.rest.To {
			err = s.step(ctx)
		}
		if s.order == cbc.OldestFirst {
			s.rest = auditlog.TimeRange{From: s.rest.From, To: whole.To}
		} else {
			s.rest = auditlog.TimeRange{From: whole.From, To: s.rest.To}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// instant reads on where a page full of events did not move the edge: they lie beyond the edge, in what wide bounds add, or
// they all happened in the same millisecond. seen is that page.
func (s *scan) instant(ctx context.Context, seen []auditlog.Event) error {
	page, err := s.page(ctx, s.rest, s.reach(), 0, s.close())
	if err != nil {
		return err
	}
	if s.lacks(page, seen) {
		return s.offsets(ctx, s.second(), wide) // the server cuts the bounds
	}
	if len(page.Events) > 0 && s.sorted(page.Events) {
		part := s.rest
		if records(page) < page.Found || records(page) >= s.reach() {
			part = s.before(page.Events[len(page.Events)-1].CreateTime.UnixMilli())
		}
		if part.From < part.To {
			s.pass(page.Events, part, true)
			return nil
		}
	}
	if page.Found == 0 && records(page) == 0 {
		s.pass(nil, s.second(), true) // all that was seen lies beyond the edge, in what wide bounds add to this second
		return nil
	}
	if records(page) == 0 {
		return ErrWithheld
	}
	if len(page.Events) == 0 { // a page of bad records says nothing of where it ends
		return s.halves(ctx)
	}
	part := auditlog.TimeRange{From: max(s.rest.To-s.unit(), s.rest.From), To: s.rest.To}
	if s.order == cbc.OldestFirst {
		part = auditlog.TimeRange{From: s.rest.From, To: min(s.rest.From+s.unit(), s.rest.To)}
	}
	return s.offsets(ctx, part, s.close())
}

// lacks reports whether a whole answer misses events of the rest that were seen before.
func (s *scan) lacks(page cbc.Page, seen []auditlog.Event) bool {
	inside := func(events []auditlog.Event) (n int) {
		for i := range events {
			if s.contains(s.rest, events[i].CreateTime) {
				n++
			}
		}
		return n
	}
	return records(page) >= page.Found && records(page) < s.reach() && inside(page.Events) < inside(seen)
}

// second is the first second of the rest, in the scan's order.
func (s *scan) second() auditlog.TimeRange {
	w := s.rest
	if s.order == cbc.OldestFirst {
		w.To = min(w.To, w.From-w.From%1000+1000)
	} else {
		w.From = max(w.From, (w.To-1)-(w.To-1)%1000)
	}
	return w
}

// offsets reads an instant by offset, as far as a search reaches. That is exact as long as the server keeps the order of equal
// times from page to page, which is looked at by asking for the first page again.
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
	s.pass(events, part, whole)
	return nil
}

// page asks for one page.
func (s *scan) page(ctx context.Context, w auditlog.TimeRange, rows, offset int, b bounds) (cbc.Page, error) {
	start, end := b(w)
	r := cbc.SearchRequest{Filter: s.filter, Start: start, End: end, Order: s.order, Rows: rows, Offset: offset}
	page, err := s.history.search(ctx, r, s.cost)
	page.Found = max(page.Found, records(page))
	s.bad.add(page.Bad)
	return page, err
}
