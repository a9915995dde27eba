package auditlog

import (
	"net/netip"
	"slices"
	"strings"
)

// addressSet is the set of addresses and address ranges of a filter. A lookup takes one step per distinct prefix length, however many values
// there are.
type addressSet struct {
	prefixes map[netip.Prefix]struct{} // masked; single addresses have their full length
	lengths  [2][]int                  // of IPv4 and IPv6, distinct
	texts    map[string]struct{}       // values that are not addresses
}

func newAddressSet(values []string) *addressSet {
	s := &addressSet{prefixes: make(map[netip.Prefix]struct{}, len(values)), texts: map[string]struct{}{}}
	for _, value := range values {
		prefix, ok := parsePrefix(value)
		if !ok {
			s.texts[strings.TrimSpace(value)] = struct{}{}
			continue
		}
		s.prefixes[prefix] = struct{}{}
		lengths := &s.lengths[family(prefix.Addr())]
		if !slices.Contains(*lengths, prefix.Bits()) {
			*lengths = append(*lengths, prefix.Bits())
		}
	}
	return s
}

func (s *addressSet) contains(actorIP string) bool {
	addr, ok := firstAddress(actorIP)
	if !ok {
		_, found := s.texts[strings.TrimSpace(actorIP)]
		return found
	}
	for _, bits := range s.lengths[family(addr)] {
		prefix, err := addr.Prefix(bits)
		if err != nil {
			continue
		}
		if _, found := s.prefixes[prefix]; found {
			return true
		}
	}
	return false
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return 0
	}
	return 1
}

// parsePrefix reads an address in any spelling or a range of addresses in CIDR notation.
func parsePrefix(value string) (netip.Prefix, bool) {
	if addr, ok := firstAddress(value); ok {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(withoutBrackets(value))
	if err != nil {
		return netip.Prefix{}, false
	}
	if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), true
}

// validAddressFilter reports whether a value that looks like an address range is one.
func validAddressFilter(value string) bool {
	host, _, slash := strings.Cut(withoutBrackets(value), "/")
	if _, err := netip.ParseAddr(host); !slash || err != nil {
		return true
	}
	_, ok := parsePrefix(value)
	return ok
}

func withoutBrackets(value string) string {
	return strings.NewReplacer("[", "", "]", "").Replace(strings.TrimSpace(value))
}
