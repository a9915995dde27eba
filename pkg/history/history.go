// Package history answers exactly what happened in any window of the past.
//
// Carbon Black Cloud reaches 10,000 events a search and does not say how it treats the edges of a window, so a window is read in
// parts that each fit one page, a little more than asked is fetched at the edges, and what does not belong is cut off here.
package history

import (
	"context"
	"errors"
	"sync/atomic"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Searcher asks Carbon Black Cloud for one page.
type Searcher interface {
	Search(ctx context.Context, r cbc.SearchRequest) (cbc.Page, error)
}

// History reads and counts events by searches.
type History struct {
	searcher Searcher
	reach    int // the most events that one search can reach
	// How finely the server writes times, as far as was seen: coarse is the guess for the next question, and fine is final.
	coarse, fine atomic.Bool
}

// New returns a History that asks s, which reaches that many events a search: cbc.MaxRows, but for tests.
func New(s Searcher, reach int) *History { return &History{searcher: s, reach: reach} }

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
	Cut      int64           // a millisecond whose events could not all be read, 0 when there is none
}

func (h *History) search(ctx context.Context, r cbc.SearchRequest, cost *Cost) (cbc.Page, error) {
	cost.Calls++
	cost.Sent = append(cost.Sent, r)
	page, err := h.searcher.Search(ctx, r)
	cost.Bytes += page.Bytes
	return page, err
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
	if err != nil || page.Found != h.reach {
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
