package cbc

import (
	"cmp"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxTenants bounds how many tenants are told apart, and maxOrigins how many origins each of them has. Of those that are over
	// it, the ones that were not heard of for longest count together.
	maxTenants = 200
	maxOrigins = 500
)

// otherOrigins stands for the origins that are not listed.
var otherOrigins = Origin{Dashboard: "other"}

// Status is what a governor does now and has done so far, as far as the viewer may see it.
type Status struct {
	Budget      Budget        `json:"budget"`
	PausedUntil *int64        `json:"pausedUntil"` // milliseconds since the epoch; nil when requests may start
	InFlight    int           `json:"inFlight"`
	Waiting     Waiting       `json:"waiting"`
	Calls       int64         `json:"calls"`     // requests that were started
	Throttled   int64         `json:"throttled"` // of those, the ones that were answered 429
	WaitedMS    int64         `json:"waitedMs"`  // how long requests waited for their start, or in vain
	Origins     []OriginUsage `json:"origins"`   // who spent the calls, most first
}

// Budget is how many requests may start in a window.
type Budget struct {
	Limit         int `json:"limit"`
	Used          int `json:"used"`
	Left          int `json:"left"`
	WindowSeconds int `json:"windowSeconds"`
}

// Waiting is how many requests wait in each lane.
type Waiting struct {
	Alert      int `json:"alert"`
	Panel      int `json:"panel"`
	Background int `json:"background"`
}

// OriginUsage is what one origin has spent.
type OriginUsage struct {
	Origin
	Calls     int64 `json:"calls"`
	WaitedMS  int64 `json:"waitedMs"`
	Throttled int64 `json:"throttled"`
}

// Viewer is who asks for a status. It sees the origins of its own tenant and what the background does with its API key. What others
// have spent is one sum, and nothing at all while its own API key is not accepted.
type Viewer struct {
	Tenant   Tenant
	Accepted bool
	Limit    int // its own, which holds for itself if it is smaller than the host's; 0 is none
}

// spent is what requests have cost.
type spent struct {
	calls, throttled int64
	waited           time.Duration
}

func (s *spent) add(other spent) {
	s.calls += other.calls
	s.throttled += other.throttled
	s.waited += other.waited
}

func (s *spent) subtract(other spent) {
	s.add(spent{-other.calls, -other.throttled, -other.waited})
}

// usage counts since the process started.
type usage struct {
	total    spent
	tenants  *simplelru.LRU[Tenant, *tenantUsage]
	unproved *simplelru.LRU[Tenant, *tenantUsage] // tenants whose API key is not accepted
}

type tenantUsage struct {
	total   spent
	origins *simplelru.LRU[Origin, *spent]
}

func newUsage() usage {
	return usage{tenants: newLRU[Tenant, *tenantUsage](maxTenants), unproved: newLRU[Tenant, *tenantUsage](maxTenants)}
}

func newLRU[K comparable, V any](size int) *simplelru.LRU[K, V] {
	lru, err := simplelru.NewLRU[K, V](size, nil)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return lru
}

// count adds what an origin has spent.
func (u *usage) count(o Origin, s spent) {
	u.total.add(s)
	u.add(o, s)
}

func (u *usage) add(o Origin, s spent) {
	tenants := u.of(o.Tenant)
	tenant, known := tenants.Get(o.Tenant)
	if !known {
		tenant = &tenantUsage{origins: newLRU[Origin, *spent](maxOrigins)}
		tenants.Add(o.Tenant, tenant)
	}
	tenant.total.add(s)
	sum, known := tenant.origins.Get(o)
	if !known {
		sum = &spent{}
		tenant.origins.Add(o, sum)
	}
	sum.add(s)
}

func (u *usage) of(t Tenant) *simplelru.LRU[Tenant, *tenantUsage] {
	if t.unproved {
		return u.unproved
	}
	return u.tenants
}

// prove counts what a tenant spent before its API key was accepted with the rest of it.
func (u *usage) prove(t Tenant) {
	before, known := u.unproved.Peek(t)
	if !t.unproved || !known {
		return
	}
	u.unproved.Remove(t)
	left := before.total
	for _, o := range before.origins.Keys() {
		sum, _ := before.origins.Peek(o)
		left.subtract(*sum)
		o.Tenant.unproved = false
		u.add(o, *sum)
	}
	t.unproved = false
	if after, known := u.tenants.Peek(t); known {
		after.total.add(left)
	}
}

// seenBy returns what a viewer sees: the total, and who has spent it. What is not listed is one row.
func (u *usage) seenBy(v Viewer) (total spent, origins []OriginUsage) {
	before := v.Tenant // what it spent until its key was accepted, or since it was rejected
	before.unproved = true
	own := []Tenant{before, v.Tenant}
	if background := (Tenant{Identity: v.Tenant.Identity}); background != v.Tenant {
		own = append(own, background)
	}
	if !v.Accepted {
		own = own[:2]
	}
	origins = []OriginUsage{}
	var listed spent
	rows := map[Origin]*spent{}
	for _, t := range own {
		tenant, known := u.of(t).Peek(t)
		if !known {
			continue
		}
		total.add(tenant.total)
		for _, o := range tenant.origins.Keys() {
			sum, _ := tenant.origins.Peek(o)
			listed.add(*sum)
			o.Tenant = v.Tenant
			if rows[o] == nil {
				rows[o] = &spent{}
			}
			rows[o].add(*sum)
		}
	}
	for o, sum := range rows {
		origins = append(origins, usageOf(o, *sum))
	}
	if v.Accepted {
		total = u.total
	}
	rest := total
	rest.subtract(listed)
	if rest != (spent{}) {
		origins = append(origins, usageOf(otherOrigins, rest))
	}
	slices.SortFunc(origins, func(a, b OriginUsage) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Dashboard, b.Dashboard), cmp.Compare(a.Panel, b.Panel), cmp.Compare(a.Rule, b.Rule))
	})
	return total, origins
}

func usageOf(o Origin, s spent) OriginUsage {
	return OriginUsage{Origin: o, Calls: s.calls, Throttled: s.throttled, WaitedMS: s.waited.Milliseconds()}
}

// Status returns what a viewer may know of the governor. The budget and the pause are those of the host, for they explain why the
// viewer's own requests wait.
func (g *Governor) Status(v Viewer) Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.pace.expire(now)
	total, origins := g.usage.seenBy(v)
	s := Status{
		Budget: g.budget(v.Limit), PausedUntil: g.pausedUntil(now),
		Calls: total.calls, Throttled: total.throttled, WaitedMS: total.waited.Milliseconds(), Origins: origins,
	}
	seen := func(t *ticket) bool {
		tenant := t.origin.Tenant
		tenant.unproved = false
		return v.Accepted || tenant == v.Tenant
	}
	for t := range g.running {
		if seen(t) {
			s.InFlight++
		}
	}
	waiting := [lanes]int{}
	for lane, tickets := range g.waiting {
		for _, t := range tickets {
			if seen(t) {
				waiting[lane]++
			}
		}
	}
	s.Waiting = Waiting{Alert: waiting[LaneAlert], Panel: waiting[LanePanel], Background: waiting[LaneBackground]}
	return s
}

// Budget returns how many requests to the host may start, for metrics.
func (g *Governor) Budget() Budget {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pace.expire(g.now())
	return g.budget(0)
}

// budget is the host's, or that of an own limit if it is smaller.
func (g *Governor) budget(own int) Budget {
	limit, used := g.limit(), len(g.pace.starts)
	if own > 0 && (own < limit || len(g.limits) == 0) {
		limit = own
	}
	return Budget{Limit: limit, Used: used, Left: max(limit-used, 0), WindowSeconds: int(Window.Seconds())}
}

func (g *Governor) pausedUntil(now time.Time) *int64 {
	if !g.pause.until.After(now) {
		return nil
	}
	ms := g.pause.until.UnixMilli()
	return &ms
}
