package plugin

import (
	"sync"

	"carbonblack-auditlog-datasource/pkg/ratelimit"
	"carbonblack-auditlog-datasource/pkg/store"
)

// sharedPools are the budgets that this process shares with other replicas, one for each host and database.
var sharedPools = struct {
	sync.Mutex
	byPlace map[poolPlace]*openPool
}{byPlace: map[poolPlace]*openPool{}}

type poolPlace struct {
	limiter *ratelimit.Limiter
	dsn     string
}

type openPool struct {
	pool   *ratelimit.Pool
	budget *store.SharedBudget
	users  int
}

// sharedPool returns the part of this process in the budget that replicas share in the database of the settings; nil without one. It is
// kept until leave is called.
func sharedPool(l *ratelimit.Limiter, host string, s settings) (p *ratelimit.Pool, leave func(), err error) {
	if s.store != "postgres" || s.storeDSN == "" {
		return nil, func() {}, nil
	}
	place := poolPlace{l, s.storeDSN}
	sharedPools.Lock()
	defer sharedPools.Unlock()
	open := sharedPools.byPlace[place]
	if open == nil {
		budget, err := store.NewSharedBudget(s.storeDSN, host)
		if err != nil {
			return nil, nil, err
		}
		open = &openPool{pool: l.Join(budget), budget: budget}
		sharedPools.byPlace[place] = open
	}
	open.users++
	return open.pool, sync.OnceFunc(func() { leavePool(place, open) }), nil
}

func leavePool(place poolPlace, open *openPool) {
	sharedPools.Lock()
	open.users--
	last := open.users == 0
	if last {
		delete(sharedPools.byPlace, place)
	}
	sharedPools.Unlock()
	if last {
		open.pool.Close()
		open.budget.Close()
	}
}
