package answer

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
)

// Carbon Black Cloud writes three or four entries with the same time for one change of a policy, one of them verbose (Broadcom
// knowledge base 291752). Folding makes one row of them.
//
// Entries are of one edit when they are about a policy, were made by the same actor in the same second of the clock and from the
// same address, and do not name different policies. What is left out of an entry, an address or the policy, does not part it
// from the others, unless there are several it could belong to.
//
// A second is folded whole, whatever part of it the time range holds: an edit belongs to the time of its most telling entry. So
// two ranges that touch never share an edit, and never lose one. A time that is written without a fraction is the start of its
// second.

// Subjects names what a description is about: its id and its name, each "" when the text does not tell.
type Subjects interface {
	Subject(description string) (id, name string)
}

const policies = "policy"

// foldable reports whether an event can be an entry of an edit: it is about a policy, and does not merely read it.
func foldable(c auditlog.Class) bool { return c.Category == policies && c.Action != "read" }

// readFolded visits the events that pass the filter, of each edit of a policy only the most telling one.
func (a *answer) readFolded(ctx context.Context, all bool, take taker) error {
	asked := a.request.Window
	a.request.Window = wholeSeconds(asked)
	defer func() { a.request.Window = asked }()
	f := &folder{subjects: a.answerer.Classifier, window: asked, take: take, more: true, others: map[*auditlog.Event][]*auditlog.Event{}}
	err := a.readEvents(ctx, all, f.add)
	f.flush()
	a.folds = f.others
	a.matched, a.unknown = f.matched, f.unknown
	a.coverage.Covered = overlap(a.coverage.Covered, asked)
	return err
}

// taker is handed the events of an answer in order, and reports whether it wants more.
type taker = func(*auditlog.Event, auditlog.Class) (more bool)

func wholeSeconds(w auditlog.TimeRange) auditlog.TimeRange {
	return auditlog.TimeRange{From: floorDiv(w.From, 1000) * 1000, To: -floorDiv(-w.To, 1000) * 1000}
}

func overlap(a, b auditlog.TimeRange) auditlog.TimeRange {
	return auditlog.TimeRange{From: max(a.From, b.From), To: max(min(a.To, b.To), max(a.From, b.From))}
}

// folder collects the events of a second, which come one after the other in either direction, and then folds them.
type folder struct {
	subjects Subjects
	window   auditlog.TimeRange // that edits and events must lie in
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

// flush hands on the second that was collected.
func (f *folder) flush() {
	shown := f.entries
	if len(shown) > 1 {
		shown = f.fold()
	}
	unknown := catalog.Unknown()
	for _, e := range shown {
		if !f.window.Contains(e.event.CreateTime) {
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

// fold leaves the most telling entry of each edit, in its place.
func (f *folder) fold() []entry {
	dropped := map[*auditlog.Event]bool{}
	for _, edit := range edits(f.entries, f.subjects) {
		if len(edit) < 2 {
			continue
		}
		told := slices.MinFunc(edit, moreTelling)
		slices.SortFunc(edit, func(a, b entry) int { return auditlog.Compare(a.event, b.event) })
		for _, e := range edit {
			if e.event != told.event {
				dropped[e.event] = true
				f.others[told.event] = append(f.others[told.event], e.event)
			}
		}
	}
	return slices.DeleteFunc(f.entries, func(e entry) bool { return dropped[e.event] })
}

var severityRank = map[string]int{"critical": 0, "error": 1, "warning": 2, "info": 3}

// moreTelling puts the entry first that says most of an edit.
func moreTelling(a, b entry) int {
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

// edits parts the policy entries of one second into edits.
func edits(entries []entry, subjects Subjects) [][]entry {
	type who struct{ org, actor string }
	var order []who
	by := map[who][]entry{}
	for _, e := range entries {
		if foldable(e.class) {
			key := who{e.event.OrgKey, e.event.Actor}
			if by[key] == nil {
				order = append(order, key)
			}
			by[key] = append(by[key], e)
		}
	}
	var out [][]entry
	for _, key := range order {
		for _, from := range apart(by[key], func(e entry) string { return e.event.ActorIP }) {
			out = append(out, apart(from, policyOf(from, subjects))...)
		}
	}
	return out
}

// apart parts entries by a value. Those without one join the others if those all have the same, and else stay together.
func apart(entries []entry, value func(entry) string) [][]entry {
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

// policyOf returns what tells the policies of some entries apart: the id, which a name stands for if exactly one id comes with it.
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

// subject is the policy of an entry. A name may end with the id, as in "Standard (ID: 6525)".
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
