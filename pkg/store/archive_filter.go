package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// archivedColumn returns the SQL expression of a key's value, "" if there is none: a class is a number of its own, and the database does
// not know targets.
func archivedColumn(k auditlog.Key) string {
	switch k {
	case auditlog.KeyActor, auditlog.KeyActorIP, auditlog.KeyAccount, auditlog.KeyAddress, auditlog.KeyRequestURL, auditlog.KeyDescription:
		return string(k)
	case auditlog.KeyFlagged:
		return fmt.Sprintf("(flags & %d <> 0)", flagFlagged)
	case auditlog.KeyVerbose:
		return fmt.Sprintf("(flags & %d <> 0)", flagVerbose)
	}
	return ""
}

// where are the conditions of a filter in SQL.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(format string, args ...any) {
	for i := range args {
		w.args = append(w.args, args[i])
		format = strings.Replace(format, "?", fmt.Sprint("$", len(w.args)), 1)
	}
	w.conditions = append(w.conditions, format)
}

func (w *where) sql() string { return strings.Join(w.conditions, " and ") }

// addTerms adds criteria, or exclusions. What the database cannot decide is left out if all of it may be passed on, and else reported.
func (w *where) addTerms(terms auditlog.Terms, negate string) (decided bool) {
	decided = true
	for _, key := range auditlog.Keys() {
		values := terms[key]
		switch column := archivedColumn(key); {
		case len(values) == 0, key.FixedByClass():
		case column == "", key == auditlog.KeyAddress && hasRange(values):
			decided = false
		case key.Boolean():
			w.add(negate+column+"::text = any(?::text[])", values)
		default:
			w.add(negate+column+" = any(?::text[])", spelledAs(key, values))
		}
	}
	return decided
}

// spelledAs returns filter values in the spelling of the derived values that they are compared with.
func spelledAs(key auditlog.Key, values []string) []string {
	out := make([]string, len(values))
	for i, value := range values {
		switch key {
		case auditlog.KeyAccount:
			value = auditlog.Account(value)
		case auditlog.KeyAddress:
			value = auditlog.Address(value)
		}
		out[i] = strings.ReplaceAll(value, "\x00", "\ufffd") // no column has one
	}
	return out
}

func hasRange(values []string) bool {
	for _, value := range values {
		if strings.Contains(value, "/") {
			return true
		}
	}
	return false
}

// addClasses adds the conditions on classes.
func (w *where) addClasses(f auditlog.Filter, classes map[int32]auditlog.Class) {
	if !f.NeedsClass() {
		return
	}
	matcher, ids := f.ByClass(), []int32{}
	for id, class := range classes {
		if matcher.Match(&auditlog.Event{}, class) {
			ids = append(ids, id)
		}
	}
	w.add("class = any(?::integer[])", ids)
}

// classesOf returns all classes by their numbers.
func classesOf(ctx context.Context, tx pgx.Tx) (map[int32]auditlog.Class, error) {
	rows, err := tx.Query(ctx, `select id, category, action, outcome, severity, code from cbc_audit_class`)
	if err != nil {
		return nil, err
	}
	classes := map[int32]auditlog.Class{}
	var id int32
	var c auditlog.Class
	_, err = pgx.ForEachRow(rows, []any{&id, &c.Category, &c.Action, &c.Outcome, &c.Severity, &c.Code}, func() error {
		classes[id] = c
		return nil
	})
	return classes, err
}
