package catalog

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

func TestTarget(t *testing.T) {
	for description, want := range map[string][2]string{
		"Updated connector siem-export with api key Q7W8E9R0T1Y2U3I4":              {"connector", "siem-export"},
		"User Jane Doe retrieved secret for API ID A1B2C3D4E5 in org 4821":         {"api_key", "A1B2C3D4E5"},
		"Added API ID A1B2C3D4E5 with name siem-export in org 4821":                {"api_key", "A1B2C3D4E5"},
		"Regenerated API key for API ID A1B2C3D4E5.":                               {"api_key", "A1B2C3D4E5"},
		"Added user Eve Smith to org 4821 (Email Invitation)":                      {"user", "Eve Smith"},
		"Created grant: psc:cnn:ABCD1234:A1B2C3D4E5 with role Super Admin":         {"api_key", "A1B2C3D4E5"},
		"Created grant: psc:user:ABCD1234:Adminah@example.com with role Read Only": {"user", "Adminah@example.com"},
		"Updated grant: psc:group:ABCD1234:7 with role Read Only":                  {"grant", "psc:group:ABCD1234:7"},
		"Created grant: ": {"", ""},
		"Created custom role Night shift (psc:role:ABCD1234:NIGHT_SHIFT).":                                                            {"role", "Night shift"},
		"Request received to modify policy Standard (ID: 6525)":                                                                       {"policy", "Standard"},
		"Request received to modify policy Standard (ID: x)":                                                                          {"policy", "Standard (ID: x)"},
		"Policy Standard was modified ":                                                                                               {"policy", "Standard"},
		"Policy Standard (ID: 6525) was modified and renamed to Strict (ID: 6525)":                                                    {"policy", "Standard"},
		`Parameters updated for XDR (ID: 1-a) for policy with ID 7{"a":1}`:                                                            {"policy", "7"},
		"Enabled USB device blocking in policy '6525'":                                                                                {"policy", "6525"},
		"Enabled SETTING in policy 6525":                                                                                              {"policy", "6525"},
		`Changed policy to "Standard" (ID: 6525) for device(s): 3391201,3391202`:                                                      {"device", "3391201,3391202"},
		"Set QUARANTINE to on for device(s): 3391201":                                                                                 {"device", "3391201"},
		"Device ws-01.example.com with deviceId 3391201 uninstalled":                                                                  {"device", "ws-01.example.com"},
		"Device  with deviceId 3391201 uninstalled":                                                                                   {"device", "3391201"},
		"Success deleting hash '9c56' device '3391201' Reason: done":                                                                  {"file", "9c56"},
		"User Jane Doe added Reputation Override for Organization ID 4821 of type SHA256 to WHITE_LIST with content: 9c56 | tool.exe": {"reputation_override", "9c56"},
		"User jane@example.com deleted Reputation Overrides for Organization ID 4821: 9c56 | tool.exe":                                {"reputation_override", "9c56"},
		"User jane@example.com deleted Reputation Override for Organization ID 4821: [5f2b]":                                          {"reputation_override", "5f2b"},
		"User jane@example.com rejected recommendation ID: 73021.":                                                                    {"recommendation", "73021"},
		"Created alert notification with name: Critical alerts and id: 5f2b":                                                          {"notification", "5f2b"},
		"Updated alert notification for org: ABCD1234 and ruleId 5f2b":                                                                {"notification", "5f2b"},
		"Updated report, 'Quarterly indicators'":                                                                                      {"report", "Quarterly indicators"},
		`Updated Config: { "name": "events", "id" : "1f0c" }`:                                                                         {"data_forwarder", "1f0c"},
		`Updated Config: {"name":"events"}`:                                                                                           {"data_forwarder", "events"},
		`Updated Config: {"enabled":false}`:                                                                                           {"", ""},
		"Deleted Config: 1f0c":                                                                                                        {"data_forwarder", "1f0c"},
		"Logged in successfully":                                                                                                      {"", ""},
		"Connector A1B2C3D4E5 logged in successfully":                                                                                 {"", ""},
		"A connector was created":                                                                                                     {"", ""},
		"Something nobody has seen":                                                                                                   {"", ""},
	} {
		e := &auditlog.Event{Description: description}
		c := Default().ClassifyEvent(e)
		targetType, target := c.Target(e)
		require.Equal(t, want, [2]string{targetType, target}, description)
		require.Equal(t, want, [2]string{auditlog.KeyTargetType.Value(e, c), auditlog.KeyTarget.Value(e, c)})
		if targetType != "" {
			require.True(t, isTargetType(targetType))
		}
	}
}

func isTargetType(s string) bool {
	return slices.ContainsFunc(targets, func(t target) bool { return t.kind == s })
}

// A rule names its target by the names of its placeholders, however many it has.
func TestTargetOfARule(t *testing.T) {
	c, err := Default().With([]Rule{
		{Pattern: "{a} 1 {b} 2 {c} 3 {d} 4 {e} 5 {f} 6 {g} 7 {h} 8 {i} 9 {user} 10 {rest}", Category: "mine", Action: "paint"},
		{Pattern: "Painted {device:word} for {user:person} in {colour}", Category: "mine", Action: "paint"},
	})
	require.NoError(t, err)
	for description, want := range map[string]string{
		"a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9 Jane Doe 10 x": "Jane Doe",
		"Painted ws-01 for Jane Doe in red":                 "ws-01",
	} {
		e := &auditlog.Event{Description: description}
		_, target := c.ClassifyEvent(e).Target(e)
		require.Equal(t, want, target)
	}
}

// Whatever an event says, its target is a part of it, and finding it never fails.
func TestTargetsOfAnyText(t *testing.T) {
	rows := Default().Rows()
	names := hostile(rows)
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.SampledFrom(rows).Draw(t, "row")
		text := row.Example
		if parts, err := splitParts(row.Pattern); err == nil && row.Evidence == EvidenceText {
			text = render(t, parts, names)
		}
		e := &auditlog.Event{Description: text, Actor: names.Draw(t, "actor")}
		targetType, target := Default().ClassifyEvent(e).Target(e)
		require.Equal(t, targetType == "", target == "")
		if targetType != "data_forwarder" { // which may be escaped
			require.Contains(t, text, target)
		}
	})
}
