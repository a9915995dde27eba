package export

import "sync"

const (
	// maxDownloads bounds the files of one data source that are on their way at a time, as each takes some megabytes.
	maxDownloads = 8
	// maxDownloadsPerUser bounds those of one user, so that nobody can take all places.
	maxDownloadsPerUser = 2
)

// user is a user in an organization of Grafana.
type user struct {
	orgID int64
	login string
}

// places counts the files that are being downloaded.
type places struct {
	mu      sync.Mutex
	sources map[DataSource]int
	users   map[user]int
}

func newPlaces() places {
	return places{sources: map[DataSource]int{}, users: map[user]int{}}
}

// take takes a place for a file. The caller releases it.
func (p *places) take(source DataSource, login string) (release func(), err error) {
	who := user{source.OrgID, login}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.users[who] >= maxDownloadsPerUser:
		return nil, errBusyUser
	case p.sources[source] >= maxDownloads:
		return nil, errBusySource
	}
	p.sources[source]++
	p.users[who]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		decrement(p.sources, source)
		decrement(p.users, who)
	}, nil
}

func decrement[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}
