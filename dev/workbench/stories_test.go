package workbench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/dev/workbench"
)

// story is a sequence of audit events and the alerts that a rule must raise for it.
type story struct {
	events []simulator.Event
	fires  []string // part of the description of each firing instance; empty for a near miss
}

// happened returns an event that happened some time ago.
func happened(ago time.Duration, actor, ip, description string) simulator.Event {
	return simulator.Event{CreateTime: time.Now().Add(-ago), Actor: actor, ActorIP: ip, Description: description}
}

// times repeats an event one second apart; the last one has the given time.
func times(n int, e simulator.Event) []simulator.Event {
	events := make([]simulator.Event, n)
	for i := range events {
		events[i] = e
		events[i].CreateTime = e.CreateTime.Add(-time.Duration(n-1-i) * time.Second)
	}
	return events
}

func events(parts ...[]simulator.Event) []simulator.Event {
	var all []simulator.Event
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func one(e simulator.Event) []simulator.Event { return []simulator.Event{e} }

const (
	jane, sam, ned  = "jane@example.com", "sam@example.com", "ned@example.com"
	office, hotel   = "192.0.2.10", "198.51.100.7"
	loggedIn        = "Logged in successfully"
	failed          = "Login failed"
	wrongPassword   = "Password did not match for the specified login; attempt came from a previously unknown IP"
	policyRequested = "Request received to modify policy Standard (ID: 6525)"
	policyModified  = "Policy Standard (ID: 6525) was modified"
	policyUpdated   = "Policy Standard (ID: 6525) is updated successfully"
)

func flagged(e simulator.Event) simulator.Event { e.Flagged = true; return e }

func verbose(e simulator.Event) simulator.Event { e.Verbose = true; return e }

// edit returns the entries that one policy edit leaves in the log.
func edit(ago time.Duration) []simulator.Event {
	at := time.Now().Add(-ago).Truncate(time.Second)
	rows := []simulator.Event{
		happened(0, jane, office, policyRequested), happened(0, jane, office, policyModified),
		happened(0, jane, office, policyUpdated), verbose(happened(0, jane, office, policyModified+` {"rules":[]}`)),
	}
	for i := range rows {
		rows[i].CreateTime = at.Add(time.Duration(i) * 90 * time.Millisecond)
	}
	return rows
}

// stories holds, for each rule, a story that must fire it and near misses that must not.
var stories = map[string][]story{
	"cbc-failed-logins-actor": {
		{events(times(3, happened(5*time.Minute, jane, office, failed)), times(2, happened(2*time.Minute, "Jane@Example.com", hotel, wrongPassword)), one(happened(time.Minute, sam, office, failed))),
			[]string{"5 failed logins by jane@example.com in 15 minutes"}},
		{events: events(times(4, happened(5*time.Minute, jane, office, failed)), times(4, happened(5*time.Minute, sam, office, failed)), times(9, happened(time.Minute, jane, office, loggedIn)))},
		{events: times(9, happened(30*time.Minute, jane, office, failed))},
	},
	"cbc-failed-logins-address": {
		{events(times(5, happened(9*time.Minute, jane, hotel, failed)), times(5, happened(time.Minute, sam, hotel+":40001", failed)), one(happened(time.Minute, ned, office, failed))),
			[]string{"10 failed logins from 198.51.100.7 in 15 minutes"}},
		{events: events(times(9, happened(5*time.Minute, jane, hotel, failed)), times(9, happened(5*time.Minute, jane, office, failed)))},
	},
	"cbc-login-after-failures": {
		{events(times(5, happened(20*time.Minute, jane, hotel, failed)), one(happened(10*time.Minute, jane, hotel, loggedIn))),
			[]string{"jane@example.com logged in after at least 5 failed logins within 30 minutes"}},
		{events: events(one(happened(20*time.Minute, jane, hotel, loggedIn)), times(5, happened(10*time.Minute, jane, hotel, failed)))},
		{events: events(times(4, happened(20*time.Minute, jane, hotel, failed)), one(happened(10*time.Minute, jane, hotel, loggedIn)))},
		{events: events(times(5, happened(20*time.Minute, jane, hotel, failed)), one(happened(10*time.Minute, sam, hotel, loggedIn)))},
	},
	"cbc-login-new-address": {
		{events(one(happened(72*time.Hour, jane, office, loggedIn)), one(happened(48*time.Hour, sam, hotel, loggedIn)), one(happened(5*time.Minute, jane, hotel, loggedIn))),
			[]string{"jane@example.com logged in from 198.51.100.7 for the first time in 30 days"}},
		{events: events(one(happened(29*24*time.Hour, jane, hotel, loggedIn)), one(happened(5*time.Minute, jane, hotel, loggedIn)))},
		{events: events(one(happened(72*time.Hour, jane, office, loggedIn)), one(happened(5*time.Minute, jane, hotel, failed)))},
		{events: events(one(happened(72*time.Hour, jane, office, loggedIn)), one(happened(5*time.Minute, "Jane@Example.com", office+":40001", loggedIn)))},
	},
	"cbc-api-key-created": {
		{one(happened(5*time.Minute, jane, office, "Added API ID A1B2C3D4E5 with name siem-export in org 4821")),
			[]string{"jane@example.com created an API key: Added API ID A1B2C3D4E5 with name siem-export in org 4821"}},
		{events: one(happened(5*time.Minute, jane, office, "Updated API ID A1B2C3D4E5"))},
	},
	"cbc-api-key-regenerated": {
		{one(happened(5*time.Minute, jane, office, "Regenerated API key for API ID A1B2C3D4E5")), []string{"jane@example.com regenerated the secret of an API key"}},
		{events: one(happened(5*time.Minute, jane, office, "Added API ID A1B2C3D4E5 with name siem-export in org 4821"))},
	},
	"cbc-api-key-secret-read": {
		{one(flagged(happened(5*time.Minute, jane, office, "User jane@example.com retrieved secret for API ID A1B2C3D4E5 in org 4821"))),
			[]string{"jane@example.com read the secret of an API key: User jane@example.com retrieved secret"}},
		{events: one(happened(5*time.Minute, jane, office, "Updated connector siem-export with api key Q7W8E9R0T1Y2U3I4"))},
	},
	"cbc-admin-granted": {
		{one(happened(5*time.Minute, jane, office, "Created grant: psc:cnn:ABCD1234:A1B2C3D4E5 with role Super Admin")), []string{"with role Super Admin"}},
		{one(happened(5*time.Minute, jane, office, "Updated grant: psc:cnn:ABCD1234:A1B2C3D4E5 with role Administrator")), []string{"with role Administrator"}},
		{events: one(happened(5*time.Minute, jane, office, "Created grant: psc:cnn:ABCD1234:A1B2C3D4E5 with role Read Only"))},
	},
	"cbc-user-other-domain": {
		{one(happened(5*time.Minute, jane, office, "Added user eve@elsewhere.example to org 4821 (Email Invitation)")), []string{"Added user eve@elsewhere.example"}},
		{events: one(happened(5*time.Minute, jane, office, "Added user eve@EXAMPLE.com to org 4821 (Email Invitation)"))},
	},
	"cbc-policy-changed": {
		{edit(5 * time.Minute), []string{"jane@example.com changed a policy: Policy Standard (ID: 6525)"}},
		{events: one(happened(5*time.Minute, jane, office, policyRequested))},
		{events: one(happened(5*time.Minute, jane, office, "Downloaded policy configurations for all policies"))},
	},
	"cbc-data-forwarder": {
		{one(happened(5*time.Minute, jane, office, `Updated Config: {"id":"1f0c6a52","name":"archive","enabled":false,"type":"auditlog"}`+"\n")), []string{"jane@example.com changed a data forwarder (disable)"}},
		{one(happened(5*time.Minute, jane, office, "Deleted Config: 1f0c6a52")), []string{"jane@example.com changed a data forwarder (delete)"}},
		{events: one(happened(5*time.Minute, jane, office, "Updated report 1f0c6a52 in feed A1B2"))},
	},
	"cbc-connector-changed": {
		{one(happened(5*time.Minute, jane, office, "Updated connector siem-export with api key Q7W8E9R0T1Y2U3I4")), []string{"jane@example.com: Updated connector siem-export"}},
		{one(happened(5*time.Minute, jane, office, "Created connector siem-export")), []string{"jane@example.com: Created connector siem-export"}},
		{events: one(happened(5*time.Minute, "A1B2C3D4E5", office, "Connector A1B2C3D4E5 logged in successfully"))},
	},
	"cbc-reputation-override": {
		{one(happened(5*time.Minute, jane, office, "User jane@example.com added Reputation Override for Organization ID 4821 of type SHA256 to WHITE_LIST with content: 9c56 | tool")),
			[]string{"jane@example.com: 1 reputation overrides (approve)"}},
		{events: one(happened(5*time.Minute, jane, office, "User jane@example.com rejected recommendation ID: 1f0c6a52."))},
	},
	"cbc-device-quarantine-bypass": {
		{one(happened(5*time.Minute, `EXAMPLE\WS-01`, "", "Sensor Bypass Enabled (User Action)")), []string{`EXAMPLE\WS-01: Sensor Bypass Enabled (User Action)`}},
		{one(happened(5*time.Minute, jane, office, "Set QUARANTINE to on for device(s): 339120")), []string{"jane@example.com: Set QUARANTINE to on"}},
		{one(happened(5*time.Minute, jane, office, "Set BYPASS to on for device(s): 339120")), []string{"jane@example.com: Set BYPASS to on"}},
		{events: one(happened(5*time.Minute, jane, office, "Set BYPASS to off for device(s): 339120"))},
		{events: one(happened(5*time.Minute, jane, office, "Set BACKGROUND_SCAN to on for device(s): 339120"))},
	},
	"cbc-live-response": {
		{one(happened(5*time.Minute, jane, office, "LiveResponse session 4821:339120 was opened")), []string{"jane@example.com uses Live Response"}},
		{events: one(happened(5*time.Minute, jane, office, "Logs requested for device 339120"))},
	},
	"cbc-flagged": {
		{events(times(2, flagged(happened(5*time.Minute, jane, office, failed))), one(happened(time.Minute, sam, office, failed))),
			[]string{"2 flagged events by jane@example.com (authentication, login)"}},
		{events: one(happened(5*time.Minute, jane, office, failed))},
	},
	"cbc-audit-silence": {
		{one(happened(25*time.Hour, jane, office, loggedIn)), []string{"Not one audit event in 24 hours"}},
		{events: one(happened(23*time.Hour, jane, office, loggedIn))},
	},
	failureRule: { // fires on errors only, see TestOutageSendsOneMessage
		{events: one(happened(5*time.Minute, jane, office, loggedIn))},
		{events: one(happened(25*time.Hour, jane, office, loggedIn))},
	},
}

// Every rule fires on its story and names the actor. It is silent on a near miss and on an empty log.
func TestRulesFireOnTheirStoriesOnly(t *testing.T) {
	bench := start(t, workbench.Config{PluginDir: builtPlugin(t)})
	told := 0
	for _, r := range readRules(t) {
		require.GreaterOrEqual(t, len(stories[r.UID]), 2, r.UID)
		for i, s := range stories[r.UID] {
			told++
			t.Run(fmt.Sprintf("%s/%d", r.UID, i), func(t *testing.T) {
				firing := firingDescriptions(t, bench, r, s.events)
				require.Len(t, firing, len(s.fires), "%q", firing)
				for j, want := range s.fires {
					require.Contains(t, firing[j], want)
				}
			})
		}
		t.Run(r.UID+"/nothing", func(t *testing.T) {
			firing := firingDescriptions(t, bench, r, []simulator.Event{})
			require.Equal(t, r.UID == "cbc-audit-silence", len(firing) == 1, "%q", firing)
		})
	}
	require.Greater(t, told, 2*len(stories)-1)
}

func firingDescriptions(t *testing.T, bench *workbench.Workbench, r rule, happening []simulator.Event) []string {
	t.Helper()
	cloud := simulator.New(simulator.Config{Events: happening})
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	uid := addSource(t, bench, server.URL)
	var firing []string
	for _, i := range r.evaluate(t, bench, uid) {
		if i.firing {
			firing = append(firing, r.description(t, i))
		}
	}
	return firing
}

// addSource adds a data source for a simulated cloud and returns its UID.
func addSource(t *testing.T, bench *workbench.Workbench, url string) string {
	t.Helper()
	key := simulator.DefaultKeys()[0]
	body, err := json.Marshal(map[string]any{
		"name": t.Name() + " " + url, "type": "carbonblack-auditlog-datasource", "access": "proxy", "url": url,
		"jsonData": map[string]any{"orgKey": simulator.DefaultOrgKey, "apiId": key.APIID}, "secureJsonData": map[string]string{"apiSecret": key.APISecret},
	})
	require.NoError(t, err)
	made := call(t, "POST", bench.URL()+"/api/datasources", string(body)).decode(t)
	source, ok := made["datasource"].(map[string]any)
	require.True(t, ok, "%v", made)
	return source["uid"].(string)
}

// builtPlugin builds the plugin's backend into a temporary folder.
func builtPlugin(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	name := "gpx_carbonblack_auditlog_" + runtime.GOOS + "_" + runtime.GOARCH
	output, err := exec.CommandContext(context.Background(), "go", "build", "-tags", "arrow_json_stdlib", "-o", filepath.Join(dir, name), "../../pkg").CombinedOutput()
	require.NoError(t, err, "%s", strings.TrimSpace(string(output)))
	writeFile(t, filepath.Join(dir, "plugin.json"),
		`{"id":"carbonblack-auditlog-datasource","name":"Audit logs","executable":"gpx_carbonblack_auditlog","type":"datasource","info":{"version":"1.0.0"}}`)
	writeFile(t, filepath.Join(dir, "module.js"), `define([], () => ({}))`)
	return dir
}
