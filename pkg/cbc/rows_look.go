package cbc

import "bytes"

// look is how an event whose last member is its time is known at a glance, by the one that was read through before.
type look struct {
	gap, head, tail []byte   // what stands before an event, in it before its first value, and behind its last
	joint           []byte   // tail, gap and head: what stands between two events
	time            []byte   // what stands before the time
	length          int      // of the time, in bytes
	quotes          [64]bool // how many quotes an event may have: as many as one that was read through
}

// glance finds an event without reading it through, if what is at hand looks as before up to the beginning of the event behind it.
// A sound file cannot be mistaken: a quote with a letter behind it opens a string, so that a brace before it begins an object, and
// no other brace stands between the two. So there is nothing nested, and the time is the event's own. Of a file that is not sound
// most would have another number of quotes.
func (f *JSONRows) glance(b []byte) (gap, length int) {
	l := &f.look
	gap = len(l.gap)
	if len(l.joint) == 0 || !bytes.HasPrefix(b, l.joint[len(l.tail):]) {
		return 0, 0
	}
	if length = bytes.IndexByte(b[gap+1:], '{') + 1 - gap; length <= 0 {
		return 0, 0
	}
	event := b[gap : gap+length]
	shut := length - len(l.tail)
	start := shut - l.length
	if start < len(l.time) || !bytes.HasPrefix(b[gap+shut:], l.joint) || !bytes.HasSuffix(event[:start], l.time) {
		return 0, 0
	}
	if end, err := stringEnd(event, start); err != nil || end != shut || !l.known(bytes.Count(event, quote)) {
		return 0, 0
	}
	f.created = event[start:shut]
	return gap, length
}

var quote = []byte{'"'}

func (l *look) known(quotes int) bool { return quotes < len(l.quotes) && l.quotes[quotes] }

// learn keeps the look of an event that was read through.
func (f *JSONRows) learn(gap, event []byte) {
	s, last := &f.shape, len(f.shape.ends)-1
	if len(gap) == 0 || last < 0 || s.timed != last || len(f.created) == 0 || f.created[0] != '"' {
		return
	}
	before := 0
	if last > 0 {
		before = s.ends[last-1]
	}
	head, time, tail := s.seams[:s.ends[0]], s.seams[before:s.ends[last]], s.seams[s.ends[last]:]
	if !letter(head[bytes.IndexByte(head, '"')+1]) {
		return
	}
	l := &f.look
	if len(f.created) != l.length || !bytes.Equal(gap, l.gap) || !bytes.Equal(head, l.head) || !bytes.Equal(time, l.time) || !bytes.Equal(tail, l.tail) {
		*l = look{gap: bytes.Clone(gap), head: bytes.Clone(head), tail: bytes.Clone(tail), time: bytes.Clone(time), length: len(f.created)}
		l.joint = bytes.Join([][]byte{tail, gap, head}, nil)
	}
	if quotes := bytes.Count(event, quote); quotes < len(l.quotes) {
		l.quotes[quotes] = true
	}
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
