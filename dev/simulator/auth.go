package simulator

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// apiKey is an API key or an OAuth app, and its queue.
type apiKey struct {
	Key
	oauth bool // it is an OAuth app, with its ID and secret in place of the key's
	queue keyQueue
}

// keyring holds the organization's keys in order of creation.
type keyring struct {
	mu   sync.RWMutex
	list []*apiKey
}

func (k *keyring) find(apiID string) *apiKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if i := slices.IndexFunc(k.list, func(key *apiKey) bool { return key.APIID == apiID }); i >= 0 {
		return k.list[i]
	}
	return nil
}

func (k *keyring) put(key *apiKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := slices.IndexFunc(k.list, func(old *apiKey) bool { return old.APIID == key.APIID }); i >= 0 {
		k.list[i] = key
		return
	}
	k.list = append(k.list, key)
}

func (k *keyring) all() []*apiKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Clone(k.list)
}

// AddKey creates an API key, or replaces the one with the same ID and resets its queue.
func (s *Server) AddKey(k Key) {
	s.addKey(&apiKey{Key: k})
}

func (s *Server) addKey(key *apiKey) {
	if sw := s.switches.Load(); sw.QueueSeedAt == "creation" {
		now := s.now()
		key.queue.seed(s.store.at(now), now, sw)
	}
	s.keys.put(key)
}

// Keys returns the organization's API keys.
func (s *Server) Keys() []Key {
	var keys []Key
	for _, k := range s.keys.all() {
		if !k.oauth {
			keys = append(keys, k.Key)
		}
	}
	return keys
}

// admit checks the route, method, key, organization, permission and body, in this order.
func (c *call) admit() *apiError {
	if c.route.endpoint == "" {
		return notFound("resource")
	}
	if c.r.Method != c.route.method {
		return badRequest("Request method '"+c.r.Method+"' not supported", "")
	}
	if c.route.endpoint == "storage" || c.route.endpoint == "token" {
		return nil
	}
	if failed := c.authenticate(); failed != nil {
		return failed
	}
	if !slices.Contains(c.key.Permissions, c.route.permission) {
		return &apiError{
			status: c.sw.PermissionStatus, code: "FORBIDDEN",
			message: "User is not authorized to perform this operation; missing permission: " + c.route.permission + " READ",
		}
	}
	return c.checkBody()
}

func (c *call) authenticate() *apiError {
	_, key := c.credential(c.r, c.now)
	if key == nil {
		return &apiError{status: http.StatusUnauthorized, code: "UNAUTHORIZED", message: "Invalid API key"}
	}
	c.key = key
	if c.route.orgKey != c.orgKey {
		// The vendor answers 401 with the code BAD_REQUEST.
		return &apiError{status: http.StatusUnauthorized, code: "BAD_REQUEST", message: "Illegal org key " + c.route.orgKey}
	}
	return nil
}

func (c *call) checkBody() *apiError {
	if c.route.method != http.MethodPost {
		return nil
	}
	mediaType, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(strings.ToLower(mediaType)) != "application/json" {
		return &apiError{
			status: http.StatusUnsupportedMediaType, code: "UNSUPPORTED_MEDIA_TYPE",
			message: "Content type '" + mediaType + "' not supported",
		}
	}
	if len(c.body) > maxBody {
		return &apiError{status: http.StatusRequestEntityTooLarge, code: "BAD_REQUEST", message: "Request body too large"}
	}
	return nil
}
