package cbc

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNormalizeURL(t *testing.T) {
	for want, spellings := range map[string][]string{
		"https://defense.conferdeploy.net:443": {
			"https://defense.conferdeploy.net", "https://defense.conferdeploy.net/", "HTTPS://Defense.ConferDeploy.NET:443//",
			" https://defense.conferdeploy.net. ", "https://defense.conferdeploy.net:0443/", "https://defense.conferdeploy.net:/./",
		},
		"https://defense.conferdeploy.net:8443/cbc": {
			"https://defense.conferdeploy.net:8443/cbc", "https://defense.conferdeploy.net:8443/cbc/", "https://defense.conferdeploy.net:8443/a/../cbc",
		},
		"http://127.0.0.1:80":          {"http://127.0.0.1", "http://127.0.0.1:80/"},
		"http://[::1]:8080":            {"http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/", "http://[0::1]:08080"},
		"https://xn--mller-kva.de:443": {"https://müller.de", "https://MÜLLER.de/", "https://xn--mller-kva.de", "https://XN--mller-kva.de."},
		"https://my_host:443":          {"https://my_host", "https://My_Host:443"},
	} {
		for _, spelling := range spellings {
			got, err := NormalizeURL(spelling)
			require.NoError(t, err, spelling)
			require.Equal(t, want, got, spelling)
			again, err := NormalizeURL(got)
			require.NoError(t, err)
			require.Equal(t, got, again, "normalizing twice changes nothing")
		}
	}
	for _, bad := range []string{"", "defense.conferdeploy.net", "https://", "https://:443", "://x", "https://a b"} {
		_, err := NormalizeURL(bad)
		require.ErrorContains(t, err, "is not an address", bad)
	}
}

// A path that servers may read in another way than this package has no identity.
func TestEncodedPathsAreRefused(t *testing.T) {
	for _, bad := range []string{"https://host/evil/%2e%2e", "https://host/a%2Fb", "https://host/%63bc", "https://host/a%20b", "https://host/%2e%2e/x", "https://host/ü"} {
		_, err := NormalizeURL(bad)
		require.ErrorContains(t, err, "encoded character", bad)
		_, err = New(Config{URL: bad, OrgKey: "O"}, http.DefaultClient)
		require.Error(t, err, bad)
	}
}

// Requests go to the very address that the identity names.
func TestRequestsGoToTheIdentitysAddress(t *testing.T) {
	for _, address := range []string{"https://Host.example./a/../b/", "HTTPS://host.example:0443//b", "http://[::ffff:127.0.0.1]/x"} {
		normalized, err := NormalizeURL(address)
		require.NoError(t, err)
		client, err := New(Config{URL: address, OrgKey: "O"}, http.DefaultClient)
		require.NoError(t, err)
		again, err := NormalizeURL(client.base.String())
		require.NoError(t, err)
		require.Equal(t, normalized, again)
		require.NotContains(t, client.base.Host, ":443")
	}
	mapped, _ := NormalizeURL("http://[::ffff:127.0.0.1]")
	plain, _ := NormalizeURL("http://127.0.0.1")
	require.Equal(t, plain, mapped)
}

func TestIdentityDiffersInEveryPart(t *testing.T) {
	of := func(parts ...string) Identity {
		id, err := NewIdentity(parts[0], parts[1], parts[2], parts[3])
		require.NoError(t, err)
		return id
	}
	base := []string{"https://a.example", "ORG", "ID", "secret"}
	require.Equal(t, of(base...), of(base...))
	for i, other := range []string{"https://b.example", "ORg", "ID2", "secret2"} {
		changed := append([]string{}, base...)
		changed[i] = other
		require.NotEqual(t, of(base...), of(changed...))
		require.Equal(t, i == 3, of(base...).APIKey == of(changed...).APIKey, "the secret is no part of the key's name")
	}
}

func TestFingerprintHidesTheSecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringN(4, 40, -1).Draw(t, "secret")
		id, err := NewIdentity("https://a.example", "ORG", "ID", secret)
		require.NoError(t, err)
		require.False(t, strings.Contains(id.Fingerprint, secret))
		require.Len(t, id.Fingerprint, 64)
	})
}

// Settings that spell the same host differently share one rate limit.
func TestLimiterForOneHost(t *testing.T) {
	l, _, leave := LimiterFor("https://Limiter.example/", "")
	defer leave()
	for _, same := range []string{"https://limiter.example", " https://limiter.example.:443/path?x=y "} {
		other, _, leaveOther := LimiterFor(same, "")
		require.Same(t, l, other, same)
		leaveOther()
	}
	for _, different := range []string{"http://limiter.example", "https://limiter.example:8443", "https://other.example", "limiter.example"} {
		other, _, leaveOther := LimiterFor(different, "")
		require.NotSame(t, l, other, different)
		leaveOther()
	}
}

// What is compared with the host is what is sent, and another name is another route.
func TestServerName(t *testing.T) {
	for _, same := range []string{"", " ", "console.example", "CONSOLE.example.", "console。example", "console.example。。"} {
		require.Empty(t, ServerName("https://console.example:443/x", same), same)
	}
	for name, sent := range map[string]string{"Other.example。": "other.example", "console.example.evil": "console.example.evil", "127.0.0.1": "127.0.0.1"} {
		require.Equal(t, sent, ServerName("https://console.example", name))
	}
}

// Each route to an address has an identity and a limiter of its own.
func TestVia(t *testing.T) {
	id, err := NewIdentity("https://console.example", "ORG", "ID", "secret")
	require.NoError(t, err)
	require.Equal(t, id, id.Via(""))
	require.NotEqual(t, id.APIKey, id.Via("server name other").APIKey)
	require.NotEqual(t, id.Via("a").APIKey, id.Via("b").APIKey)
	l, _, leave := LimiterFor("https://console.example", "")
	defer leave()
	other, _, leaveOther := LimiterFor("https://console.example", "server name other")
	defer leaveOther()
	require.NotSame(t, l, other)
}

// Every full stop that a resolver takes for one is one, and normalizing again changes nothing.
func TestFullStopsOfAHostName(t *testing.T) {
	const want = "https://defense.conferdeploy.net:443"
	for _, host := range []string{
		"defense.conferdeploy.net.", "defense.conferdeploy.net..", "defense.conferdeploy.net。", "defense.conferdeploy.net.。",
		"defense。conferdeploy。net", "defense.conferdeploy.net．", "defense.conferdeploy.net｡", "ｄefense.conferdeploy.net", "Defense.conferdeploy.net:00443",
	} {
		got, err := NormalizeURL("https://" + host)
		require.NoError(t, err, host)
		require.Equal(t, want, got, host)
	}
	for _, address := range []string{
		"https://[fe80::1%25eth0]", "https://[fe80::1%25ETH0]:0443/", "http://[::1]", "http://[::FFFF:127.0.0.1]", "https://[::ffff:1.2.3.4%25x]",
		"http://１２７.0.0.1", "https://a_b。c", "https://A_Ü.example",
	} {
		once, err := NormalizeURL(address)
		if err != nil {
			continue
		}
		again, err := NormalizeURL(once)
		require.NoError(t, err, address)
		require.Equal(t, once, again, address)
	}
}
