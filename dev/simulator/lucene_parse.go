package simulator

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The query language: field:term, field:"a phrase", field:(a group), field:[a TO b} and bare terms, joined by AND, OR, NOT, &&,
// ||, !, + and -, with * and ? as wildcards and \ before a special character. It is Lucene's without fuzzy terms, proximity and
// regular expressions.

// node is a part of a parsed query.
type node interface{ isNode() }

type (
	andNode  []node
	orNode   []node
	notNode  struct{ of node }
	mustNode struct{ of node } // +term; differs from term only if OR is the default
	// clauses are adjacent terms: all of them if AND is the default, any of them if OR is.
	clauses  []node
	termNode struct {
		field  string // "" is the default field
		text   []glob
		phrase bool
	}
	rangeNode struct {
		field              string
		from, to           string // "*" is open
		fromOpen, toOpen   bool   // the bound is excluded
		fromExact, toExact bool   // the bound was quoted or escaped, so * is not a wildcard
	}
)

func (andNode) isNode()   {}
func (orNode) isNode()    {}
func (notNode) isNode()   {}
func (mustNode) isNode()  {}
func (clauses) isNode()   {}
func (termNode) isNode()  {}
func (rangeNode) isNode() {}

// glob is a character of a term, or a wildcard.
type glob rune

const (
	anyText glob = -1 // *
	anyRune glob = -2 // ?
)

const maxDepth = 100 // nested groups, so that a hostile query cannot exhaust the stack

type parser struct {
	text  string
	at    int
	depth int
}

// syntaxError is a syntax error with its position.
type syntaxError struct {
	what string
	at   int
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("Cannot parse query: %s at character %d", e.what, e.at)
}

func parseQuery(text string) (node, error) {
	if !utf8.ValidString(text) {
		return nil, &syntaxError{"invalid UTF-8", 0}
	}
	p := &parser{text: text}
	n, err := p.parseOr("")
	if err == nil && p.at < len(p.text) {
		err = p.fail("unexpected %q", p.text[p.at])
	}
	return n, err
}

func (p *parser) fail(format string, args ...any) error {
	return &syntaxError{fmt.Sprintf(format, args...), p.at}
}

func (p *parser) parseOr(field string) (node, error) {
	return p.parseList(field, func(list []node) node { return orNode(list) }, p.parseAnd, "OR", "||")
}

func (p *parser) parseAnd(field string) (node, error) {
	return p.parseList(field, func(list []node) node { return andNode(list) }, p.parseClauses, "AND", "&&")
}

// parseList parses one or more operands, separated by an operator.
func (p *parser) parseList(field string, wrap func([]node) node, operand func(string) (node, error), operators ...string) (node, error) {
	var list []node
	for {
		n, err := operand(field)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if !p.operator(operators...) {
			break
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return wrap(list), nil
}

func (p *parser) parseClauses(field string) (node, error) {
	var list clauses
	for {
		n, err := p.parseUnary(field)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if p.space(); p.at == len(p.text) || p.text[p.at] == ')' || p.binaryAhead() {
			break
		}
	}
	if len(list) == 1 {
		if must, ok := list[0].(mustNode); ok {
			return must.of, nil
		}
		return list[0], nil
	}
	return list, nil
}

func (p *parser) parseUnary(field string) (node, error) {
	p.space()
	if p.at == len(p.text) {
		return nil, p.fail("unexpected end")
	}
	if p.binaryAhead() {
		return nil, p.fail("operator without a left operand")
	}
	if p.operator("NOT") || p.symbol('!') || p.symbol('-') {
		n, err := p.nested(p.parseUnary, field)
		return notNode{n}, err
	}
	if p.symbol('+') {
		n, err := p.nested(p.parseUnary, field)
		return mustNode{n}, err
	}
	return p.parseClause(field)
}

func (p *parser) nested(parse func(string) (node, error), field string) (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail("nested too deeply")
	}
	defer func() { p.depth-- }()
	return parse(field)
}

// parseClause parses a group, range, phrase or term, with an optional field.
func (p *parser) parseClause(field string) (node, error) {
	if name, ok := p.fieldName(); ok {
		if field != "" {
			return nil, p.fail("field inside the group of another field")
		}
		if p.at == len(p.text) || unicode.IsSpace(rune(p.text[p.at])) {
			return nil, p.fail("field without a value")
		}
		field = name
	}
	n, err := p.parseValue(field)
	if err != nil {
		return nil, err
	}
	return n, p.boost()
}

func (p *parser) parseValue(field string) (node, error) {
	switch p.text[p.at] {
	case '(':
		return p.parseGroup(field)
	case '[', '{':
		return p.parseRange(field)
	case '"':
		text, err := p.quoted()
		return termNode{field: field, text: literal(text), phrase: true}, err
	}
	text, err := p.word("")
	if err != nil {
		return nil, err
	}
	return termNode{field: field, text: text}, nil
}

func (p *parser) parseGroup(field string) (node, error) {
	p.at++
	n, err := p.nested(p.parseOr, field)
	if err != nil {
		return nil, err
	}
	if p.space(); !p.symbol(')') {
		return nil, p.fail("unclosed group")
	}
	return n, nil
}

func (p *parser) parseRange(field string) (node, error) {
	r := rangeNode{field: field, fromOpen: p.text[p.at] == '{'}
	p.at++
	var err error
	if r.from, r.fromExact, err = p.bound(); err != nil {
		return nil, err
	}
	if !p.operator("TO") {
		return nil, p.fail("range without TO")
	}
	if r.to, r.toExact, err = p.bound(); err != nil {
		return nil, err
	}
	p.space()
	switch {
	case p.symbol(']'):
	case p.symbol('}'):
		r.toOpen = true
	default:
		return nil, p.fail("unclosed range")
	}
	return r, nil
}

func (p *parser) bound() (text string, exact bool, err error) {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == '"' {
		text, err = p.quoted()
		return text, true, err
	}
	from := p.at
	word, err := p.word(":")
	if err != nil {
		return "", false, err
	}
	if len(word) == 1 && word[0] == anyText {
		return "*", false, nil
	}
	var b strings.Builder
	for _, g := range word {
		if g < 0 {
			return "", false, p.fail("wildcard in a bound")
		}
		b.WriteRune(rune(g))
	}
	return b.String(), strings.HasPrefix(p.text[from:], `\`), nil
}
