package auditlog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// contains reports whether a string contains a phrase, by trying every word.
func contains(text, phrase string) bool {
	words := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	}
	want, have := words(phrase), words(text)
	for i := 0; len(want) > 0 && i+len(want) <= len(have); i++ {
		if slices.EqualFunc(want, have[i:i+len(want)], strings.EqualFold) {
			return true
		}
	}
	return false
}

func TestPhrasesEqualBruteForce(t *testing.T) {
	fragment := rapid.SampledFrom([]string{"a", "A", "b", "ab", "é", "É", "k", "\u212a", "ſ", "S", "σς", "ΣΣ", "7", " ", " ", "-", "/", "\xff", "a a", "a b a"})
	text := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(fragment, 0, 12).Draw(t, "fragments"), "") })
	rapid.Check(t, func(t *rapid.T) {
		phrases := rapid.SliceOfN(text, 1, 20).Draw(t, "phrases")
		event := &auditlog.Event{Description: text.Draw(t, "description")}
		want := slices.ContainsFunc(phrases, func(phrase string) bool {
			return phrase == event.Description || contains(event.Description, phrase)
		})
		f := auditlog.Filter{Exclusions: auditlog.Terms{auditlog.KeyDescription: phrases}}
		require.Equal(t, !want, f.Everything().Match(event, auditlog.Class{}), "%q in %q", phrases, event.Description)
	})
}

// Lists of any length select what comparing value by value selects.
func TestManyValuesEqualFew(t *testing.T) {
	value := rapid.StringMatching(`[abAB]{0,2}`)
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(value, 1, 30).Draw(t, "values")
		event := &auditlog.Event{Actor: value.Draw(t, "actor")}
		f := auditlog.Filter{Criteria: auditlog.Terms{auditlog.KeyActor: values}}
		require.Equal(t, slices.Contains(values, event.Actor), f.Local().Match(event, auditlog.Class{}))
	})
}

// BenchmarkMatch compares filters of 10 and of 10,000 values. The figures should hardly differ.
func BenchmarkMatch(b *testing.B) {
	event := &auditlog.Event{
		Actor: "Jane.Doe@Example.com", ActorIP: "203.0.113.7:40001",
		Description: `Parameters updated for XDR rule config (ID: 1f0c6a52-7f7e-4c1b-9a57-0d2b8a6f4e11) for policy "Standard" (ID: 6525)`,
	}
	for name, value := range map[auditlog.Key]func(i int) string{
		auditlog.KeyDescription: func(i int) string { return fmt.Sprintf("updated for word %d", i) },
		auditlog.KeyAddress:     func(i int) string { return fmt.Sprintf("198.%d.%d.0/%d", i%256, i/256, 24+i%9) },
		auditlog.KeyAccount:     func(i int) string { return fmt.Sprintf("user-%d@example.com", i) },
	} {
		for _, n := range []int{10, 10_000} {
			values := make([]string, n)
			for i := range values {
				values[i] = value(i)
			}
			m := auditlog.Filter{Exclusions: auditlog.Terms{name: values}}.Everything()
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m.Match(event, auditlog.Class{})
				}
			})
		}
	}
}
