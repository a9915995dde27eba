package catalog

import "strings"

// splitGrant splits a grant such as "psc:user:ABCD1234:jane@example.com with role Read Only" into the grantee and the roles. A grantee's
// name may contain the name of a role.
func splitGrant(s string) (grantee, roles string) {
	if at, end := lastRoleWord(s, " with "); at >= 0 {
		return s[:at], s[end:]
	}
	if at, end := lastRoleWord(s, ""); at >= 0 && strings.TrimSpace(s[end:]) != "" {
		grantee, _, _ = strings.Cut(s[:at], " ")
		return grantee, s[end:]
	}
	grantee, roles, _ = strings.Cut(s, " ")
	return grantee, roles
}

// lastRoleWord finds the last word "role" or "roles" after a prefix, in any case. It returns where the prefix starts and the word ends, or
// -1 when there is none.
func lastRoleWord(s, prefix string) (at, end int) {
	const word = "role"
	for i := len(s) - len(word); i >= len(prefix); i-- {
		if s[i]|0x20 != 'r' || !strings.EqualFold(s[i:i+len(word)], word) || i > 0 && isWordByte(s[i-1]) {
			continue
		}
		end := i + len(word)
		if end < len(s) && s[end]|0x20 == 's' {
			end++
		}
		if at := i - len(prefix); (end == len(s) || !isWordByte(s[end])) && strings.EqualFold(s[at:i], prefix) {
			return at, end
		}
	}
	return -1, -1
}

// hasRole reports whether the roles of a grant contain a role, in any case. Spaces, underscores, hyphens or nothing may separate the words
// of the role.
func hasRole(grant, role string) bool {
	_, roles := splitGrant(grant)
	for i := range len(roles) {
		if startsWithRole(roles[i:], role) {
			return true
		}
	}
	return false
}

func startsWithRole(s, role string) bool {
	for i := range len(role) {
		if role[i] == ' ' {
			s = strings.TrimLeft(s, " _-")
			continue
		}
		if s == "" || lower(s[0]) != lower(role[i]) {
			return false
		}
		s = s[1:]
	}
	return true
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b | 0x20
	}
	return b
}
