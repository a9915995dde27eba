package cbc

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/idna"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// APIKey names an API key of one Carbon Black Cloud. None of it is secret: it stands in URLs, screenshots and audit events. So it
// tells whose queue and rate limit a data source uses, but it proves nothing.
type APIKey struct {
	URL    string // as NormalizeURL returns it
	OrgKey string
	APIID  string
}

// Identity is an API key together with the secret that a data source claims to hold for it. Everything that data sources share is
// kept by Identity, so that a data source with another secret shares nothing. The zero Identity belongs to nobody.
type Identity struct {
	APIKey
	Fingerprint string // of the secret: comparable within this process, and useless outside it
}

// NewIdentity returns the identity of a data source's settings. Spellings of the same URL give the same identity.
func NewIdentity(address, orgKey, apiID, secret string) (Identity, error) {
	normalized, err := NormalizeURL(address)
	if err != nil {
		return Identity{}, err
	}
	return Identity{
		APIKey:      APIKey{URL: normalized, OrgKey: orgKey, APIID: apiID},
		Fingerprint: fingerprint(secret),
	}, nil
}

// processKey keys the fingerprints of this process, so that they cannot be compared with those of another, or with a list of secrets.
var processKey = sync.OnceValue(func() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return key
})

func fingerprint(secret string) string {
	mac := hmac.New(sha256.New, processKey())
	mac.Write([]byte(secret))
	return hex.EncodeToString(mac.Sum(nil))
}

// NormalizeURL returns the one spelling of an address by which two settings are compared: scheme, host, port and path, without a
// trailing slash. Host names are lower case and ASCII, without a trailing dot; IP addresses are in canonical form; the port is
// always written.
func NormalizeURL(address string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Hostname() == "" {
		return "", fmt.Errorf("url %.200q is not an address: expected one such as https://defense.conferdeploy.net", address)
	}
	if u.RawPath != "" || strings.Contains(u.EscapedPath(), "%") {
		return "", fmt.Errorf("url %q has an encoded character in its path: write the path plainly", address)
	}
	normalized := url.URL{Scheme: u.Scheme, Host: net.JoinHostPort(normalizeHost(u.Hostname()), normalizePort(u))}
	if clean := path.Clean("/" + u.Path); clean != "/" {
		normalized.Path = clean
	}
	return normalized.String(), nil
}

// WithServerName returns the identity behind a TLS server name other than the host of the URL. One network address can be that of
// several servers, which are told apart by this name: what another server answers proves nothing about the API key at the URL.
func (id Identity) WithServerName(name string) Identity {
	id.URL += otherServer(id.URL, name)
	return id
}

// otherServer describes a TLS server name that is not the host of an address. It is empty if there is none.
func otherServer(normalized, name string) string {
	name = strings.TrimSpace(name)
	u, err := url.Parse(normalized)
	if name == "" || err == nil && normalizeHost(name) == u.Hostname() {
		return ""
	}
	return " as " + normalizeHost(name)
}

// LimiterFor returns the limiter of an address's host, that is scheme, name and port, and the TLS server name if that is another. It is
// kept at least until leave is called.
func LimiterFor(address, serverName string) (l *ratelimit.Limiter, host string, leave func()) {
	host = strings.ToLower(strings.TrimSpace(address))
	if normalized, err := NormalizeURL(address); err == nil {
		host = normalized
		if u, err := url.Parse(normalized); err == nil {
			host = u.Scheme + "://" + u.Host
		}
	}
	host += otherServer(host, serverName)
	l, leave = ratelimit.ForHost(host)
	return l, host, leave
}

func normalizeHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil { // a name that DNS accepts and IDNA does not, such as one with an underscore
		ascii = host
	}
	return strings.ToLower(strings.TrimRight(ascii, ".")) // IDNA makes dots of other full stops
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

func normalizePort(u *url.URL) string {
	port := cmp.Or(u.Port(), defaultPorts[u.Scheme])
	if n, err := strconv.Atoi(port); err == nil {
		return strconv.Itoa(n)
	}
	return port
}
