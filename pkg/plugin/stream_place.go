package plugin

import (
	"maps"
	"strings"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/tail"
)

// placeAge is how long a stream may take to be run again. One that nobody runs again had no viewers any more.
const placeAge = time.Minute

// places are how far the streams of disposed instances had come. They belong to the process: Grafana runs a stream again on the
// instance that took the place of its own, and its viewers must neither miss nor see twice what happened meanwhile.
var places placeKeeper

type placeKeeper struct {
	mu    sync.Mutex
	byKey map[string]placed
}

type placed struct {
	place tail.Place
	at    time.Time
}

// put keeps a place, and forgets those that nobody has taken.
func (k *placeKeeper) put(key string, p tail.Place, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byKey == nil {
		k.byKey = map[string]placed{}
	}
	maps.DeleteFunc(k.byKey, func(_ string, p placed) bool { return now.Sub(p.at) > placeAge })
	k.byKey[key] = placed{p, now}
}

// take returns the place of a stream, once; a new one if there is none.
func (k *placeKeeper) take(key string, now time.Time) tail.Place {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.byKey[key]
	delete(k.byKey, key)
	if now.Sub(p.at) > placeAge {
		return tail.Place{}
	}
	return p.place
}

// streamKey names a channel and what it is fed from: with another key or another store it is another stream.
func (d *Instance) streamKey(path string) string {
	s := d.settings
	return strings.Join([]string{s.url, s.orgKey, s.apiID, s.store, s.storeDSN, path}, "\n")
}
