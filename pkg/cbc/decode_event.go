package cbc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// event decodes a JSON object into e.
func (d *decoder) event(object []byte, e *auditlog.Event) error {
	timed := false
	err := eachMember(object, func(name, value []byte) error {
		var err error
		if bytes.IndexByte(name, '\\') >= 0 {
			if name, err = plainName(name); err != nil {
				return err
			}
		}
		switch string(name) {
		case `"create_time"`:
			timed = true
			e.CreateTime, err = timestamp(value)
			d.digits = max(d.digits, fractionDigits(value))
		case `"org_key"`:
			e.OrgKey, err = d.text(value)
		case `"actor"`:
			e.Actor, err = d.text(value)
		case `"actor_ip"`:
			e.ActorIP, err = d.text(value)
		case `"request_url"`:
			e.RequestURL, err = d.text(value)
		case `"description"`:
			e.Description, err = d.text(value)
		case `"flagged"`:
			e.Flagged, err = flag(value)
		case `"verbose"`:
			e.Verbose, err = flag(value)
		default:
			err = d.extra(name, value, e)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !timed {
		return errors.New("it has no create_time")
	}
	e.Extra = sorted(e.Extra)
	return nil
}

// sorted sorts fields by name. Of equal names the last one is kept, as for known fields.
func sorted(fields []auditlog.Field) []auditlog.Field {
	slices.SortStableFunc(fields, func(a, b auditlog.Field) int { return strings.Compare(a.Name, b.Name) })
	n := 0
	for i, f := range fields {
		if i+1 == len(fields) || fields[i+1].Name != f.Name {
			fields[n] = f
			n++
		}
	}
	return fields[:n]
}

// plainName returns a name without unnecessary escapes, so that every spelling of it is recognized.
func plainName(name []byte) ([]byte, error) {
	var s string
	if err := json.Unmarshal(name, &s); err != nil {
		return nil, errors.New("a member's name holds a bad escape")
	}
	return json.Marshal(s)
}

// maxFields bounds the unknown fields of an event.
const maxFields = 256

// extra stores an unknown field.
func (d *decoder) extra(name, value []byte, e *auditlog.Event) error {
	if len(e.Extra) >= maxFields {
		return fmt.Errorf("it has more than %d unknown fields", maxFields)
	}
	key, err := d.text(name)
	if err != nil || string(value) == "null" {
		return err
	}
	if value, err = verbatim(value); err != nil {
		return err
	}
	e.Extra = append(e.Extra, auditlog.Field{Name: key, Value: bytes.Clone(value)})
	return nil
}

// verbatim returns a value unchanged, if it is valid JSON.
func verbatim(value []byte) ([]byte, error) {
	if !json.Valid(value) {
		return nil, errors.New("it is not valid JSON")
	}
	if !utf8.Valid(value) {
		value = bytes.ToValidUTF8(value, []byte("\ufffd"))
	}
	return value, nil
}

// text decodes a string. null is "", and a value of another type is kept as JSON, so that nothing is lost if the vendor changes a type.
func (d *decoder) text(value []byte) (string, error) {
	if value[0] != '"' {
		if string(value) == "null" {
			return "", nil
		}
		value, err := verbatim(value)
		return d.intern(value), err
	}
	inner := value[1 : len(value)-1]
	if plain(inner) {
		return d.intern(inner), nil
	}
	var err error
	if d.scratch, err = unescape(d.scratch[:0], inner); err != nil {
		return "", err
	}
	return d.intern(d.scratch), nil
}

// maxInterned bounds the strings that are interned: long ones rarely repeat.
const maxInterned = 256

func (d *decoder) intern(b []byte) string {
	if len(b) > maxInterned {
		return string(b)
	}
	if s, ok := d.interned[string(b)]; ok { // the compiler does not copy b for the lookup
		return s
	}
	s := string(b)
	d.interned[s] = s
	return s
}

// flag decodes a boolean. null means false, as if it were absent.
func flag(value []byte) (bool, error) {
	switch string(value) {
	case "true", `"true"`:
		return true, nil
	case "false", `"false"`, "null":
		return false, nil
	}
	return false, errors.New("it is neither true nor false")
}

// timestamp decodes a point in time.
func timestamp(value []byte) (time.Time, error) {
	if len(value) < 2 || value[0] != '"' {
		return time.Time{}, auditlog.ErrTime
	}
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') >= 0 {
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			return time.Time{}, auditlog.ErrTime
		}
		return auditlog.ParseTime(s)
	}
	return auditlog.ParseTime(string(inner))
}

// fractionDigits counts the fraction digits of a timestamp.
func fractionDigits(value []byte) int {
	point := bytes.IndexAny(value, ".,")
	if point < 0 {
		return 0
	}
	n := 0
	for _, c := range value[point+1:] {
		if c < '0' || c > '9' {
			break
		}
		n++
	}
	return n
}
