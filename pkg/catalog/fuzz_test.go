package catalog

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzWholeRule makes sure that any rule is refused or classifies within the vocabulary.
func FuzzWholeRule(f *testing.F) {
	f.Add("{actor} logged in from {*}", "vendor", "login", "success", "info", "vendor.login", "Jo logged in from 1.2.3.4")
	f.Add("Added {*} to policy \"{name}\"", "policy", "update", "", "", "", `Added x to policy "y"`)
	f.Add("{*}{*}{*}", "a", "b", "failure", "high", "a.b", "")
	f.Add("OR NOT ) description:*", "a", "b", "", "", "", "OR NOT ) description:*")
	f.Add("{", "a", "b", "", "", "", "{")
	c := Default()
	f.Fuzz(func(t *testing.T, pattern, category, action, outcome, severity, code, description string) {
		own, err := c.With([]Rule{{Pattern: pattern, Category: category, Action: action, Outcome: outcome, Severity: severity, Code: code}})
		if err != nil {
			require.Regexp(t, `^\[0\]\.`, err.Error())
			return
		}
		class := own.Classify(description)
		require.Contains(t, own.Categories(), class.Category)
		require.Contains(t, own.Actions(), class.Action)
		require.Contains(t, outcomes, class.Outcome)
	})
}
