package simulator

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Server is the simulated cloud of one organization. It is safe for concurrent use.
type Server struct {
	orgKey   string
	seed     uint64
	now      func() time.Time
	store    store
	keys     keyring
	tokens   issuedTokens
	jobs     jobList
	limiter  limiter
	log      requestLog
	switches atomic.Pointer[Switches]
	faults   faultBox
	draws    atomic.Uint64 // counts random decisions, so that a seed can be replayed
}

// New returns a server. It panics on an invalid switch or fault.
func New(c Config) *Server {
	s := &Server{orgKey: c.OrgKey, seed: c.Seed, now: c.Now}
	if s.orgKey == "" {
		s.orgKey = DefaultOrgKey
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.SetSwitches(c.Switches)
	s.SetFaults(c.Faults)
	now := s.now()
	if c.Events != nil {
		s.store.addPending(s.copyEvents(c.Events))
	} else {
		live := newGenerator(c.Seed, s.orgKey, c.Generate.withDefaults(), now)
		s.store.addPending(live.history())
		s.store.live = live
	}
	keys := c.Keys
	if keys == nil {
		keys = DefaultKeys()
	}
	for _, k := range keys {
		s.AddKey(k)
	}
	apps := c.Apps
	if apps == nil && c.Keys == nil {
		apps = DefaultApps()
	}
	for _, a := range apps {
		s.AddApp(a)
	}
	return s
}

// copyEvents copies events and fills in defaults.
func (s *Server) copyEvents(events []Event) []Event {
	events = slices.Clone(events)
	for i := range events {
		events[i].CreateTime = events[i].CreateTime.UTC()
		if events[i].OrgKey == "" {
			events[i].OrgKey = s.orgKey
		}
	}
	return events
}

// OrgKey returns the org key.
func (s *Server) OrgKey() string { return s.orgKey }

// Events returns every event that is visible now, ascending by time. Tests compare answers with it.
func (s *Server) Events() []Event { return values(s.store.at(s.now()).sorted) }

// Pending returns the events that have not arrived yet, in order of arrival.
func (s *Server) Pending() []Event {
	s.store.at(s.now())
	return values(s.store.waiting())
}

func values(events []*Event) []Event {
	list := make([]Event, len(events))
	for i, e := range events {
		list[i] = *e
	}
	return list
}

// Add adds events that arrive now, or at their Arrives time. An event without a time happens now.
func (s *Server) Add(events ...Event) {
	now := s.now()
	events = s.copyEvents(events)
	for i := range events {
		if events[i].CreateTime.IsZero() {
			events[i].CreateTime = now.UTC()
		}
		if events[i].Arrives.IsZero() {
			events[i].Arrives = now
		}
	}
	s.store.add(events)
}

// SetSwitches replaces all switches. It panics on an invalid value.
func (s *Server) SetSwitches(sw Switches) {
	settled, err := sw.withDefaults()
	if err != nil {
		panic("simulator: " + err.Error())
	}
	s.switches.Store(&settled)
}

// Switches returns the active switches, with defaults filled in.
func (s *Server) Switches() Switches { return *s.switches.Load() }

// chance returns a random source that depends on the seed and the number of calls.
func (s *Server) chance() *rand.Rand { return rand.New(rand.NewPCG(s.seed, s.draws.Add(1))) }

// call is a request that is being answered.
type call struct {
	*Server
	w     http.ResponseWriter
	r     *http.Request
	now   time.Time
	sw    *Switches
	route route
	body  []byte
	key   *apiKey
	entry *entry
}

const maxBody = 1 << 20

// ServeHTTP answers like Carbon Black Cloud, and controls the simulator under /simulator/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.control(w, r) {
		return
	}
	c := &call{Server: s, w: w, r: r, now: s.now(), sw: s.switches.Load(), route: parseRoute(r.URL.EscapedPath())}
	c.body, _ = io.ReadAll(io.LimitReader(r.Body, maxBody+1)) // an incomplete body is rejected as malformed
	c.entry = s.log.begin(c)
	c.w = &statusWriter{ResponseWriter: w, entry: c.entry}
	if failed := s.limiter.admit(clientAddress(r), c.now, c.sw); failed != nil {
		c.tooMany(failed.until)
		return
	}
	if c.applyFault() {
		return
	}
	c.answer()
}

func (c *call) answer() {
	if failed := c.admit(); failed != nil {
		c.refuse(failed)
		return
	}
	switch c.route.endpoint {
	case "search":
		c.search()
	case "queue":
		c.queue()
	case "export":
		c.export()
	case "jobs":
		c.listJobs()
	case "job":
		c.showJob()
	case "progress":
		c.showProgress()
	case "download":
		c.download()
	case "storage":
		c.storage()
	case "token":
		c.issueToken()
	}
}

// send writes an answer.
func (c *call) send(status int, contentType string, body []byte) {
	if contentType != "" {
		c.w.Header().Set("Content-Type", contentType)
	}
	w, done := c.compress()
	defer done()
	c.w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = w.Write(body) // the client may be gone
	}
}

// statusWriter logs the status before the client can see it.
type statusWriter struct {
	http.ResponseWriter
	entry *entry
	once  sync.Once
}

func (w *statusWriter) WriteHeader(status int) {
	w.once.Do(func() { w.entry.set(func(r *Request) { r.Status = status }) })
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	w.once.Do(func() { w.entry.set(func(r *Request) { r.Status = http.StatusOK }) })
	return w.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController access to the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// sleep waits until the time is over or the client is gone.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("client closed the connection: %w", ctx.Err())
	}
}
