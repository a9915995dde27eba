// Package catalog classifies the description of an audit log event: what it is about, what was done, how it ended, and how severe
// that is. It is pure: no I/O and no clock.
package catalog

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Catalog classifies the descriptions of events. It never changes once parsed and is safe for concurrent use.
type Catalog struct {
	rows    []Row
	classes []auditlog.Class // of the rows
	texts   textIndex
	words   wordIndex
	below   *Catalog // used when no row of this one matches; nil at the bottom

	categories, actions []string // of this catalog and those below, sorted
}

// Row is one line of the catalog: a pattern, its class, and where its wording is documented.
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

// Evidence of a row.
const (
	EvidenceText = "text" // the whole wording is public
	EvidenceWord = "word" // only words of it are
)

// The built-in vocabulary, sorted. User rules may add categories and actions, but neither outcomes nor severities: those decide colors
// and alerts.
var (
	categories = []string{
		"api_key", "authentication", "connector", "data_forwarder", "device", "file", "grant", "intel", "live_response",
		"notification", "other", "policy", "reputation", "role", "user",
	}
	actions = []string{
		"approve", "ban", "bypass", "create", "create_external", "delete", "disable", "elevate", "enable", "login", "quarantine", "read",
		"regenerate", "register", "reject", "reset", "revert", "uninstall", "unknown", "update",
	}
	outcomes   = []string{"failure", "success", "unknown"}
	severities = []string{"critical", "error", "info", "warning"}
)

//go:embed catalog.tsv
var catalogFile []byte

// Default returns the built-in catalog.
var Default = sync.OnceValue(func() *Catalog {
	c, err := Parse(catalogFile)
	if err != nil {
		panic("built-in catalog: " + err.Error()) // a broken build, which the tests of this package refuse
	}
	return c
})

// Unknown returns the class of a description that no row matches.
func Unknown() auditlog.Class {
	return auditlog.Class{Category: "other", Action: "unknown", Outcome: "unknown", Severity: "info", Code: "other.unknown"}
}

// ClassifyEvent returns the class of the most specific row that matches the event, or else Unknown.
func (c *Catalog) ClassifyEvent(e *auditlog.Event) auditlog.Class {
	return c.classify(e.Description, e.Actor)
}

// Classify returns the class of a description without regard to its actor.
func (c *Catalog) Classify(description string) auditlog.Class { return c.classify(description, "") }

func (c *Catalog) classify(description, actor string) auditlog.Class {
	in := newInput(description, actor)
	for ; c != nil; c = c.below {
		if row, _ := c.find(&in); row >= 0 {
			return c.classes[row]
		}
	}
	return Unknown()
}

// Find returns the row that classifies a description, without regard to its actor, and false when none matches.
func (c *Catalog) Find(description string) (Row, bool) {
	in := newInput(description, "")
	return c.findRow(&in)
}

func (c *Catalog) findRow(in *input) (Row, bool) {
	for ; c != nil; c = c.below {
		if row, _ := c.find(in); row >= 0 {
			return c.rows[row], true
		}
	}
	return Row{}, false
}

// MaxTestSteps bounds the work of trying rules on descriptions. It takes less than a second of CPU time.
const MaxTestSteps = 100_000_000

// ErrTooExpensive is returned by FindWithin when the steps are used up.
var ErrTooExpensive = errors.New("the rules take too long to try: start their patterns with a word, and use fewer placeholders")

// FindWithin is Find with a bound on its work, which it subtracts from steps. The work does not depend on the speed of the machine.
func (c *Catalog) FindWithin(description string, steps *int) (Row, bool, error) {
	in := newInput(description, "")
	in.steps = *steps
	row, ok := c.findRow(&in)
	*steps = in.steps - 1 - len(description)/bytesPerStep
	if in.steps < 0 {
		return Row{}, false, ErrTooExpensive
	}
	return row, ok, nil
}

// find returns the row of a description, or -1 when none matches, and the pattern of a text row.
func (c *Catalog) find(in *input) (row int, p *pattern) {
	if found := c.texts.find(in); found != nil {
		return found.row, found.pattern
	}
	if row, ok := c.words.find(in.text[:in.trimmed], in.actor); ok {
		return row, nil
	}
	return -1, nil
}

func (c *Catalog) addText(row int, p *pattern) {
	if len(p.targets) > 0 {
		c.classes[row].Targets = p
	}
	c.texts.add(row, p)
}

// Rows returns a copy of all rows: user rules first, each catalog in its own order.
func (c *Catalog) Rows() []Row {
	if c == nil {
		return nil
	}
	rows := slices.Clone(c.rows)
	for i := range rows {
		rows[i].Sources = slices.Clone(rows[i].Sources)
	}
	return append(rows, c.below.Rows()...)
}

// Categories returns what an event can be about, sorted, including "other".
func (c *Catalog) Categories() []string { return slices.Clone(c.categories) }

// Actions returns what can have been done, sorted, including "unknown".
func (c *Catalog) Actions() []string { return slices.Clone(c.actions) }

// Outcomes returns how an action can have ended, sorted, including "unknown".
func (c *Catalog) Outcomes() []string { return slices.Clone(outcomes) }

func (r *Row) class() auditlog.Class {
	return auditlog.Class{Category: r.Category, Action: r.Action, Outcome: r.Outcome, Severity: r.Severity, Code: r.Code}
}

// classifierVersion changes with every change of how a row matches, because classes that were kept are then out of date.
const classifierVersion = 1

// Fingerprint identifies the classes that the catalog gives: two catalogs with the same fingerprint classify alike.
func (c *Catalog) Fingerprint() string {
	hash := sha256.New()
	fmt.Fprintln(hash, classifierVersion)
	for ; c != nil; c = c.below {
		for _, r := range c.rows {
			fmt.Fprintf(hash, "%q %q %q %q %q %q %q\n", r.Code, r.Category, r.Action, r.Outcome, r.Severity, r.Evidence, r.Pattern)
		}
		fmt.Fprintln(hash)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}
