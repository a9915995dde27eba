package ratelimit

import (
	"maps"
	"slices"
	"time"
)

// probeTime is how long the other processes wait for the one request that tests whether a pause is over.
const probeTime = 10 * time.Second

// Claim is what a process asks of a budget that it shares with others.
type Claim struct {
	Process string // tells the processes apart
	Want    int    // requests
	Limit   int    // requests per window, of all processes together
	Reserve int    // of those, how many are left for more important requests
}

// Share is the answer to a claim.
type Share struct {
	Requests  int           // that may start now, at most the wanted ones
	Next      time.Duration // until a request can start, if none can now
	Paused    bool          // the host asked one of the processes for a pause, which lasts until Next
	Probing   bool          // the requests granted are the one that tests whether a pause is over
	Processes int           // that claimed within a window, this one included
}

// SharedState is the budget that processes share, as a value that each of them reads, changes and writes back under a lock. All times
// are those of one clock, which belongs to the lock and not to a process.
type SharedState struct {
	Starts      []SharedStarts   `json:"starts,omitempty"` // ascending
	PausedUntil int64            `json:"pausedUntil,omitempty"`
	Unproved    bool             `json:"unproved,omitempty"` // no request was let through since the last pause
	ProbedAt    int64            `json:"probedAt,omitempty"`
	Seen        map[string]int64 `json:"seen,omitempty"` // when each process last claimed
}

// SharedStarts are the requests granted within one second.
type SharedStarts struct {
	Second int64 `json:"s"` // since the Unix epoch
	N      int   `json:"n"`
}

// Claim grants requests. A second counts until all of it has left the window, so no window ever holds more than the limit.
func (s *SharedState) Claim(now time.Time, c Claim) Share {
	s.expire(now)
	if s.Seen == nil {
		s.Seen = map[string]int64{}
	}
	s.Seen[c.Process] = now.UnixMilli()
	share := Share{Processes: len(s.Seen)}
	want := max(c.Want, 0)
	if wait := time.UnixMilli(s.PausedUntil).Sub(now); wait > 0 {
		share.Next, share.Paused = wait, true
		return share
	}
	if s.Unproved {
		if wait := time.UnixMilli(s.ProbedAt).Add(probeTime).Sub(now); wait > 0 {
			share.Next, share.Paused = wait, true
			return share
		}
		want, share.Probing = min(want, 1), true
	}
	free := c.Limit - c.Reserve
	for _, start := range s.Starts {
		free -= start.N
	}
	share.Requests = min(max(free, 0), want)
	switch {
	case share.Requests > 0 && share.Probing:
		s.ProbedAt = now.UnixMilli()
		s.start(now.Unix(), share.Requests)
	case share.Requests > 0:
		s.start(now.Unix(), share.Requests)
	default:
		share.Probing, share.Next = false, s.next(now, free)
	}
	return share
}

func (s *SharedState) start(second int64, n int) {
	if last := len(s.Starts) - 1; last >= 0 && s.Starts[last].Second >= second {
		s.Starts[last].N += n
		return
	}
	s.Starts = append(s.Starts, SharedStarts{second, n})
}

// next returns how long it takes until one of the starts that leave the window makes room, 0 if there is room.
func (s *SharedState) next(now time.Time, free int) time.Duration {
	for _, start := range s.Starts {
		if free > 0 {
			break
		}
		if free += start.N; free > 0 {
			return time.Unix(start.Second+1, 0).Add(Window).Sub(now)
		}
	}
	if free > 0 {
		return 0
	}
	return Window // the limit is below the reserve
}

// Pause stops all processes for a while. A shorter pause does not end a longer one.
func (s *SharedState) Pause(now time.Time, wait time.Duration) {
	s.PausedUntil = max(s.PausedUntil, now.Add(wait).UnixMilli())
	s.Unproved, s.ProbedAt = true, 0
}

// Resume notes that a request was let through after the last pause.
func (s *SharedState) Resume(now time.Time) {
	if s.PausedUntil <= now.UnixMilli() {
		s.Unproved, s.ProbedAt = false, 0
	}
}

// expire forgets what has left the window, and what a clock noted that was ahead.
func (s *SharedState) expire(now time.Time) {
	oldest := now.Add(-Window)
	s.Starts = slices.DeleteFunc(s.Starts, func(start SharedStarts) bool {
		return start.Second < oldest.Unix() || start.Second > now.Unix()
	})
	maps.DeleteFunc(s.Seen, func(_ string, at int64) bool { return at < oldest.UnixMilli() || at > now.UnixMilli() })
	s.ProbedAt = min(s.ProbedAt, now.UnixMilli())
}
