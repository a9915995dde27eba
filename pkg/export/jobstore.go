package export

import (
	"slices"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// JobStore holds what this process remembers of one owner's exports.
type JobStore struct {
	mu      sync.Mutex
	exports map[string]*trackedExport // by token.name
	order   []string                  // oldest first
}

// maxTracked bounds a store; an export takes a few kilobytes.
const maxTracked = 300

func newJobStore() *JobStore { return &JobStore{exports: map[string]*trackedExport{}} }

// trackedExport is an export that this process knows.
type trackedExport struct {
	polling chan struct{} // holds one: one call at a time polls the state
	reading chan struct{} // holds one: one call at a time reads the file for its facts

	mu        sync.Mutex
	token     token
	state     state
	forgotten bool
	bySearch  string   // why the job's file cannot be used
	id        string   // of the token, once it was asked for
	extras    []string // columns that a CSV by searches needs beyond those of every event
	facts     map[Options]facts
	last      Options // of the last download
}

func newTrackedExport(t token) *trackedExport {
	return &trackedExport{
		polling: make(chan struct{}, 1), reading: make(chan struct{}, 1), token: t, facts: map[Options]facts{}, last: DefaultOptions,
		state: state{status: StatusCreated, total: -1, completed: -1},
	}
}

// state is what is known of a job.
type state struct {
	status           string
	total, completed int // -1 when not known
	failure          string
	message          string
	next             time.Time // when the next poll is due
	delay            time.Duration
	done             time.Time // when it was first seen to be completed
}

// final reports whether the state is final. An unknown job may become visible again.
func (s state) final() bool { return s.status == StatusCompleted || s.status == StatusFailed }

// enter returns the export of a token, and adds it if it is new. A token that holds the query replaces one that does not.
func (s *JobStore) enter(t token) *trackedExport {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.exports[t.name()]
	if e == nil {
		return s.add(t)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.token.known() && t.known() {
		e.token, e.id = t, ""
	}
	return e
}

// removed reports whether an export was removed from the list. It adds nothing.
func (s *JobStore) removed(t token) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	e := s.exports[t.name()]
	s.mu.Unlock()
	return e != nil && e.gone()
}

// begin adds an export that was just started. It replaces a job of the same id, which must have been another one: a test system that
// is restarted counts its jobs from the start.
func (s *JobStore) begin(t token) *trackedExport {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = slices.DeleteFunc(s.order, func(name string) bool { return name == t.name() })
	return s.add(t)
}

func (s *JobStore) add(t token) *trackedExport {
	e := newTrackedExport(t)
	s.exports[t.name()] = e
	s.order = append(s.order, t.name())
	for len(s.order) > maxTracked {
		delete(s.exports, s.order[0])
		s.order = s.order[1:]
	}
	return e
}

// all returns the exports, newest first, including forgotten ones.
func (s *JobStore) all() []*trackedExport {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*trackedExport, 0, len(s.order))
	for _, name := range slices.Backward(s.order) {
		out = append(out, s.exports[name])
	}
	return out
}

// now returns a copy of the token and the state.
func (e *trackedExport) now() (t token, s state, bySearch string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.token, e.state, e.bySearch
}

func (e *trackedExport) set(change func(*state)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.state)
}

// update sets the state from a list of jobs.
func (e *trackedExport) update(j cbc.Job, now time.Time) {
	e.set(func(st *state) {
		next, delay := st.next, st.delay
		st.replaceWith(stateOf(j), now)
		st.next, st.delay = next, delay
	})
}

// replaceWith sets the state, and keeps when the job was first seen to be completed.
func (s *state) replaceWith(fresh state, now time.Time) {
	if fresh.status == StatusCompleted {
		fresh.done = now
		if s.status == StatusCompleted {
			fresh.done = s.done
		}
	}
	*s = fresh
}

func (e *trackedExport) gone() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.forgotten
}

func (e *trackedExport) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forgotten = true
}

func (e *trackedExport) columns() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.extras
}

// addColumns records the columns that a CSV by searches turned out to need.
func (e *trackedExport) addColumns(columns []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(columns) > len(e.extras) {
		e.extras = columns
	}
}

// useSearches gives up the file of the job, and what was known of it.
func (e *trackedExport) useSearches(reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bySearch, e.facts = reason, map[Options]facts{}
}
