package catalog

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// input is a description that is being matched.
type input struct {
	text  string
	solid int    // the length of the text without the white space at its end, which a pattern may lack
	actor string // who the event says did it; "" when that does not matter
	steps int    // what matching may still cost; below 0 nothing matches any more

	// where the runs of the pattern that was matched last stand
	places [maxPlaces]place
	more   []place // of the runs beyond
}

type place struct{ start, end int }

const maxPlaces = 6

func newInput(description, actor string) (in input) {
	in.text, in.solid, in.actor, in.steps = description, len(description), actor, math.MaxInt
	if n := len(description); n > 0 && (description[n-1] <= ' ' || description[n-1] >= utf8.RuneSelf) {
		in.text = strings.TrimRight(description, "\r\n") // some services add a line break
		in.solid = len(strings.TrimRightFunc(in.text, unicode.IsSpace))
	}
	return in
}

// match reports whether the text is the pattern from its first byte to its last, and names those whom the pattern wants. It takes
// time linear in the text for each run.
func (in *input) match(p *pattern) bool {
	end, ok := in.matchRun(p.runs[0], 0)
	if !ok {
		return false
	}
	in.setPlace(p, 0, place{0, end})
	if len(p.runs) == 1 {
		return end >= in.solid
	}
	if p.gaps[0].kind == kindAccount && !in.mayStartAccount(end) {
		return false
	}
	if in.startsWithActor(p, end) && in.matchFrom(p, end, end+len(in.actor)) {
		return true
	}
	return in.matchFrom(p, end, -1)
}

// startsWithActor reports whether the pattern has a person where the text has the event's actor. Then a name cannot pretend to be
// more of the description.
func (in *input) startsWithActor(p *pattern, at int) bool {
	return p.gaps[0].kind == kindPerson && in.actor != "" && strings.HasPrefix(in.text[at:], in.actor)
}

// mayStartAccount reports whether an account can start at a place. It spares a search for what follows.
func (in *input) mayStartAccount(at int) bool {
	text := in.text[at:]
	word := text[:leading(text, isNotSpace)]
	return strings.IndexByte(word, '@') >= 0 || strings.IndexByte(word, '\\') >= 0 || in.actor != "" && strings.HasPrefix(text, in.actor)
}

// matchFrom matches the runs behind the first one, which ends at pos. The first gap ends at gapEnd, or where that is below 0 where
// the next run first matches.
func (in *input) matchFrom(p *pattern, pos, gapEnd int) bool {
	last := len(p.runs) - 1
	for i := 1; i <= last; i++ {
		at, ok := place{len(in.text), len(in.text)}, true
		switch run := p.runs[i]; {
		case i == 1 && gapEnd >= 0:
			at.start = gapEnd
			at.end, ok = in.matchRun(run, gapEnd)
			ok = ok && (i < last || at.end >= in.solid)
		case len(run) > 0:
			at, ok = in.findRun(run, pos, i == last)
		}
		if !ok || !p.gaps[i-1].accepts(in.text[pos:at.start], in.actor) {
			return false
		}
		in.setPlace(p, i, at)
		pos = at.end
	}
	return true
}

// findRun looks from pos on for the first place where a run matches, up to the very end of the text if toEnd. A run after a gap
// starts with a literal.
func (in *input) findRun(run []part, pos int, toEnd bool) (place, bool) {
	lead := run[0].text
	if toEnd && len(run) == 1 {
		end := in.solid
		if strings.HasSuffix(in.text, lead) {
			end = len(in.text)
		}
		start := end - len(lead)
		return place{start, end}, start >= pos && strings.HasSuffix(in.text[:end], lead)
	}
	for in.steps >= 0 {
		i := strings.Index(in.text[pos:], lead)
		if i < 0 {
			in.steps -= 1 + (len(in.text)-pos)/bytesPerStep
			return place{}, false
		}
		in.steps -= 1 + i/bytesPerStep
		pos += i
		if end, ok := in.matchRun(run, pos); ok && (!toEnd || end >= in.solid) {
			return place{pos, end}, true
		}
		pos++
	}
	return place{}, false
}

// bytesPerStep is how many bytes are looked through in about the time that a part takes to match.
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

func (in *input) setPlace(p *pattern, run int, at place) {
	if run < maxPlaces {
		in.places[run] = at
		return
	}
	if len(in.more) < len(p.runs)-maxPlaces {
		in.more = make([]place, len(p.runs)-maxPlaces)
	}
	in.more[run-maxPlaces] = at
}

func (in *input) place(run int) place {
	if run < maxPlaces {
		return in.places[run]
	}
	return in.more[run-maxPlaces]
}

// value returns what a placeholder stands for in the text, which the pattern matched last.
func (in *input) value(p *pattern, c capture) string {
	at := in.place(c.run)
	if c.part < 0 {
		return in.text[at.end:in.place(c.run+1).start]
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
