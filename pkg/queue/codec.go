package queue

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// encode writes an event as Carbon Black Cloud does, with every field that it has: what it decodes to has the same id. Fields
// that the vendor added later keep their exact bytes.
func encode(b []byte, e *auditlog.Event) []byte {
	b = append(b, `{"create_time":"`...)
	b = e.CreateTime.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	for _, text := range [...]struct{ name, value string }{
		{"org_key", e.OrgKey}, {"actor", e.Actor}, {"actor_ip", e.ActorIP}, {"request_url", e.RequestURL}, {"description", e.Description},
	} {
		if text.value != "" {
			b = append(append(append(b, `,"`...), text.name...), `":`...)
			b = appendText(b, text.value)
		}
	}
	for _, flag := range [...]struct {
		name  string
		value bool
	}{{"flagged", e.Flagged}, {"verbose", e.Verbose}} {
		if flag.value {
			b = append(append(append(b, `,"`...), flag.name...), `":`...)
			b = strconv.AppendBool(b, true)
		}
	}
	for _, f := range e.Extra {
		b = append(appendText(append(b, ','), f.Name), ':')
		b = append(b, f.Value...)
	}
	return append(b, '}')
}

// appendText writes a JSON string; most need no escape.
func appendText(b []byte, s string) []byte {
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
