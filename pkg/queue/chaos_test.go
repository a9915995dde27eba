package queue

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

var (
	chaosRuns = flag.Int("chaos.runs", 4, "how many seeds the chaos tests run, each on every store")
	chaosSeed = flag.Uint64("chaos.seed", 0, "the one seed to run; 0 runs -chaos.runs others")
)

// seeds are the seeds to run.
func seeds() []uint64 {
	if *chaosSeed != 0 {
		return []uint64{*chaosSeed}
	}
	list := make([]uint64, *chaosRuns)
	for i := range list {
		list[i] = 1 + rand.Uint64N(1<<32)
	}
	return list
}

// onEachSeed runs a test for every seed, and says how to run it again.
func onEachSeed(t *testing.T, test func(t *testing.T, seed uint64)) {
	for _, seed := range seeds() {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("again: go test ./pkg/queue -run '%s' -chaos.seed=%d", t.Name(), seed)
				}
			})
			test(t, seed)
		})
	}
}

// In memory, time is the test's own: hours pass in no time. A process that is killed takes its store with it.
func TestChaosMemory(t *testing.T) {
	onEachSeed(t, func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			c := newChaos(t, seed, pace{poll: time.Minute, late: time.Minute, audit: 5 * time.Minute, timeout: 30 * time.Second, patience: 12 * time.Hour})
			c.client = func() *http.Client {
				return &http.Client{Transport: inProcess{c.sim}, Timeout: c.pace.timeout}
			}
			c.newStore = c.private
			c.processes = 1
			c.run()
		})
	})
}

// Processes share a store, and each believes that it leads, as it may where a database knows no advisory locks or a leader has
// been taken for dead.
func TestChaosManyLeaders(t *testing.T) {
	onEachSeed(t, func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			c := newChaos(t, seed, pace{poll: time.Minute, late: time.Minute, audit: 5 * time.Minute, timeout: 30 * time.Second, patience: 12 * time.Hour})
			c.client = func() *http.Client {
				return &http.Client{Transport: inProcess{c.sim}, Timeout: c.pace.timeout}
			}
			shared := c.private()
			c.newStore = func() store.Store { return shared }
			c.processes = 1 + c.chance.IntN(3)
			c.run()
		})
	})
}

// With PostgreSQL everything is real: the connections, the database and its ends.
func TestChaosPostgres(t *testing.T) {
	onEachSeed(t, func(t *testing.T, seed uint64) {
		c := newChaos(t, seed, pace{poll: 20 * time.Millisecond, late: 60 * time.Millisecond, audit: 50 * time.Millisecond, timeout: 100 * time.Millisecond, patience: 2 * time.Minute})
		server := httptest.NewServer(c.sim)
		t.Cleanup(server.Close)
		c.url = server.URL
		c.client = func() *http.Client {
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			return &http.Client{Transport: transport, Timeout: c.pace.timeout}
		}
		c.database = pgtest.New(t)
		c.newStore = func() store.Store {
			backing, err := store.NewPostgres(store.PostgresConfig{DSN: c.database.DSN}, c.key)
			require.NoError(t, err)
			return backing
		}
		c.processes = 1 + c.chance.IntN(3)
		c.run()
	})
}

// pace is how fast a run goes.
type pace struct{ poll, late, audit, timeout, patience time.Duration }

// chaos is one run: processes that read one key's queue, and everything that goes wrong.
type chaos struct {
	*world
	t         *testing.T
	chance    *rand.Rand
	pace      pace
	url       string
	client    func() *http.Client
	newStore  func() store.Store
	database  *pgtest.Database // nil without one
	processes int
	alive     []*replica
	thief     bool          // another consumer has the key
	regrants  bool          // the key gets its permission anew: all of the last days are searched then, which hides what was lost
	skew      time.Duration // of the cloud's clock
	dying     sync.WaitGroup
}

func newChaos(t *testing.T, seed uint64, p pace) *chaos {
	chance := rand.New(rand.NewPCG(seed, 0))
	sw := simulator.Switches{
		QueueBatch: 1 + chance.IntN(40),
		QueueOrder: []string{"descending", "ascending", "shuffled"}[chance.IntN(3)],
		Reach:      20 + chance.IntN(200),
		Ties:       []string{"stable", "shuffled"}[chance.IntN(2)],
		// Searches are late, as events are, and clocks are off: together no more than the queue is told to expect.
		SearchLagMS: chance.IntN(2) * chance.IntN(int(p.late.Milliseconds()*3/8)),
	}
	sw.MaxRows = sw.Reach
	c := &chaos{t: t, chance: chance, pace: p, url: "https://cbc.test", thief: chance.IntN(2) == 0, regrants: chance.IntN(4) == 0}
	c.skew = c.off(p.late / 8)
	c.world = newWorldAt(sw, p.late, c.now)
	return c
}

// cloud asks with the key that all share.
func (c *chaos) cloud() *cbc.Client {
	key := c.sim.Keys()[0]
	quick := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	client, err := cbc.New(cbc.Config{URL: c.url, OrgKey: c.sim.OrgKey(), APIID: key.APIID, APISecret: key.APISecret, Sleep: quick}, c.client())
	require.NoError(c.t, err)
	return client
}

// now is the cloud's time. It is off by as much as an event may be late, together with how late events are.
func (c *chaos) now() time.Time { return time.Now().Add(c.skew) }

// off is how much a clock is off, either way.
func (c *chaos) off(most time.Duration) time.Duration {
	return time.Duration(c.chance.Int64N(2*int64(most)+1)) - most
}

// private is a store that nobody shares, by a clock of its own.
func (c *chaos) private() store.Store {
	skew := c.off(c.late / 8)
	return store.NewMemory(store.MemoryConfig{Now: func() time.Time { return time.Now().Add(skew) }})
}

// run lets things happen, then waits until all is quiet and compares.
func (c *chaos) run() {
	defer c.dying.Wait()
	for range c.processes {
		c.start()
	}
	for range 40 {
		c.step()
		time.Sleep(time.Duration(c.chance.Int64N(int64(3 * c.pace.poll))))
		c.check()
	}
	c.sim.SetFaults(simulator.Faults{})
	defer func() {
		for _, p := range c.alive {
			p.end()
		}
	}()
	c.settle()
	truth := c.truth()
	for _, p := range c.alive {
		same(c.t, truth, queued(c.t, p.queue))
	}
	slices.Sort(truth)
	for _, p := range c.alive {
		require.Eventually(c.t, func() bool { return slices.Equal(truth, p.tail.sorted()) }, c.pace.patience, c.pace.poll, "a subscriber gets each event once")
	}
}

func (c *chaos) step() {
	switch c.chance.IntN(14) {
	case 0, 1, 2, 3:
		c.happenLate(c.chance.IntN(100))
	case 4, 5:
		c.sim.SetFaults(simulator.Faults{Rules: c.faults()})
	case 6:
		c.sim.SetFaults(simulator.Faults{})
	case 7:
		c.kill(c.any())
		c.start()
	case 8:
		c.overlap(c.any())
	case 9:
		if c.thief {
			_, _ = c.cloud().Queue(context.Background()) // it fares no better than others
		}
	case 10:
		c.interrupt()
	case 11:
		if c.regrants {
			c.sim.Grant(c.key.APIID)
		}
	case 12:
		if c.thief { // for the store that is left behind, who reads then is another consumer
			c.migrate(c.any())
		}
	case 13:
		ctx, cancel := context.WithTimeout(context.Background(), c.pace.poll)
		defer cancel()
		_ = c.any().queue.Touch(ctx) // it may well fail
	}
}

func (c *chaos) any() *replica { return c.alive[c.chance.IntN(len(c.alive))] }

// happenLate makes events happen, some of them seen late, some of them equal.
func (c *chaos) happenLate(n int) {
	now := c.now().UTC().Truncate(time.Millisecond)
	for range n {
		at := now.Add(-time.Duration(c.chance.Int64N(int64(c.late * 3 / 8)))).Truncate(time.Millisecond)
		e := simulator.Event{CreateTime: at, Arrives: now, Actor: "a@example.com", Description: fmt.Sprint("event ", serial.Add(1))}
		c.sim.Add(slices.Repeat([]simulator.Event{e}, 1+c.chance.IntN(5)/4)...)
	}
}

func (c *chaos) faults() []simulator.Fault {
	kinds := []string{"status", "reset", "truncate", "slow", "delay", "text", "html", "errorMessage"}
	rules := make([]simulator.Fault, 1+c.chance.IntN(3))
	for i := range rules {
		rules[i] = simulator.Fault{
			Kind:     kinds[c.chance.IntN(len(kinds))],
			Endpoint: []string{"queue", "queue", "search", "any"}[c.chance.IntN(4)],
			Skip:     c.chance.IntN(3), Next: 1 + c.chance.IntN(4),
			Status: []int{429, 500, 502, 503}[c.chance.IntN(4)], RetryAfterS: 1,
			DelayMS: int(c.pace.timeout.Milliseconds()) * (1 + c.chance.IntN(12)) / 10, Bytes: 1 + c.chance.IntN(2000),
		}
		switch rules[i].Kind {
		case "status", "text", "html", "errorMessage": // a refusal comes before the work, or it would not be one
			rules[i].AfterWork = (rules[i].Kind != "status" || rules[i].Status != 429) && c.chance.IntN(2) == 0
		}
		if rules[i].Kind == "slow" {
			rules[i].DelayMS = 1 + rules[i].DelayMS/20
		}
	}
	return rules
}

// interrupt makes the store fail for a while.
func (c *chaos) interrupt() {
	if c.database == nil {
		p := c.any()
		if c.chance.IntN(2) == 0 {
			p.store.mute.Store(int32(1 + c.chance.IntN(3)))
			return
		}
		p.store.broken.Store(true)
		time.Sleep(time.Duration(c.chance.Int64N(int64(3 * c.pace.poll))))
		p.store.broken.Store(false)
		return
	}
	if c.chance.IntN(4) > 0 {
		c.database.Sever(c.t)
		return
	}
	restore := c.database.Interrupt(c.t)
	time.Sleep(time.Duration(c.chance.Int64N(int64(3 * c.pace.poll))))
	restore()
}

// check makes sure that nothing is doubled or invented, at any time.
func (c *chaos) check() {
	p := c.any()
	list := []string{}
	err := p.queue.Range(context.Background(), all(), cbc.OldestFirst, func(entries []store.Entry) bool {
		list = append(list, rowIDs(entries)...)
		return true
	})
	if err != nil {
		return // a database that was interrupted
	}
	truth := map[string]bool{}
	for _, id := range c.truth() {
		truth[id] = true
	}
	for _, id := range list {
		require.True(c.t, truth[id], "the store holds what never happened, or holds it twice: %s", id)
		delete(truth, id)
	}
}

// settle waits until every process has a store that knows itself complete, up to the last event. What another consumer took, an
// audit has to find.
func (c *chaos) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), c.pace.patience)
	defer cancel()
	for _, p := range c.alive {
		var known store.ReadState
		for quiet := int64(0); ; {
			failed := p.queue.Touch(ctx) // what counts is the read state
			if state, err := p.store.ReadState(ctx); err == nil {
				known = state
			}
			if quiet == 0 && known.Now > 0 {
				quiet = known.Now + c.late.Milliseconds()
			}
			if quiet > 0 && len(known.Gaps) == 0 && known.Drained > quiet && (!c.thief || known.Audited > quiet) {
				break
			}
			require.NoError(c.t, ctx.Err(), "not settled: %+v after %d; the last read: %v", known, quiet, failed)
			time.Sleep(c.pace.poll)
		}
	}
}
