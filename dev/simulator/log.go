package simulator

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// Request is a request that the simulator received.
type Request struct {
	Time      time.Time       `json:"time"`
	Method    string          `json:"method"`
	Path      string          `json:"path"`
	Endpoint  string          `json:"endpoint"` // search, queue, export, jobs, job, progress, download, storage, token; "" is unknown
	Query     json.RawMessage `json:"query,omitempty"`
	APIID     string          `json:"apiId"` // or the ID of an OAuth app; not verified; "" without a credential
	Address   string          `json:"address"`
	Host      string          `json:"host"`
	UserAgent string          `json:"userAgent"`
	Status    int             `json:"status"` // 0 until answered, and if the connection was reset instead
	Rows      int             `json:"rows"`
	Fault     string          `json:"fault,omitempty"`
}

// maxLog is the maximum number of logged requests; the oldest are dropped first.
const maxLog = 10_000

type requestLog struct {
	mu       sync.Mutex
	entries  []*entry
	counters map[string]*Counter
}

// Counter counts the calls of an endpoint.
type Counter struct {
	Calls    int         `json:"calls"`
	Rows     int         `json:"rows"`
	Statuses map[int]int `json:"statuses"`
}

type entry struct {
	log     *requestLog
	request Request
}

func (l *requestLog) begin(c *call) *entry {
	apiID, _ := c.credential(c.r, c.now)
	e := &entry{log: l, request: Request{
		Time: c.now, Method: c.r.Method, Path: c.r.URL.Path, Endpoint: c.route.endpoint,
		APIID: apiID, Address: clientAddress(c.r), Host: c.r.Host, UserAgent: c.r.UserAgent(),
	}}
	if json.Valid(c.body) {
		e.request.Query = c.body
	} else if len(c.body) > 0 { // keep an invalid body as a JSON string
		e.request.Query = appendString(nil, string(c.body))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) == maxLog {
		l.entries = slices.Delete(l.entries, 0, maxLog/10)
	}
	l.entries = append(l.entries, e)
	l.counter(c.route.endpoint).Calls++
	return e
}

func (l *requestLog) counter(endpoint string) *Counter {
	if l.counters == nil {
		l.counters = map[string]*Counter{}
	}
	if l.counters[endpoint] == nil {
		l.counters[endpoint] = &Counter{Statuses: map[int]int{}}
	}
	return l.counters[endpoint]
}

// set updates the entry and the counters.
func (e *entry) set(change func(*Request)) {
	e.log.mu.Lock()
	defer e.log.mu.Unlock()
	before := e.request
	change(&e.request)
	counter := e.log.counter(e.request.Endpoint)
	counter.Rows += e.request.Rows - before.Rows
	if e.request.Status != before.Status {
		counter.Statuses[e.request.Status]++
	}
}

func (l *requestLog) counts() map[string]Counter {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[string]Counter{}
	for endpoint, c := range l.counters {
		counts[endpoint] = Counter{c.Calls, c.Rows, maps.Clone(c.Statuses)}
	}
	return counts
}

// Requests returns the last 10,000 requests, oldest first.
func (s *Server) Requests() []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	list := make([]Request, len(s.log.entries))
	for i, e := range s.log.entries {
		list[i] = e.request
	}
	return list
}

// ResetRequests clears all requests and counters.
func (s *Server) ResetRequests() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.entries, s.log.counters = nil, nil
}
