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

// Event is one audit record. The eight named fields are the vendor's. A field that Carbon Black Cloud adds later is kept in Extra, so
// no record loses a column.
//
// The vendor omits empty fields and false flags, or writes null. All three mean the zero value here.
type Event struct {
	CreateTime  time.Time // when it happened, in UTC, with nanoseconds
	OrgKey      string
	Actor       string // who did it: a mail address, an API ID, a device, or nobody ("")
	ActorIP     string // where from; "" for the vendor's staff and for the system itself
	RequestURL  string // the path of the API call, mostly ""
	Description string // what happened
	Flagged     bool
	Verbose     bool
	Extra       []Field // all other fields, sorted by name, without null fields
}

// Field is a field that this version does not know, as it was received.
type Field struct {
	Name  string
	Value json.RawMessage
}

// Text returns the field's value: a string without its quotes, anything else as JSON.
func (f Field) Text() string {
	if len(f.Value) > 0 && f.Value[0] == '"' {
		var s string
		if json.Unmarshal(f.Value, &s) == nil {
			return s
		}
	}
	return string(f.Value)
}

// ID identifies the content of an event. Carbon Black Cloud gives events no id, so equal events share one. An ordinal distinguishes
// them.
type ID [16]byte

// String returns the id as 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Row returns the id of a row that shows an event with this content. The ordinal numbers events that are equal in every field, from 0.
func (id ID) Row(ordinal int) string {
	if ordinal == 0 {
		return id.String()
	}
	return id.String() + "-" + strconv.Itoa(ordinal)
}

// ID returns a hash of every field. Fields are prefixed with their length, so different events have different ids. The id is stable
// across releases, because links to rows contain it.
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

// Compare orders events by time and then by content, so every reader sees the same order.
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
