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

// APIKey names an API key. No part of it is secret: it appears in URLs, screenshots and audit events. It identifies the queue that a data
// source uses, but proves nothing.
type APIKey struct {
	URL    string // as NormalizeURL returns it
	OrgKey string
	APIID  string // or what OAuthID returns for an OAuth app
}

// Identity is an API key and the secret that a data source has for it. What data sources share is keyed by Identity, so a data source
// with another secret shares nothing.
type Identity struct {
	APIKey
	Fingerprint string // of the secret: comparable within this process, useless outside it
}

// NewIdentity returns the identity of a data source. Spellings of the same URL give the same identity.
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

// processKey is the random key of this process's fingerprints. They cannot be compared with those of other processes or with a list of
// secrets.
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

// NormalizeURL returns the spelling of an address by which settings are compared: scheme, host, port and path without a trailing slash.
// Host names are in lower-case ASCII without a trailing dot, IP addresses in canonical form, and the port is always present.
func NormalizeURL(address string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Hostname() == "" {
		return "", fmt.Errorf("url %.200q is not an address: expected one such as https://defense.conferdeploy.net", address)
	}
	if u.RawPath != "" || strings.Contains(u.EscapedPath(), "%") {
		return "", fmt.Errorf("url %q has an encoded character in its path: write the path without escapes", address)
	}
	normalized := url.URL{Scheme: u.Scheme, Host: net.JoinHostPort(normalizeHost(u.Hostname()), normalizePort(u))}
	if clean := path.Clean("/" + u.Path); clean != "/" {
		normalized.Path = clean
	}
	return normalized.String(), nil
}

// Via returns the identity behind a route other than the usual one to the URL's host: another TLS server name, or the network of a proxy.
// The same URL can lead to another server there, whose answers prove nothing about the API key. An empty route changes nothing.
func (id Identity) Via(route string) Identity {
	if route != "" {
		id.URL += " via " + route
	}
	return id
}

// ServerName returns the TLS server name to send to an address, in its one spelling; empty if it is the host of the address.
func ServerName(address, name string) string {
	name = strings.TrimSpace(name)
	if name == "" {
		return ""
	}
	name = normalizeHost(name)
	if u, err := url.Parse(strings.TrimSpace(address)); err == nil && normalizeHost(u.Hostname()) == name {
		return ""
	}
	return name
}

// LimiterFor returns the limiter of an address's host, that is scheme, name and port, and of the route to it, see [Identity.Via]. It is
// kept at least until leave is called.
func LimiterFor(address, route string) (l *ratelimit.Limiter, host string, leave func()) {
	host = strings.ToLower(strings.TrimSpace(address))
	if normalized, err := NormalizeURL(address); err == nil {
		host = normalized
		if u, err := url.Parse(normalized); err == nil {
			host = u.Scheme + "://" + u.Host
		}
	}
	if route != "" {
		host += " via " + route
	}
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
