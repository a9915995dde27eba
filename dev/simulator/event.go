// Package simulator simulates Carbon Black Cloud for tests and demos: the audit log search, the read-once queue,
// export jobs, API keys, limits and failures, behind one http.Handler. Undocumented behavior is a
// Switch, and failures of production are Faults; both can be changed while it runs.
//
// It shares no code with the rest of the project, so that a mistake in the client is not repeated and hidden here.
package simulator

import (
	"encoding/json"
	"time"
)

// Event is one audit event.
type Event struct {
	CreateTime  time.Time                  `json:"create_time"`
	OrgKey      string                     `json:"org_key"` // "" becomes the server's
	Actor       string                     `json:"actor"`
	ActorIP     string                     `json:"actor_ip"`
	RequestURL  string                     `json:"request_url"`
	Description string                     `json:"description"`
	Flagged     bool                       `json:"flagged"`
	Verbose     bool                       `json:"verbose"`
	Extra       map[string]json.RawMessage `json:"extra,omitempty"` // additional fields, written unchanged
	Arrives     time.Time                  `json:"arrives"`         // when it becomes visible to search and queues; zero means CreateTime
}

func (e *Event) arrives() time.Time {
	if e.Arrives.IsZero() {
		return e.CreateTime
	}
	return e.Arrives
}

// Permissions of API keys.
const (
	PermissionAudits = "org.audits"  // _search, _queue and _export
	PermissionJobs   = "jobs.status" // everything under /jobs
)

// Key is an API key of the organization.
type Key struct {
	APIID       string   `json:"apiId"`
	APISecret   string   `json:"apiSecret"`
	Permissions []string `json:"permissions"`
}

// Token returns the key's X-Auth-Token header.
func (k Key) Token() string { return k.APISecret + "/" + k.APIID }

// DefaultOrgKey is the org key of a server that is configured without one.
const DefaultOrgKey = "ABCD1234"

// DefaultKeys returns the keys of a server that is configured without any: one with every permission, one for audit logs only, one for jobs
// only, and one without permissions.
func DefaultKeys() []Key {
	return []Key{
		{APIID: "SIMFULL001", APISecret: "FULLSECRETAAAAAAAAAAAAA1", Permissions: []string{PermissionAudits, PermissionJobs}},
		{APIID: "SIMAUDIT02", APISecret: "AUDITSECRETBBBBBBBBBBBB2", Permissions: []string{PermissionAudits}},
		{APIID: "SIMJOBS003", APISecret: "JOBSSECRETCCCCCCCCCCCCC3", Permissions: []string{PermissionJobs}},
		{APIID: "SIMNONE004", APISecret: "NONESECRETDDDDDDDDDDDDD4", Permissions: []string{}},
	}
}

// Config configures a Server. The zero value has the default organization and keys and a generated history.
type Config struct {
	Seed     uint64
	OrgKey   string
	Keys     []Key            // nil means DefaultKeys
	Apps     []App            // nil means DefaultApps, or none if there are Keys
	Now      func() time.Time // nil means time.Now
	Events   []Event          // exactly these; nil means generate
	Generate Generate
	Switches Switches
	Faults   Faults
}

// Generate sets the size of the generated history and the pace of new events.
type Generate struct {
	Days       int           `json:"days"`       // of history; 0 means 30
	PerDay     int           `json:"perDay"`     // average events per day of history; 0 means 2000
	LivePerDay int           `json:"livePerDay"` // events per day after the start, at a steady pace; 0 means PerDay, negative none
	Lateness   time.Duration `json:"lateness"`   // an event after the start becomes visible up to this long after its time
}

func (g Generate) withDefaults() Generate {
	if g.Days == 0 {
		g.Days = 30
	}
	if g.PerDay == 0 {
		g.PerDay = 2000
	}
	if g.LivePerDay == 0 {
		g.LivePerDay = g.PerDay
	}
	return g
}

// Check returns an error that names the first switch or fault with an invalid value.
func (c Config) Check() error {
	if _, err := c.Switches.withDefaults(); err != nil {
		return err
	}
	_, err := c.Faults.withDefaults()
	return err
}
