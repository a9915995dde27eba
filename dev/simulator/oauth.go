package simulator

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// App is an OAuth app of the organization. It authenticates with client credentials instead of an API key, and has a queue of its own.
type App struct {
	AppID       string   `json:"appId"`
	AppSecret   string   `json:"appSecret"`
	Permissions []string `json:"permissions"`
}

// DefaultApps returns the apps of a server that is configured without any: one with every permission.
func DefaultApps() []App {
	return []App{{AppID: "simulated-app-0001", AppSecret: "APPSECRETEEEEEEEEEEEEEE5", Permissions: []string{PermissionAudits, PermissionJobs}}}
}

// AddApp creates an OAuth app, or replaces the one with the same ID and resets its queue.
func (s *Server) AddApp(a App) {
	s.addKey(&apiKey{Key: Key{APIID: a.AppID, APISecret: a.AppSecret, Permissions: a.Permissions}, oauth: true})
}

// Apps returns the organization's OAuth apps.
func (s *Server) Apps() []App {
	var apps []App
	for _, k := range s.keys.all() {
		if k.oauth {
			apps = append(apps, App{k.APIID, k.APISecret, k.Permissions})
		}
	}
	return apps
}

// tokenPath is the route of the token service.
const tokenPath = "/csp/gateway/am/api/auth/token"

// issuedTokens holds the access tokens that are valid.
type issuedTokens struct {
	mu   sync.Mutex
	list map[string]issuedToken
}

type issuedToken struct {
	appID string
	until time.Time
}

func (t *issuedTokens) issue(appID string, now time.Time, lifetime time.Duration) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list == nil {
		t.list = map[string]issuedToken{}
	}
	token := rand.Text()
	t.list[token] = issuedToken{appID, now.Add(lifetime)}
	return token
}

// appOf returns the app that a token was issued to, "" if it is not valid.
func (t *issuedTokens) appOf(token string, now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if issued := t.list[token]; now.Before(issued.until) {
		return issued.appID
	}
	return ""
}

// RevokeTokens makes all access tokens invalid.
func (s *Server) RevokeTokens() {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.list = nil
}

// issueToken answers a request to the token service.
func (c *call) issueToken() {
	mediaType, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	form, err := url.ParseQuery(string(c.body))
	if err != nil || mediaType != "application/x-www-form-urlencoded" || form.Get("grant_type") != "client_credentials" {
		c.refuse(badRequest("grant_type must be client_credentials", "grant_type"))
		return
	}
	id, secret, _ := c.r.BasicAuth()
	app := c.keys.find(id)
	if app == nil || !app.oauth || app.APISecret != secret {
		c.refuse(&apiError{status: c.sw.TokenRejection, code: "UNAUTHORIZED", message: "invalid_client"})
		return
	}
	lifetime := time.Duration(c.sw.TokenSeconds) * time.Second
	content := map[string]any{
		"access_token": c.tokens.issue(id, c.now, lifetime), "token_type": "bearer", "scope": strings.Join(app.Permissions, " "), "expires_in": c.sw.TokenSeconds,
	}
	if c.sw.TokenNoExpiry {
		delete(content, "expires_in")
	}
	body, _ := json.Marshal(content) // strings and a number
	c.send(http.StatusOK, "application/json", body)
}

// credential returns the ID that a request claims and the key or app that it proves, nil if the credential is wrong.
func (s *Server) credential(r *http.Request, now time.Time) (claimedID string, key *apiKey) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		id := s.tokens.appOf(token, now)
		return id, s.keys.find(id)
	}
	if id, _, ok := r.BasicAuth(); ok && r.URL.Path == tokenPath {
		return id, nil
	}
	secret, id, _ := strings.Cut(r.Header.Get("X-Auth-Token"), "/")
	key = s.keys.find(id)
	if key == nil || key.oauth || secret == "" || key.APISecret != secret {
		return id, nil
	}
	return id, key
}
