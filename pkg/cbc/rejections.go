package cbc

import (
	"errors"
	"sync"
	"time"
)

const (
	// rejectionTime is how long a rejection of the credential is remembered: requests fail with the same error, and none is sent.
	rejectionTime = time.Minute
	// firstRejectionTime is how long other responses are remembered that mean wrong settings. It doubles up to rejectionTime.
	firstRejectionTime = 5 * time.Second
)

// rejections remembers responses that mean wrong settings, so that a data source with wrong settings does not use up the rate limit that
// it shares with others. It belongs to a client: saving the settings starts without any.
type rejections struct {
	now          func() time.Time
	mu           sync.Mutex
	byPermission map[string]*rejection // "" applies to every request
}

// rejection is an error that is returned again until a time. The first request after that is a probe.
type rejection struct {
	err     Error
	until   time.Time
	repeats int
}

func newRejections(now func() time.Time) rejections {
	return rejections{now: now, byPermission: map[string]*rejection{}}
}

// check returns the rejection that applies to a request. When one has expired, the request is a probe: all others are rejected until
// it has ended.
func (s *rejections) check(permission string) (probe bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.find(permission); err != nil {
		return false, err
	}
	for _, scope := range []string{"", permission} {
		if r := s.byPermission[scope]; r != nil {
			probe, r.until = true, s.now().Add(rejectionTime)
		}
	}
	return probe, nil
}

// current returns the rejection that applies to a request that has waited.
func (s *rejections) current(permission string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(permission)
}

func (s *rejections) find(permission string) error {
	for _, scope := range []string{"", permission} {
		if r := s.byPermission[scope]; r != nil && r.until.After(s.now()) {
			again := r.err
			again.NextAttemptAt = r.until
			return &again
		}
	}
	return nil
}

// record takes the outcome of a request into account.
func (s *rejections) record(permission string, probe, accepted bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed *Error
	switch {
	case err == nil:
		delete(s.byPermission, "")
		delete(s.byPermission, permission)
	case errors.As(err, &failed) && failed.meansWrongSettings(accepted):
		s.remember(permission, probe, accepted, failed)
	case probe: // it decided nothing: the next request is a probe
		s.expire("")
		s.expire(permission)
	}
}

func (s *rejections) expire(scope string) {
	if r := s.byPermission[scope]; r != nil {
		r.until = s.now()
	}
}

func (s *rejections) remember(permission string, probe, accepted bool, failed *Error) {
	scope := ""
	switch {
	case failed.Kind == KindPermission: // so the credential is accepted
		delete(s.byPermission, "")
		scope = permission
	case accepted, permission == PermissionJobs: // a 401 may mean a permission too, and the Job service need not know the key
		scope = permission
	}
	r := s.byPermission[scope]
	switch {
	case r == nil:
		r = &rejection{}
		s.byPermission[scope] = r
	case !probe && r.until.After(s.now()):
		return // one of several concurrent requests
	}
	hold := rejectionTime
	if failed.Kind == KindHost {
		hold = min(firstRejectionTime<<min(r.repeats, 8), rejectionTime)
	}
	r.err, r.until = *failed, s.now().Add(hold)
	r.repeats++
}

// meansWrongSettings reports whether the same request will fail until the settings or the permissions change. Failures of a server,
// limits and broken connections do not mean that. Nor does a response of another server once the credential was accepted: it is a
// temporary fault then.
func (e *Error) meansWrongSettings(accepted bool) bool {
	switch e.Kind {
	case KindKey:
		return !e.tokenExpired
	case KindOrgKey, KindPermission:
		return true
	case KindHost:
		return !accepted && !e.transient
	}
	return false
}
