package export

import (
	"slices"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Book is what a process remembers of the exports of one API key. It only saves asking again: every id works without it.
type Book struct {
	files   chan struct{} // one for each file on its way
	mu      sync.Mutex
	entries map[string]*entry
	order   []string // oldest first
}

const (
	// mostEntries bounds a book; an entry takes a few kilobytes.
	mostEntries = 300
	// mostFiles bounds how many files are on their way at a time, as each takes some megabytes.
	mostFiles = 8
)

// NewBook returns an empty book.
func NewBook() *Book {
	return &Book{entries: map[string]*entry{}, files: make(chan struct{}, mostFiles)}
}

// Key names an API key: a book belongs to it, not to an instance of the settings, which Grafana renews at will.
type Key struct{ Host, OrgKey, APIID string }

var books = struct {
	sync.Mutex
	byKey map[Key]*Book
}{byKey: map[Key]*Book{}}

// BookFor returns the process's book of a key.
func BookFor(k Key) *Book {
	books.Lock()
	defer books.Unlock()
	if books.byKey[k] == nil {
		books.byKey[k] = NewBook()
	}
	return books.byKey[k]
}

// entry is an export that this process has heard of.
type entry struct {
	turn chan struct{} // one at a time asks for the state
	file chan struct{} // one at a time reads the file for its facts

	mu        sync.Mutex
	ticket    ticket
	state     state
	forgotten bool
	bySearch  string // why the job's file cannot be used
	id        string // of the ticket, as signedBy has signed it
	signedBy  *Service
	extras    []string // columns that a CSV by searches needs beyond those of every event
	facts     map[bool]facts
	last      bool // the mode of the last download: whether cells were made safe, as they are unless somebody says otherwise
}

func newEntry(t ticket) *entry {
	return &entry{
		turn: make(chan struct{}, 1), file: make(chan struct{}, 1), ticket: t, facts: map[bool]facts{}, last: true,
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

// enter returns the entry of a ticket, made if need be. Of two tickets of the same job, the one that knows more stays.
func (b *Book) enter(t ticket) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[t.name()]
	if e == nil {
		return b.add(t)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ticket.known() && t.known() {
		e.ticket, e.id = t, ""
	}
	return e
}

// begin makes the entry of an export that was just started. What is remembered of a job of the same id was another one: a test
// system that starts anew counts its jobs anew.
func (b *Book) begin(t ticket) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.order = slices.DeleteFunc(b.order, func(name string) bool { return name == t.name() })
	return b.add(t)
}

func (b *Book) add(t ticket) *entry {
	e := newEntry(t)
	b.entries[t.name()] = e
	b.order = append(b.order, t.name())
	for len(b.order) > mostEntries {
		delete(b.entries, b.order[0])
		b.order = b.order[1:]
	}
	return e
}

// all are the entries, newest first, forgotten ones included.
func (b *Book) all() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]*entry, 0, len(b.order))
	for _, name := range slices.Backward(b.order) {
		out = append(out, b.entries[name])
	}
	return out
}

// now is a copy of the entry's ticket and state.
func (e *entry) now() (t ticket, s state, bySearch string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ticket, e.state, e.bySearch
}

func (e *entry) set(change func(*state)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.state)
}

// told takes what a list of jobs tells of the export's.
func (e *entry) told(j cbc.Job, now time.Time) {
	e.set(func(st *state) {
		next, delay := st.next, st.delay
		st.become(of(j), now)
		st.next, st.delay = next, delay
	})
}

// become takes over what was told just now.
func (s *state) become(fresh state, now time.Time) {
	if fresh.status == StatusCompleted {
		fresh.done = now
		if s.status == StatusCompleted {
			fresh.done = s.done
		}
	}
	*s = fresh
}

func (e *entry) gone() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.forgotten
}

func (e *entry) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forgotten = true
}

func (e *entry) columns() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.extras
}

// widen notes the columns that a CSV by searches was found to need.
func (e *entry) widen(columns []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(columns) > len(e.extras) {
		e.extras = columns
	}
}

// useSearches gives the job's file up. What was known of the file is void.
func (e *entry) useSearches(reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bySearch, e.facts = reason, map[bool]facts{}
}
