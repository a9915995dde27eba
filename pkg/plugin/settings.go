package plugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// settings are the data source's settings, checked and with their defaults.
type settings struct {
	uid                    string // of the data source, unique within its organization
	url                    string
	orgKey                 string
	apiID                  string
	apiSecret              string
	oauth                  *cbc.OAuthApp // replaces the API key; nil means the API key
	queueEnabled           bool
	queuePoll              time.Duration
	store                  string
	storeDSN               string
	archiveDays            int // 0: no archive
	requestsPerFiveMinutes int
	maxEvents              int
	settle                 time.Duration
	rules                  []catalog.Rule // tried before the catalog's own rows
	route                  string         // to the URL, see httpClients.route
	links                  []dataLink
	secrets                []string // every secure value: no error may show one
}

// parseSettings reads the settings. Provisioning from environment variables turns numbers and switches into strings, which are accepted.
// Everything else that is wrong is an error that names the key.
func parseSettings(s backend.DataSourceInstanceSettings) (settings, error) {
	r := settingsReader{}
	if len(s.JSONData) > 0 {
		if err := json.Unmarshal(s.JSONData, &r.values); err != nil {
			return settings{}, fmt.Errorf("jsonData is not a JSON object: %w", err)
		}
	}
	out := settings{
		uid:                    s.UID,
		url:                    strings.TrimSpace(s.URL),
		orgKey:                 r.id("orgKey", ""),
		apiID:                  r.id("apiId", ""),
		apiSecret:              strings.TrimSpace(s.DecryptedSecureJSONData["apiSecret"]),
		queueEnabled:           r.flag("queueEnabled", false),
		queuePoll:              time.Duration(r.number("queuePollSeconds", 60, 10, 86_400)) * time.Second,
		store:                  r.text("store", "memory"),
		storeDSN:               strings.TrimSpace(s.DecryptedSecureJSONData["storeDsn"]),
		archiveDays:            r.number("archiveDays", 0, 0, 3660),
		requestsPerFiveMinutes: r.number("requestsPerFiveMinutes", 600, 1, 1_000_000),
		maxEvents:              r.number("maxEvents", 100_000, 1, 10_000_000),
		settle:                 time.Duration(r.number("settleSeconds", 60, 0, 86_400)) * time.Second,
		rules:                  r.rules(),
		links:                  r.links(),
		secrets:                secureValues(s),
	}
	out.oauth = r.oauthApp(s)
	if r.err != nil {
		return settings{}, r.err
	}
	return out, out.check()
}

// oauthApp reads the OAuth app, nil if the settings use an API key.
func (r *settingsReader) oauthApp(s backend.DataSourceInstanceSettings) *cbc.OAuthApp {
	app := cbc.OAuthApp{
		ID:       r.id("oauthAppId", ""),
		Secret:   strings.TrimSpace(s.DecryptedSecureJSONData["oauthAppSecret"]),
		TokenURL: r.text("oauthTokenUrl", ""),
	}
	method := r.text("authMethod", "apiKey")
	switch {
	case method == "apiKey", r.err != nil:
		return nil
	case method != "oauthApp":
		r.err = fmt.Errorf("authMethod has an unknown value %q: allowed are apiKey, oauthApp", method)
	case s.BasicAuthEnabled:
		r.err = fmt.Errorf("basicAuth cannot be used with authMethod oauthApp: both need the Authorization header")
	}
	return &app
}

// credential returns the ID and the secret by which the data source authenticates. The ID is the one in a cbc.APIKey.
func (s settings) credential() (id, secret string, err error) {
	if s.oauth == nil {
		return s.apiID, s.apiSecret, nil
	}
	id, err = cbc.OAuthID(*s.oauth, s.url)
	return id, s.oauth.Secret, err
}

// secureValues lists the values that must not be shown, also in the form in which HTTP sends a password.
func secureValues(s backend.DataSourceInstanceSettings) []string {
	values := slices.Collect(maps.Values(s.DecryptedSecureJSONData))
	if password := s.DecryptedSecureJSONData["basicAuthPassword"]; password != "" {
		values = append(values, s.BasicAuthUser+":"+password)
	}
	return values
}

func (s settings) check() error {
	switch {
	case s.url == "":
		return fmt.Errorf("url is missing: set the address of the Carbon Black Cloud console, such as https://defense.conferdeploy.net")
	case s.orgKey == "":
		return fmt.Errorf("orgKey is missing: the console shows it under Settings > API Access")
	case s.store != "memory" && s.store != "postgres":
		return fmt.Errorf("store has an unknown value %q: allowed are memory, postgres", s.store)
	case s.archiveDays > 0 && s.store != "postgres":
		return fmt.Errorf("archiveDays needs store postgres: set store and storeDsn, or archiveDays to 0")
	}
	if err := s.checkCredential(); err != nil {
		return err
	}
	if err := checkURL("url", s.url, "the console's address alone"); err != nil {
		return err
	}
	_, err := s.frameLinks()
	return err
}

func (s settings) checkCredential() error {
	if s.oauth != nil {
		return s.checkOAuth()
	}
	switch {
	case s.apiID == "":
		return fmt.Errorf("apiId is missing: it belongs to an API key of access level type Custom")
	case s.apiSecret == "":
		return fmt.Errorf("apiSecret is missing: the console shows it once, when the API key is created")
	case strings.Contains(s.apiID+s.apiSecret, "/"):
		return fmt.Errorf("apiId or apiSecret contains a character that no key has: enter them in their own fields, without the slash between them")
	case !printable(s.apiID + s.apiSecret):
		return fmt.Errorf("apiId or apiSecret contains a character that no key has: copy them again from the console")
	}
	return nil
}

func (s settings) checkOAuth() error {
	switch {
	case s.oauth.ID == "":
		return fmt.Errorf("oauthAppId is missing: it belongs to an OAuth app with the grant type client credentials")
	case s.oauth.Secret == "":
		return fmt.Errorf("oauthAppSecret is missing: it is shown once, when the OAuth app is created")
	case !printable(s.oauth.ID+s.oauth.Secret) || strings.Contains(s.oauth.ID, ":"):
		return fmt.Errorf("oauthAppId or oauthAppSecret contains a character that no app has: copy them again")
	case s.oauth.TokenURL != "":
		return checkURL("oauthTokenUrl", s.oauth.TokenURL, "the address of the token service alone")
	}
	return nil
}

// printable reports whether a string consists of visible ASCII characters.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkURL makes sure that a credential is only sent to an address with TLS.
func checkURL(name, text, want string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("%s %q is not an address: expected one such as https://defense.conferdeploy.net", name, text)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%s must be %s, without a user, a query or a fragment", name, want)
	}
	switch {
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("%s %q must begin with https:// — http is accepted for a loopback host only", name, text)
	}
	return fmt.Errorf("%s %q must begin with https://", name, text)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// settingsReader reads values leniently and keeps the first error.
type settingsReader struct {
	values map[string]any
	err    error
}

func (r *settingsReader) fail(name, want string, got any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s must be %s, not %v", name, want, got)
	}
}

func (r *settingsReader) text(name, fallback string) string {
	switch v := r.values[name].(type) {
	case nil:
		return fallback
	case string:
		if v = strings.TrimSpace(v); v == "" {
			return fallback
		}
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		r.fail(name, "a string", v)
		return fallback
	}
}

// id reads a string that must not be a number: an ID such as 72044e11 would have become another value, which cannot be restored.
func (r *settingsReader) id(name, fallback string) string {
	if _, isNumber := r.values[name].(float64); isNumber {
		if r.err == nil {
			r.err = fmt.Errorf("%s must be a string: quote it", name)
		}
		return fallback
	}
	return r.text(name, fallback)
}

func (r *settingsReader) flag(name string, fallback bool) bool {
	switch v := r.values[name].(type) {
	case nil:
		return fallback
	case bool:
		return v
	case string:
		if v = strings.TrimSpace(v); v == "" {
			return fallback
		}
		if b, err := strconv.ParseBool(strings.ToLower(v)); err == nil {
			return b
		}
	}
	r.fail(name, "true or false", r.values[name])
	return fallback
}

func (r *settingsReader) number(name string, fallback, least, most int) int {
	n := float64(fallback)
	switch v := r.values[name].(type) {
	case nil:
	case float64:
		n = v
	case string:
		if v = strings.TrimSpace(v); v == "" {
			break
		}
		var err error
		if n, err = strconv.ParseFloat(v, 64); err != nil {
			n = math.NaN()
		}
	default:
		n = math.NaN()
	}
	if !(n >= float64(least) && n <= float64(most)) || n != math.Trunc(n) {
		r.fail(name, fmt.Sprintf("a whole number from %d to %d", least, most), r.values[name])
		return fallback
	}
	return int(n)
}
