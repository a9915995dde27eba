package answer

import (
	"cmp"
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
)

// Carbon Black Cloud writes three or four entries with the same time for one change of a policy, one of them verbose (Broadcom
// knowledge base 291752). Folding makes one row of them.
//
// Entries belong to one edit when they are about a policy, were made by the same actor in the same second and from the same address, and
// do not name different policies. An entry without an address or a policy joins the others, unless there are several it could belong
// to.
//
// A second is folded completely, whatever part of it the time range holds: an edit belongs to the time of its most important entry. So
// adjacent ranges never share or lose an edit. A time in whole seconds is the start of its second.

// Subjects returns what a description is about: its ID and its name, each "" if unknown.
type Subjects interface {
	Subject(description string) (id, name string)
}

const policyCategory = "policy"

// foldable reports whether an event can be an entry of an edit: it changes a policy.
func foldable(c auditlog.Class) bool { return c.Category == policyCategory && c.Action != "read" }

func wholeSeconds(w auditlog.TimeRange) auditlog.TimeRange {
	return auditlog.TimeRange{From: floorDiv(w.From, 1000) * 1000, To: -floorDiv(-w.To, 1000) * 1000}
}

func overlap(a, b auditlog.TimeRange) auditlog.TimeRange {
	return auditlog.TimeRange{From: max(a.From, b.From), To: max(min(a.To, b.To), max(a.From, b.From))}
}

// folder collects the events of a second, which are neighbours in either order, and folds them.
type folder struct {
	subjects Subjects
	span     auditlog.TimeRange // that edits and events must lie in
	take     taker
	more     bool

	second  int64
	entries []entry
	others  map[*auditlog.Event][]*auditlog.Event // what was folded into an event, by time

	matched, unknown int
}

type entry struct {
	event *auditlog.Event
	class auditlog.Class
}

func (f *folder) add(e *auditlog.Event, c auditlog.Class) bool {
	if second := e.CreateTime.Unix(); second != f.second || len(f.entries) == 0 {
		f.flush()
		f.second = second
	}
	f.entries = append(f.entries, entry{e, c})
	return f.more
}

// flush passes on the collected second.
func (f *folder) flush() {
	shown := f.entries
	if len(shown) > 1 {
		shown = f.fold()
	}
	unknown := catalog.Unknown()
	for _, e := range shown {
		if !f.span.Contains(e.event.CreateTime) {
			continue
		}
		f.matched++
		if e.class == unknown {
			f.unknown++
		}
		f.more = f.take(e.event, e.class) && f.more
	}
	f.entries = f.entries[:0]
}

// fold keeps the most important entry of each edit, in its place.
func (f *folder) fold() []entry {
	dropped := map[*auditlog.Event]bool{}
	for _, edit := range edits(f.entries, f.subjects) {
		if len(edit) < 2 {
			continue
		}
		kept := slices.MinFunc(edit, compareImportance)
		slices.SortFunc(edit, func(a, b entry) int { return auditlog.Compare(a.event, b.event) })
		for _, e := range edit {
			if e.event != kept.event {
				dropped[e.event] = true
				f.others[kept.event] = append(f.others[kept.event], e.event)
			}
		}
	}
	return slices.DeleteFunc(f.entries, func(e entry) bool { return dropped[e.event] })
}

var severityRank = map[string]int{"critical": 0, "error": 1, "warning": 2, "info": 3}

// compareImportance orders the entries of an edit, the most important first.
func compareImportance(a, b entry) int {
	verbose := func(e entry) int {
		if e.event.Verbose {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(severityRank[a.class.Severity], severityRank[b.class.Severity]),
		cmp.Compare(verbose(a), verbose(b)),
		auditlog.Compare(a.event, b.event),
	)
}

// edits divides the policy entries of one second into edits.
func edits(entries []entry, subjects Subjects) [][]entry {
	type author struct{ org, actor string }
	var order []author
	by := map[author][]entry{}
	for _, e := range entries {
		if foldable(e.class) {
			key := author{e.event.OrgKey, e.event.Actor}
			if by[key] == nil {
				order = append(order, key)
			}
			by[key] = append(by[key], e)
		}
	}
	var out [][]entry
	for _, key := range order {
		for _, from := range divide(by[key], func(e entry) string { return e.event.ActorIP }) {
			out = append(out, divide(from, policyOf(from, subjects))...)
		}
	}
	return out
}

// divide groups entries by a value. Those without one join the others if these all have the same, and else stay together.
func divide(entries []entry, value func(entry) string) [][]entry {
	var order []string
	by := map[string][]entry{}
	for _, e := range entries {
		v := value(e)
		if by[v] == nil {
			order = append(order, v)
		}
		by[v] = append(by[v], e)
	}
	if len(order) == 2 && by[""] != nil {
		return [][]entry{entries}
	}
	out := make([][]entry, len(order))
	for i, v := range order {
		out[i] = by[v]
	}
	return out
}

// policyOf returns a function that identifies the policy of an entry: by ID, which a name stands for if exactly one ID occurs with it.
func policyOf(entries []entry, subjects Subjects) func(entry) string {
	ids := map[string]string{} // by name; "" when there are several
	for _, e := range entries {
		id, name := subject(e, subjects)
		if known, seen := ids[name]; id != "" && name != "" {
			if seen && known != id {
				id = ""
			}
			ids[name] = id
		}
	}
	return func(e entry) string {
		id, name := subject(e, subjects)
		if id == "" {
			id = ids[name]
		}
		switch {
		case id != "":
			return "id " + id
		case name != "":
			return "name " + name
		}
		return ""
	}
}

// subject returns the policy of an entry. A name may end with the ID, as in "Standard (ID: 6525)".
func subject(e entry, subjects Subjects) (id, name string) {
	id, name = subjects.Subject(e.event.Description)
	const mark = " (ID: "
	at := strings.LastIndex(name, mark)
	if id != "" || at < 0 || !strings.HasSuffix(name, ")") {
		return id, name
	}
	digits := name[at+len(mark) : len(name)-1]
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return id, name
	}
	return digits, name[:at]
}
