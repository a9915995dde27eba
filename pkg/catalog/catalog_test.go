package catalog

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// stableClasses lists the class of every row. Links and filters contain codes: add rows, but never rename one or change its meaning.
//
//go:embed testdata/classes.txt
var stableClasses string

// samples lists descriptions from public material, with replaced names.
//
//go:embed testdata/samples.txt
var samples string

// golden lists all patterns from public material, numbered, each with its class.
//
//go:embed testdata/golden.txt
var golden string

func TestEveryPublicPatternHasItsClass(t *testing.T) {
	last := 0
	for line := range strings.Lines(golden) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, cells, 3, line)
		n, err := strconv.Atoi(cells[0])
		require.NoError(t, err)
		require.Contains(t, []int{last, last + 1}, n, "patterns are numbered without a gap")
		last = n
		c := Default().Classify(strings.ReplaceAll(cells[2], `\n`, "\n"))
		require.Equal(t, cells[1], strings.Join([]string{c.Category, c.Action, c.Outcome, c.Severity}, " "), cells[2])
	}
	require.Equal(t, 73, last)
}

func TestEveryExampleIsOfItsOwnRow(t *testing.T) {
	c := Default()
	for _, row := range c.Rows() {
		e := auditlog.Event{Actor: "jane@example.com", Description: row.Example}
		require.Equal(t, row.class(), plainClass(c, e), row.Code)
		for _, end := range []string{"\r\n", " ", "\u00a0\t "} {
			e.Description = row.Example + end
			require.Equal(t, row.class(), plainClass(c, e), "%s with %q at its end", row.Code, end)
		}
	}
}

// plainClass returns the class of an event without its target.
func plainClass(c *Catalog, e auditlog.Event) auditlog.Class {
	class := c.ClassifyEvent(&e)
	class.Targets = nil
	return class
}

// A stranger can only be recognized when both the actor and the user have a mail domain.
func TestStrangers(t *testing.T) {
	for actor, want := range map[string]string{
		"jane@example.com": "user.added_stranger", "jane@other.example": "user.added", "jane@OTHER.example": "user.added",
		"A1B2C3D4E5": "user.added", "": "user.added", "jane@": "user.added",
	} {
		e := auditlog.Event{Actor: actor, Description: "Added user eve@other.example to org 4821 (Email Invitation)"}
		require.Equal(t, want, Default().ClassifyEvent(&e).Code, actor)
		require.Equal(t, "user.added", Default().Classify(e.Description).Code)
	}
}

func TestExamplesNeedTheirRow(t *testing.T) {
	lines := slices.Collect(strings.Lines(string(catalogFile)))
	for _, row := range Default().Rows() {
		without := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.HasPrefix(line, row.Code+"\t") })
		require.Len(t, without, len(lines)-1)
		c, err := Parse([]byte(strings.Join(without, "")))
		require.NoError(t, err)
		require.NotEqual(t, row.Code, c.Classify(row.Example).Code)
	}
}

func TestSamples(t *testing.T) {
	n := 0
	for line := range strings.Lines(samples) {
		code, description, found := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		require.True(t, found, line)
		require.Equal(t, code, Default().Classify(description).Code, description)
		n++
	}
	require.Greater(t, n, 70)
}

func TestClassesAreStable(t *testing.T) {
	var b strings.Builder
	for _, r := range Default().Rows() {
		fmt.Fprintln(&b, r.Code, r.Category, r.Action, r.Outcome, r.Severity, r.Evidence)
	}
	require.Equal(t, stableClasses, b.String())
}

func TestVocabularyIsClosedSortedAndUsed(t *testing.T) {
	c := Default()
	used := [4]map[string]bool{{}, {}, {}, {}}
	for _, row := range append(c.Rows(), rowOf(Unknown())) {
		for i, v := range []string{row.Category, row.Action, row.Outcome, row.Severity} {
			used[i][v] = true
		}
	}
	for i, listed := range [][]string{c.Categories(), c.Actions(), c.Outcomes(), severities} {
		require.Equal(t, slices.Sorted(maps.Keys(used[i])), listed)
	}
}

func class(category, action, outcome, severity, code string) auditlog.Class {
	return auditlog.Class{Category: category, Action: action, Outcome: outcome, Severity: severity, Code: code}
}

func rowOf(c auditlog.Class) Row {
	return Row{Code: c.Code, Category: c.Category, Action: c.Action, Outcome: c.Outcome, Severity: c.Severity}
}

func TestTheVendorsFourKindsAreCovered(t *testing.T) {
	c := Default()
	for description, want := range map[string]auditlog.Class{
		"Login failed": class("authentication", "login", "failure", "warning", "login.failed"),
		"Updated connector siem with api key Q7W8E9R0T1Y2U3I4": class("connector", "update", "success", "warning", "connector.updated"),
		"A connector was created":                              class("connector", "create", "unknown", "warning", "connector.created"),
		"User a@example.com did something in LiveResponse.":    class("live_response", "unknown", "unknown", "warning", "live_response.activity"),
	} {
		require.Equal(t, want, plainClass(c, auditlog.Event{Description: description}))
	}
}

func TestWordRowsClaimNoOutcomeAndNoLogin(t *testing.T) {
	n := 0
	for _, row := range Default().Rows() {
		if row.Evidence == EvidenceWord {
			require.Equal(t, "unknown", row.Outcome, row.Code)
			require.NotEqual(t, "authentication", row.Category, row.Code)
			n++
		}
	}
	require.Positive(t, n)
}

func TestNearMisses(t *testing.T) {
	for _, tt := range []struct{ description, code string }{
		{"", "other.unknown"},
		{"\n", "other.unknown"},
		{"Something nobody has seen", "other.unknown"},
		{"Access granted", "other.unknown"},

		// A login phrase inside the name of something else is not a login.
		{"Policy Login failed was modified", "policy.modified_by_name"},
		{"Policy a@example.com logged in successfully (ID: 7) was deleted", "policy.deleted"},
		{"Created alert notification with name: Login failed and id: 5f2b", "notification.created"},
		{"Updated report, 'jane@example.com logged in successfully'", "intel.report_updated"},
		{"Request received to create new policy - Logged in successfully", "policy.create_requested"},
		{"Saved search Login failed", "other.unknown"},
		{"Renamed group to jane@example.com logged in successfully", "other.unknown"},
		{"note jane@example.com logged in successfully", "other.note"},

		// A login has its words at the start, and whole.
		{"Login failedover", "other.unknown"},
		{" Login failed", "other.unknown"},
		{"login failed", "other.unknown"},
		{"Logged in successfullyish", "other.unknown"},
		{"Login failed: locked", "login.failed"},
		{"jane logged in successfully", "other.unknown"},
		{"jane@example.com and bob@example.com logged in successfully", "other.unknown"},
		{"@ logged in successfully", "other.unknown"},
		{"Connector A B logged in successfully", "other.unknown"},
		{"Password did not match for the specified login; attempt came from elsewhere", "login.failed_password"},
		{"Connector (Other) A1B2C3D4E5 created session successfully", "connector.session"},

		// Roles.
		{"Created grant: psc:user:ABCD1234:1 with role Read Only", "grant.created"},
		{"Created grant: psc:user:ABCD1234:1 with role System Admin", "grant.created_admin"},
		{"Updated grant: psc:user:ABCD1234:1 with roles Read Only, Super Admin", "grant.updated_super_admin"},
		{"Added user Super Admin", "other.unknown"},

		// Data forwarders: a name inside a JSON string is not a member.
		{`Updated Config: {"name":"\"enabled\":false","enabled":true}` + "\n", "data_forwarder.updated"},
		{`Updated Config: {"name":"\"enabled\":true","enabled":false}` + "\n", "data_forwarder.disabled"},
		{`Updated Config: {"enabled":falsehood}`, "data_forwarder.updated"},
		{`Deleted Config: {"enabled":false}`, "data_forwarder.deleted"},

		// Policies: the end of the text decides, and the number is a number.
		{"Policy x was modified (ID: 7) was deleted", "policy.deleted"},
		{"Policy x (ID: 7) was deleted (ID: 7) was modified", "policy.modified"},
		{"Policy x (ID: 7) was modified and renamed to y (ID: 7) was deleted (ID: 7)", "policy.renamed"},
		{"Policy x (ID: seven) was modified", "policy.modified_by_name"},
		{"Policy x (ID: seven) was deleted", "other.unknown"},
		{"Policy x\ny, \"z\" (ID: 7) was modified\n", "policy.modified"},
		{"Policy  was modified", "policy.modified_by_name"},
		{"Policy was modified", "other.unknown"},
		{"Parameters updated for XDR rule config (ID: 1-a) for policy with ID 7 (ID: 8)", "policy.rule_config_updated"},
		{`Parameters updated for XDR rule config (ID: 1-a) for policy p{"a":1} (ID: 8)`, "policy.rule_config_updated"},
		{`Parameters updated for XDR rule config (ID: 1-a) for policy p (ID: 8){"a":1}` + "\n", "policy.rule_config_updated_verbose"},
		{`Changed policy to "a" (ID: 1) for device(s): 2" (ID: 3) for device(s): 4`, "device.policy_changed"},

		// Devices.
		{"Set QUARANTINE to on for device(s): ws-01.example.com (ID: 1)", "device.quarantined"},
		{"Set QUARANTINE to off for device(s): 1", "device.quarantine_changed"},
		{"Set A B to on for device(s): 1", "device.activity"},
		{"Changed device name", "device.changed"},

		// The name of an application is not an action.
		{"User a@example.com accepted recommendation ID: 1. Added SHA-256 hash (0 | b added Reputation Override for Organization ID 1 " +
			"of type SHA256 to BLACK_LIST with content: c) to approved list.", "reputation.recommendation_accepted"},
		{"User a@example.com added Reputation Override for Organization ID 1 of type SHA256 to GREY_LIST with content: x", "other.unknown"},

		// Words: whole, in any case, adjacent within a phrase.
		{"liveresponse", "live_response.activity"},
		{"LiveResponses", "other.unknown"},
		{"Policy LiveResponse was modified", "policy.modified_by_name"},
		{"Live  Response", "other.unknown"},
		{"live response", "live_response.named"},
		{"noteworthy", "other.unknown"},
		{"footnote", "other.unknown"},
		{"ünote", "other.unknown"},
		{"job: request", "other.unknown"},
		{"connectors created", "other.unknown"},
		{"Downloaded a watchlist", "intel.watchlist"},
	} {
		require.Equal(t, tt.code, Default().Classify(tt.description).Code, "%q", tt.description)
	}
}

func TestUnknownNeverGuesses(t *testing.T) {
	require.Equal(t, auditlog.Class{Category: "other", Action: "unknown", Outcome: "unknown", Severity: "info", Code: "other.unknown"}, Unknown())
	require.Equal(t, Unknown(), Default().Classify("Something nobody has seen"))
}

func TestCallersCannotChangeTheCatalog(t *testing.T) {
	c := Default()
	rows, names := c.Rows(), c.Categories()
	rows[0].Code, rows[0].Sources[0], names[0] = "x", "x", "x"
	c.Actions()[0], c.Outcomes()[0] = "x", "x"
	require.NotEqual(t, "x", c.Rows()[0].Code)
	require.NotEqual(t, "x", c.Rows()[0].Sources[0])
	require.NotEqual(t, "x", c.Categories()[0])
	require.NotEqual(t, "x", c.Actions()[0])
	require.NotEqual(t, "x", c.Outcomes()[0])
}

func TestClassifyAllocatesNothing(t *testing.T) {
	c := Default()
	descriptions := append(realisticMix(c), "Something nobody has seen", "A live RESPONSE session\n")
	require.Zero(t, testing.AllocsPerRun(20, func() {
		for _, d := range descriptions {
			c.Classify(d)
		}
	}))
}

func BenchmarkClassify(b *testing.B) {
	c := Default()
	unknown := "Some action that no row of the catalog describes, about ws-01.example.com and 3391201 other things"
	for name, descriptions := range map[string][]string{"mix": realisticMix(c), "unknown": {unknown}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c.Classify(descriptions[i])
				if i++; i == len(descriptions) {
					i = 0
				}
			}
		})
	}
}

// realisticMix returns what a busy console writes: mostly logins, policy edits in groups, a little of everything else, and some unknown
// descriptions.
func realisticMix(c *Catalog) []string {
	often := map[string]int{
		"login.succeeded": 40, "login.connector": 40, "login.failed": 8, "login.failed_password": 8, "policy.modify_requested": 6,
		"policy.modified_by_name": 6, "policy.updated": 6, "policy.rule_config_updated_verbose": 6, "data_forwarder.updated": 3,
	}
	var mix []string
	for _, row := range c.Rows() {
		for range max(1, often[row.Code]) {
			mix = append(mix, row.Example)
		}
	}
	for range len(mix) / 20 {
		mix = append(mix, "Some action that no row of the catalog describes")
	}
	return mix
}
