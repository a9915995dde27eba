// Package simulator is a Carbon Black Cloud to test and demonstrate against: its audit log search, its read-once queue, its
// export jobs, its API keys, its limits and its failures, behind one http.Handler. What nobody outside the vendor knows is a
// Switch, and what goes wrong in production is a Fault; both can be changed while it runs.
//
// It shares no code with the rest of the project, so that a mistake in the client is not repeated here and hidden.
package simulator

import (
	"encoding/json"
	"time"
)

// Event is one audit record as the simulated cloud holds it.
type Event struct {
	CreateTime  time.Time                  `json:"create_time"`
	OrgKey      string                     `json:"org_key"` // "" becomes the server's
	Actor       string                     `json:"actor"`
	ActorIP     string                     `json:"actor_ip"`
	RequestURL  string                     `json:"request_url"`
	Description string                     `json:"description"`
	Flagged     bool                       `json:"flagged"`
	Verbose     bool                       `json:"verbose"`
	Extra       map[string]json.RawMessage `json:"extra,omitempty"` // further fields, written as they are
	Arrives     time.Time                  `json:"arrives"`         // when search and queues can see it; zero means at CreateTime
}

func (e *Event) arrives() time.Time {
	if e.Arrives.IsZero() {
		return e.CreateTime
	}
	return e.Arrives
}

// Permissions of an API key.
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

// Token is what the key sends as X-Auth-Token.
func (k Key) Token() string { return k.APISecret + "/" + k.APIID }

// DefaultOrgKey is the organization of a server that was given none.
const DefaultOrgKey = "ABCD1234"

// DefaultKeys are the keys of a server that was given none: one that may do everything, one for audit logs only, one for jobs
// only, and one without any permission.
func DefaultKeys() []Key {
	return []Key{
		{APIID: "SIMFULL001", APISecret: "FULLSECRETAAAAAAAAAAAAA1", Permissions: []string{PermissionAudits, PermissionJobs}},
		{APIID: "SIMAUDIT02", APISecret: "AUDITSECRETBBBBBBBBBBBB2", Permissions: []string{PermissionAudits}},
		{APIID: "SIMJOBS003", APISecret: "JOBSSECRETCCCCCCCCCCCCC3", Permissions: []string{PermissionJobs}},
		{APIID: "SIMNONE004", APISecret: "NONESECRETDDDDDDDDDDDDD4", Permissions: []string{}},
	}
}

// Config describes a Server. The zero value works: the default organization and keys and a generated history.
type Config struct {
	Seed     uint64
	OrgKey   string
	Keys     []Key
	Now      func() time.Time // nil means time.Now
	Events   []Event          // these and no others; nil means generate
	Generate Generate
	Switches Switches
	Faults   Faults
}

// Generate sizes the generated history and what arrives after it.
type Generate struct {
	Days       int           `json:"days"`       // of history; 0 means 30
	PerDay     int           `json:"perDay"`     // events a day on average over the history; 0 means 2000
	LivePerDay int           `json:"livePerDay"` // events a day after the start, at a steady pace; 0 means PerDay, negative none
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

// Check says which switch or fault has a value that does not exist.
func (c Config) Check() error {
	if _, err := c.Switches.withDefaults(); err != nil {
		return err
	}
	_, err := c.Faults.withDefaults()
	return err
}
