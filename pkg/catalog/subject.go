package catalog

// Subject returns the id and the name of the policy that a description is about, as far as its row has the placeholders {policy_id} and
// {policy}, or {id} and {name}.
func (c *Catalog) Subject(description string) (id, name string) {
	in := newInput(description, "")
	for ; c != nil; c = c.below {
		if row, p := c.find(&in); p != nil {
			return in.named(p, "policy_id", "id"), in.named(p, "policy", "name")
		} else if row >= 0 {
			break
		}
	}
	return "", ""
}

// named returns the value of the first placeholder that the pattern has. The pattern was matched last.
func (in *input) named(p *pattern, names ...string) string {
	for _, name := range names {
		if c, ok := p.find(name); ok {
			return in.value(p, c)
		}
	}
	return ""
}
