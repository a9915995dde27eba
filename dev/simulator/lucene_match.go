package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// compileQuery compiles a query to a matcher. It fails on bad syntax, or on a value that its field cannot have.
func compileQuery(text string, sw *Switches) (matcher, error) {
	n, err := parseQuery(text)
	if err != nil {
		return nil, err
	}
	return compile(n, sw)
}

func compile(n node, sw *Switches) (matcher, error) {
	switch n := n.(type) {
	case andNode:
		return compileAll(n, sw)
	case orNode:
		return compileAny(n, sw)
	case notNode:
		inner, err := compile(n.of, sw)
		if err != nil {
			return nil, err
		}
		return func(e *Event) bool { return !inner(e) }, nil
	case mustNode:
		return compile(n.of, sw)
	case clauses:
		return compileClauses(n, sw)
	case rangeNode:
		return compileRange(n, sw)
	case termNode:
		return compileTerm(n, sw)
	}
	return nil, fmt.Errorf("unknown node %T", n)
}

func compileList(list []node, sw *Switches) ([]matcher, error) {
	all := make([]matcher, len(list))
	for i, n := range list {
		var err error
		if all[i], err = compile(n, sw); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func compileAll(list []node, sw *Switches) (matcher, error) {
	all, err := compileList(list, sw)
	if err != nil {
		return nil, err
	}
	return func(e *Event) bool {
		return !slices.ContainsFunc(all, func(match matcher) bool { return !match(e) })
	}, nil
}

func compileAny(list []node, sw *Switches) (matcher, error) {
	all, err := compileList(list, sw)
	if err != nil {
		return nil, err
	}
	return func(e *Event) bool {
		return slices.ContainsFunc(all, func(match matcher) bool { return match(e) })
	}, nil
}

// compileClauses combines adjacent terms. If OR is the default, terms with + must match, and those with - must
// not. The others count only if there is none with +.
func compileClauses(list clauses, sw *Switches) (matcher, error) {
	if sw.DefaultOperator == "AND" {
		return compileAll(list, sw)
	}
	var required, optional []node
	for _, n := range list {
		switch n.(type) {
		case mustNode, notNode:
			required = append(required, n)
		default:
			optional = append(optional, n)
		}
	}
	if len(optional) > 0 && !slices.ContainsFunc(required, isMust) {
		required = append(required, orNode(optional))
	}
	for _, n := range optional { // an optional term has no effect, but must be valid
		if _, err := compile(n, sw); err != nil {
			return nil, err
		}
	}
	return compileAll(required, sw)
}

func isMust(n node) bool {
	_, ok := n.(mustNode)
	return ok
}

// searchable are the fields of a term without a field, if the default is all fields.
var searchable = []string{"description", "actor", "actor_ip", "request_url"}

func never(*Event) bool  { return false }
func always(*Event) bool { return true }

func compileTerm(t termNode, sw *Switches) (matcher, error) {
	wild := slices.ContainsFunc(t.text, func(g glob) bool { return g < 0 })
	all := len(t.text) == 1 && t.text[0] == anyText
	switch {
	case t.field == "*" && !all:
		return nil, &syntaxError{"every field is only for *:*", 0}
	case t.field == "*":
		return always, nil
	case t.field == "" && sw.DefaultField == "description":
		t.field = "description"
	case t.field == "":
		return compileAnyField(t, sw)
	}
	if !slices.Contains(fieldNames, t.field) {
		return unknownField(t.field, sw)
	}
	text := plain(t.text)
	switch {
	case t.field == "create_time" && !all:
		return compileInstant(text)
	case t.field == "create_time":
		return always, nil
	case (t.field == "flagged" || t.field == "verbose") && !all:
		return compileFlag(t.field, text)
	case wild:
		return compileWildcard(t), nil
	}
	want, field := tokens(text), textField(t.field)
	return func(e *Event) bool { return hasPhrase(field(e), want) }, nil
}

func compileAnyField(t termNode, sw *Switches) (matcher, error) {
	var list []node
	for _, name := range searchable {
		t.field = name
		list = append(list, t)
	}
	return compileAny(list, sw)
}

func unknownField(name string, sw *Switches) (matcher, error) {
	if sw.UnknownField == "nothing" {
		return never, nil
	}
	return nil, &syntaxError{fmt.Sprintf("undefined field %q", name), 0}
}

// plain returns the text of a term, wildcards included.
func plain(text []glob) string {
	var b strings.Builder
	for _, g := range text {
		switch g {
		case anyText:
			b.WriteByte('*')
		case anyRune:
			b.WriteByte('?')
		default:
			b.WriteRune(rune(g))
		}
	}
	return b.String()
}

func compileFlag(name, text string) (matcher, error) {
	if text != "true" && text != "false" {
		return nil, &syntaxError{fmt.Sprintf("%s is true or false, not %q", name, text), 0}
	}
	return flagIs(name, text == "true"), nil
}

func compileInstant(text string) (matcher, error) {
	t, err := parseTime(text)
	if err != nil {
		return nil, &syntaxError{err.Error(), 0}
	}
	return func(e *Event) bool { return e.CreateTime.Equal(t) }, nil
}

// compileWildcard matches one token or the whole value.
func compileWildcard(t termNode) matcher {
	pattern := make([]glob, len(t.text))
	for i, g := range t.text {
		pattern[i] = g
		if g >= 0 {
			pattern[i] = glob([]rune(strings.ToLower(string(rune(g))))[0])
		}
	}
	field := textField(t.field)
	exists := len(pattern) == 1 && pattern[0] == anyText
	return func(e *Event) bool {
		text := field(e)
		if exists || text == "" {
			return text != ""
		}
		return matchGlob(pattern, []rune(strings.ToLower(text))) ||
			slices.ContainsFunc(tokens(text), func(token string) bool { return matchGlob(pattern, []rune(token)) })
	}
}

// matchGlob matches the whole text in time proportional to both lengths: a mismatch only extends the last *.
func matchGlob(pattern []glob, text []rune) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && (pattern[p] == anyRune || pattern[p] == glob(text[t])):
			p, t = p+1, t+1
		case p < len(pattern) && pattern[p] == anyText:
			star, mark = p, t
			p++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == anyText {
		p++
	}
	return p == len(pattern)
}

// compileRange compares times as times and everything else as lower-case text.
func compileRange(r rangeNode, sw *Switches) (matcher, error) {
	if r.field == "" {
		r.field = "description"
	}
	if !slices.Contains(fieldNames, r.field) {
		return unknownField(r.field, sw)
	}
	if r.field == "create_time" {
		return compileTimeRange(r)
	}
	field := textField(r.field)
	from, to := strings.ToLower(r.from), strings.ToLower(r.to)
	return func(e *Event) bool {
		text := strings.ToLower(field(e))
		return r.admits(strings.Compare(text, from), strings.Compare(text, to))
	}, nil
}

func compileTimeRange(r rangeNode) (matcher, error) {
	var from, to time.Time
	var err error
	if !r.openFrom() {
		if from, err = parseTime(r.from); err != nil {
			return nil, &syntaxError{err.Error(), 0}
		}
	}
	if !r.openTo() {
		if to, err = parseTime(r.to); err != nil {
			return nil, &syntaxError{err.Error(), 0}
		}
	}
	return func(e *Event) bool { return r.admits(e.CreateTime.Compare(from), e.CreateTime.Compare(to)) }, nil
}

func (r rangeNode) openFrom() bool { return r.from == "*" && !r.fromExact }
func (r rangeNode) openTo() bool   { return r.to == "*" && !r.toExact }

// admits reports whether a value lies within the bounds.
func (r rangeNode) admits(withFrom, withTo int) bool {
	above := r.openFrom() || withFrom > 0 || withFrom == 0 && !r.fromOpen
	below := r.openTo() || withTo < 0 || withTo == 0 && !r.toOpen
	return above && below
}
