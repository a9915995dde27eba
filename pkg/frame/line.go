package frame

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// lines returns the lines of a log.
func lines(rows []Row) []string {
	out := make([]string, len(rows))
	ends, buf := appendEach(rows, 160, appendLine)
	all, start := string(buf), 0
	for i, end := range ends {
		out[i] = all[start:end]
		start = end
	}
	return out
}

// appendLine appends the line of an event: who, from where, and what. Empty parts are left out, and so is what the description says
// itself.
func appendLine(buf []byte, r Row) []byte {
	description := r.Event.Description
	account, address := auditlog.KeyAccount.Value(r.Event, r.Class), auditlog.KeyAddress.Value(r.Event, r.Class)
	if said := strings.TrimPrefix(description, "User "); beginsWith(said, account) || beginsWith(said, r.Event.Actor) {
		account = ""
	}
	if address != "" && strings.Contains(description, address) {
		address = ""
	}
	buf = append(buf, account...)
	if account != "" && address != "" {
		buf = append(append(append(buf, " ("...), address...), ')')
	} else {
		buf = append(buf, address...)
	}
	if description != "" && (account != "" || address != "") {
		buf = append(buf, ": "...)
	}
	return append(buf, description...)
}

// beginsWith reports whether a description begins with a name as a whole, in any case.
func beginsWith(description, name string) bool {
	if name == "" || len(description) < len(name) || !strings.EqualFold(description[:len(name)], name) {
		return false
	}
	next, _ := utf8.DecodeRuneInString(description[len(name):])
	return len(description) == len(name) || !unicode.IsLetter(next) && !unicode.IsDigit(next)
}
