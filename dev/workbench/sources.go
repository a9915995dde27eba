package workbench

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

var errNoSource = errors.New("data source not found")

// Source holds a data source's settings as in Grafana's API. Secrets are written by SecureJSONData and never
// returned: SecureJSONFields names those that are set.
type Source struct {
	ID               int64             `json:"id"`
	UID              string            `json:"uid"`
	Name             string            `json:"name"`
	Type             string            `json:"type"`
	Access           string            `json:"access"`
	URL              string            `json:"url"`
	User             string            `json:"user"`
	Database         string            `json:"database"`
	BasicAuth        bool              `json:"basicAuth"`
	BasicAuthUser    string            `json:"basicAuthUser"`
	WithCredentials  bool              `json:"withCredentials"`
	IsDefault        bool              `json:"isDefault"`
	ReadOnly         bool              `json:"readOnly"`
	Version          int               `json:"version"`
	JSONData         map[string]any    `json:"jsonData"`
	SecureJSONData   map[string]string `json:"secureJsonData,omitempty"`
	SecureJSONFields map[string]bool   `json:"secureJsonFields"`

	secrets map[string]string
	updated time.Time
}

// sources holds the data sources in memory.
type sources struct {
	pluginID string
	now      func() time.Time

	mu    sync.Mutex
	next  int64
	byUID map[string]Source
}

func newSources(pluginID string, now func() time.Time) *sources {
	return &sources{pluginID: pluginID, now: now, byUID: map[string]Source{}}
}

// save creates a data source, or replaces the one with the same UID. Secrets stay unless new ones are given; an
// empty secret removes the old one.
func (s *sources) save(source Source) (Source, error) {
	if source.Name == "" {
		return Source{}, errors.New("the data source has no name")
	}
	if source.Type != s.pluginID {
		return Source{}, fmt.Errorf("data source type %q is not %q, the only plugin of this workbench", source.Type, s.pluginID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, exists := s.byUID[source.UID]
	if !exists {
		s.next++
		old.ID = s.next
	}
	if source.UID == "" {
		source.UID = fmt.Sprintf("workbench-%d", old.ID)
	}
	for uid, other := range s.byUID {
		if uid != source.UID && other.Name == source.Name {
			return Source{}, fmt.Errorf("a data source named %q already exists", source.Name)
		}
	}
	source.ID, source.Access, source.Version = old.ID, "proxy", old.Version+1
	// A plugin recognizes new settings by their time in milliseconds, so two changes must not share one.
	source.updated = s.now()
	if earliest := old.updated.Add(time.Millisecond); source.updated.Before(earliest) {
		source.updated = earliest
	}
	source.secrets = mergeSecrets(old.secrets, source.SecureJSONData)
	s.byUID[source.UID] = source
	return source.public(), nil
}

func mergeSecrets(old, changes map[string]string) map[string]string {
	merged := maps.Clone(old)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, changes)
	maps.DeleteFunc(merged, func(_, value string) bool { return value == "" })
	return merged
}

func (s *sources) get(uid string) (Source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	source, ok := s.byUID[uid]
	if !ok {
		return Source{}, fmt.Errorf("%w: %q", errNoSource, uid)
	}
	return source, nil
}

func (s *sources) delete(uid string) error {
	if _, err := s.get(uid); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byUID, uid)
	return nil
}

// list returns the data sources in order of creation.
func (s *sources) list() []Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Source, 0, len(s.byUID))
	for _, source := range s.byUID {
		list = append(list, source.public())
	}
	slices.SortFunc(list, func(a, b Source) int { return int(a.ID - b.ID) })
	return list
}

// public returns the data source without its secrets.
func (s Source) public() Source {
	s.SecureJSONData = nil
	s.SecureJSONFields = map[string]bool{}
	for name := range s.secrets {
		s.SecureJSONFields[name] = true
	}
	s.secrets = nil
	if s.JSONData == nil {
		s.JSONData = map[string]any{}
	}
	return s
}

// settings returns the data source as the plugin gets it.
func (s Source) settings() (*backend.DataSourceInstanceSettings, error) {
	jsonData, err := json.Marshal(s.JSONData)
	if err != nil {
		return nil, fmt.Errorf("jsonData of %q: %w", s.Name, err)
	}
	return &backend.DataSourceInstanceSettings{
		ID: s.ID, UID: s.UID, Type: s.Type, Name: s.Name, URL: s.URL, User: s.User, Database: s.Database,
		BasicAuthEnabled: s.BasicAuth, BasicAuthUser: s.BasicAuthUser,
		JSONData: jsonData, DecryptedSecureJSONData: maps.Clone(s.secrets), Updated: s.updated,
	}, nil
}
