// Package history reads and counts the events of any past time range by searches, exactly and with as few requests as it can.
//
// A search reaches 10,000 events and does not say how it treats the bounds of a time range. So a time range is read in parts that fit
// one page each, the bounds sent are a little wider than needed, and events outside the range are dropped here.
// Settled events do not change: they are read once and cached for every panel, viewer and alert rule.
package history

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/clock"
)

// Searcher requests one page from Carbon Black Cloud.
type Searcher interface {
	Search(ctx context.Context, r cbc.SearchRequest) (cbc.Page, error)
}

// DefaultCacheBytes is the size of the cache if Config sets none.
const DefaultCacheBytes = 64 << 20

// Config describes a History.
type Config struct {
	Searcher   Searcher
	Reach      int              // maximum events that one search reaches; 0 means cbc.MaxRows
	Settle     time.Duration    // how late an event may become visible: older events no longer change
	Fresh      time.Duration    // how long the unsettled end is reused after it was read; 0 requests it every time
	CacheBytes int64            // maximum size of the cache; 0 means DefaultCacheBytes
	Now        func() time.Time // nil means time.Now
	OnSetBack  func()           // called when the clock was set back: what was taken as settled may not be; may be nil
}

// History reads and counts events by searches. It is safe for concurrent use.
type History struct {
	config Config
	cache  *cache
	counts *counts
	clock  clock.Watch
	// The resolution of the server's times, as seen so far: coarse (whole seconds) is a guess for the next request, fine is final.
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
	return &History{config: c, cache: newCache(c.CacheBytes), counts: newCounts(), bounds: boundsCheck{flight: newFlight()}}
}

// Cost is what an answer took.
type Cost struct {
	Calls  int
	Bytes  int64
	Waited time.Duration       // for the rate limit
	Sent   []cbc.SearchRequest // in order
	counts int                 // requests for counts
	// Blurred means that a count came from a server that rounds the bounds of a search: it may be off at the edges of the time range.
	// Unchecked means that there were too few events to find out.
	Blurred, Unchecked bool
}

// Add adds the cost of another part of the same answer.
func (c *Cost) Add(o Cost) {
	c.Calls += o.Calls
	c.Bytes += o.Bytes
	c.Waited += o.Waited
	c.Sent = append(c.Sent, o.Sent...)
	c.Blurred, c.Unchecked = c.Blurred || o.Blurred, c.Unchecked || o.Unchecked
}

// Mode says what a question may be answered from.
type Mode int

const (
	// Shared reads the page without a filter that all panels of a time range share, if everything fits it. Events that the filter's
	// structured part does not select may be among those returned: the caller applies Filter.Local.
	Shared Mode = iota
	// SkipSharedPage reads no page without the filter; a cached one is used. It is for filters that hardly anybody else uses.
	SkipSharedPage
	// ServerFiltered returns only events that Carbon Black Cloud finds for the filter.
	ServerFiltered
	// CacheOnly sends nothing.
	CacheOnly
)

// Question selects the events of a time range that Carbon Black Cloud finds for a filter.
type Question struct {
	Filter    auditlog.Filter // a Filter.Cloud
	Range     auditlog.TimeRange
	Order     cbc.Order
	Mode      Mode
	MaxEvents int // maximum events to read
	MaxPages  int // maximum pages to request; 0 means no limit
	FirstRows int // maximum events of the first page, when few are likely to be enough; 0 means a full page
}

// Coverage says how much of a question was answered.
type Coverage struct {
	Found       int                  // events that the first page counted: approximate, and possibly capped at the reach
	Read        int                  // events returned
	FromCache   int                  // of those, events from the cache
	Complete    bool                 // the whole time range was read
	Covered     auditlog.TimeRange   // the part of the time range that was read completely
	TruncatedAt int64                // a millisecond whose events could not all be read; 0 if there is none
	StaleSince  time.Time            // when the end of the time range was last read, if it cannot be requested now; else zero
	Failure     error                // why it cannot be requested
	Bad         *cbc.BadRecordsError // records that cannot be read and may lie in the time range; everything else was read
	AsOf        time.Time            // everything covered and visible at this time was returned
	Coarse      bool                 // times are whole seconds: an event may have happened up to a second later
	Until       time.Time            // when the end of the log will be requested again: asking earlier brings nothing new
}

// Batch is a run of events in the order of the question, with every event of each of its milliseconds. The events are shared and
// must not be changed.
type Batch = iter.Seq[*auditlog.Event]

// Read yields the events of a time range in the question's order until all are read, the caller stops, or a limit of the question
// is reached. Events yielded before an error stay valid. When the iteration has ended, coverage says how far it got, and the cost is
// added to cost.
func (h *History) Read(ctx context.Context, q Question, coverage *Coverage, cost *Cost) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		r := &reader{history: h, question: q, cost: cost, missing: q.Range, requestedAt: h.now()}
		r.visit = func(b Batch) bool { return yield(b, nil) }
		err := r.run(ctx)
		*coverage = r.report(err)
		if err != nil && !r.stopped {
			yield(nil, err)
		}
	}
}

// report completes the coverage when reading has ended.
func (r *reader) report(err error) Coverage {
	c, q := r.coverage, r.question
	c.Coarse = r.history.coarse.Load()
	c.Complete = err == nil && r.missing.From >= r.missing.To && c.TruncatedAt == 0
	c.Covered = auditlog.TimeRange{From: r.missing.To, To: q.Range.To}
	if q.Order == cbc.OldestFirst {
		c.Covered = auditlog.TimeRange{From: q.Range.From, To: r.missing.From}
	}
	c.Bad = r.bad.within(q.Range)
	return c
}

// now returns the time in milliseconds since the Unix epoch. When the clock was set back, it forgets what was read: that was taken as
// settled by a wrong time.
func (h *History) now() int64 {
	now := h.config.Now()
	if h.clock.SetBack(now) {
		h.cache.clear()
		h.counts.cached.Purge()
		if h.config.OnSetBack != nil {
			h.config.OnSetBack()
		}
	}
	return now.UnixMilli()
}

// PageSize returns the maximum number of events that one request reads.
func (h *History) PageSize() int { return h.config.Reach }

// search sends one request and records its cost.
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
