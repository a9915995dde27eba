package catalog

import "strings"

// Subject is what a description is about, as far as its row has placeholders for it: {id} and {name}, the first of each. Rows on
// single words have none.
func (c *Catalog) Subject(description string) (id, name string) {
	text := line(description)
	for ; c != nil; c = c.below {
		if found := c.texts.find(text, ""); found != nil {
			return found.value(text, "id"), found.value(text, "name")
		}
		if _, ok := c.words.find(text); ok {
			break
		}
	}
	return "", ""
}

// value is what a placeholder stands for in a text that matches, "" when the pattern has none of that name.
func (p *pattern) value(s, name string) string {
	pos := 0
	for i, run := range p.runs {
		start := pos
		switch {
		case i == 0:
		case len(run) == 0:
			start = len(s)
		default:
			start, _, _ = findRun(run, s, pos, i == len(p.runs)-1)
		}
		if i > 0 && p.gaps[i-1] == name {
			return s[pos:start]
		}
		for j := range run {
			end := start + run[j].length(s, start)
			if run[j].name == name {
				return s[start:end]
			}
			start = end
		}
		pos = start
	}
	return ""
}

// suits tells whether the actor is one that the pattern speaks of: of another mail domain than its stranger. Where one of the two
// has no domain, an API key for instance, nothing can be compared.
func (p *pattern) suits(text, actor string) bool {
	if p.stranger == "" {
		return true
	}
	home, other := domain(actor), domain(p.value(text, p.stranger))
	return home != "" && other != "" && !strings.EqualFold(home, other)
}

func domain(address string) string {
	_, name, _ := strings.Cut(address, "@")
	return name
}
