// Package auditlog defines an audit log event of Carbon Black Cloud, and the TimeRange and the Filter that select events. It is
// pure: no I/O and no clock.
package auditlog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Event is one audit record. The eight named fields are the vendor's; a field that Carbon Black Cloud adds later is kept in
// Extra, so that a record never loses a column.
//
// The vendor leaves out a field that is empty and a flag that is false, or writes null: all three mean the zero value here.
type Event struct {
	CreateTime  time.Time // when it happened, UTC, to the nanosecond
	OrgKey      string
	Actor       string // who: an e-mail address, an API ID, a device, or nobody ("")
	ActorIP     string // from where; "" for the vendor's staff and for the system itself
	RequestURL  string // the path called, mostly ""
	Description string // what happened, the only payload
	Flagged     bool
	Verbose     bool
	Extra       []Field // fields not named above, sorted by name; null fields are left out
}

// Field is a field this version does not know, as it came.
type Field struct {
	Name  string
	Value json.RawMessage
}

// ID identifies the content of an event. Carbon Black Cloud gives events no id, so equal events share one; an ordinal tells
// them apart.
type ID [16]byte

// String returns the id as 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Row is the id of a row that shows an event with this content: the ordinal counts, from 0, those that are equal in every field.
func (id ID) Row(ordinal int) string {
	if ordinal == 0 {
		return id.String()
	}
	return id.String() + "-" + strconv.Itoa(ordinal)
}

// ID hashes every field, length-prefixed so that no two different events look alike. It is stable across releases: links to
// rows are made of it.
func (e *Event) ID() ID {
	var stack [512]byte
	buf := binary.BigEndian.AppendUint64(stack[:0], uint64(e.CreateTime.Unix()))
	buf = binary.BigEndian.AppendUint32(buf, uint32(e.CreateTime.Nanosecond()))
	for _, s := range [...]string{e.OrgKey, e.Actor, e.ActorIP, e.RequestURL, e.Description} {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	buf = append(buf, flags(e.Flagged, e.Verbose))
	for _, f := range e.Extra {
		buf = binary.AppendUvarint(buf, uint64(len(f.Name)))
		buf = append(buf, f.Name...)
		buf = binary.AppendUvarint(buf, uint64(len(f.Value)))
		buf = append(buf, f.Value...)
	}
	sum := sha256.Sum256(buf)
	return ID(sum[:16])
}

func flags(flagged, verbose bool) byte {
	var b byte
	if flagged {
		b |= 1
	}
	if verbose {
		b |= 2
	}
	return b
}

// Class is what the catalog derives from an event's description. Its strings are lower-case names.
type Class struct {
	Category string // what it is about: authentication, api_key, policy, …
	Action   string // what was done: login, create, update, …
	Outcome  string // success, failure or unknown
	Severity string // Grafana's log levels: info, warning, error, critical
	Code     string // stable name of the row: login.failed, api_key.created, …
	Targets  TargetFinder
}

// TargetFinder finds what an event of a class was done to.
type TargetFinder interface {
	FindTarget(e *Event) (targetType, target string)
}

// Target returns what the action of an event of this class was done to: the kind of thing, such as policy, user or device, and its
// name or id as the description writes it. Both are empty when the description does not say.
func (c Class) Target(e *Event) (targetType, target string) {
	if c.Targets == nil {
		return "", ""
	}
	return c.Targets.FindTarget(e)
}

// Compare orders events by time and, among equal times, by content, so that every reader sees the same order.
func Compare(a, b *Event) int {
	if c := a.CreateTime.Compare(b.CreateTime); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(a.Description, b.Description),
		cmp.Compare(a.Actor, b.Actor),
		cmp.Compare(a.ActorIP, b.ActorIP),
		cmp.Compare(a.RequestURL, b.RequestURL),
		cmp.Compare(a.OrgKey, b.OrgKey),
		cmp.Compare(flags(a.Flagged, a.Verbose), flags(b.Flagged, b.Verbose)),
		slices.CompareFunc(a.Extra, b.Extra, func(x, y Field) int {
			return cmp.Or(cmp.Compare(x.Name, y.Name), bytes.Compare(x.Value, y.Value))
		}),
	)
}
