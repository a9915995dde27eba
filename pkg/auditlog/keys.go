package auditlog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Key names a property of an event that can be filtered and grouped by.
type Key string

// The first six keys are Carbon Black Cloud's own criteria. This plugin derives the others: KeyAccount and KeyAddress from the actor
// and its IP address, the rest from the description by the catalog.
const (
	KeyActor       Key = "actor"
	KeyActorIP     Key = "actor_ip"
	KeyRequestURL  Key = "request_url"
	KeyDescription Key = "description"
	KeyFlagged     Key = "flagged"
	KeyVerbose     Key = "verbose"
	KeyCategory    Key = "category"
	KeyAction      Key = "action"
	KeyOutcome     Key = "outcome"
	KeyCode        Key = "code"
	KeySeverity    Key = "severity"
	KeyAccount     Key = "account"
	KeyAddress     Key = "address"
	KeyTarget      Key = "target"
	KeyTargetType  Key = "target_type"
)

var keys = []Key{
	KeyActor, KeyActorIP, KeyRequestURL, KeyDescription, KeyFlagged, KeyVerbose, KeyCategory, KeyAction, KeyOutcome, KeyCode, KeySeverity,
	KeyAccount, KeyAddress, KeyTarget, KeyTargetType,
}

// Keys returns every key in the order in which they are shown.
func Keys() []Key { return slices.Clone(keys) }

// Known reports whether k is one of Keys.
func (k Key) Known() bool { return slices.Contains(keys, k) }

// KeyList returns the names of all keys, for an error message.
func KeyList() string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// Derived reports whether this plugin computes the key's values, so that Carbon Black Cloud cannot filter by it.
func (k Key) Derived() bool { return k == KeyAccount || k == KeyAddress || k.NeedsClass() }

// NeedsClass reports whether the key's values come from the [Class] of an event.
func (k Key) NeedsClass() bool { return k.FixedByClass() || k == KeyTarget || k == KeyTargetType }

// FixedByClass reports whether all events of a class have the same value.
func (k Key) FixedByClass() bool {
	switch k {
	case KeyCategory, KeyAction, KeyOutcome, KeyCode, KeySeverity:
		return true
	}
	return false
}

// Boolean reports whether the key's values are "true" and "false".
func (k Key) Boolean() bool { return k == KeyFlagged || k == KeyVerbose }

// MatchedByCloud reports whether only Carbon Black Cloud knows how the key's values are matched: whether by phrase, by word or by
// the whole field is not documented.
func (k Key) MatchedByCloud() bool { return k == KeyDescription || k == KeyRequestURL }

// Value returns the event's value of the key, or "" when it is empty or missing.
func (k Key) Value(e *Event, c Class) string {
	switch k {
	case KeyActor:
		return e.Actor
	case KeyActorIP:
		return e.ActorIP
	case KeyRequestURL:
		return e.RequestURL
	case KeyDescription:
		return e.Description
	case KeyFlagged:
		return strconv.FormatBool(e.Flagged)
	case KeyVerbose:
		return strconv.FormatBool(e.Verbose)
	case KeyAccount:
		return Account(e.Actor)
	case KeyAddress:
		return Address(e.ActorIP)
	case KeyTarget:
		_, target := c.Target(e)
		return target
	case KeyTargetType:
		targetType, _ := c.Target(e)
		return targetType
	}
	return k.classValue(c)
}

func (k Key) classValue(c Class) string {
	switch k {
	case KeyCategory:
		return c.Category
	case KeyAction:
		return c.Action
	case KeyOutcome:
		return c.Outcome
	case KeyCode:
		return c.Code
	case KeySeverity:
		return c.Severity
	}
	return ""
}

// CheckValue returns an error when the value cannot be used in a filter by the key.
func (k Key) CheckValue(value string) error {
	if k == KeyAddress && !validAddressFilter(value) {
		return fmt.Errorf("%.80q is not a valid address range: write it like 203.0.113.0/24 or 2001:db8::/32", value)
	}
	return nil
}
