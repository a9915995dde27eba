package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Rule is a row that a user adds. Its pattern is like that of a text row, see catalog.tsv.
type Rule struct {
	Pattern  string `json:"pattern"`
	Category string `json:"category"`
	Action   string `json:"action"`
	Outcome  string `json:"outcome"`  // "" means unknown
	Severity string `json:"severity"` // "" means info
	Code     string `json:"code"`     // "" means the category and the action, with a dot between
}

// SourceSettings is the source of a row that comes from the settings.
const SourceSettings = "settings"

// Bounds of a list of rules. They keep classifying fast.
const (
	MaxRules       = 500
	MaxPatternSize = 1000 // bytes
)

// With returns a catalog that tries the rules before the rows of c, the most specific rule first. An error starts with the position
// and the key of the fault, such as "[2].pattern".
func (c *Catalog) With(rules []Rule) (*Catalog, error) {
	if len(rules) == 0 {
		return c, nil
	}
	if len(rules) > MaxRules {
		return nil, fmt.Errorf(" has %d rules: at most %d are allowed", len(rules), MaxRules)
	}
	own := &Catalog{below: c, categories: slices.Clone(c.categories), actions: slices.Clone(c.actions)}
	seen := map[string]int{}
	for i, rule := range rules {
		row, err := rule.row()
		if err != nil {
			return nil, fmt.Errorf("[%d].%w", i, err)
		}
		if first, taken := seen[row.Pattern]; taken {
			return nil, fmt.Errorf("[%d].pattern is the same as [%d].pattern", i, first)
		}
		seen[row.Pattern] = i
		p, err := parsePattern(row.Pattern)
		if err != nil {
			return nil, fmt.Errorf("[%d].pattern %.80q: %w", i, row.Pattern, err)
		}
		own.rows, own.classes = append(own.rows, row), append(own.classes, row.class())
		own.addText(i, p)
		own.categories, own.actions = append(own.categories, row.Category), append(own.actions, row.Action)
	}
	own.texts.sort()
	own.categories, own.actions = sortedSet(own.categories), sortedSet(own.actions)
	return own, nil
}

// row returns the rule with its defaults. Everything but the syntax of its pattern is checked.
func (r Rule) row() (Row, error) {
	row := Row{
		Code: cmp.Or(r.Code, r.Category+"."+r.Action), Category: r.Category, Action: r.Action,
		Outcome: cmp.Or(r.Outcome, "unknown"), Severity: cmp.Or(r.Severity, "info"),
		Evidence: EvidenceText, Sources: []string{SourceSettings}, Pattern: r.Pattern,
	}
	left, right, dotted := strings.Cut(row.Code, ".")
	switch {
	case row.Pattern == "":
		return row, errors.New("pattern is missing")
	case len(row.Pattern) > MaxPatternSize:
		return row, fmt.Errorf("pattern has %d bytes: at most %d are allowed", len(row.Pattern), MaxPatternSize)
	case !isName(row.Category):
		return row, fmt.Errorf("category %.60q is %s", row.Category, notAName)
	case !isName(row.Action):
		return row, fmt.Errorf("action %.60q is %s", row.Action, notAName)
	case !slices.Contains(outcomes, row.Outcome):
		return row, fmt.Errorf("outcome %.60q is not one of %s", row.Outcome, strings.Join(outcomes, ", "))
	case !slices.Contains(severities, row.Severity):
		return row, fmt.Errorf("severity %.60q is not one of %s", row.Severity, strings.Join(severities, ", "))
	case !dotted || !isName(left) || !isName(right):
		return row, fmt.Errorf("code %.60q is not two words of a-z, 0-9 and _ with a dot between them", row.Code)
	case row.Code == Unknown().Code:
		return row, fmt.Errorf("code %.60q is reserved for unknown descriptions: choose another code, category or action", row.Code)
	}
	return row, nil
}

const (
	maxNameSize = 40
	notAName    = "not a word of a-z, 0-9 and _ that starts with a letter and has at most 40 characters"
)

func isName(s string) bool {
	return s != "" && len(s) <= maxNameSize && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func sortedSet(values []string) []string {
	slices.Sort(values)
	return slices.Compact(values)
}
