package history

import (
	"context"
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Scan reads the events of a window in the question's order and hands them to visit, in batches that hold every event of each
// of their milliseconds, until the window is read, visit wants no more, or the most events were read. What was visited before
// an error stays valid: Covered tells how far it reaches.
func (h *History) Scan(ctx context.Context, q Question, cost *Cost, visit func([]auditlog.Event) (more bool)) (Coverage, error) {
	s := scan{history: h, question: q, cost: cost, visit: visit, rest: q.Window}
	err := s.run(ctx)
	s.coverage.Complete = err == nil && s.rest.From >= s.rest.To && s.coverage.Cut == 0
	s.coverage.Covered = auditlog.Window{From: s.rest.To, To: q.Window.To}
	if q.Order == cbc.OldestFirst {
		s.coverage.Covered = auditlog.Window{From: q.Window.From, To: s.rest.From}
	}
	return s.coverage, err
}

// scan walks through a window page by page. The edge of what was read is the time of the last event of a page: the next page
// starts there, so that neither events that arrive meanwhile nor the order among equal times can shift a page.
type scan struct {
	history  *History
	question Question
	cost     *Cost
	visit    func([]auditlog.Event) bool
	rest     auditlog.Window // what is not read yet
	coverage Coverage
	stopped  bool
	coarse   bool // the server writes times without a fraction of a second
}

func (s *scan) run(ctx context.Context) error {
	for s.rest.From < s.rest.To && !s.stopped {
		page, err := s.ask(ctx)
		if err != nil {
			return err
		}
		if err := s.take(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

// ask asks for the next page, with the bounds that suit how finely the server writes times. A server that was seen to write a
// fraction of a second does so whenever there is one.
func (s *scan) ask(ctx context.Context) (cbc.Page, error) {
	guess := s.history.coarse.Load()
	page, err := s.page(ctx, s.rest, s.history.reach, 0, boundsFor(guess))
	if err != nil || len(page.Events) == 0 {
		return page, err
	}
	if page.Digits > 0 {
		s.history.fine.Store(true)
	}
	s.coarse = !s.history.fine.Load()
	s.history.coarse.Store(s.coarse)
	if s.coarse == guess || (s.rest.From%1000 == 0 && s.rest.To%1000 == 0) {
		return page, nil
	}
	return s.page(ctx, s.rest, s.history.reach, 0, boundsFor(s.coarse))
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
	if len(page.Events) >= page.Found && len(page.Events) < s.history.reach {
		s.emit(page.Events, s.rest)
		return nil
	}
	if len(page.Events) == 0 {
		return ErrWithheld
	}
	if !s.sorted(page.Events) {
		return s.halves(ctx)
	}
	edge := page.Events[len(page.Events)-1].CreateTime.UnixMilli()
	part := s.before(edge)
	if part.From >= part.To {
		return s.instant(ctx)
	}
	s.emit(page.Events, part)
	return nil
}

// unit is the shortest span, in milliseconds, that the server's times tell apart.
func (s *scan) unit() int64 {
	if s.coarse {
		return 1000
	}
	return 1
}

// before is the part of the rest that comes, in the question's order, before an instant.
func (s *scan) before(ms int64) auditlog.Window {
	if s.question.Order == cbc.OldestFirst {
		return auditlog.Window{From: s.rest.From, To: min(max(ms, s.rest.From), s.rest.To)}
	}
	return auditlog.Window{From: max(min(ms+s.unit(), s.rest.To), s.rest.From), To: s.rest.To}
}

// advance takes a part that was read off the rest.
func (s *scan) advance(part auditlog.Window) {
	if s.question.Order == cbc.OldestFirst {
		s.rest.From = part.To
	} else {
		s.rest.To = part.From
	}
}

// emit hands on the events of a part that was read whole, as many as Max allows, and moves the edge behind them.
func (s *scan) emit(events []auditlog.Event, part auditlog.Window) {
	inside := slices.DeleteFunc(events, func(e auditlog.Event) bool { return !s.contains(part, e.CreateTime) })
	slices.SortFunc(inside, func(a, b auditlog.Event) int {
		if s.question.Order == cbc.OldestFirst {
			return auditlog.Compare(&a, &b)
		}
		return auditlog.Compare(&b, &a)
	})
	if room := s.question.Max - s.coverage.Read; len(inside) > room {
		part = s.before(inside[room].CreateTime.UnixMilli())
		inside = inside[:room]
		s.stopped = true
	}
	s.coverage.Read += len(inside)
	s.advance(part)
	if len(inside) > 0 && !s.visit(inside) {
		s.stopped = true
	}
}

// contains tells whether an event belongs to a part. A time that is written without a fraction can stand for any instant of
// its second: there the server's own choice is trusted.
func (s *scan) contains(part auditlog.Window, t time.Time) bool {
	ms := t.UnixMilli()
	return ms < part.To && ms+s.unit() > part.From
}

// sorted tells whether the page came in the order that was asked for, to the millisecond.
func (s *scan) sorted(events []auditlog.Event) bool {
	return slices.IsSortedFunc(events, func(a, b auditlog.Event) int {
		c := int(a.CreateTime.UnixMilli() - b.CreateTime.UnixMilli())
		if s.question.Order == cbc.OldestFirst {
			return c
		}
		return -c
	})
}

// halves reads the rest in two parts, for a server that does not sort as it was asked to.
func (s *scan) halves(ctx context.Context) error {
	if s.rest.To-s.rest.From < 2 {
		return s.offsets(ctx, s.rest)
	}
	older, newer := s.rest.Halves()
	parts := []auditlog.Window{newer, older}
	if s.question.Order == cbc.OldestFirst {
		parts = []auditlog.Window{older, newer}
	}
	whole := s.rest
	for _, part := range parts {
		s.rest = part
		err := s.run(ctx)
		done := s.rest.From >= s.rest.To
		if s.question.Order == cbc.OldestFirst {
			s.rest = auditlog.Window{From: s.rest.From, To: whole.To}
		} else {
			s.rest = auditlog.Window{From: whole.From, To: s.rest.To}
		}
		if err != nil || !done || s.stopped {
			return err
		}
	}
	return nil
}

// instant reads on where a page full of events did not move the edge: they lie beyond the edge, in what wide bounds add, or
// they all happened in the same millisecond.
func (s *scan) instant(ctx context.Context) error {
	page, err := s.page(ctx, s.rest, s.history.reach, 0, s.close())
	if err != nil {
		return err
	}
	if len(page.Events) > 0 && s.sorted(page.Events) {
		part := s.rest
		if len(page.Events) < page.Found || len(page.Events) >= s.history.reach {
			part = s.before(page.Events[len(page.Events)-1].CreateTime.UnixMilli())
		}
		if part.From < part.To {
			s.emit(page.Events, part)
			return nil
		}
	}
	part := auditlog.Window{From: max(s.rest.To-s.unit(), s.rest.From), To: s.rest.To}
	if s.question.Order == cbc.OldestFirst {
		part = auditlog.Window{From: s.rest.From, To: min(s.rest.From+s.unit(), s.rest.To)}
	}
	return s.offsets(ctx, part)
}

// offsets reads an instant by offset, as far as a search reaches. That is exact as long as the server keeps the order of equal
// times from page to page, which is looked at by asking for the first page again.
func (s *scan) offsets(ctx context.Context, part auditlog.Window) error {
	var events, first []auditlog.Event
	found := 1
	for len(events) < min(found, s.history.reach) {
		page, err := s.page(ctx, part, s.history.reach-len(events), len(events), s.close())
		if err != nil {
			return err
		}
		found = max(page.Found, len(events)+len(page.Events))
		if len(page.Events) == 0 {
			break
		}
		if first == nil {
			first = page.Events
		}
		events = append(events, page.Events...)
	}
	whole := found <= len(events) && len(events) < s.history.reach
	if whole && len(events) > len(first) {
		again, err := s.page(ctx, part, len(first), 0, s.close())
		if err != nil {
			return err
		}
		whole = slices.EqualFunc(first, again.Events, func(a, b auditlog.Event) bool { return auditlog.Compare(&a, &b) == 0 })
	}
	if !whole {
		s.coverage.Cut = part.From
	}
	s.emit(events, part)
	return nil
}

// page asks for one page.
func (s *scan) page(ctx context.Context, w auditlog.Window, rows, offset int, b bounds) (cbc.Page, error) {
	start, end := b(w)
	r := cbc.SearchRequest{Filter: s.question.Filter, Start: start, End: end, Order: s.question.Order, Rows: rows, Offset: offset}
	page, err := s.history.search(ctx, r, s.cost)
	page.Found = max(page.Found, len(page.Events))
	return page, err
}
