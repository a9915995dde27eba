package plugin

import (
	"crypto/sha256"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/tail"
)

const (
	// checkpointAge is how long Grafana may take to run a stream again. After that, it has no viewers any more.
	checkpointAge = time.Minute
	// maxCheckpointBytes bounds the memory of all checkpoints. One that does not fit is reduced.
	maxCheckpointBytes = 32 << 20
)

// checkpoints holds the positions of the streams of disposed instances. It belongs to the process: Grafana runs a stream again on the new
// instance, and its viewers must neither miss an event nor see one twice.
var checkpoints checkpointStore

type checkpointStore struct {
	mu    sync.Mutex
	byKey map[checkpointKey]savedCheckpoint
	bytes int64 // of all of them
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

// put keeps a checkpoint for checkpointAge.
func (s *checkpointStore) put(key checkpointKey, c tail.Checkpoint, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey == nil {
		s.byKey = map[checkpointKey]savedCheckpoint{}
	}
	s.expire(now)
	s.remove(key)
	if room := maxCheckpointBytes - s.bytes; c.Size() > room {
		c = c.Reduce(room)
	}
	s.byKey[key] = savedCheckpoint{c, now}
	s.bytes += c.Size()
	time.AfterFunc(checkpointAge+time.Second, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.expire(time.Now())
	})
}

// take returns the checkpoint of a stream, once; a new one if there is none.
func (s *checkpointStore) take(key checkpointKey, now time.Time) tail.Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	saved := s.byKey[key]
	s.remove(key)
	return saved.Checkpoint
}

// expire removes the checkpoints that nobody has taken in time.
func (s *checkpointStore) expire(now time.Time) {
	for key, saved := range s.byKey {
		if now.Sub(saved.at) > checkpointAge {
			s.remove(key)
		}
	}
}

func (s *checkpointStore) remove(key checkpointKey) {
	if saved, ok := s.byKey[key]; ok {
		s.bytes -= saved.Size()
		delete(s.byKey, key)
	}
}
