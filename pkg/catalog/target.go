package catalog

import (
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// capture is a placeholder of a pattern: a part of a run, or the gap behind a run when part is below 0.
type capture struct {
	run, part int
	target    *target
}

// target is a placeholder name for what an action was done to.
type target struct {
	name  string
	kind  string
	clean func(string) string // normalizes the value; may be nil
}

// targets lists the placeholder names for what an action was done to. The first one that a row has and that is not empty counts.
var targets = []target{
	{"device", "device", nil},
	{"device_id", "device", nil},
	{"api_key", "api_key", leadingID},
	{"connector", "connector", nil},
	{"user", "user", nil},
	{"role", "role", nil},
	{"policy", "policy", withoutPolicyID},
	{"policy_id", "policy", nil},
	{"policy_ref", "policy", nil}, // a name or an id
	{"report", "report", nil},
	{"notification", "notification", lastWord},
	{"data_forwarder", "data_forwarder", forwarderID},
	{"override", "reputation_override", overrideContent},
	{"recommendation", "recommendation", leadingID},
	{"file", "file", nil},
	{"grantee", "grant", nil},
}

// findTargets returns the placeholders for what an action was done to, the most important one first.
func (p *pattern) findTargets() []capture {
	var out []capture
	for i := range targets {
		if c, ok := p.find(targets[i].name); ok {
			c.target = &targets[i]
			out = append(out, c)
		}
	}
	return out
}

// find returns the first placeholder of a name.
func (p *pattern) find(name string) (capture, bool) {
	for i, run := range p.runs {
		if j := slices.IndexFunc(run, func(part part) bool { return part.name == name }); j >= 0 {
			return capture{run: i, part: j}, true
		}
		if i < len(p.gaps) && p.gaps[i].name == name {
			return capture{run: i, part: -1}, true
		}
	}
	return capture{}, false
}

// FindTarget implements [auditlog.TargetFinder] for events that match the pattern.
func (p *pattern) FindTarget(e *auditlog.Event) (targetType, name string) {
	in := newInput(e.Description, e.Actor)
	if !in.match(p) {
		return "", ""
	}
	for _, c := range p.targets {
		value := in.value(p, c)
		if c.target.name == "grantee" {
			return grantee(value)
		}
		if c.target.clean != nil {
			value = c.target.clean(value)
		}
		if value = strings.TrimSpace(value); value != "" {
			return c.target.kind, value
		}
	}
	return "", ""
}

// grantee returns who gets a grant: an API key or a user when the vendor's identifier says so.
func grantee(grant string) (kind, name string) {
	name, _ = splitGrant(grant)
	if name = strings.TrimSpace(name); name == "" {
		return "", ""
	}
	if kind, owner, found := cutURN(name); found {
		switch kind {
		case "cnn":
			return "api_key", owner
		case "user":
			return "user", owner
		}
	}
	return "grant", name
}

// cutURN splits an identifier such as psc:cnn:ABCD1234:A1B2C3D4E5 into its kind and the part after the org key.
func cutURN(s string) (kind, owner string, ok bool) {
	s, ok = strings.CutPrefix(s, "psc:")
	kind, s, found := strings.Cut(s, ":")
	_, owner, behind := strings.Cut(s, ":")
	return kind, owner, ok && found && behind && owner != ""
}

// leadingID returns the id at the start of a string, without the punctuation before it.
func leadingID(s string) string {
	s = strings.TrimLeft(s, " :\"'")
	return s[:leading(s, func(b byte) bool { return isIDByte(b) && b != ':' })]
}

func lastWord(s string) string { return s[strings.LastIndexAny(s, " :")+1:] }

// withoutPolicyID returns the name of a policy without its id, as in "Standard (ID: 6525)".
func withoutPolicyID(s string) string {
	const mark = " (ID: "
	at := strings.LastIndex(s, mark)
	if at < 0 || !strings.HasSuffix(s, ")") {
		return s
	}
	if id := s[at+len(mark) : len(s)-1]; id == "" || leading(id, isDigit) < len(id) {
		return s
	}
	return s[:at]
}

// forwarderID returns the id or else the name of a data forwarder from its settings. Text that is not an object is the id itself.
func forwarderID(s string) string {
	for _, member := range []string{"id", "name"} {
		if value, ok := jsonMember(s, member); ok && value != "" {
			return value
		}
	}
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		return ""
	}
	return s
}

// overrideContent returns the content of a reputation override without its organization and label, as in "4821: 9c56cc51 | tool.exe".
func overrideContent(s string) string {
	if n := leading(s, isDigit); n > 0 && strings.HasPrefix(s[n:], ": ") {
		s = s[n+2:]
	}
	s, _, _ = strings.Cut(s, " | ")
	return strings.Trim(s, "[] ")
}
