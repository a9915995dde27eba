package answer

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/store"
)

// grouping collects events into groups with equal values.
type grouping struct {
	keys    []auditlog.Key
	index   map[string]int // position in groups by the group's one value, or by all of them with their lengths
	groups  []frame.Group
	scratch []byte
	// spellings are the raw values of derived fields, by position in groups; kept if keepSpellings is set.
	keepSpellings bool
	spellings     []spellings
	// points has the group and the bucket of each event. The counts by time are made once it is known which groups are shown: a table
	// of all groups and all times could be very large.
	buckets buckets
	points  []point
	heavy   []heavyPoint
}

type point struct{ group, bucket int32 }

// heavyPoint stands for several events.
type heavyPoint struct {
	point
	n int64
}

func newGrouping(keys []auditlog.Key, b buckets) *grouping {
	return &grouping{keys: keys, index: map[string]int{}, buckets: b}
}

func (g *grouping) add(e *auditlog.Event, c auditlog.Class) {
	i := g.find(e, c)
	group := &g.groups[i]
	if group.Count == 0 || e.CreateTime.Before(group.First) {
		group.First = e.CreateTime
	}
	if group.Count == 0 || e.CreateTime.After(group.Last) {
		group.Last = e.CreateTime
	}
	group.Count++
	if g.keepSpellings {
		g.spellings[i].add(e, g.keys)
	}
	if g.buckets.n > 0 {
		g.points = append(g.points, point{int32(i), int32(g.buckets.index(e.CreateTime))})
	}
}

// addGroup adds events that are counted already.
func (g *grouping) addGroup(other store.Grouped) {
	i, known := g.locate(other.Values)
	if !known {
		i = g.append(other.Values)
	}
	group := &g.groups[i]
	if group.Count == 0 || other.First.Before(group.First) {
		group.First = other.First
	}
	if group.Count == 0 || other.Last.After(group.Last) {
		group.Last = other.Last
	}
	group.Count += other.Count
	if g.buckets.n > 0 {
		g.heavy = append(g.heavy, heavyPoint{point{int32(i), int32(other.Bucket)}, other.Count})
	}
}

// find returns the position of the event's group, which is added if it is new.
func (g *grouping) find(e *auditlog.Event, c auditlog.Class) int {
	if i, ok := g.position(e, c); ok {
		return i
	}
	values := make([]string, len(g.keys))
	for i, k := range g.keys {
		values[i] = k.Value(e, c)
	}
	return g.append(values)
}

// append adds a group whose key is in scratch.
func (g *grouping) append(values []string) int {
	g.index[string(g.scratch)] = len(g.groups)
	g.groups = append(g.groups, frame.Group{Values: values})
	if g.keepSpellings {
		g.spellings = append(g.spellings, spellings{})
	}
	return len(g.groups) - 1
}

// locate returns the position of the group with these values, if there is one. It leaves the group's key in scratch.
func (g *grouping) locate(values []string) (int, bool) {
	key := g.scratch[:0]
	for _, value := range values {
		if len(values) > 1 {
			key = binary.AppendUvarint(key, uint64(len(value)))
		}
		key = append(key, value...)
	}
	g.scratch = key
	i, ok := g.index[string(key)]
	return i, ok
}

// position returns the position of the event's group, if there is one. It leaves the group's key in scratch.
func (g *grouping) position(e *auditlog.Event, c auditlog.Class) (int, bool) {
	key := g.scratch[:0]
	for _, k := range g.keys {
		value := k.Value(e, c)
		if len(g.keys) > 1 {
			key = binary.AppendUvarint(key, uint64(len(value)))
		}
		key = append(key, value...)
	}
	g.scratch = key
	i, ok := g.index[string(key)]
	return i, ok
}

// compareGroups orders groups by size, largest first, and then by value, so that the same query always gets the same answer.
func compareGroups(a, b frame.Group) int {
	return cmp.Or(cmp.Compare(b.Count, a.Count), slices.Compare(a.Values, b.Values))
}

// largest returns the groups with most events, at most limit of them, and how many were left out.
func (g *grouping) largest(limit int) (shown []frame.Group, rest frame.Group, left int) {
	order := make([]int, len(g.groups))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compareGroups(g.groups[a], g.groups[b]) })
	n := min(limit, len(order))
	position := make([]int, len(g.groups)) // of a group among the shown, n for the rest
	for i := range position {
		position[i] = n
	}
	shown = make([]frame.Group, n)
	for i := range n {
		position[order[i]] = i
		shown[i] = g.groups[order[i]]
		shown[i].Buckets = make([]int64, g.buckets.n)
	}
	rest = frame.Group{Values: make([]string, len(g.keys)), Rest: true, Buckets: make([]int64, g.buckets.n)}
	for i := range rest.Values {
		rest.Values[i] = frame.RestName
	}
	for _, i := range order[n:] {
		rest.Count += g.groups[i].Count
	}
	count := func(p point, events int64) {
		if at := position[p.group]; at < n {
			shown[at].Buckets[p.bucket] += events
		} else {
			rest.Buckets[p.bucket] += events
		}
	}
	for _, p := range g.points {
		count(p, 1)
	}
	for _, p := range g.heavy {
		count(p.point, p.n)
	}
	return shown, rest, len(order) - n
}

// group puts all events of the plan into groups.
func (x *execution) group(ctx context.Context, b buckets) (*grouping, reading, error) {
	return x.groupBy(ctx, x.plan.Query.GroupBy, b)
}

func (x *execution) groupBy(ctx context.Context, keys []auditlog.Key, b buckets) (*grouping, reading, error) {
	g := newGrouping(keys, b)
	g.keepSpellings = x.plan.Query.Type == query.TypeFirstSeen
	archived, source := x.groupArchived(ctx, g)
	add := g.add
	var s *sequence
	if x.plan.Query.After != nil {
		s = newSequence(x.plan.Query)
		add = s.add
	}
	r, err := x.read(ctx, source, 0, func(e *auditlog.Event, c auditlog.Class) bool {
		add(e, c)
		return true
	})
	if s != nil {
		r.matched = s.replay(g.add)
	}
	r.matched, r.unknown = r.matched+archived.matched, r.unknown+archived.unknown
	r.Read, r.FromCache = r.Read+archived.Read, r.FromCache+archived.FromCache
	if err == nil && x.plan.Numbers && !r.Complete {
		err = x.tooManyEvents(r.Coverage)
	}
	return g, r, err
}
