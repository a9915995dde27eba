package frame

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// line returns the line of a log for an event: who, from where, and what. Empty parts are left out, and so is what the description
// says itself.
func line(r Row) string {
	description := r.Event.Description
	account, address := auditlog.KeyAccount.Value(r.Event, r.Class), auditlog.KeyAddress.Value(r.Event, r.Class)
	if said := strings.TrimPrefix(description, "User "); beginsWith(said, account) || beginsWith(said, r.Event.Actor) {
		account = ""
	}
	if address != "" && strings.Contains(description, address) {
		address = ""
	}
	switch {
	case account != "" && address != "":
		account += " (" + address + ")"
	case account == "":
		account = address
	}
	switch {
	case account == "":
		return description
	case description == "":
		return account
	}
	return account + ": " + description
}

// beginsWith reports whether a description begins with a name as a whole, in any case.
func beginsWith(description, name string) bool {
	if name == "" || len(description) < len(name) || !strings.EqualFold(description[:len(name)], name) {
		return false
	}
	next, _ := utf8.DecodeRuneInString(description[len(name):])
	return len(description) == len(name) || !unicode.IsLetter(next) && !unicode.IsDigit(next)
}
