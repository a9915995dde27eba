package catalog

import (
	"errors"
	"fmt"
	"strings"
)

// pattern is a whole description with placeholders, divided at its gaps. The first run of parts matches at the start of a string, the
// last at its end, and each between wherever it first does. A run is empty where the pattern starts or ends with a gap.
type pattern struct {
	runs     [][]part
	gaps     []part // between the runs
	targets  []capture
	start    int    // bytes of literal text before the first placeholder
	literals int    // bytes of literal text in all
	first    string // the literal word that every match starts with; "" when there is none
}

// part is one piece of a pattern.
type part struct {
	kind kind
	text string // of a literal
	name string // of a placeholder
	arg  string // the argument of its kind, such as "enabled=false"
}

// startsWithPerson reports whether the first placeholder is a person. Rows can disagree about where its name ends.
func (p *pattern) startsWithPerson() bool {
	return len(p.gaps) > 0 && p.gaps[0].kind == kindPerson && len(p.runs[0]) < 2
}

func (p *pattern) startsWithAccount() bool {
	return len(p.runs[0]) == 0 && p.gaps[0].kind == kindAccount
}

func parsePattern(s string) (*pattern, error) {
	parts, err := splitParts(s)
	if err != nil {
		return nil, err
	}
	p := &pattern{runs: [][]part{nil}}
	for i, part := range parts {
		if err := checkPlace(parts, i); err != nil {
			return nil, err
		}
		if part.kind.isGap() {
			p.runs, p.gaps = append(p.runs, nil), append(p.gaps, part)
			continue
		}
		end := len(p.runs) - 1
		if end > 0 && part.kind.isSpaceless() && !strings.Contains(p.runs[end][0].text, " ") {
			return nil, errors.New("between a placeholder for any text and a typed one there must be a space")
		}
		if end > 0 && part.readsRest() {
			return nil, errors.New("before a grant or a member of JSON there must be no placeholder for any text")
		}
		p.runs[end] = append(p.runs[end], part)
		p.literals += len(part.text) + len(part.arg)
	}
	if p.literals == 0 {
		return nil, errors.New("the pattern has no literal text")
	}
	if parts[0].kind == kindLiteral {
		p.start = len(parts[0].text)
	}
	p.first = firstWord(parts)
	p.targets = p.findTargets()
	return p, nil
}

// checkPlace returns an error when part i cannot follow or precede its neighbors.
func checkPlace(parts []part, i int) error {
	last := i == len(parts)-1
	switch k := parts[i].kind; {
	case k.isGap() && !last && parts[i+1].kind != kindLiteral:
		return errors.New("a placeholder for any text must be followed by literal text")
	case k == kindPerson && !last && parts[i+1].text[0] != ' ':
		return errors.New("a placeholder for a person must be followed by a space")
	case k.takesRest() && !last:
		return errors.New("a placeholder for the rest must be the last")
	}
	return nil
}

func splitParts(s string) ([]part, error) {
	var parts []part
	for s != "" {
		text, tail, found := strings.Cut(s, "{")
		if strings.Contains(text, "}") {
			return nil, errors.New("a } has no {")
		}
		if text != "" {
			parts = append(parts, part{kind: kindLiteral, text: text})
		}
		if !found {
			break
		}
		placeholder, after, closed := strings.Cut(tail, "}")
		if !closed {
			return nil, errors.New("a { has no }")
		}
		p, err := parsePlaceholder(placeholder)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
		s = after
	}
	if len(parts) == 0 {
		return nil, errors.New("the pattern has no literal text")
	}
	return parts, nil
}

// parsePlaceholder reads a placeholder such as "user:person" or "config:json enabled=false".
func parsePlaceholder(placeholder string) (part, error) {
	name, kindName, typed := strings.Cut(placeholder, ":")
	if name == "" {
		return part{}, errors.New("a placeholder has no name")
	}
	if !typed {
		if name == "rest" {
			return part{kind: kindRest, name: name}, nil
		}
		return part{kind: kindAny, name: name}, nil
	}
	kindName, arg, _ := strings.Cut(kindName, " ")
	k, ok := kinds[kindName]
	if !ok {
		return part{}, fmt.Errorf("placeholder {%s}: there is no kind %q", placeholder, kindName)
	}
	if err := k.checkArg(arg); err != nil {
		return part{}, fmt.Errorf("placeholder {%s}: %w", placeholder, err)
	}
	return part{kind: k, name: name, arg: arg}, nil
}

// firstWord returns the word that every match starts with, or "" when the pattern does not determine it.
func firstWord(parts []part) string {
	if parts[0].kind != kindLiteral {
		return ""
	}
	before, _, space := strings.Cut(parts[0].text, " ")
	if space || len(parts) == 1 {
		return before
	}
	return ""
}
