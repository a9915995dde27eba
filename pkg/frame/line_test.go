package frame

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func TestLine(t *testing.T) {
	for name, test := range map[string]struct{ actor, ip, description, want string }{
		"all":                         {"a@example.com", "192.0.2.7", "Logged in", "a@example.com (192.0.2.7): Logged in"},
		"account instead of actor":    {"A@Example.com", "192.0.2.7:443", "Logged in", "a@example.com (192.0.2.7): Logged in"},
		"no address":                  {"a@example.com", "", "Logged in", "a@example.com: Logged in"},
		"no account":                  {"", "192.0.2.7", "Logged in", "192.0.2.7: Logged in"},
		"description only":            {"", "", "Logged in", "Logged in"},
		"no description":              {"a@example.com", "192.0.2.7", "", "a@example.com (192.0.2.7)"},
		"nothing":                     {"", "", "", ""},
		"it begins with the actor":    {"a@example.com", "192.0.2.7", "a@example.com logged in", "192.0.2.7: a@example.com logged in"},
		"it begins with the user":     {"ann", "", "User ann logged in", "User ann logged in"},
		"in another case":             {"a@example.com", "", "A@EXAMPLE.COM: logged in", "A@EXAMPLE.COM: logged in"},
		"it is the actor":             {"a@example.com", "", "a@example.com", "a@example.com"},
		"another, longer name":        {"ann", "", "anna logged in", "ann: anna logged in"},
		"both are in the description": {"ann", "192.0.2.7", "ann logged in from 192.0.2.7", "ann logged in from 192.0.2.7"},
		"IPv6":                        {"", "2001:db8::1", "Logged in", "2001:db8::1: Logged in"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, string(appendLine(nil, Row{Event: &auditlog.Event{Actor: test.actor, ActorIP: test.ip, Description: test.description}})))
		})
	}
}

// Lines are the description alone if a query says so; it is always a label.
func TestLinesOfALog(t *testing.T) {
	rows := []Row{{Event: &auditlog.Event{CreateTime: time.Unix(0, 0), Actor: "ann", Description: "Logged in"}}}
	for only, want := range map[bool]string{false: "ann: Logged in", true: "Logged in"} {
		f := Logs(rows, Meta{DescriptionOnly: only})[0]
		require.Equal(t, want, f.Fields[1].At(0))
		require.True(t, strings.Contains(string(labels(rows)[0]), `"description":"Logged in"`))
		live := Live("A", rows, Meta{DescriptionOnly: only})
		require.Equal(t, want, live.Fields[1].At(0), "a live tail has the same lines")
	}
}
