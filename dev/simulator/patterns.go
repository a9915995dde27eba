package simulator

import "strings"

// who causes an event. It decides the event's actor and address.
type who int

const (
	byUser     who = iota // someone at the console
	byKey                 // an API key
	byVendor              // the vendor's staff: no address
	byDevice              // a sensor, for the person at the device
	bySystem              // nobody: no actor, no address
	byIntruder            // an attacker who tries logins
)

// pattern is a wording of a description from public sources, with placeholders in braces. If a source shows only
// parts of a sentence, they are joined without additions.
type pattern struct {
	weight  int // frequency among the patterns of the same who
	by      who
	text    string
	url     string
	flagged bool
	verbose bool
}

// Patterns of scenes with several events.
const (
	textLoggedIn       = "Logged in successfully"
	textWrongPassword  = "Password did not match for the specified login"
	textUnknownAddress = textWrongPassword + "; attempt came from a previously unknown IP"
	textPolicyRequest  = "Request received to modify policy {policy} (ID: {policyId})"
	textPolicyModified = "Policy {policy} (ID: {policyId}) was modified"
	textPolicyUpdated  = "Policy {policy} (ID: {policyId}) is updated successfully"
	textRuleConfig     = "Parameters updated for Authentication Events rule config (ID: {ruleId}) for policy {policy} (ID: {policyId})"
	textRuleConfigJSON = textRuleConfig + `{"enable_auth_events":true}`
	textRoleCreated    = "Created custom role {role} ({roleId})."
	textRoleGranted    = "Custom role {role} ({roleId}) updated with user permissions."

	urlRoles       = "/access/v2/orgs/{org}/roles"
	urlPermissions = "/access/v2/orgs/{org}/permissions/list"
)

var patterns = []pattern{
	// Logins.
	{180, byUser, textLoggedIn, "", false, false},
	{70, byUser, "{actor} logged in successfully", "", false, false},
	{14, byUser, "User logged in successfully to this org, orgId: {orgId}", "", false, false},
	{6, byVendor, "Logged in successfully to this org, orgId: {orgId}", "", false, false},
	{4, byIntruder, "Login failed", "", true, false},
	{8, byIntruder, textWrongPassword, "", true, false},
	{3, byIntruder, textUnknownAddress, "", true, false},
	{300, byKey, "Connector {actor} logged in successfully", "", false, false},
	{120, byKey, "Connector (App) {actor} created session successfully", "", false, false},
	// API keys.
	{4, byUser, "Updated connector {keyName} with api key {text16}", "", false, false},
	{5, byUser, "User {actor} retrieved secret for API ID {apiId} in org {orgId}", "", false, false},
	{2, byUser, "User {actor} retrieved secret for API ID {apiId} in org {orgId}", "", true, false},
	{3, byUser, "Added API ID {apiId} with name {keyName} in org {orgId}", "", false, false},
	{2, byUser, "Regenerated API key for API ID {apiId}", "", false, false},
	{2, byUser, "Updated API ID {apiId}", "", false, false},
	// Users, grants, roles.
	{3, byUser, "Added user {email} to org {orgId} (Email Invitation)", "", false, false},
	{3, byUser, "Created grant: psc:cnn:{org}:{apiId} with role {grantRole}", "/access/v2/orgs/{org}/grants", false, false},
	{2, byUser, "Updated grant: psc:cnn:{org}:{apiId} with role {grantRole}", "/access/v2/orgs/{org}/grants", false, false},
	{1, byUser, textRoleCreated, urlRoles, false, false},
	{2, byUser, "Updated custom role {role} ({roleId}).", urlRoles + "/{roleId}", false, false},
	{1, byUser, textRoleGranted, urlPermissions, false, false},
	// Policies.
	{6, byUser, textPolicyRequest, "", false, false},
	{2, byUser, "Request received to create new policy - {policy}", "", false, false},
	{3, byUser, "Policy {policy} was modified", "", false, false},
	{4, byUser, textPolicyModified, "", false, false},
	{6, byKey, textPolicyModified, "/integrationServices/v3/policy/{policyId}", false, false},
	{4, byKey, textPolicyModified, "/integrationServices/v3/policy/{policyId}/rule/{small}", false, false},
	{2, byUser, "Policy {policy} (ID: {policyId}) created successfully", "", false, false},
	{3, byUser, textPolicyUpdated, "", false, false},
	{1, byUser, "Policy {policy} (ID: {policyId}) was modified and renamed to {otherPolicy} (ID: {policyId})", "", false, false},
	{1, byUser, "Policy {policy} (ID: {policyId}) was deleted", "", false, false},
	{2, byUser, textRuleConfig, "", false, false},
	{2, byUser, "Parameters updated for XDR rule config (ID: {ruleId}) for policy {policy} (ID: {policyId})", "", false, false},
	{2, byUser, textRuleConfigJSON, "", false, true},
	{2, byUser, "Parameters updated for XDR rule config (ID: {ruleId}) for policy with ID {policyId}", "", false, false},
	{2, byUser, `Parameters updated for XDR rule config (ID: {ruleId}) for policy with ID {policyId}{"enable_network_data_collection":false}`, "", false, true},
	{2, byUser, "Policy update applied {policy} policy to {fqdn}", "", false, false},
	{2, byUser, "Downloaded policy configurations for all policies", "", false, false},
	{8, byUser, `Changed policy to "{policy}" (ID: {policyId}) for device(s): {deviceIds}`, "", false, false},
	{1, byUser, "Enabled USB device blocking in policy '{policyId}'", "/device_control/v3/orgs/{org}/blocks/_bulk", false, false},
	{1, byUser, "Enabled auto blacklisting with threshold set to {small}", "", false, false},
	// Sensors and devices.
	{40, byDevice, "Sensor Bypass Enabled (User Action)", "", false, false},
	{4, byUser, "Set BACKGROUND_SCAN to on for device(s): {deviceId}", "", false, false},
	{4, byUser, "Set BACKGROUND_SCAN to off for device(s): {deviceId}", "", false, false},
	{3, byUser, "Set QUARANTINE to on for device(s): {deviceIds}", "", false, false},
	{5, byUser, "Set QUARANTINE to off for device(s): {fqdn} (ID: {deviceId})", "", false, false},
	{30, bySystem, "Requested sensor update to version: {version} for the following device: {device} (ID: {deviceId})", "/settings/users/pushSensorKits", true, false},
	{6, bySystem, "Device {fqdn} with deviceId {deviceId} uninstalled", "", false, false},
	{2, byUser, "Device reset requested on device {deviceId}", "", false, false},
	{4, byUser, "Logs requested for device {deviceId}", "", false, false},
	{6, bySystem, "Re-registration of device {fqdn} of {deviceId} device completed", "", false, false},
	{6, bySystem, "{fqdn} auto-deletion devices", "", false, false},
	// Deleting files.
	{3, byUser, "Delete Hash {sha256} device(s): {deviceIds}", "", false, false},
	{3, byUser, "Hash - {sha256} on device {fqdn}", "", false, false},
	{5, bySystem, "Success deleting hash '{sha256}' device '{deviceId}' Reason: {reason}", "", false, false},
	{3, bySystem, "Failure deleting hash '{sha256}' device '{deviceId}' Reason: {reason}", "", false, false},
	// Reputation.
	{6, byUser, "User {actor} added Reputation Override for Organization ID {orgId} of type SHA256 to BLACK_LIST with content: {sha256} | {label}", "", false, false},
	{5, byUser, "User {actor} added Reputation Override for Organization ID {orgId} of type SHA256 to WHITE_LIST with content: {sha256} | {label}", "", false, false},
	{3, byUser, "User {actor} deleted Reputation Overrides for Organization ID {orgId}: {sha256} | {label}", "", false, false},
	{2, byUser, "User {actor} deleted Reputation Override for Organization ID {orgId}: [{hex32}]", "", false, false},
	{3, byUser, "User {actor} accepted recommendation ID: {uuid}. Added SHA-256 hash ({sha256} | {label}) to approved list. Comment: “{comment}”", "", false, false},
	{1, byUser, "User {actor} reverted recommendation ID: {uuid}. Deleted SHA-256 hash ({sha256} | {label}) from approved list.", "", false, false},
	{2, byUser, "User {actor} rejected recommendation ID: {uuid}.", "", false, false},
	// Notifications, intelligence, forwarders.
	{3, byUser, "Created alert notification with name: {title} and id: {hex32}", "", false, false},
	{3, byUser, "Updated alert notification for org: {org} and ruleId {hex32}", "", false, false},
	{2, byUser, "Deleted alert notification for org: {org} and ruleId: {hex32}", "", false, false},
	{4, byUser, "Updated report, '{title}'", "", false, false},
	{20, byKey, "Updated report {uuid} in feed {text16}", "", false, false},
	{3, byUser, "Updated Config: {config}\n", "/data_forwarder/v2/orgs/{org}/configs/{uuid}", false, false},
	{1, byUser, "Deleted Config: {config}\n", "/data_forwarder/v2/orgs/{org}/configs/{uuid}", false, false},
}

// template is a string, split at its placeholders.
type template []segment

type segment struct {
	text string
	fill filler // comes after the text; nil at the end
}

func newTemplate(text string) template {
	var parts template
	for {
		before, rest, found := strings.Cut(text, "{")
		name, after, closed := strings.Cut(rest, "}")
		fill := fillers[name]
		if !found || !closed {
			return append(parts, segment{text: text})
		}
		if fill == nil { // a literal brace
			next := strings.IndexByte(rest, '{')
			if next < 0 {
				return append(parts, segment{text: text})
			}
			parts = append(parts, segment{text: text[:len(before)+1+next]})
			text = text[len(before)+1+next:]
			continue
		}
		parts = append(parts, segment{before, fill})
		text = after
	}
}

func (t template) write(s *scene) string {
	if len(t) == 1 && t[0].fill == nil {
		return t[0].text
	}
	b := s.buffer[:0]
	for _, part := range t {
		b = append(b, part.text...)
		if part.fill != nil {
			b = part.fill(b, s)
		}
	}
	s.buffer = b
	return string(b)
}

// recipe is a compiled pattern.
type recipe struct {
	pattern
	description, url template
}

func newRecipe(p pattern) *recipe { return &recipe{p, newTemplate(p.text), newTemplate(p.url)} }

// weightedRecipes draws recipes according to their weight.
type weightedRecipes struct {
	recipes []*recipe
	upTo    []int // running sums of the weights
}

func newWeightedRecipes(causes ...who) *weightedRecipes {
	d := &weightedRecipes{}
	total := 0
	for _, p := range patterns {
		for _, by := range causes {
			if p.by == by {
				total += p.weight
				d.recipes, d.upTo = append(d.recipes, newRecipe(p)), append(d.upTo, total)
			}
		}
	}
	return d
}

func (d *weightedRecipes) draw(s *scene) *recipe {
	at := s.chance.IntN(d.upTo[len(d.upTo)-1])
	for i, up := range d.upTo {
		if at < up {
			return d.recipes[i]
		}
	}
	return d.recipes[0]
}
