package catalog

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

var people = []string{
	"jane@example.com", "Jane Doe", `EXAMPLE\jane`, `EXAMPLE\Jane Doe`, "Doe, Jane", "Conan O'Brien", `Jane "JD" Doe`, "Jürgen Müller", "山田 太郎", "A1B2C3D4E5",
	"Jane  Doe", "Administrator", "Super Admin", "Login failed", "User", "added", "Jane added API ID", "Jane (psc:role:x)", "jane@example.com and bob@example.com",
	"Added user", "Connector", `{"enabled":false}`, "Jane with role Super Admin", "note", "LiveResponse", "-", "ſ", "Ⅷ", "x added", "x to org",
}

// personActions lists descriptions around a person by their codes.
var personActions = map[string][2]string{
	"api_key.secret_read":                {"User ", " retrieved secret for API ID A1B2C3D4E5 in org 4821"},
	"reputation.banned":                  {"User ", " added Reputation Override for Organization ID 4821 of type SHA256 to BLACK_LIST with content: 9c56 | tool.exe"},
	"reputation.approved":                {"User ", " added Reputation Override for Organization ID 4821 of type SHA256 to WHITE_LIST with content: 9c56 | tool.exe"},
	"reputation.overrides_deleted":       {"User ", " deleted Reputation Overrides for Organization ID 4821: 9c56 | tool.exe"},
	"reputation.override_deleted":        {"User ", " deleted Reputation Override for Organization ID 4821: [9c56]"},
	"reputation.recommendation_accepted": {"User ", " accepted recommendation ID: 73021. Added SHA-256 hash (9c56 | tool.exe) to approved list. Comment: “known tool”"},
	"reputation.recommendation_reverted": {"User ", " reverted recommendation ID: 73021. Deleted SHA-256 hash (9c56 | tool.exe) from approved list."},
	"reputation.recommendation_rejected": {"User ", " rejected recommendation ID: 73021."},
	"user.added":                         {"Added user ", " to org 4821 (Email Invitation)"},
	"grant.created":                      {"Created grant: psc:user:ABCD1234:", " with role Read Only"},
	"grant.updated":                      {"Updated grant: psc:user:ABCD1234:", " with roles Read Only, Analyst"},
	"grant.modified_admin":               {"Modified grant: psc:user:ABCD1234:", " with role System ADMIN"},
	"grant.created_super_admin":          {"Created grant: psc:user:ABCD1234:", " with role super admin"},
	"login.succeeded_user":               {"", " logged in successfully"},
}

func TestPersonNamesDoNotChangeTheClass(t *testing.T) {
	for code, around := range personActions {
		for _, person := range people {
			e := auditlog.Event{Description: around[0] + person + around[1]}
			switch {
			case code == "login.succeeded_user":
				e.Actor = person // else only an account is known to be one
			default:
				require.Equal(t, code, Default().Classify(e.Description).Code, e.Description)
				e.Actor = "jane@example.com"
			}
			require.Equal(t, code, Default().ClassifyEvent(&e).Code, e.Description)
			e.Actor = person
			require.Equal(t, code, Default().ClassifyEvent(&e).Code, e.Description)
		}
	}
}

// When the event has an actor, even a name that looks like a description is only a name.
func TestActorNamesThatLookLikeDescriptions(t *testing.T) {
	rows := Default().Rows()
	name := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(people), hostile(rows), rapid.String()), 1, 3).Draw(t, "parts")
		return strings.Join(parts, rapid.SampledFrom([]string{" ", "", ", "}).Draw(t, "separator"))
	})
	rapid.Check(t, func(t *rapid.T) {
		person := name.Draw(t, "person")
		for code, around := range personActions {
			if around[0] != "User " || person == "" {
				continue
			}
			e := auditlog.Event{Actor: person, Description: around[0] + person + around[1]}
			require.Equal(t, code, Default().ClassifyEvent(&e).Code, e.Description)
		}
	})
}

// Word rows do not look into the actor's name either.
func TestWordsOfTheActorDoNotCount(t *testing.T) {
	for _, tt := range []struct{ actor, description, code string }{
		{"", "Something created by connector@example.com", "connector.created"},
		{"connector@example.com", "Something created by connector@example.com", "other.unknown"},
		{"Connector Smith", "Something created by Connector Smith for the watchlist", "intel.watchlist"},
		{"Note Live Response", "Note Live Response logged out", "other.unknown"},
		{"note", "note: footnotes and noted", "other.unknown"},
		{"note", "noted note, Note", "other.note"},
		{"A1B2C3D4E5", "Session of connector A1B2C3D4E5", "connector.session"},
	} {
		e := auditlog.Event{Actor: tt.actor, Description: tt.description}
		require.Equal(t, tt.code, Default().ClassifyEvent(&e).Code, "%q by %q", tt.description, tt.actor)
	}
}

func TestAccountsThatLogIn(t *testing.T) {
	for _, tt := range []struct{ actor, account, code string }{
		{"", "jane@example.com", "login.succeeded_user"},
		{"", `EXAMPLE\jane`, "login.succeeded_user"},
		{"", `EXAMPLE\Jane Doe`, "login.succeeded_user"},
		{"Jane Doe", "Jane Doe", "login.succeeded_user"},
		{"jane", "jane", "login.succeeded_user"},
		{"", "Jane Doe", "other.unknown"},
		{"jane", "Jane Doe", "other.unknown"},
		{"", `Saved search EXAMPLE\jane`, "other.unknown"},
		{"", `\jane`, "other.unknown"},
		{"", `EXAMPLE\`, "other.unknown"},
		{"", "", "other.unknown"},
	} {
		e := auditlog.Event{Actor: tt.actor, Description: tt.account + " logged in successfully"}
		require.Equal(t, tt.code, Default().ClassifyEvent(&e).Code, "%q by %q", e.Description, tt.actor)
	}
}

func TestStrangersWithNames(t *testing.T) {
	for user, code := range map[string]string{
		"eve@elsewhere.example":                  "user.added_stranger",
		"Eve Smith <eve@elsewhere.example>":      "user.added_stranger",
		`"Smith, Eve" (eve@elsewhere.example)`:   "user.added_stranger",
		"Eve Smith <eve@EXAMPLE.com>":            "user.added",
		"eve@example.com":                        "user.added",
		"Eve Smith":                              "user.added",
		`ELSEWHERE\eve`:                          "user.added",
		"jane@example.com eve@elsewhere.example": "user.added_stranger",
	} {
		e := auditlog.Event{Actor: "jane@example.com", Description: "Added user " + user + " to org 4821 (Email Invitation)"}
		require.Equal(t, code, Default().ClassifyEvent(&e).Code, user)
	}
}

func TestRolesDecideAboutGrants(t *testing.T) {
	for grant, level := range map[string]string{
		"psc:user:ABCD1234:Adminah@example.com with role Read Only":                 "",
		"psc:user:ABCD1234:super.admin@example.com with role Read Only":             "",
		"psc:user:ABCD1234:Super Admin with role Analyst":                           "",
		"psc:user:ABCD1234:Jane with role Super Admin with role Read Only":          "",
		"psc:cnn:ADMIN123:A1B2C3D4E5 with role Read Only":                           "",
		"psc:cnn:ABCD1234:A1B2C3D4E5 with role Administrator":                       "admin",
		"psc:cnn:ABCD1234:A1B2C3D4E5 with role ADMINISTRATOR":                       "admin",
		"psc:cnn:ABCD1234:A1B2C3D4E5 with role system admin":                        "admin",
		"psc:cnn:ABCD1234:A1B2C3D4E5 With Role Administrator":                       "admin",
		"psc:cnn:ABCD1234:A1B2C3D4E5 with role Super Admin":                         "super_admin",
		"psc:cnn:ABCD1234:A1B2C3D4E5 with role SUPER ADMIN ":                        "super_admin",
		"psc:cnn:ABCD1234:A1B2C3D4E5 with role 'super admin'":                       "super_admin",
		"psc:cnn:ABCD1234:A1B2C3D4E5 with role psc:role:ABCD1234:SUPER_ADMIN":       "super_admin",
		"psc:cnn:ABCD1234:A1B2C3D4E5 with role Super Admin Role":                    "super_admin",
		"psc:cnn:ABCD1234:A1B2C3D4E5 with roles Read Only, Super Admin":             "super_admin",
		"psc:cnn:ABCD1234:A1B2C3D4E5 with roles: [Read Only, System Administrator]": "admin",
		"psc:user:ABCD1234:Adminah@example.com roles: Read Only":                    "",
		"psc:user:ABCD1234:Adminah@example.com role=Superadmin":                     "super_admin",
		"psc:user:ABCD1234:Adminah@example.com to Read Only":                        "",
		"psc:user:ABCD1234:jane@example.com to Super Admin":                         "super_admin",
		"psc:user:ABCD1234:jane@example.com got the Super Admin role":               "super_admin",
		"psc:user:ABCD1234:Adminah@example.com":                                     "",
		"Super-Admin-ah@example.com":                                                "",
		"":                                                                          "",
	} {
		for verb, code := range map[string]string{"Created": "grant.created", "Updated": "grant.updated", "Modified": "grant.modified"} {
			if level != "" {
				code += "_" + level
			}
			require.Equal(t, code, Default().Classify(verb+" grant: "+grant).Code, grant)
		}
	}
}

func TestJSONIsReadAsJSON(t *testing.T) {
	for config, code := range map[string]string{
		`{"id":"1","enabled":false}`:                          "data_forwarder.disabled",
		`{ "id" : "1" , "enabled" : false }`:                  "data_forwarder.disabled",
		"{\n  \"enabled\":\tfalse,\n  \"id\": \"1\"\n}\n":     "data_forwarder.disabled",
		`{"id":"1","enabled":"false"}`:                        "data_forwarder.disabled",
		`{"id":"1","\u0065nabled":false}`:                     "data_forwarder.disabled",
		`{"filters":[{"enabled":true}],"enabled":false}`:      "data_forwarder.disabled",
		`{"name":"\"enabled\":true","enabled":false}`:         "data_forwarder.disabled",
		`{"name":"a\\","enabled":false}`:                      "data_forwarder.disabled",
		`{"enabled":false,"s3_prefix":"eve`:                   "data_forwarder.disabled", // cut off
		`endpoint events {"enabled": false}`:                  "data_forwarder.disabled",
		`{"id":"1","enabled":true}`:                           "data_forwarder.updated",
		`{"id":"1","enabled": true}`:                          "data_forwarder.updated",
		`{"filters":{"enabled":false},"enabled":true}`:        "data_forwarder.updated",
		`{"filters":[{"enabled":false}]}`:                     "data_forwarder.updated",
		`{"enabled":false,"enabled":true}`:                    "data_forwarder.updated",
		`{"enabled":falsehood}`:                               "data_forwarder.updated",
		`{"disabled":false}`:                                  "data_forwarder.updated",
		`{"name":"\",\"enabled\":false,\""}`:                  "data_forwarder.updated",
		`{"enabled":fal`:                                      "data_forwarder.updated",
		`["enabled",false]`:                                   "data_forwarder.updated",
		`{`:                                                   "data_forwarder.updated",
		`{"enabled"`:                                          "data_forwarder.updated",
		`{"enabled":`:                                         "data_forwarder.updated",
		`{"enabled`:                                           "data_forwarder.updated",
		`{"a":{"b":[1,"}"]},"enabled":false`:                  "data_forwarder.disabled",
		strings.Repeat(`{"a":`, 10_000) + `{"enabled":false}`: "data_forwarder.updated",
		`{"a":` + strings.Repeat(`[`, 10_000):                 "data_forwarder.updated",
	} {
		require.Equal(t, code, Default().Classify("Updated Config: "+config).Code, "%.200s", config)
	}
	for settings, code := range map[string]string{
		`{"enable_auth_events":true}`:                "policy.rule_config_updated_verbose",
		` { "enable_auth_events" : true } `:          "policy.rule_config_updated_verbose",
		"\n{\n\t\"enable_auth_events\": true\n}\r\n": "policy.rule_config_updated_verbose",
		`[{"enable_auth_events":true}]`:              "policy.rule_config_updated_verbose",
		``:                                           "policy.rule_config_updated",
		` true`:                                      "other.unknown",
	} {
		require.Equal(t, code, Default().Classify("Parameters updated for XDR rule config (ID: 1-a) for policy Standard (ID: 7)"+settings).Code, settings)
	}
}

func TestStatesInAnyCase(t *testing.T) {
	for description, code := range map[string]string{
		"Set QUARANTINE to ON for device(s): 1":        "device.quarantined",
		"Set QUARANTINE to On for device(s): 1":        "device.quarantined",
		"Set QUARANTINE to only for device(s): 1":      "device.quarantine_changed",
		"Set QUARANTINE to OFF for device(s): 1":       "device.quarantine_changed",
		"Set BYPASS to ON for device(s): 1":            "device.bypassed",
		"Set BYPASS to OFF for device(s): 1":           "device.setting_changed",
		"Set BACKGROUND_SCAN to Off for device(s): 1":  "device.background_scan_off",
		"Set BACKGROUND_SCAN to ON for device(s): 1":   "device.background_scan_on",
		"Set BACKGROUND_SCAN to slow for device(s): 1": "device.setting_changed",
	} {
		require.Equal(t, code, Default().Classify(description).Code, description)
	}
}

func TestKindsOfPlaceholdersAreChecked(t *testing.T) {
	for pattern, want := range map[string]string{
		"A {x:anycase}":                  "it needs the expected text",
		"A {x:json enabled}":             "it needs a member and its value",
		"A {x:json =false}":              "it needs a member and its value",
		"A {x:json enabled=}":            "it needs a member and its value",
		"A {x:word y}":                   "this kind takes no argument",
		"A {x:rest y}":                   "this kind takes no argument",
		"A {x:grant admin} b":            "must be the last",
		"A {x} b {y:grant admin}":        "before a grant or a member of JSON",
		"A {x} b {y:json enabled=false}": "before a grant or a member of JSON",
		"A {x:person}b":                  "a person must be followed by a space",
		"A {x:person}{y}":                "must be followed by literal text",
		"A {x:account}{y:id}":            "must be followed by literal text",
	} {
		_, err := Default().With([]Rule{{Pattern: pattern, Category: "a", Action: "b"}})
		require.ErrorContains(t, err, want, pattern)
	}
	for _, pattern := range []string{"A {x:person}", "A {x:json a=b} ", "A {x:grant} ", "{x:person} a"} {
		_, err := Default().With([]Rule{{Pattern: pattern, Category: "a", Action: "b"}})
		if strings.HasSuffix(pattern, " ") {
			require.Error(t, err, pattern)
			continue
		}
		require.NoError(t, err, pattern)
	}
}

// The same description always takes the same steps, and enough steps do not change the result.
func TestFindWithin(t *testing.T) {
	rules := []Rule{{Pattern: "{x}a" + strings.Repeat(" {b:id}", 90) + " end", Category: "a", Action: "b"}, {Pattern: "{x} b {y}", Category: "c", Action: "d"}}
	c, err := Default().With(rules)
	require.NoError(t, err)
	for _, description := range []string{"", "Login failed", "a b c", strings.Repeat("a ", 500), strings.Repeat("a ", 500) + "end"} {
		steps := math.MaxInt
		row, ok, err := c.FindWithin(description, &steps)
		require.NoError(t, err)
		wantRow, wantOK := c.Find(description)
		require.Equal(t, wantRow, row)
		require.Equal(t, wantOK, ok)
		need := math.MaxInt - steps
		require.Positive(t, need)
		for range 2 {
			steps = need
			again, _, err := c.FindWithin(description, &steps)
			require.NoError(t, err)
			require.Equal(t, row, again)
			require.Zero(t, steps)
		}
		steps = need / 2
		_, _, err = c.FindWithin(description+description, &steps)
		if need > 1000 {
			require.ErrorIs(t, err, ErrTooExpensive)
			require.Negative(t, steps)
		}
	}
}
