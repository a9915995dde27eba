package catalog

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// input is a description that is being matched.
type input struct {
	text    string
	trimmed int    // the length of the text without trailing white space, which a pattern need not match
	actor   string // the actor of the event; "" when it does not matter
	steps   int    // the remaining work; below 0 nothing matches

	// the runs of the pattern that was matched last
	spans      [maxSpans]span
	extraSpans []span // when there are more
}

type span struct{ start, end int }

const maxSpans = 6

func newInput(description, actor string) (in input) {
	in.text, in.trimmed, in.actor, in.steps = description, len(description), actor, math.MaxInt
	if n := len(description); n > 0 && (description[n-1] <= ' ' || description[n-1] >= utf8.RuneSelf) {
		in.text = strings.TrimRight(description, "\r\n") // some services add a line break
		in.trimmed = len(strings.TrimRightFunc(in.text, unicode.IsSpace))
	}
	return in
}

// match reports whether the whole text matches the pattern. Its time is linear in the text for each run.
func (in *input) match(p *pattern) bool {
	end, ok := in.matchRun(p.runs[0], 0)
	if !ok {
		return false
	}
	in.setSpan(p, 0, span{0, end})
	if len(p.runs) == 1 {
		return end >= in.trimmed
	}
	if p.gaps[0].kind == kindAccount && !in.mayStartAccount(end) {
		return false
	}
	if in.startsWithActor(p, end) && in.matchFrom(p, end, end+len(in.actor)) {
		return true
	}
	return in.matchFrom(p, end, -1)
}

// startsWithActor reports whether the text has the event's actor where the pattern has a person. Then a name that looks like another
// part of the description is still a name.
func (in *input) startsWithActor(p *pattern, at int) bool {
	return p.gaps[0].kind == kindPerson && in.actor != "" && strings.HasPrefix(in.text[at:], in.actor)
}

// mayStartAccount reports whether an account can start at a position. It saves the search for what follows.
func (in *input) mayStartAccount(at int) bool {
	text := in.text[at:]
	word := text[:leading(text, isNotSpace)]
	return strings.IndexByte(word, '@') >= 0 || strings.IndexByte(word, '\\') >= 0 || in.actor != "" && strings.HasPrefix(text, in.actor)
}

// matchFrom matches the runs after the first one, which ends at pos. The first gap ends at gapEnd or, when that is negative, where the
// next run first matches.
func (in *input) matchFrom(p *pattern, pos, gapEnd int) bool {
	last := len(p.runs) - 1
	for i := 1; i <= last; i++ {
		at, ok := span{len(in.text), len(in.text)}, true
		switch run := p.runs[i]; {
		case i == 1 && gapEnd >= 0:
			at.start = gapEnd
			at.end, ok = in.matchRun(run, gapEnd)
			ok = ok && (i < last || at.end >= in.trimmed)
		case len(run) > 0:
			at, ok = in.findRun(run, pos, i == last)
		}
		if !ok || !p.gaps[i-1].accepts(in.text[pos:at.start], in.actor) {
			return false
		}
		in.setSpan(p, i, at)
		pos = at.end
	}
	return true
}

// findRun returns the first match of a run at or after pos. With toEnd the match must reach the end of the text. A run after a gap
// starts with a literal.
func (in *input) findRun(run []part, pos int, toEnd bool) (span, bool) {
	lead := run[0].text
	if toEnd && len(run) == 1 {
		end := in.trimmed
		if strings.HasSuffix(in.text, lead) {
			end = len(in.text)
		}
		start := end - len(lead)
		return span{start, end}, start >= pos && strings.HasSuffix(in.text[:end], lead)
	}
	for in.steps >= 0 {
		i := strings.Index(in.text[pos:], lead)
		if i < 0 {
			in.steps -= 1 + (len(in.text)-pos)/bytesPerStep
			return span{}, false
		}
		in.steps -= 1 + i/bytesPerStep
		pos += i
		if end, ok := in.matchRun(run, pos); ok && (!toEnd || end >= in.trimmed) {
			return span{pos, end}, true
		}
		pos++
	}
	return span{}, false
}

// bytesPerStep is how many bytes a search reads in about the time that one part takes to match.
const bytesPerStep = 16

// matchRun matches a run at pos and returns where the match ends.
func (in *input) matchRun(run []part, pos int) (int, bool) {
	for i := range run {
		n := -1
		if run[i].kind == kindLiteral {
			if strings.HasPrefix(in.text[pos:], run[i].text) {
				n = len(run[i].text)
			}
		} else {
			n = in.length(&run[i], pos)
		}
		if n < 0 {
			in.steps--
			return 0, false
		}
		in.steps -= 1 + n/bytesPerStep
		pos += n
	}
	return pos, true
}

// length returns how many bytes a part takes at pos, or -1 when it does not match there.
func (in *input) length(p *part, pos int) int {
	before := byte(0)
	if pos > 0 {
		before = in.text[pos-1]
	}
	return p.length(in.text[pos:], before)
}

func (in *input) setSpan(p *pattern, run int, at span) {
	if run < maxSpans {
		in.spans[run] = at
		return
	}
	if len(in.extraSpans) < len(p.runs)-maxSpans {
		in.extraSpans = make([]span, len(p.runs)-maxSpans)
	}
	in.extraSpans[run-maxSpans] = at
}

func (in *input) span(run int) span {
	if run < maxSpans {
		return in.spans[run]
	}
	return in.extraSpans[run-maxSpans]
}

// value returns the text that a placeholder of the pattern that was matched last stands for.
func (in *input) value(p *pattern, c capture) string {
	at := in.span(c.run)
	if c.part < 0 {
		return in.text[at.end:in.span(c.run+1).start]
	}
	pos := at.start
	for i := range p.runs[c.run] {
		n := in.length(&p.runs[c.run][i], pos)
		if i == c.part {
			return in.text[pos : pos+n]
		}
		pos += n
	}
	return ""
}
