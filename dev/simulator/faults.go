package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Faults are failures to simulate. The zero value has none.
type Faults struct {
	LatencyMS int     `json:"latencyMs"` // delay of every call
	JitterMS  int     `json:"jitterMs"`  // maximum additional random delay
	Rules     []Fault `json:"rules"`     // the first rule that applies to a call decides
}

// Fault is a failure of some calls.
//
//   - status: an error with Status
//   - reset: the work is done, such as reading a queue; then the connection is reset
//   - truncate: the answer ends half way, or after Bytes
//   - slow: the answer is sent in pieces of Bytes, with DelayMS before each
//   - delay: the answer is DelayMS late
//   - text: 200 with text instead of JSON
//   - html: 200 with an HTML page
//   - errorMessage: 200 with a JSON object that has an errorMessage
//   - endless: 200 with rows that never end
type Fault struct {
	Kind        string  `json:"kind" enum:"status,reset,truncate,slow,delay,text,html,errorMessage,endless"`
	Endpoint    string  `json:"endpoint" enum:"any,search,queue,export,jobs,job,progress,download,storage"`
	Skip        int     `json:"skip"`  // number of calls that pass first
	Next        int     `json:"next"`  // number of calls that fail then; 0: all
	Share       float64 `json:"share"` // random share of the calls that fail; 0: all
	Status      int     `json:"status" default:"500"`
	RetryAfterS int     `json:"retryAfterS" default:"30"` // of a 429
	DelayMS     int     `json:"delayMs" default:"50"`
	Bytes       int     `json:"bytes"`
	AfterWork   bool    `json:"afterWork"` // do the work before the wrong answer; not for kinds that give the right answer
}

// faultBox holds the remaining faults.
type faultBox struct {
	mu     sync.Mutex
	faults Faults
	done   []bool // rules that are used up
}

// SetFaults replaces all faults. It panics on an invalid value.
func (s *Server) SetFaults(f Faults) {
	settled, err := f.withDefaults()
	if err != nil {
		panic("simulator: " + err.Error())
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.faults, s.faults.done = settled, make([]bool, len(settled.Rules))
}

// Faults returns the active faults, with the remaining values of Next and Skip.
func (s *Server) Faults() Faults {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	left := s.faults.faults
	left.Rules = nil
	for i, rule := range s.faults.faults.Rules {
		if !s.faults.done[i] {
			left.Rules = append(left.Rules, rule)
		}
	}
	return left
}

func (f Faults) withDefaults() (Faults, error) {
	f.Rules = slices.Clone(f.Rules)
	for i := range f.Rules {
		rule := &f.Rules[i]
		if err := settleAll(rule); err != nil {
			return f, fmt.Errorf("rules[%d].%w", i, err)
		}
		if rule.Status < 400 || rule.Status > 599 || rule.Share < 0 || rule.Share > 1 {
			return f, fmt.Errorf("rules[%d]: status must be 400 to 599, and share 0 to 1", i)
		}
		if rule.AfterWork && rule.answers() {
			return f, fmt.Errorf("rules[%d]: %s does the work itself, so afterWork would do it twice", i, rule.Kind)
		}
	}
	return f, nil
}

// answers reports whether the fault does the work and sends its answer, or a part of it.
func (f *Fault) answers() bool { return slices.Contains([]string{"truncate", "slow", "delay"}, f.Kind) }

// pick returns the fault of a call, if any, and the delay of its answer.
func (c *call) pick() (*Fault, time.Duration) {
	b := &c.faults
	b.mu.Lock()
	defer b.mu.Unlock()
	chance := c.chance()
	late := time.Duration(b.faults.LatencyMS) * time.Millisecond
	if b.faults.JitterMS > 0 {
		late += time.Duration(chance.Int64N(int64(b.faults.JitterMS))) * time.Millisecond
	}
	for i := range b.faults.Rules {
		rule := &b.faults.Rules[i]
		if b.done[i] || (rule.Endpoint != "any" && rule.Endpoint != c.route.endpoint) {
			continue
		}
		if rule.Skip > 0 {
			rule.Skip--
			continue
		}
		if rule.Share > 0 && chance.Float64() >= rule.Share {
			continue
		}
		if rule.Next > 0 {
			rule.Next--
			b.done[i] = rule.Next == 0
		}
		chosen := *rule
		return &chosen, late
	}
	return nil, late
}

// applyFault applies a fault and reports whether the call is finished.
func (c *call) applyFault() bool {
	fault, late := c.pick()
	if fault != nil {
		c.entry.set(func(r *Request) { r.Fault = fault.Kind })
		if fault.Kind == "delay" {
			late += fault.delay()
		}
	}
	if late > 0 && sleep(c.r.Context(), late) != nil {
		return true
	}
	if fault == nil {
		return false
	}
	honest := c.w
	if fault.AfterWork || fault.Kind == "reset" {
		c.w = &discard{header: http.Header{}}
		c.answer()
		c.w = honest
	}
	return c.fail(fault)
}

func (f *Fault) delay() time.Duration { return time.Duration(f.DelayMS) * time.Millisecond }

func (c *call) fail(fault *Fault) bool {
	switch fault.Kind {
	case "status":
		c.failStatus(fault)
	case "reset":
		c.reset()
	case "truncate":
		c.truncate(fault)
	case "slow":
		size := fault.Bytes
		if size <= 0 {
			size = 1024
		}
		c.w = &slowWriter{ResponseWriter: c.w, ctx: c.r.Context(), size: size, delay: fault.delay()}
		c.answer()
	case "text":
		c.send(http.StatusOK, "text/plain; charset=utf-8", []byte("upstream connect error or disconnect/reset before headers"))
	case "html":
		c.send(http.StatusOK, "text/html; charset=utf-8", errorPage(http.StatusServiceUnavailable))
	case "errorMessage":
		c.send(http.StatusOK, "application/json", []byte(`{"errorMessage":"Something went wrong"}`))
	case "endless":
		c.endless()
	default:
		return false
	}
	return true
}

func (c *call) failStatus(fault *Fault) {
	if fault.Status == http.StatusTooManyRequests {
		c.tooMany(c.now.Add(time.Duration(fault.RetryAfterS) * time.Second))
		return
	}
	c.refuse(&apiError{status: fault.Status, code: errorCode(fault.Status), message: http.StatusText(fault.Status)})
}

func errorCode(status int) string {
	codes := map[int]string{400: "BAD_REQUEST", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND"}
	if code, ok := codes[status]; ok {
		return code
	}
	return "INTERNAL_SERVER_ERROR"
}

var errCut = errors.New("a fault ended the answer")
