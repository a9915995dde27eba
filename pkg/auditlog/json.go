package auditlog

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// AppendJSON appends the event as a JSON object the way Carbon Black Cloud writes one: empty strings and false flags are left out.
// Decoding it gives an event with the same id. Events are stored in this form, so its bytes never change.
func (e *Event) AppendJSON(b []byte) []byte {
	b = append(b, `{"create_time":"`...)
	b = e.CreateTime.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	for _, m := range [...]struct{ name, value string }{
		{"org_key", e.OrgKey}, {"actor", e.Actor}, {"actor_ip", e.ActorIP}, {"request_url", e.RequestURL}, {"description", e.Description},
	} {
		if m.value != "" {
			b = appendMember(b, m.name, m.value)
		}
	}
	for _, m := range [...]struct {
		name  string
		value bool
	}{{"flagged", e.Flagged}, {"verbose", e.Verbose}} {
		if m.value {
			b = appendFlag(b, m.name, m.value)
		}
	}
	return append(e.appendExtra(b), '}')
}

// AppendFullJSON appends the event as a JSON object with all eight named fields, also those that are empty. Files for people have
// this form.
func (e *Event) AppendFullJSON(b []byte) []byte {
	b = append(b, `{"create_time":"`...)
	b = AppendTime(b, e.CreateTime)
	b = append(b, '"')
	b = appendMember(b, "actor", e.Actor)
	b = appendMember(b, "actor_ip", e.ActorIP)
	b = appendMember(b, "description", e.Description)
	b = appendMember(b, "request_url", e.RequestURL)
	b = appendFlag(b, "flagged", e.Flagged)
	b = appendFlag(b, "verbose", e.Verbose)
	b = appendMember(b, "org_key", e.OrgKey)
	return append(e.appendExtra(b), '}')
}

func appendMember(b []byte, name, value string) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return AppendJSONString(b, value)
}

func appendFlag(b []byte, name string, value bool) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendBool(b, value)
}

// appendExtra appends the fields that this version does not know, with their exact bytes.
func (e *Event) appendExtra(b []byte) []byte {
	for _, f := range e.Extra {
		b = append(AppendJSONString(append(b, ','), f.Name), ':')
		b = append(b, f.Value...)
	}
	return b
}

// ExtraJSON returns the fields that this version does not know as a JSON object, with their exact bytes.
func (e *Event) ExtraJSON() string {
	b := e.appendExtra(nil)
	if len(b) > 0 {
		b = b[1:] // the comma
	}
	return "{" + string(b) + "}"
}

// AppendJSONString appends s as a JSON string. It is fast for the common case, printable ASCII.
func AppendJSONString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(fmt.Sprint("a string always marshals: ", err))
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
