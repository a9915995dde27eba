// Package history answers exactly what happened in any window of the past.
//
// Carbon Black Cloud reaches 10,000 events a search and does not say how it treats the edges of a window, so a window is read in
// parts that each fit one page, a little more than asked is fetched at the edges, and what does not belong is cut off here.
package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Searcher asks Carbon Black Cloud for one page.
type Searcher interface {
	Search(ctx context.Context, r cbc.SearchRequest) (cbc.Page, error)
}

// History reads and counts events by searches.
type History struct{ searcher Searcher }

// New returns a History that asks s.
func New(s Searcher) *History { return &History{searcher: s} }

// Cost is what an answer took.
type Cost struct {
	Calls int
	Bytes int64
	Sent  []cbc.SearchRequest // what was asked, in order
}

// Question selects events: those of the window that Carbon Black Cloud finds for the filter.
type Question struct {
	Filter auditlog.Filter // a Filter.Cloud
	Window auditlog.Window
	Order  cbc.Order
	Max    int // the most events to read
}

// Coverage says how much of a question was answered.
type Coverage struct {
	Read     int             // events read that lie in the window
	Complete bool            // the whole window was read
	Covered  auditlog.Window // the part of the window that was read whole
	Cut      int64           // a millisecond that holds more events than can be reached, 0 when there is none
}

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
}

func (s *scan) run(ctx context.Context) error {
	for s.rest.From < s.rest.To && !s.stopped {
		rows := min(cbc.MaxRows, s.question.Max-s.coverage.Read)
		if rows <= 0 {
			return nil
		}
		page, err := s.page(ctx, s.rest, rows, 0, wide)
		if err != nil {
			return err
		}
		if err := s.take(ctx, page, rows); err != nil {
			return err
		}
	}
	return nil
}

// take hands on what a page holds for certain and moves the edge.
func (s *scan) take(ctx context.Context, page cbc.Page, rows int) error {
	if len(page.Events) >= page.Found && len(page.Events) < cbc.MaxRows {
		s.emit(page.Events, s.rest)
		s.advance(s.rest)
		return nil
	}
	if len(page.Events) == 0 {
		return ErrWithheld
	}
	if !s.sorted(page.Events) {
		return s.halves(ctx)
	}
	if rows < cbc.MaxRows {
		// The last page that Max allows: it may end in the middle of a millisecond.
		part := s.before(page.Events[len(page.Events)-1].CreateTime.UnixMilli())
		s.emit(page.Events, s.rest)
		s.advance(part)
		s.stopped = true
		return nil
	}
	edge := page.Events[len(page.Events)-1].CreateTime.UnixMilli()
	part := s.before(edge)
	if part.From >= part.To {
		return s.millisecond(ctx)
	}
	s.emit(page.Events, part)
	s.advance(part)
	return nil
}

// before is the part of the rest that comes, in the question's order, before a millisecond.
func (s *scan) before(ms int64) auditlog.Window {
	if s.question.Order == cbc.OldestFirst {
		return auditlog.Window{From: s.rest.From, To: min(max(ms, s.rest.From), s.rest.To)}
	}
	return auditlog.Window{From: max(min(ms+1, s.rest.To), s.rest.From), To: s.rest.To}
}

// advance takes a part that was read off the rest.
func (s *scan) advance(part auditlog.Window) {
	if s.question.Order == cbc.OldestFirst {
		s.rest.From = part.To
	} else {
		s.rest.To = part.From
	}
}

// emit hands on the events that lie in the part.
func (s *scan) emit(events []auditlog.Event, part auditlog.Window) {
	inside := slices.DeleteFunc(events, func(e auditlog.Event) bool { return !part.Contains(e.CreateTime) })
	if len(inside) == 0 {
		return
	}
	slices.SortFunc(inside, func(a, b auditlog.Event) int {
		if s.question.Order == cbc.OldestFirst {
			return auditlog.Compare(&a, &b)
		}
		return auditlog.Compare(&b, &a)
	})
	s.coverage.Read += len(inside)
	s.stopped = !s.visit(inside)
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
		return s.millisecond(ctx)
	}
	older, newer := s.rest.Halves()
	parts := []auditlog.Window{newer, older}
	if s.question.Order == cbc.OldestFirst {
		parts = []auditlog.Window{older, newer}
	}
	for _, part := range parts {
		if s.stopped {
			return nil
		}
		sub := *s
		sub.rest = part
		err := sub.run(ctx)
		s.coverage, s.stopped = sub.coverage, sub.stopped
		if sub.rest.From < sub.rest.To {
			// The part was not finished: what is left of it and everything behind it stays unread.
			if s.question.Order == cbc.OldestFirst {
				s.rest.From = sub.rest.From
			} else {
				s.rest.To = sub.rest.To
			}
			s.stopped = true
			return err
		}
		s.advance(part)
		if err != nil {
			return err
		}
	}
	return nil
}

// millisecond reads the first millisecond of the rest by offset, as far as a search reaches.
func (s *scan) millisecond(ctx context.Context) error {
	part := auditlog.Window{From: s.rest.To - 1, To: s.rest.To}
	if s.question.Order == cbc.OldestFirst {
		part = auditlog.Window{From: s.rest.From, To: s.rest.From + 1}
	}
	var events []auditlog.Event
	found := 1
	for len(events) < min(found, cbc.MaxRows) {
		page, err := s.page(ctx, part, cbc.MaxRows-len(events), len(events), narrow)
		if err != nil {
			return err
		}
		found = page.Found
		if len(page.Events) == 0 {
			break
		}
		events = append(events, page.Events...)
	}
	if found > len(events) || len(events) >= cbc.MaxRows {
		s.coverage.Cut = part.From
	}
	s.emit(events, part)
	s.advance(part)
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

func (h *History) search(ctx context.Context, r cbc.SearchRequest, cost *Cost) (cbc.Page, error) {
	cost.Calls++
	cost.Sent = append(cost.Sent, r)
	page, err := h.searcher.Search(ctx, r)
	cost.Bytes += page.Bytes
	return page, err
}

// bounds are the instants that are sent for a window.
type bounds func(auditlog.Window) (start, end time.Time)

// wide bounds hold every event of the window whether they are inclusive or not, however fine events' times are, and even when
// the server cuts them to milliseconds. What is too much is trimmed by the reader.
func wide(w auditlog.Window) (start, end time.Time) {
	return w.Start().Add(-time.Millisecond), w.End()
}

// narrow bounds select exactly the window, inclusive or not, as long as no event lies in the last microsecond before an edge:
// all the vendor's samples have times of whole milliseconds. They serve where nothing can be trimmed, as when counting.
func narrow(w auditlog.Window) (start, end time.Time) {
	return w.Start().Add(-time.Microsecond), w.End().Add(-time.Microsecond)
}

// ErrUncountable says that a millisecond holds more events than Carbon Black Cloud counts.
var ErrUncountable = errors.New("a single millisecond holds more events than can be counted")

// ErrWithheld says that a search counts events but gives none of them.
var ErrWithheld = errors.New("Carbon Black Cloud counts events but gives none of them")

// Count returns how many events of the window Carbon Black Cloud finds for the filter, without reading them. A count of
// exactly the reach may be a capped one and is verified by halves.
func (h *History) Count(ctx context.Context, f auditlog.Filter, w auditlog.Window, cost *Cost) (int, error) {
	start, end := narrow(w)
	page, err := h.search(ctx, cbc.SearchRequest{Filter: f, Start: start, End: end, Order: cbc.NewestFirst, Rows: 1}, cost)
	if err != nil || page.Found != cbc.MaxRows {
		return page.Found, err
	}
	if w.To-w.From < 2 {
		return page.Found, ErrUncountable
	}
	older, newer := w.Halves()
	n, err := h.Count(ctx, f, older, cost)
	if err != nil {
		return n, err
	}
	m, err := h.Count(ctx, f, newer, cost)
	return n + m, err
}
