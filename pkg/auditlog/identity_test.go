package auditlog_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func TestAccount(t *testing.T) {
	for actor, want := range map[string]string{
		"":                          "",
		" \t":                       "",
		"jane@example.com":          "jane@example.com",
		"Jane@Example.COM":          "jane@example.com",
		" JANE@example.com\n":       "jane@example.com",
		"\u00a0jane@example.com":    "jane@example.com",
		"JÜRGEN@Example.com":        "jürgen@example.com",
		"Jane+Test@Example.com":     "jane+test@example.com",
		"A1B2C3D4E5":                "A1B2C3D4E5",
		`EXAMPLE\Jane`:              `EXAMPLE\Jane`,
		" Jane Doe ":                "Jane Doe",
		"Jane Doe <Jane@Example.x>": "Jane Doe <Jane@Example.x>",
		"@Example":                  "@Example",
		"Jane@":                     "Jane@",
	} {
		require.Equal(t, want, auditlog.Account(actor), "%q", actor)
	}
}

func TestAddress(t *testing.T) {
	for actorIP, want := range map[string]string{
		"":                            "",
		" ":                           "",
		"203.0.113.7":                 "203.0.113.7",
		" 203.0.113.7 ":               "203.0.113.7",
		"203.0.113.7:40001":           "203.0.113.7",
		"203.0.113.7:":                "203.0.113.7",
		"203.0.113.7, 10.0.0.9":       "203.0.113.7",
		"203.0.113.7:443,10.0.0.9:1":  "203.0.113.7",
		"203.0.113.7 10.0.0.9":        "203.0.113.7",
		"203.0.113.7;10.0.0.9":        "203.0.113.7",
		", 203.0.113.7":               "203.0.113.7",
		"unknown, 203.0.113.7":        "203.0.113.7",
		"/203.0.113.7:40001":          "203.0.113.7",
		"[203.0.113.7]:40001":         "203.0.113.7",
		"::ffff:203.0.113.7":          "203.0.113.7",
		"::FFFF:CB00:7107":            "203.0.113.7",
		"[::ffff:203.0.113.7]:443":    "203.0.113.7",
		"2001:DB8:0:0:0:0:0:1":        "2001:db8::1",
		"2001:0db8::0001":             "2001:db8::1",
		"[2001:db8::1]":               "2001:db8::1",
		"[2001:DB8::1]:443":           "2001:db8::1",
		`"[2001:db8::1]:443"`:         "2001:db8::1",
		"[2001:db8::1]:443, 10.0.0.9": "2001:db8::1",
		"fe80::1%eth0":                "fe80::1",
		"[fe80::1%25eth0]:443":        "fe80::1",
		"::":                          "::",
		"ws-01.example.com":           "ws-01.example.com",
		" ws-01.example.com:443 ":     "ws-01.example.com:443",
		"203.0.113.007":               "203.0.113.007", // octal to some readers
		"203.0.113.256":               "203.0.113.256",
		"[2001:db8::1":                "[2001:db8::1",
		"[2001:db8::1]x":              "[2001:db8::1]x",
		"203.0.113.7:http":            "203.0.113.7:http",
		"203.0.113.0/24":              "203.0.113.0/24",
	} {
		require.Equal(t, want, auditlog.Address(actorIP), "%q", actorIP)
		require.Equal(t, want, auditlog.Address(auditlog.Address(actorIP)), "%q", actorIP)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { auditlog.Address("203.0.113.7") }))
}

func drawAddress(t *rapid.T) netip.Addr {
	if rapid.Bool().Draw(t, "IPv6") {
		var b [16]byte
		copy(b[:], rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0, 1, 0x20, 0xff}), 16, 16).Draw(t, "bytes"))
		return netip.AddrFrom16(b).Unmap()
	}
	var b [4]byte
	copy(b[:], rapid.SliceOfN(rapid.SampledFrom([]byte{0, 10, 127, 128, 255}), 4, 4).Draw(t, "bytes"))
	return netip.AddrFrom4(b)
}

// spell draws a spelling of an address that servers, proxies or people use.
func spell(t *rapid.T, addr netip.Addr) string {
	s := addr.String()
	if addr.Is6() {
		if rapid.Bool().Draw(t, "expanded") {
			s = addr.StringExpanded()
		}
		if rapid.Bool().Draw(t, "upper") {
			s = strings.ToUpper(s)
		}
		if rapid.Bool().Draw(t, "brackets") {
			s = "[" + s + "]"
		}
	} else if rapid.IntRange(0, 3).Draw(t, "mapped") == 0 {
		s = "[::ffff:" + s + "]"
	}
	if addr.Is4() || strings.HasPrefix(s, "[") {
		s += rapid.SampledFrom([]string{"", ":1", ":65535"}).Draw(t, "port")
	}
	return rapid.SampledFrom([]string{"", " ", "unknown, "}).Draw(t, "before") + s + rapid.SampledFrom([]string{"", " ", ", 10.0.0.9", ",2001:db8::9"}).Draw(t, "after")
}

func TestEverySpellingIsOneAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr := drawAddress(t)
		require.Equal(t, addr.String(), auditlog.Address(spell(t, addr)))
	})
}

// A filter by addresses and ranges selects what comparing bit by bit selects.
func TestAddressFilterEqualsBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr := drawAddress(t)
		event := &auditlog.Event{ActorIP: spell(t, addr)}
		var values []string
		want := false
		for i := range rapid.IntRange(1, 12).Draw(t, "values") {
			other := drawAddress(t)
			if rapid.Bool().Draw(t, "same") {
				other = addr
			}
			if rapid.Bool().Draw(t, "single") {
				values = append(values, spell(t, other))
				want = want || other == addr
				continue
			}
			bits := rapid.IntRange(0, other.BitLen()).Draw(t, fmt.Sprint("bits of ", i))
			values = append(values, fmt.Sprintf("%s/%d", other, bits))
			want = want || other.Is4() == addr.Is4() && sameBits(other.AsSlice(), addr.AsSlice(), bits)
		}
		require.Equal(t, want, auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyAddress: values}}.Local().Match(event, auditlog.Class{}), "%q in %q", event.ActorIP, values)
		require.Equal(t, !want, auditlog.Filter{Exclusions: auditlog.Terms{auditlog.KeyAddress: values}}.Everything().Match(event, auditlog.Class{}))
	})
}

func sameBits(a, b []byte, n int) bool {
	for i := range n {
		if mask := byte(0x80 >> (i % 8)); a[i/8]&mask != b[i/8]&mask {
			return false
		}
	}
	return true
}

func TestAddressRangesThatAreOdd(t *testing.T) {
	match := func(actorIP, value string) bool {
		return auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyAddress: {value}}}.Local().Match(&auditlog.Event{ActorIP: actorIP}, auditlog.Class{})
	}
	for _, value := range []string{"203.0.113.200/24", " 203.0.113.0/24 ", "::ffff:203.0.113.0/120", "203.0.113.7/32", "0.0.0.0/0", "[::ffff:203.0.113.0]/120"} {
		require.NoError(t, auditlog.KeyAddress.CheckValue(value))
		require.True(t, match("203.0.113.7:40001", value), value)
		require.False(t, match("2001:db8::1", value), value)
		require.False(t, match("", value), value)
	}
	for _, value := range []string{"2001:DB8::/32", "[2001:db8::]/32", "::/0", "2001:db8::1/128"} {
		require.NoError(t, auditlog.KeyAddress.CheckValue(value))
		require.True(t, match("[2001:db8::1]:443", value), value)
		require.False(t, match("203.0.113.7", value), value)
	}
	for _, value := range []string{"", "ws-01", "a/b", "/203.0.113.7", "203.0.113.7:443"} {
		require.NoError(t, auditlog.KeyAddress.CheckValue(value))
	}
	for _, value := range []string{"203.0.113.0/33", "203.0.113.0/x", "203.0.113.0/", "2001:db8::/129", "10.0.0.0/8, 11.0.0.0/8", "203.0.113.0/-1"} {
		require.ErrorContains(t, auditlog.KeyAddress.CheckValue(value), "is not a valid address range", value)
	}
	require.NoError(t, auditlog.KeyActorIP.CheckValue("203.0.113.0/33"))
	require.True(t, match("ws-01 ", "ws-01"))
	require.True(t, match("", ""))
	require.True(t, match(" ", ""))
}
