package simulator

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// limiter limits the calls of each address in a sliding window. Rejected calls count too, so a client that keeps
// calling stays locked out.
type limiter struct {
	mu        sync.Mutex
	addresses map[string]*addressCalls
	rejected  int
}

type addressCalls struct {
	times []time.Time // of the calls in the window, oldest first
	until time.Time   // end of the penalty
}

// penalty returns how long a client has to wait.
type penalty struct{ until time.Time }

func (l *limiter) admit(address string, now time.Time, sw *Switches) *penalty {
	if sw.RateCalls <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.addresses == nil {
		l.addresses = map[string]*addressCalls{}
	}
	calls := l.addresses[address]
	if calls == nil {
		calls = &addressCalls{}
		l.addresses[address] = calls
	}
	span := time.Duration(sw.RateWindowS) * time.Second
	for len(calls.times) > 0 && !calls.times[0].Add(span).After(now) {
		calls.times = calls.times[1:]
	}
	refused := len(calls.times) >= sw.RateCalls || now.Before(calls.until)
	if !refused || !sw.RateForgiving {
		calls.times = append(calls.times, now)
		calls.times = calls.times[max(0, len(calls.times)-sw.RateCalls):]
	}
	if !refused {
		return nil
	}
	l.rejected++
	if len(calls.times) >= sw.RateCalls {
		calls.until = calls.times[0].Add(span)
	}
	return &penalty{calls.until}
}

func (l *limiter) rejections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rejected
}

// tooMany answers 429, with Retry-After in the format that the switch says.
func (c *call) tooMany(until time.Time) {
	wait := until.Sub(c.now)
	switch c.sw.RetryAfter {
	case "seconds":
		c.w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	case "date":
		c.w.Header().Set("Retry-After", until.Add(time.Second-1).UTC().Format(http.TimeFormat))
	}
	c.refuse(&apiError{status: http.StatusTooManyRequests, code: "TOO_MANY_REQUESTS", message: "429 Too Many Requests"})
}
