package auditlog

import (
	"net/netip"
	"strings"
	"unicode"
)

// Account returns the account of an actor: without surrounding white space, and in lower case when it is a mail address.
func Account(actor string) string {
	account := strings.TrimSpace(actor)
	if isMailAddress(account) {
		return strings.ToLower(account)
	}
	return account
}

// isMailAddress reports whether s is one word with an @ inside.
func isMailAddress(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1 && strings.IndexFunc(s, unicode.IsSpace) < 0
}

// Address returns the first IP address in an event's actor_ip, without port and zone, in canonical spelling: IPv6 compressed and in
// lower case, IPv4-mapped IPv6 as IPv4. Text without an address is returned without surrounding white space.
func Address(actorIP string) string {
	addr, ok := firstAddress(actorIP)
	if !ok {
		return strings.TrimSpace(actorIP)
	}
	var stack [48]byte
	canonical := addr.AppendTo(stack[:0])
	if string(canonical) == actorIP {
		return actorIP // without a copy, as most are
	}
	return string(canonical)
}

// firstAddress returns the first address of a list.
func firstAddress(s string) (netip.Addr, bool) {
	if addr, ok := parseAddress(s); ok {
		return addr, true
	}
	for item := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) }) {
		if addr, ok := parseAddress(item); ok {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// parseAddress reads one address in the spellings that servers write: 203.0.113.7, 203.0.113.7:443, 2001:db8::1, [2001:db8::1],
// [2001:db8::1]:443 and fe80::1%eth0, in quotes or behind a slash too.
func parseAddress(s string) (netip.Addr, bool) {
	if s == "" {
		return netip.Addr{}, false
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	s = strings.TrimPrefix(strings.Trim(s, `"' `), "/")
	if inner, bracketed := strings.CutPrefix(s, "["); bracketed {
		host, port, closed := strings.Cut(inner, "]")
		if !closed || port != "" && port[0] != ':' || !isPort(strings.TrimPrefix(port, ":")) {
			return netip.Addr{}, false
		}
		s = host
	} else if host, port, found := strings.Cut(s, ":"); found && strings.Count(s, ":") == 1 && isPort(port) {
		s = host
	}
	addr, err := netip.ParseAddr(s)
	return addr.Unmap().WithZone(""), err == nil
}

// isPort reports whether s is a port number or empty.
func isPort(s string) bool { return len(s) <= 5 && strings.Trim(s, "0123456789") == "" }
