package plugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/catalog"
)

// rulesKey is the key of the catalog rules in the settings.
const rulesKey = "catalogRules"

// rules reads the rules of the settings. Provisioning from an environment variable turns the list into a string of JSON.
func (r *settingsReader) rules() []catalog.Rule {
	value := r.values[rulesKey]
	if text, ok := value.(string); ok {
		value = nil
		if strings.TrimSpace(text) != "" {
			if err := json.Unmarshal([]byte(text), &value); err != nil {
				r.fail(rulesKey, "a list of rules", "a string that is not JSON")
				return nil
			}
		}
	}
	rules, err := decodeRules(rulesKey, value)
	if err == nil {
		_, err = catalogWith(rulesKey, rules)
	}
	if err != nil && r.err == nil {
		r.err = err
	}
	return rules
}

// catalogWith adds rules to the built-in catalog. An error names the list.
func catalogWith(list string, rules []catalog.Rule) (*catalog.Catalog, error) {
	classifier, err := catalog.Default().With(rules)
	if err != nil {
		return nil, fmt.Errorf("%s%w", list, err)
	}
	return classifier, nil
}

var ruleKeys = []string{"action", "category", "code", "outcome", "pattern", "severity"}

// decodeRules reads a decoded list of rules. An error names the list, the position and the key.
func decodeRules(list string, value any) ([]catalog.Rule, error) {
	if value == nil {
		return nil, nil
	}
	items, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("%s must be a list of rules, each with %s", list, strings.Join(ruleKeys, ", "))
	}
	rules := make([]catalog.Rule, len(items))
	for i, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s[%d] must be an object with %s", list, i, strings.Join(ruleKeys, ", "))
		}
		texts := map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			text, ok := object[key].(string)
			switch {
			case !slices.Contains(ruleKeys, key):
				return nil, fmt.Errorf("%s[%d] has an unknown key %.60q: allowed are %s", list, i, key, strings.Join(ruleKeys, ", "))
			case !ok && object[key] != nil:
				return nil, fmt.Errorf("%s[%d].%s must be a string", list, i, key)
			}
			texts[key] = text
		}
		word := func(key string) string { return strings.TrimSpace(texts[key]) }
		rules[i] = catalog.Rule{
			Pattern: texts["pattern"], Category: word("category"), Action: word("action"), Outcome: word("outcome"),
			Severity: word("severity"), Code: word("code"),
		}
	}
	return rules, nil
}

// Bounds of a test of the catalog.
const (
	maxTestBody        = 2 << 20
	maxTested          = 100
	maxTestDescription = 10_000 // bytes
)

// verdict is how the catalog classifies a description.
type verdict struct {
	catalog.Row
	Description string `json:"description"`
}

// testCatalog classifies descriptions by rules that are not saved yet. It changes nothing, sends nothing, and needs no settings.
func testCatalog(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Rules        any      `json:"rules"`
		Descriptions []string `json:"descriptions"`
	}
	err := readBody(w, r, maxTestBody, &asked)
	var rules []catalog.Rule
	switch {
	case err != nil:
		err = fmt.Errorf(`expected {"rules":[…],"descriptions":["…"]}: %w`, err)
	case len(asked.Descriptions) > maxTested:
		err = fmt.Errorf("descriptions has %d texts: at most %d are allowed", len(asked.Descriptions), maxTested)
	case slices.ContainsFunc(asked.Descriptions, func(d string) bool { return len(d) > maxTestDescription }):
		err = fmt.Errorf("a description has more than %d bytes", maxTestDescription)
	default:
		rules, err = decodeRules("rules", asked.Rules)
	}
	var classifier *catalog.Catalog
	if err == nil {
		classifier, err = catalogWith("rules", rules)
	}
	if err != nil {
		sendJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	classes := make([]verdict, len(asked.Descriptions))
	steps := catalog.MaxTestSteps
	for i, d := range asked.Descriptions {
		row, err := rowFor(classifier, d, &steps)
		if err == nil {
			err = r.Context().Err()
		}
		if err != nil {
			sendJSON(w, http.StatusBadRequest, map[string]string{"error": fmt.Sprintf("description %d of %d: %v", i+1, len(asked.Descriptions), err)})
			return
		}
		classes[i] = verdict{Row: row, Description: d}
	}
	sendJSON(w, http.StatusOK, map[string]any{"classes": classes})
}

// rowFor returns the row that classifies a description. That of an unknown description has no pattern and no source.
func rowFor(classifier *catalog.Catalog, description string, steps *int) (catalog.Row, error) {
	row, ok, err := classifier.FindWithin(description, steps)
	if ok || err != nil {
		return row, err
	}
	c := catalog.Unknown()
	return catalog.Row{Code: c.Code, Category: c.Category, Action: c.Action, Outcome: c.Outcome, Severity: c.Severity, Sources: []string{}}, nil
}
