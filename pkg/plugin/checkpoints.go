package plugin

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/tail"
)

// checkpointAge is how long a stream may take to be run again. One that nobody runs again has no viewers any more.
const checkpointAge = time.Minute

// checkpoints are how far the streams of disposed instances had come. They belong to the process: Grafana runs a stream again on the
// instance that replaced its own, and its viewers must neither miss nor see twice what happened meanwhile.
var checkpoints checkpointStore

type checkpointStore struct {
	mu    sync.Mutex
	byKey map[checkpointKey]savedCheckpoint
}

type savedCheckpoint struct {
	tail.Checkpoint
	at time.Time
}

// checkpointKey names a channel of a data source and what feeds it: with another API secret or another store it is another stream.
type checkpointKey struct {
	identity cbc.Identity
	owner    string
	store    [sha256.Size]byte
	path     string
}

func (d *Instance) checkpointKey(path string) checkpointKey {
	store := sha256.Sum256([]byte(d.settings.store + "\n" + d.settings.storeDSN))
	return checkpointKey{d.identity, d.owner, store, path}
}

// put keeps a checkpoint, and drops those that nobody has taken.
func (s *checkpointStore) put(key checkpointKey, c tail.Checkpoint, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey == nil {
		s.byKey = map[checkpointKey]savedCheckpoint{}
	}
	maps.DeleteFunc(s.byKey, func(_ checkpointKey, saved savedCheckpoint) bool { return now.Sub(saved.at) > checkpointAge })
	s.byKey[key] = savedCheckpoint{c, now}
}

// take returns the checkpoint of a stream, once; a new one if there is none.
func (s *checkpointStore) take(key checkpointKey, now time.Time) tail.Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	saved := s.byKey[key]
	delete(s.byKey, key)
	if now.Sub(saved.at) > checkpointAge {
		return tail.Checkpoint{}
	}
	return saved.Checkpoint
}
