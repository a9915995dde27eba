package store

import (
	"encoding/binary"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// dimension is a column of blocks that groups and filters depend on.
type dimension int

const (
	byActor dimension = iota
	byAddress
	byMark
	dimensions
)

func (d dimension) String() string { return [...]string{"actors", "addresses", "marks"}[d] }

// dimensionOf returns the column that decides a key. It returns false if blocks do not have the key.
func dimensionOf(k auditlog.Key) (dimension, bool) {
	switch {
	case k == auditlog.KeyActor, k == auditlog.KeyAccount:
		return byActor, true
	case k == auditlog.KeyAddress:
		return byAddress, true
	case k.Boolean(), k.FixedByClass():
		return byMark, true
	}
	return 0, false
}

// mark is the class and the flags of an event.
type mark string

func markOf(class int32, flags int16) mark {
	return mark(binary.AppendUvarint(nil, uint64(class)<<flagBits|uint64(flags)))
}

// parts returns false for what markOf does not return.
func (m mark) parts() (class int32, flags int16, ok bool) {
	n, size := binary.Uvarint([]byte(m))
	return int32(n >> flagBits), int16(n & (1<<flagBits - 1)), size == len(m) && size > 0
}

// column is one dimension of the block that is read.
type column struct {
	read    bool
	grouped bool                   // whether groups depend on it
	passes  func(name string) bool // the filter; nil: all pass
	value   func(name string) string

	names   []string
	of      []int32 // position in names, by event
	passed  []bool  // by name, if there is a filter
	numbers []int32 // by name: the number of its value, 0 for none yet

	known  map[string]int32 // numbers of values, over all blocks
	values []string         // by number
}

// decode reads what encodeColumn wrote for n events.
func (c *column) decode(data []byte, n int) error {
	count, data, ok := nextNumber(data)
	if !ok || count > uint64(len(data)) {
		return errBlock
	}
	c.names, c.of, c.passed, c.numbers = c.names[:0], c.of[:0], c.passed[:0], c.numbers[:0]
	for range count {
		var size uint64
		if size, data, ok = nextNumber(data); !ok || size > uint64(len(data)) {
			return errBlock
		}
		name := string(data[:size])
		data = data[size:]
		c.names, c.numbers = append(c.names, name), append(c.numbers, 0)
		if c.passes != nil {
			c.passed = append(c.passed, c.passes(name))
		}
	}
	for range n {
		var i uint64
		if i, data, ok = nextNumber(data); !ok || i >= count {
			return errBlock
		}
		c.of = append(c.of, int32(i))
	}
	return nil
}

// number returns the number of an event's value, from 1 on.
func (c *column) number(event int) int32 {
	name := c.of[event]
	if c.numbers[name] == 0 {
		value := c.value(c.names[name])
		number, known := c.known[value]
		if !known {
			c.values = append(c.values, value)
			number = int32(len(c.values))
			c.known[value] = number
		}
		c.numbers[name] = number
	}
	return c.numbers[name]
}

func nextNumber(data []byte) (n uint64, left []byte, ok bool) {
	if len(data) > 0 && data[0] < 0x80 {
		return uint64(data[0]), data[1:], true
	}
	n, size := binary.Uvarint(data)
	if size <= 0 {
		return 0, nil, false
	}
	return n, data[size:], true
}

// blockGroup is a bucket of a group: the number of its value in each dimension, 0 where it does not depend on it.
type blockGroup struct {
	bucket int32
	of     [dimensions]int32
}

type blockTally struct{ count, first, last int64 }

// blockGroups groups the events of blocks.
type blockGroups struct {
	grouping *Grouping
	classes  map[int32]auditlog.Class
	edges    []int64 // in nanoseconds, of buckets but the first
	columns  [dimensions]column
	times    []int64
	groups   map[blockGroup]int // positions of tallies
	tallies  []blockTally
}

// newBlockGroups returns false if blocks cannot answer the grouping.
func newBlockGroups(g *Grouping, classes map[int32]auditlog.Class) (*blockGroups, bool) {
	b := &blockGroups{grouping: g, classes: classes, groups: map[blockGroup]int{}}
	for i := 1; i < len(g.Edges); i++ {
		b.edges = append(b.edges, nanos(g.Edges[i]))
	}
	for d := range b.columns {
		b.columns[d].known = map[string]int32{}
	}
	var flags int16
	hasActor := false
	for _, k := range g.Keys {
		d, ok := dimensionOf(k)
		if !ok {
			return nil, false
		}
		b.columns[d].grouped = true
		switch k {
		case auditlog.KeyActor:
			hasActor = true
		case auditlog.KeyFlagged:
			flags |= flagFlagged
		case auditlog.KeyVerbose:
			flags |= flagVerbose
		}
	}
	byClass := g.needsClass()
	b.columns[byMark].grouped = byClass || flags != 0
	b.columns[byActor].value = func(actor string) string {
		if hasActor {
			return actor
		}
		return auditlog.Account(actor)
	}
	b.columns[byAddress].value = func(address string) string { return address }
	b.columns[byMark].value = func(name string) string {
		class, all, _ := mark(name).parts()
		if !byClass {
			class = 0
		}
		return string(markOf(class, all&flags))
	}
	return b, b.addFilter()
}

// addFilter divides the filter among the columns.
func (b *blockGroups) addFilter() (ok bool) {
	var parts [dimensions]auditlog.Filter
	var used [dimensions]bool
	for _, k := range auditlog.Keys() {
		criteria, exclusions := b.grouping.Filter.Criteria[k], b.grouping.Filter.Exclusions[k]
		if len(criteria) == 0 && len(exclusions) == 0 {
			continue
		}
		d, ok := dimensionOf(k)
		if !ok {
			return false
		}
		if !used[d] {
			used[d], parts[d] = true, auditlog.Filter{Criteria: auditlog.Terms{}, Exclusions: auditlog.Terms{}}
		}
		parts[d].Criteria[k], parts[d].Exclusions[k] = criteria, exclusions
	}
	for d := range parts {
		c := &b.columns[d]
		if used[d] {
			matcher := parts[d].Everything()
			c.passes = func(name string) bool {
				e, class := b.example(dimension(d), name)
				return matcher.Match(&e, class)
			}
		}
		c.read = c.grouped || used[d]
	}
	return true
}

// example returns an event that has the value of a dimension.
func (b *blockGroups) example(d dimension, name string) (e auditlog.Event, c auditlog.Class) {
	switch d {
	case byActor:
		e.Actor = name
	case byAddress:
		e.ActorIP = name
	case byMark:
		class, flags, _ := mark(name).parts()
		c = b.classes[class]
		e.Flagged, e.Verbose = flags&flagFlagged != 0, flags&flagVerbose != 0
	}
	return e, c
}

// decode reads a block.
func (b *blockGroups) decode(starts int64, times []byte, columns [dimensions][]byte) error {
	b.times = b.times[:0]
	for at := nanos(starts); len(times) > 0; {
		delta, left, ok := nextNumber(times)
		if !ok {
			return errBlock
		}
		at += int64(delta)
		b.times, times = append(b.times, at), left
	}
	for d := range b.columns {
		if b.columns[d].read {
			if err := b.columns[d].decode(columns[d], len(b.times)); err != nil {
				return err
			}
		}
	}
	return nil
}

// add counts the events of the block that lie in a part of the time range.
func (b *blockGroups) add(part auditlog.TimeRange) error {
	bucket, from, to := 0, nanos(part.From), nanos(part.To)
events:
	for i, at := range b.times {
		if at < from || at >= to {
			continue
		}
		for bucket < len(b.edges) && at >= b.edges[bucket] {
			bucket++
		}
		group := blockGroup{bucket: int32(bucket)}
		for d := range b.columns {
			if c := &b.columns[d]; c.passes != nil && !c.passed[c.of[i]] {
				continue events
			}
		}
		for d := range b.columns {
			if c := &b.columns[d]; c.grouped {
				group.of[d] = c.number(i)
			}
		}
		if !b.count(group, at) {
			return ErrTooManyGroups
		}
	}
	return nil
}

// count returns false if there are too many groups.
func (b *blockGroups) count(group blockGroup, at int64) bool {
	i, known := b.groups[group]
	if !known {
		i = len(b.tallies)
		b.groups[group] = i
		b.tallies = append(b.tallies, blockTally{first: at, last: at})
	}
	t := &b.tallies[i]
	t.count++
	t.first, t.last = min(t.first, at), max(t.last, at)
	return len(b.tallies) <= MaxGrouped
}

// take passes the groups on.
func (b *blockGroups) take(take func(Grouped)) {
	for group, i := range b.groups {
		t := b.tallies[i]
		out := Grouped{Bucket: int(group.bucket), Count: t.count, First: time.Unix(0, t.first).UTC(), Last: time.Unix(0, t.last).UTC()}
		var e auditlog.Event
		for d, number := range group.of {
			if number == 0 {
				continue
			}
			part, class := b.example(dimension(d), b.columns[d].values[number-1])
			switch dimension(d) {
			case byActor:
				e.Actor = part.Actor
			case byAddress:
				e.ActorIP = part.ActorIP
			case byMark:
				e.Flagged, e.Verbose, out.Class = part.Flagged, part.Verbose, class
			}
		}
		out.Values = make([]string, len(b.grouping.Keys))
		for j, k := range b.grouping.Keys {
			out.Values[j] = k.Value(&e, out.Class)
		}
		take(out)
	}
}
