package cbc

import (
	"errors"
	"sync"
	"time"
)

const (
	// refusalTime is how long a rejection of the API key is remembered: whoever asks meanwhile is told the same, without a request.
	refusalTime = time.Minute
	// firstRefusalTime is how long other answers are remembered that mean wrong settings. It doubles up to refusalTime.
	firstRefusalTime = 5 * time.Second
)

// refusals remember answers that mean wrong settings, so that a data source with wrong settings does not use up the rate limit, which
// counts by address and so holds for all others as well. They belong to a client: new settings start without any.
type refusals struct {
	now   func() time.Time
	mu    sync.Mutex
	known map[string]*refusal // by permission; "" holds for every request
}

// refusal is an answer that is given again until a time. The first request after it probes.
type refusal struct {
	err     Error
	until   time.Time
	repeats int
}

func newRefusals(now func() time.Time) refusals {
	return refusals{now: now, known: map[string]*refusal{}}
}

// check returns the refusal that holds for a request with a permission. Where one has run out, the request is the probe: the others are
// refused until its answer is here.
func (s *refusals) check(permission string) (probe bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.find(permission); err != nil {
		return false, err
	}
	for _, scope := range []string{"", permission} {
		if r := s.known[scope]; r != nil {
			probe, r.until = true, s.now().Add(refusalTime)
		}
	}
	return probe, nil
}

// current returns the rejection that holds now for a request that has waited.
func (s *refusals) current(permission string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(permission)
}

func (s *refusals) find(permission string) error {
	for _, scope := range []string{"", permission} {
		if r := s.known[scope]; r != nil && r.until.After(s.now()) {
			again := r.err
			again.AskedAgainAt = r.until
			return &again
		}
	}
	return nil
}

// settle takes the outcome of a request into account.
func (s *refusals) settle(permission string, probe, accepted bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed *Error
	switch {
	case err == nil:
		delete(s.known, "")
		delete(s.known, permission)
	case errors.As(err, &failed) && failed.meansWrongSettings(accepted):
		s.remember(permission, probe, accepted, failed)
	case probe: // it has found nothing out: the next request is one
		s.expire("")
		s.expire(permission)
	}
}

func (s *refusals) expire(scope string) {
	if r := s.known[scope]; r != nil {
		r.until = s.now()
	}
}

func (s *refusals) remember(permission string, probe, accepted bool, failed *Error) {
	scope := ""
	switch {
	case failed.Kind == KindPermission: // so the key itself is accepted
		delete(s.known, "")
		scope = permission
	case accepted, permission == PermissionJobs: // a 401 may mean a permission, too, and a key need not be known to the Job service
		scope = permission
	}
	r := s.known[scope]
	switch {
	case r == nil:
		r = &refusal{}
		s.known[scope] = r
	case !probe && r.until.After(s.now()):
		return // one of several that were under way together
	}
	hold := refusalTime
	if failed.Kind == KindHost {
		hold = min(firstRefusalTime<<min(r.repeats, 8), refusalTime)
	}
	r.err, r.until = *failed, s.now().Add(hold)
	r.repeats++
}

// meansWrongSettings reports whether the same request will fail in the same way until the settings, or what the API key may do, have
// changed. A server that fails, a limit, or a connection that breaks is none of it. Once the API key was accepted, neither is an answer
// of somebody else or a connection that cannot be made: it is a fault that passes.
func (e *Error) meansWrongSettings(accepted bool) bool {
	if e.tokenExpired {
		return false
	}
	switch e.Kind {
	case KindKey, KindOrgKey, KindPermission:
		return true
	case KindHost:
		return !accepted && !e.transient
	}
	return false
}
