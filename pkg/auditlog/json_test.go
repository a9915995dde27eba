package auditlog_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Databases contain these bytes: a later version must write the same.
func TestStoredJSONIsStable(t *testing.T) {
	at := time.Date(2024, 4, 17, 19, 18, 37, 480_000_000, time.UTC)
	for _, tt := range []struct {
		event              auditlog.Event
		stored, full, name string
	}{
		{
			name:   "empty",
			stored: `{"create_time":"0001-01-01T00:00:00Z"}`,
			full:   `{"create_time":"0001-01-01T00:00:00.000Z","actor":"","actor_ip":"","description":"","request_url":"","flagged":false,"verbose":false,"org_key":""}`,
		},
		{
			name: "login",
			event: auditlog.Event{
				CreateTime: at, OrgKey: "ABCD1234", Actor: "a@example.com", ActorIP: "192.0.2.7", Description: "Logged in successfully",
			},
			stored: `{"create_time":"2024-04-17T19:18:37.48Z","org_key":"ABCD1234","actor":"a@example.com","actor_ip":"192.0.2.7","description":"Logged in successfully"}`,
			full:   `{"create_time":"2024-04-17T19:18:37.480Z","actor":"a@example.com","actor_ip":"192.0.2.7","description":"Logged in successfully","request_url":"","flagged":false,"verbose":false,"org_key":"ABCD1234"}`,
		},
		{
			name: "every field, with characters that are escaped",
			event: auditlog.Event{
				CreateTime: at.Add(1).In(time.FixedZone("", 3600)), OrgKey: `A"B`, Actor: `DOM\host`, ActorIP: "\x7f", RequestURL: "/a?b=<c>&d", Description: "“é”\n<\u2028\xff",
				Flagged: true, Verbose: true,
				Extra: []auditlog.Field{{Name: "a<é", Value: json.RawMessage(`{ "b" : 1.50 }`)}, {Name: "z", Value: json.RawMessage(`"\u00e9"`)}},
			},
			stored: `{"create_time":"2024-04-17T19:18:37.480000001Z","org_key":"A\"B","actor":"DOM\\host","actor_ip":"` + "\x7f" + `","request_url":"/a?b=<c>&d","description":"“é”\n\u003c\u2028\ufffd","flagged":true,"verbose":true,"a\u003cé":{ "b" : 1.50 },"z":"\u00e9"}`,
			full:   `{"create_time":"2024-04-17T19:18:37.480000001Z","actor":"DOM\\host","actor_ip":"` + "\x7f" + `","description":"“é”\n\u003c\u2028\ufffd","request_url":"/a?b=<c>&d","flagged":true,"verbose":true,"org_key":"A\"B","a\u003cé":{ "b" : 1.50 },"z":"\u00e9"}`,
		},
	} {
		require.Equal(t, tt.stored, string(tt.event.AppendJSON(nil)), tt.name)
		require.Equal(t, tt.full, string(tt.event.AppendFullJSON(nil)), tt.name)
		require.True(t, json.Valid(tt.event.AppendJSON(nil)))
		require.True(t, json.Valid(tt.event.AppendFullJSON(nil)))
	}
}

func TestFormatTime(t *testing.T) {
	for want, at := range map[string]time.Time{
		"2024-04-17T19:18:37.480Z":       time.Date(2024, 4, 17, 19, 18, 37, 480_000_000, time.UTC),
		"2024-04-17T19:18:37.000Z":       time.Date(2024, 4, 17, 20, 18, 37, 0, time.FixedZone("", 3600)),
		"2024-04-17T19:18:37.480001Z":    time.Date(2024, 4, 17, 19, 18, 37, 480_001_000, time.UTC),
		"1969-12-31T23:59:59.999999999Z": time.Unix(0, -1),
	} {
		require.Equal(t, want, auditlog.FormatTime(at))
	}
}
