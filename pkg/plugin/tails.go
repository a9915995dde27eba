package plugin

import (
	"fmt"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// Bounds of the live tails that run at a time. Each holds memory and asks Carbon Black Cloud again and again.
const (
	maxTailsOfViewer     = 10
	maxTailsOfDataSource = 50
)

// tailPlaces holds the live tails that run in this process. It belongs to the process, because a data source has two instances while its
// settings change.
var tailPlaces tailRegistry

type tailRegistry struct {
	mu      sync.Mutex
	running map[*tailPlace]struct{}
}

// tailPlace identifies a live tail: the channel of a data source, and the viewer who opened it.
type tailPlace struct {
	owner, viewer, path string
	asks                bool // it has searches of its own: its Lucene text is asked for by no panel
}

// place returns the place of a live tail in a channel.
func (d *Instance) place(l live, user *backend.User, path string) tailPlace {
	return tailPlace{owner: d.owner, viewer: viewerOf(user), path: path, asks: l.query.Source != query.SourceQueue && l.query.Filter.Query != ""}
}

// viewerOf names the viewer who opens a tail. Grafana runs a channel for all its viewers, with the request of the first one.
func viewerOf(user *backend.User) string {
	if user == nil {
		return ""
	}
	return user.Login
}

// enter takes a place until leave is called. The error says in words why there is none.
func (r *tailRegistry) enter(p tailPlace) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.check(p); err != nil {
		return nil, err
	}
	if r.running == nil {
		r.running = map[*tailPlace]struct{}{}
	}
	r.running[&p] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.running, &p)
	}, nil
}

// check returns why there is no place for a tail. There always is for one that runs already: its viewers share it.
func (r *tailRegistry) check(p tailPlace) error {
	ofOwner, ofViewer := 0, 0
	for other := range r.running {
		switch {
		case other.owner != p.owner:
			continue
		case other.path == p.path:
			return nil
		case other.viewer == p.viewer:
			ofViewer++
		}
		ofOwner++
	}
	switch {
	case ofViewer >= maxTailsOfViewer:
		return fmt.Errorf("%d live tails are open already, the most that one user may have: stop one of them, or wait some seconds for those that were closed", maxTailsOfViewer)
	case ofOwner >= maxTailsOfDataSource:
		return fmt.Errorf("%d live tails of this data source are open already: stop one of them, or wait some seconds for those that were closed", maxTailsOfDataSource)
	}
	return nil
}

// mayOpen returns why a tail cannot be opened now.
func (r *tailRegistry) mayOpen(p tailPlace) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.check(p)
}

// asking returns how many tails of a data source have searches of their own.
func (r *tailRegistry) asking(owner string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.running {
		if p.owner == owner && p.asks {
			n++
		}
	}
	return n
}

// tailShare is the part of the rate limit that live tails with searches of their own may use, as a divisor.
const tailShare = 4

// tailPace is how long such a tail waits between two searches, so that all of them together keep to their share.
func (d *Instance) tailPace() time.Duration {
	return time.Duration(tailPlaces.asking(d.owner)) * ratelimit.Window / time.Duration(max(d.settings.requestsPerFiveMinutes/tailShare, 1))
}
