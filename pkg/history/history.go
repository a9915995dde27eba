// Package history answers exactly what happened in any window of the past, for as few requests as it can.
//
// Carbon Black Cloud reaches 10,000 events a search and does not say how it treats the edges of a window, so a window is read in
// parts that each fit one page, a little more than asked is fetched at the edges, and what does not belong is cut off here.
// What has settled does not change: it is read once and kept, for every panel, viewer and alert rule alike.
package history

import (
	"context"
	"sync/atomic"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/clock"
)

// Searcher asks Carbon Black Cloud for one page.
type Searcher interface {
	Search(ctx context.Context, r cbc.SearchRequest) (cbc.Page, error)
}

// DefaultCacheBytes bounds what is kept of the past.
const DefaultCacheBytes = 64 << 20

// Config describes a History.
type Config struct {
	Searcher   Searcher
	Reach      int              // the most events that one search can reach; 0 means cbc.MaxRows
	Settle     time.Duration    // how late an event may be: what is older does not change any more
	Fresh      time.Duration    // how long the end that has not settled is taken as read; 0 asks every time
	CacheBytes int64            // bound of what is kept; 0 means DefaultCacheBytes
	Now        func() time.Time // nil means time.Now
	OnSetBack  func()           // is called when the clock was set back: what was found to have settled may not have; or nil
}

// History reads and counts events by searches. It is safe for concurrent use.
type History struct {
	config Config
	cache  *cache
	counts *counts
	clock  clock.Watch
	// How finely the server writes times, as far as was seen: coarse is the guess for the next question, and fine is final.
	coarse, fine atomic.Bool
	bounds       boundsCheck
}

// New returns a History with an empty cache. It sends nothing.
func New(c Config) *History {
	if c.Reach == 0 {
		c.Reach = cbc.MaxRows
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = DefaultCacheBytes
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &History{config: c, cache: newCache(c.CacheBytes), counts: newCounts(), bounds: boundsCheck{turns: newTurns()}}
}

// Cost is what an answer took.
type Cost struct {
	Calls  int
	Bytes  int64
	Waited time.Duration       // for the rate limit
	Sent   []cbc.SearchRequest // what was asked, in order
	// Blurred tells that a number was asked of a server that cuts the bounds of a search: it may be off at the window's edges.
	// Unchecked tells that there were too few events to find out.
	Blurred, Unchecked bool
}

// Add adds what another part of the same answer took.
func (c *Cost) Add(o Cost) {
	c.Calls += o.Calls
	c.Bytes += o.Bytes
	c.Waited += o.Waited
	c.Sent = append(c.Sent, o.Sent...)
	c.Blurred, c.Unchecked = c.Blurred || o.Blurred, c.Unchecked || o.Unchecked
}

// Question selects events: those of the window that Carbon Black Cloud finds for the filter. The answer may hold further
// events that the filter's structured part does not select, when they are at hand anyway: the asker applies Filter.Local.
type Question struct {
	Filter auditlog.Filter // a Filter.Cloud
	Window auditlog.TimeRange
	Order  cbc.Order
	Max    int  // the most events to read
	All    bool // every event is wanted, in whatever order
	Pages  int  // the most pages to ask for; 0 means as many as it takes
	Own    bool // nothing but what Carbon Black Cloud finds for the filter is handed over
	Rows   int  // the most events of the first page, when few are likely to be enough; 0 means a whole page
	Alone  bool // hardly anybody else asks for the filter's events: no page without the filter is read in the hope that it holds them
	Known  bool // only what is at hand: nothing is asked
}

// Coverage says how much of a question was answered.
type Coverage struct {
	Found    int                // events that the first page counted: about as many as there are, and maybe capped at the reach
	Read     int                // events handed over
	Kept     int                // of those, the ones that were at hand already
	Complete bool               // the whole window was read
	Covered  auditlog.TimeRange // the part of the window that was read whole
	Cut      int64              // a millisecond whose events could not all be read, 0 when there is none
	Stale    time.Time          // when the end of the window was last looked at, if it could not be asked for now; else zero
	Failure  error              // why it could not
	AsOf     time.Time          // everything covered that was visible then was handed over: the asker's moment, or that of an answer at hand
	Coarse   bool               // times are written in whole seconds: an event may have happened up to a second later
	Until    time.Time          // when the end of the log will be asked for anew: a question before that brings nothing new
}

// Scan reads the events of a window in the question's order and hands them to visit, in batches that hold every event of each
// of their milliseconds, until the window is read, visit wants no more, or the most events were read. What was visited before
// an error stays valid: Covered tells how far it reaches. A *cbc.BadRecordsError comes last: all that can be read was visited then.
func (h *History) Scan(ctx context.Context, q Question, cost *Cost, visit func(Batch) (more bool)) (Coverage, error) {
	r := &reader{history: h, question: q, cost: cost, visit: visit, rest: q.Window, came: h.now()}
	err := r.run(ctx)
	c := &r.coverage
	c.Coarse = h.coarse.Load()
	c.Complete = err == nil && r.rest.From >= r.rest.To && c.Cut == 0
	c.Covered = auditlog.TimeRange{From: r.rest.To, To: q.Window.To}
	if q.Order == cbc.OldestFirst {
		c.Covered = auditlog.TimeRange{From: q.Window.From, To: r.rest.From}
	}
	if err == nil {
		err = r.bad.within(q.Window)
	}
	return *c, err
}

// now returns the time in milliseconds since the Unix epoch. When the clock was set back, it forgets what was read: that has settled
// by a time that was not true.
func (h *History) now() int64 {
	now := h.config.Now()
	if h.clock.SetBack(now) {
		h.cache.clear()
		h.counts.known.Purge()
		if h.config.OnSetBack != nil {
			h.config.OnSetBack()
		}
	}
	return now.UnixMilli()
}

// PageSize is the most events that one request reads.
func (h *History) PageSize() int { return h.config.Reach }

// search sends one request and books it.
func (h *History) search(ctx context.Context, r cbc.SearchRequest, cost *Cost) (cbc.Page, error) {
	page, err := h.config.Searcher.Search(ctx, r)
	if err == nil {
		page.Tries = max(page.Tries, 1)
	}
	if page.Tries > 0 { // else the rate limit refused it
		cost.Sent = append(cost.Sent, r)
	}
	cost.Calls += page.Tries
	cost.Bytes += page.Bytes
	cost.Waited += page.Waited
	return page, err
}
