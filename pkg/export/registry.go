package export

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

const (
	// maxOwners bounds how many data sources are remembered at a time.
	maxOwners = 1000
	// maxStarters bounds the jobs of which it is remembered who started them.
	maxStarters = 20_000
)

// Registry is what a process remembers of exports, separately for each data source, because Grafana makes a new instance when settings
// change. It saves requests; every ID works without it.
type Registry struct {
	stores   *lru.Cache[Owner, *JobStore]
	starters *lru.Cache[jobKey, Owner]
	places   places
}

// jobKey names a job: ids are unique within an API key's cloud.
type jobKey struct {
	cbc.APIKey
	id string
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	stores, err := lru.New[Owner, *JobStore](maxOwners)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	starters, err := lru.New[jobKey, Owner](maxStarters)
	if err != nil {
		panic(err)
	}
	return &Registry{stores: stores, starters: starters, places: newPlaces()}
}

// processRegistry is the registry of this process.
var processRegistry = NewRegistry()

// known returns the store of an owner, nil if nothing of it is remembered.
func (r *Registry) known(o Owner) *JobStore {
	store, _ := r.stores.Get(o)
	return store
}

// store returns the store of an owner and creates it if necessary. Call it only for an owner whose secret Carbon Black Cloud has accepted:
// otherwise settings that never worked could displace others. An ID signed with a secret proves nothing, because anybody can type one.
func (r *Registry) store(o Owner) *JobStore {
	if store, known := r.stores.Get(o); known {
		return store
	}
	fresh := newJobStore()
	if earlier, exists, _ := r.stores.PeekOrAdd(o, fresh); exists {
		return earlier
	}
	return fresh
}

// recordStart records who started a job. It replaces the record of another job with the same ID: a test system that restarts numbers its
// jobs from the start.
func (r *Registry) recordStart(o Owner, jobID string) {
	r.starters.Add(jobKey{o.APIKey, jobID}, o)
}

// recordStarter records who started a job, according to an ID, unless that is already known.
func (r *Registry) recordStarter(o Owner, jobID string) {
	r.starters.ContainsOrAdd(jobKey{o.APIKey, jobID}, o)
}

// startedByAnother reports whether a job is known to have been started by another owner. That may be the same data source before its
// secret was changed.
func (r *Registry) startedByAnother(o Owner, jobID string) bool {
	starter, known := r.starters.Get(jobKey{o.APIKey, jobID})
	return known && starter != o
}
