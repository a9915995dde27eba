package auditlog_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

type fixedTarget [2]string

func (t fixedTarget) FindTarget(*auditlog.Event) (targetType, target string) { return t[0], t[1] }

func TestKeys(t *testing.T) {
	e := auditlog.Event{Actor: "who", ActorIP: "from", RequestURL: "path", Description: "what", Flagged: true}
	c := auditlog.Class{
		Category: "policy", Action: "update", Outcome: "success", Severity: "warning", Code: "policy.updated", Targets: fixedTarget{"policy", "Standard"},
	}
	var values []string
	for _, k := range auditlog.Keys() {
		values = append(values, string(k)+"="+k.Value(&e, c))
	}
	require.Equal(t, "actor=who actor_ip=from request_url=path description=what flagged=true verbose=false category=policy action=update outcome=success "+
		"code=policy.updated severity=warning account=who address=from target=Standard target_type=policy", strings.Join(values, " "))
	require.Empty(t, auditlog.Key("colour").Value(&e, c))
	auditlog.Keys()[0] = "x"
	require.Equal(t, auditlog.KeyActor, auditlog.Keys()[0])
}

func TestCloud(t *testing.T) {
	for name, c := range map[string]struct{ filter, want auditlog.Filter }{
		"nothing": {},
		"query is trimmed": {
			auditlog.Filter{Query: " description:login\n"}, auditlog.Filter{Query: "description:login"},
		},
		"criteria of the cloud": {
			auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: {"a", "b"}, auditlog.KeyDescription: {"x"}, auditlog.KeyFlagged: {"true"}}},
			auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: {"a", "b"}, auditlog.KeyDescription: {"x"}, auditlog.KeyFlagged: {"true"}}},
		},
		"derived and empty values stay": {
			auditlog.Filter{Criteria: auditlog.Terms{
				auditlog.KeyAccount: {"a@example.com"}, auditlog.KeyAddress: {"192.0.2.7"}, auditlog.KeyCode: {"a.b"}, auditlog.KeySeverity: {"info"},
				auditlog.KeyTarget: {"x"}, auditlog.KeyTargetType: {"policy"}, auditlog.KeyCategory: {"policy"}, auditlog.KeyAction: {"update"}, auditlog.KeyOutcome: {"success"}, auditlog.KeyActorIP: {"192.0.2.7", ""},
				auditlog.KeyVerbose: {},
			}},
			auditlog.Filter{},
		},
		"exclusions stay but for what only the cloud matches": {
			auditlog.Filter{Exclusions: auditlog.Terms{
				auditlog.KeyActor: {"a"}, auditlog.KeyVerbose: {"true"}, auditlog.KeyDescription: {"note"}, auditlog.KeyRequestURL: {"/x", ""}, auditlog.KeyAction: {"login"},
			}},
			auditlog.Filter{Exclusions: auditlog.Terms{auditlog.KeyDescription: {"note"}}},
		},
	} {
		got := c.filter.Cloud()
		require.Equal(t, c.want.Query, got.Query, name)
		require.Equal(t, len(c.want.Criteria), len(got.Criteria), name)
		require.Equal(t, len(c.want.Exclusions), len(got.Exclusions), name)
		for key, values := range c.want.Criteria {
			require.Equal(t, values, got.Criteria[key], name)
		}
		for key, values := range c.want.Exclusions {
			require.Equal(t, values, got.Exclusions[key], name)
		}
	}
}

func TestCloudCount(t *testing.T) {
	terms := func(key auditlog.Key, values ...string) auditlog.Terms { return auditlog.Terms{key: values} }
	for name, c := range map[string]struct {
		filter auditlog.Filter
		ok     bool
	}{
		"nothing":            {auditlog.Filter{}, true},
		"lucene":             {auditlog.Filter{Query: "login"}, true},
		"actor":              {auditlog.Filter{Criteria: terms(auditlog.KeyActor, "a", "b")}, true},
		"no values":          {auditlog.Filter{Criteria: terms(auditlog.KeyAction), Exclusions: terms(auditlog.KeyOutcome)}, true},
		"one exclusion":      {auditlog.Filter{Exclusions: terms(auditlog.KeyActor, "a", "b")}, true},
		"derived":            {auditlog.Filter{Criteria: terms(auditlog.KeyAction, "login")}, false},
		"derived excluded":   {auditlog.Filter{Exclusions: terms(auditlog.KeyOutcome, "failure")}, false},
		"empty value":        {auditlog.Filter{Criteria: terms(auditlog.KeyActorIP, "192.0.2.7", "")}, false},
		"both flags":         {auditlog.Filter{Criteria: terms(auditlog.KeyFlagged, "false", "true")}, false},
		"both flags without": {auditlog.Filter{Exclusions: terms(auditlog.KeyVerbose, "false", "true")}, false},
		"two exclusions": {auditlog.Filter{Exclusions: auditlog.Terms{
			auditlog.KeyActor: {"a"}, auditlog.KeyDescription: {"b"},
		}}, false},
	} {
		got, ok := c.filter.CloudCount()
		require.Equal(t, c.ok, ok, name)
		if ok {
			require.Equal(t, c.filter.Query, got.Query, name)
		}
	}
}

// How the cloud matches descriptions and request URLs is not known, so its selection is not checked again here.
func TestLocalLeavesTextsToTheCloud(t *testing.T) {
	e := &auditlog.Event{Description: "Logged in successfully", RequestURL: "/access/v2/orgs/ABCD1234/roles"}
	for _, k := range []auditlog.Key{auditlog.KeyDescription, auditlog.KeyRequestURL} {
		require.True(t, auditlog.Filter{Criteria: auditlog.Terms{k: {"logged in"}}}.Local().Match(e, auditlog.Class{}))
		require.True(t, auditlog.Filter{Exclusions: auditlog.Terms{k: {k.Value(e, auditlog.Class{})}}}.Local().Match(e, auditlog.Class{}))
		require.False(t, auditlog.Filter{Criteria: auditlog.Terms{k: {""}}}.Local().Match(e, auditlog.Class{}))
		require.True(t, auditlog.Filter{Exclusions: auditlog.Terms{k: {""}}}.Local().Match(e, auditlog.Class{}))
	}
}

// The zero Matcher passes every event.
func TestZeroMatcher(t *testing.T) {
	require.True(t, auditlog.Matcher{}.Match(&auditlog.Event{}, auditlog.Class{}))
}

// eventValues returns the values of a key that events are drawn from.
func eventValues(k auditlog.Key) []string {
	switch {
	case k.Boolean():
		return []string{"false", "true"}
	case k == auditlog.KeyActor:
		return []string{"", "a", "A", "b", "Jane@Example.com", " jane@example.com", "jane@example.com"}
	case k == auditlog.KeyActorIP:
		return []string{
			"", "a", "A", "203.0.113.7", "203.0.113.7:40001", "203.0.113.7, 10.0.0.9", "::ffff:203.0.113.7", "10.0.0.9", "2001:DB8::1", "[2001:db8:0::1]:443",
		}
	case k.Derived():
		return []string{"x", "y"}
	}
	return []string{"", "a", "A", "b"}
}

// termValues returns the values of a key that filters are drawn from.
func termValues(k auditlog.Key) []string {
	switch k {
	case auditlog.KeyAccount:
		return eventValues(auditlog.KeyActor)
	case auditlog.KeyAddress:
		return append(eventValues(auditlog.KeyActorIP), "203.0.113.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0")
	}
	return eventValues(k)
}

func someTerms() *rapid.Generator[auditlog.Terms] {
	return rapid.Custom(func(t *rapid.T) auditlog.Terms {
		terms := auditlog.Terms{}
		for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom(auditlog.Keys()), 0, 3, rapid.ID[auditlog.Key]).Draw(t, "keys") {
			terms[k] = rapid.SliceOfNDistinct(rapid.SampledFrom(termValues(k)), 0, 2, rapid.ID[string]).Draw(t, string(k))
		}
		return terms
	})
}

func someFilter() *rapid.Generator[auditlog.Filter] {
	return rapid.Custom(func(t *rapid.T) auditlog.Filter {
		return auditlog.Filter{Criteria: someTerms().Draw(t, "criteria"), Exclusions: someTerms().Draw(t, "exclusions")}
	})
}

// aCase draws an event and its class.
func aCase(t *rapid.T) (*auditlog.Event, auditlog.Class) {
	value := func(k auditlog.Key) string { return rapid.SampledFrom(eventValues(k)).Draw(t, string(k)) }
	return &auditlog.Event{
			Actor: value(auditlog.KeyActor), ActorIP: value(auditlog.KeyActorIP), RequestURL: value(auditlog.KeyRequestURL),
			Description: value(auditlog.KeyDescription), Flagged: value(auditlog.KeyFlagged) == "true", Verbose: value(auditlog.KeyVerbose) == "true",
		}, auditlog.Class{
			Category: value(auditlog.KeyCategory), Action: value(auditlog.KeyAction), Outcome: value(auditlog.KeyOutcome), Severity: value(auditlog.KeySeverity),
			Code: value(auditlog.KeyCode), Targets: fixedTarget{value(auditlog.KeyTargetType), value(auditlog.KeyTarget)},
		}
}

// means reports whether an event has a value of a key, by the plainest rule.
func means(k auditlog.Key, value string, e *auditlog.Event, c auditlog.Class) bool {
	switch k {
	case auditlog.KeyAccount:
		return plainAccount(value) == plainAccount(e.Actor)
	case auditlog.KeyAddress:
		from, known := plainAddresses[e.ActorIP]
		if _, network, err := net.ParseCIDR(value); err == nil {
			_, bits := network.Mask.Size()
			return known && network.Contains(net.ParseIP(from)) && (bits == 32) == (net.ParseIP(from).To4() != nil)
		}
		if wanted, listed := plainAddresses[value]; listed {
			value = wanted
		}
		return known && value == from || !known && value == e.ActorIP
	}
	return k.Value(e, c) == value
}

func plainAccount(actor string) string {
	if actor = strings.Trim(actor, " "); strings.Contains(actor, "@") {
		return strings.ToLower(actor)
	}
	return actor
}

var plainAddresses = map[string]string{
	"203.0.113.7": "203.0.113.7", "203.0.113.7:40001": "203.0.113.7", "203.0.113.7, 10.0.0.9": "203.0.113.7", "::ffff:203.0.113.7": "203.0.113.7",
	"10.0.0.9": "10.0.0.9", "2001:DB8::1": "2001:db8::1", "[2001:db8:0::1]:443": "2001:db8::1",
}

// selects reports whether a filter selects an event, by the plainest rule.
func selects(f auditlog.Filter, e *auditlog.Event, c auditlog.Class) bool {
	hit := func(k auditlog.Key, values []string) bool {
		return slices.ContainsFunc(values, func(value string) bool { return means(k, value, e, c) })
	}
	for k, values := range f.Criteria {
		if len(values) > 0 && !hit(k, values) {
			return false
		}
	}
	for k, values := range f.Exclusions {
		if hit(k, values) {
			return false
		}
	}
	return true
}

// reading is a way in which the cloud might interpret a filter.
type reading struct {
	ignoreCase bool // of actors and addresses
	notAll     bool // exclusions together mean "not all of them"
}

// finds reports whether a cloud with this reading finds an event. It has no derived keys and takes one value of a flag.
func (r reading) finds(f auditlog.Filter, e *auditlog.Event) bool {
	hit := func(k auditlog.Key, values []string) bool {
		value := k.Value(e, auditlog.Class{})
		return slices.ContainsFunc(values, func(wanted string) bool {
			loose := r.ignoreCase && (k == auditlog.KeyActor || k == auditlog.KeyActorIP)
			return wanted == value || (loose && strings.EqualFold(wanted, value))
		})
	}
	for k, values := range f.Criteria {
		if (!k.Boolean() || len(values) == 1) && !hit(k, values) {
			return false
		}
	}
	said, hits := 0, 0
	for k, values := range f.Exclusions {
		if k.Boolean() && len(values) != 1 {
			continue
		}
		said++
		if hit(k, values) {
			hits++
		}
	}
	if r.notAll {
		return said == 0 || hits < said
	}
	return hits == 0
}

// The part of the cloud and the part decided here make up the whole filter.
func TestCloudAndLocalAreTheWhole(t *testing.T) {
	for _, r := range []reading{{}, {ignoreCase: true}, {notAll: true}, {ignoreCase: true, notAll: true}} {
		rapid.Check(t, func(t *rapid.T) {
			f := someFilter().Draw(t, "filter")
			e, c := aCase(t)
			cloud := f.Cloud()
			found := r.finds(cloud, e)
			if selects(f, e, c) {
				require.True(t, found, "the cloud withholds an event: it was sent %+v", cloud)
			}
			if r.notAll && len(cloud.Exclusions) > 1 {
				return // only the cloud can match these two, in its own way
			}
			require.Equal(t, selects(f, e, c), found && f.Local().Match(e, c), "the cloud was sent %+v", cloud)
		})
	}
}

func TestCloudCountsTheWhole(t *testing.T) {
	for _, r := range []reading{{}, {notAll: true}} {
		rapid.Check(t, func(t *rapid.T) {
			f := someFilter().Draw(t, "filter")
			e, c := aCase(t)
			if counted, ok := f.CloudCount(); ok {
				require.Equal(t, selects(f, e, c), r.finds(counted, e), "the cloud was sent %+v", counted)
			}
		})
	}
}

func TestCloudLeavesTheFilter(t *testing.T) {
	f := auditlog.Filter{Query: " x ", Exclusions: auditlog.Terms{auditlog.KeyActor: {"a"}, auditlog.KeyDescription: {"b"}}}
	f.Cloud()
	f.CloudCount()
	require.Equal(t, auditlog.Filter{Query: " x ", Exclusions: auditlog.Terms{auditlog.KeyActor: {"a"}, auditlog.KeyDescription: {"b"}}}, f)
}

// Without the cloud, a description matches a value that it equals or contains as a phrase.
func TestEverythingMatchesPhrases(t *testing.T) {
	event := auditlog.Event{Description: `Policy "Brand New" (ID: 9) was modified`, RequestURL: "/access/v2/orgs/ABCD1234/grants", Actor: "a@example.org"}
	match := func(key auditlog.Key, values ...string) bool {
		return auditlog.Filter{Criteria: auditlog.Terms{key: values}}.Everything().Match(&event, auditlog.Class{})
	}
	for _, phrase := range []string{"brand new", "POLICY", event.Description, "id: 9", "(ID: 9) was"} {
		require.True(t, match(auditlog.KeyDescription, "nothing", phrase), phrase)
	}
	for _, phrase := range []string{"new brand", "bran", "modify", "policy modified", "?!"} {
		require.False(t, match(auditlog.KeyDescription, phrase), phrase)
	}
	require.True(t, match(auditlog.KeyRequestURL, "/access/v2"))
	require.False(t, match(auditlog.KeyRequestURL, ""))
	require.True(t, match(auditlog.KeyActor, "a@example.org"))
	require.False(t, match(auditlog.KeyActor, "A@example.org"), "everything else is compared exactly")
	require.False(t, auditlog.Filter{Exclusions: auditlog.Terms{auditlog.KeyDescription: {"brand new"}}}.Everything().Match(&event, auditlog.Class{}))
}
