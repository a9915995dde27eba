package auditlog

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// Catalog classifies what the description of an event tells. It never changes once parsed and is safe for concurrent use.
type Catalog struct {
	rows  []Row
	texts textIndex
	words wordIndex
}

// Row is one line of the catalog: a pattern, what it means, and where its wording can be read.
type Row struct {
	Code     string   `json:"code"`
	Category string   `json:"category"`
	Action   string   `json:"action"`
	Outcome  string   `json:"outcome"`
	Severity string   `json:"severity"`
	Evidence string   `json:"evidence"` // EvidenceText or EvidenceWord
	Sources  []string `json:"sources"`
	Pattern  string   `json:"pattern"`
	Example  string   `json:"example"`
}

// How well a row is founded.
const (
	EvidenceText = "text" // the wording of the whole description is public
	EvidenceWord = "word" // only words of it are
)

// The closed vocabulary, sorted. A filter may name nothing else, and a row may say nothing else.
var (
	categories = []string{
		"api_key", "authentication", "connector", "data_forwarder", "device", "file", "grant", "intel", "live_response",
		"notification", "other", "policy", "reputation", "role", "user",
	}
	actions = []string{
		"approve", "ban", "bypass", "create", "delete", "disable", "elevate", "enable", "login", "quarantine", "read",
		"regenerate", "register", "reject", "reset", "revert", "uninstall", "unknown", "update",
	}
	outcomes   = []string{"failure", "success", "unknown"}
	severities = []string{"critical", "error", "info", "warning"}
)

//go:embed catalog.tsv
var catalogFile []byte

// DefaultCatalog returns the catalog that is built in.
var DefaultCatalog = sync.OnceValue(func() *Catalog {
	c, err := ParseCatalog(catalogFile)
	if err != nil {
		panic("built-in catalog: " + err.Error()) // a broken build, which the tests of this package refuse
	}
	return c
})

// Unknown is the class of a description that no row fits.
func Unknown() Class {
	return Class{Category: "other", Action: "unknown", Outcome: "unknown", Severity: "info", Code: "other.unknown"}
}

// Classify returns the class of a description: that of the most specific row that fits, or else Unknown.
func (c *Catalog) Classify(description string) Class {
	// Some services end a description with a line break.
	text := strings.TrimRight(description, "\r\n")
	if row, ok := c.texts.find(text); ok {
		return c.rows[row].class()
	}
	if row, ok := c.words.find(text); ok {
		return c.rows[row].class()
	}
	return Unknown()
}

// Rows returns the catalog, in its own order. The caller may change what it gets.
func (c *Catalog) Rows() []Row {
	rows := slices.Clone(c.rows)
	for i := range rows {
		rows[i].Sources = slices.Clone(rows[i].Sources)
	}
	return rows
}

// Categories lists what an event can be about, sorted, "other" included.
func (c *Catalog) Categories() []string { return slices.Clone(categories) }

// Actions lists what can have been done, sorted, "unknown" included.
func (c *Catalog) Actions() []string { return slices.Clone(actions) }

// Outcomes lists how it can have ended, sorted, "unknown" included.
func (c *Catalog) Outcomes() []string { return slices.Clone(outcomes) }

func (r *Row) class() Class {
	return Class{Category: r.Category, Action: r.Action, Outcome: r.Outcome, Severity: r.Severity, Code: r.Code}
}
