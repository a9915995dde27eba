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
	turn chan struct{} // one at a time asks for the state
	file chan struct{} // one at a time reads the file for its facts

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
		turn: make(chan struct{}, 1), file: make(chan struct{}, 1), token: t, facts: map[Options]facts{}, last: DefaultOptions,
		state: state{status: StatusCreated, total: -1, completed: -1},
	}
}

// state is what is known of a job.
type state struct {
	status           string
	total, completed int // -1 when not known
	failure          string
	message          string
	next             time.Time // when to ask again
	delay            time.Duration
	done             time.Time // when it was first seen to be completed
}

// final tells whether a job stays as it is. That it is not known may be a mistake of the moment.
func (s state) final() bool { return s.status == StatusCompleted || s.status == StatusFailed }

// enter returns the entry of a token, made if need be. Of two tokens of the same job, the one that knows more stays.
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

// begin makes the entry of an export that was just started. What is remembered of a job of the same id was another one: a test
// system that starts anew counts its jobs anew.
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

// all are the entries, newest first, forgotten ones included.
func (s *JobStore) all() []*trackedExport {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*trackedExport, 0, len(s.order))
	for _, name := range slices.Backward(s.order) {
		out = append(out, s.exports[name])
	}
	return out
}

// now is a copy of the entry's token and state.
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

// told takes what a list of jobs tells of the export's.
func (e *trackedExport) update(j cbc.Job, now time.Time) {
	e.set(func(st *state) {
		next, delay := st.next, st.delay
		st.replaceWith(stateOf(j), now)
		st.next, st.delay = next, delay
	})
}

// become takes over what was told just now.
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

// widen notes the columns that a CSV by searches was found to need.
func (e *trackedExport) addColumns(columns []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(columns) > len(e.extras) {
		e.extras = columns
	}
}

// useSearches gives the job's file up. What was known of the file is void.
func (e *trackedExport) useSearches(reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bySearch, e.facts = reason, map[Options]facts{}
}
