package ratelimit

import (
	"cmp"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Usage is counted for at most maxTenants tenants with maxOrigins origins each. The least recently used beyond that are counted
// together.
const (
	maxTenants = 200
	maxOrigins = 500
)

// otherOrigins stands for the origins that are not listed.
var otherOrigins = Origin{Dashboard: "other"}

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

// usage counts what was spent since the process started.
type usage struct {
	total      spent
	tenants    *simplelru.LRU[Tenant, *tenantUsage]
	unverified *simplelru.LRU[Tenant, *tenantUsage]
}

type tenantUsage struct {
	total   spent
	origins *simplelru.LRU[Origin, *spent]
}

func newUsage() usage {
	return usage{tenants: newLRU[Tenant, *tenantUsage](maxTenants), unverified: newLRU[Tenant, *tenantUsage](maxTenants)}
}

func newLRU[K comparable, V any](size int) *simplelru.LRU[K, V] {
	lru, err := simplelru.NewLRU[K, V](size, nil)
	if err != nil { // only if size < 1
		panic(err)
	}
	return lru
}

// count adds what a request of an origin has cost.
func (u *usage) count(o Origin, s spent) {
	u.total.add(s)
	u.add(o, s)
}

func (u *usage) add(o Origin, s spent) {
	tenants := u.tenantsLike(o.Tenant)
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

// tenantsLike returns the verified or unverified tenants.
func (u *usage) tenantsLike(t Tenant) *simplelru.LRU[Tenant, *tenantUsage] {
	if t.unverified {
		return u.unverified
	}
	return u.tenants
}

// verify moves what an unverified tenant has spent to the verified tenants.
func (u *usage) verify(t Tenant) {
	before, known := u.unverified.Peek(t)
	if !t.unverified || !known {
		return
	}
	u.unverified.Remove(t)
	unlisted := before.total
	for _, o := range before.origins.Keys() {
		sum, _ := before.origins.Peek(o)
		unlisted.subtract(*sum)
		o.Tenant.unverified = false
		u.add(o, *sum)
	}
	t.unverified = false
	if after, known := u.tenants.Peek(t); known {
		after.total.add(unlisted)
	}
}

// visibleTo returns what a viewer sees: the total, and what each origin has spent. Origins that are not listed are one row.
func (u *usage) visibleTo(v Viewer) (total spent, origins []OriginUsage) {
	var listed spent
	rows := map[Origin]*spent{}
	for _, t := range v.tenants() {
		tenant, known := u.tenantsLike(t).Peek(t)
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
	if v.Accepted {
		total = u.total
	}
	unlisted := total
	unlisted.subtract(listed)
	origins = make([]OriginUsage, 0, len(rows)+1)
	for o, sum := range rows {
		origins = append(origins, usageOf(o, *sum))
	}
	if unlisted != (spent{}) {
		origins = append(origins, usageOf(otherOrigins, unlisted))
	}
	slices.SortFunc(origins, func(a, b OriginUsage) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Dashboard, b.Dashboard), cmp.Compare(a.Panel, b.Panel), cmp.Compare(a.Rule, b.Rule))
	})
	return total, origins
}

func usageOf(o Origin, s spent) OriginUsage {
	return OriginUsage{Origin: o, Calls: s.calls, Throttled: s.throttled, WaitedMS: s.waited.Milliseconds()}
}

// tenants returns the tenants whose origins the viewer sees.
func (v Viewer) tenants() []Tenant {
	unverified := v.Tenant // what was spent before the credential was accepted, or since it was rejected
	unverified.unverified = true
	visible := []Tenant{unverified, v.Tenant}
	if background := (Tenant{Identity: v.Tenant.Identity}); v.Accepted && background != v.Tenant {
		visible = append(visible, background)
	}
	return visible
}
