package tail

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
)

// happening is an event and when a search finds it.
type happening struct {
	event   auditlog.Event
	arrives time.Time
}

// world is a log that searches ask, page by page. In a bubble a search takes no time.
type world struct {
	reach  int
	coarse bool // times are written without a fraction, and bounds decide by the real ones

	mu       sync.Mutex
	log      []happening // written times are those of the events, rounded down if coarse
	failures []error     // of the next searches
	failed   bool        // one of them ever
	searches int
}

func (w *world) Search(_ context.Context, r cbc.SearchRequest) (cbc.Page, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.searches++
	if len(w.failures) > 0 {
		err := w.failures[0]
		w.failures = w.failures[1:]
		if err != nil {
			return cbc.Page{}, err
		}
	}
	var found []auditlog.Event
	for _, h := range w.log {
		if at := h.event.CreateTime; !h.arrives.After(time.Now()) && !at.Before(r.Start) && !at.After(r.End) {
			found = append(found, w.written(h.event))
		}
	}
	slices.SortStableFunc(found, func(a, b auditlog.Event) int {
		if r.Order == cbc.OldestFirst {
			return a.CreateTime.Compare(b.CreateTime)
		}
		return b.CreateTime.Compare(a.CreateTime)
	})
	page := cbc.Page{Found: len(found), Digits: 3, Tries: 1}
	if w.coarse {
		page.Digits = 0
	}
	from := min(r.Offset, len(found))
	page.Events = found[from:min(from+r.Rows, len(found), w.reach)]
	return page, nil
}

func (w *world) written(e auditlog.Event) auditlog.Event {
	if w.coarse {
		e.CreateTime = e.CreateTime.Truncate(time.Second)
	}
	return e
}

func (w *world) happen(at, arrives time.Time, actor string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, happening{auditlog.Event{CreateTime: at.UTC(), Actor: actor, Description: "User logged in"}, arrives})
}

func (w *world) history(settle, fresh time.Duration) *history.History {
	return history.New(history.Config{Searcher: w, Reach: w.reach, Settle: settle, Fresh: fresh})
}

// fail makes the next searches fail; nil is one that does not.
func (w *world) fail(failures ...error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures, w.failed = append(w.failures, failures...), true
}

// asked is how many searches there were.
func (w *world) asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.searches
}

// hasFailed reports whether any search failed.
func (w *world) hasFailed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// recover lets all further searches succeed.
func (w *world) recover() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = nil
}

// want are the row ids of the events since a time whose actor is wanted.
func (w *world) want(since time.Time, actor string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	counts := map[auditlog.ID]int{}
	ids := []string{}
	for _, h := range w.log {
		if e := w.written(h.event); !h.event.CreateTime.Before(since) && (actor == "" || e.Actor == actor) {
			ids = append(ids, e.ID().Row(counts[e.ID()]))
			counts[e.ID()]++
		}
	}
	slices.Sort(ids)
	return ids
}

// delivered is what one delivery brought.
type delivered struct {
	at      time.Time
	rows    []frame.Row
	notices []frame.Notice
}

// screen keeps what a tail delivers.
type screen struct {
	mu    sync.Mutex
	shown []delivered
}

func (s *screen) deliver(rows []frame.Row, notices []frame.Notice) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, delivered{time.Now(), slices.Clone(rows), slices.Clone(notices)})
	return nil
}

// all are the deliveries so far.
func (s *screen) all() []delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.shown)
}

func (s *screen) rows() (rows []frame.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.shown {
		rows = append(rows, d.rows...)
	}
	return rows
}

// ids are those of all rows, sorted.
func (s *screen) ids() []string {
	ids := s.sequence()
	slices.Sort(ids)
	return ids
}

// sequence are the ids of all rows in the order of delivery.
func (s *screen) sequence() []string {
	ids := []string{}
	for _, r := range s.rows() {
		ids = append(ids, r.ID)
	}
	return ids
}

// notices are those of the last delivery.
func (s *screen) notices() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.shown) == 0 {
		return ""
	}
	return fmt.Sprint(s.shown[len(s.shown)-1].notices)
}
