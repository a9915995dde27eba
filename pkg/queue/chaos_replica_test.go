package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

// replica is a process that runs the plugin: one or two instances of the data source share its reader.
type replica struct {
	readers   Readers
	store     *fragile
	source    breaker
	config    Config
	queue     *Queue // of the latest settings
	older     *Queue // of an instance that was replaced and is still there, or nil
	tail      tail
	stop      context.CancelFunc
	listening sync.WaitGroup
}

// start starts a process. Its clock is off by up to an hour, which must not matter.
func (c *chaos) start() {
	client, skew := c.cloud(), c.off(time.Hour)
	p := &replica{store: &fragile{Store: c.newStore()}}
	p.source = breaker{client, new(atomic.Pointer[fragile])}
	now := func() time.Time { return time.Now().Add(skew) }
	p.config = Config{
		Identity: cbc.Identity{APIKey: c.key}, Source: p.source, Searcher: searcher{client, c.late, c.sim.Switches().Reach, now}, Store: memoryStore("chaos", p.store),
		Poll: c.pace.poll, Late: c.late, AuditEvery: c.pace.audit,
	}
	if !c.thief {
		p.config.AuditEvery = 1000 * time.Hour // an audit would make good what the rest has lost
	}
	c.alive = append(c.alive, p)
	c.open(p)
}

// open opens an instance with the settings of now, and subscribes to it.
func (c *chaos) open(p *replica) {
	var err error
	p.queue, err = p.readers.Open(p.config)
	require.NoError(c.t, err)
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	p.tail = tail{}
	p.listening.Go(func() { p.listen(ctx) })
}

// listen subscribes from the beginning, and again from where it was when the instance is replaced.
func (p *replica) listen(ctx context.Context) {
	var from store.Cursor
	for {
		err := p.queue.Subscribe(ctx, from, func(changes store.Changes) error {
			from = changes.Next
			return p.tail.deliver(changes)
		})
		if ctx.Err() != nil || errors.Is(err, errEnded) {
			return
		}
	}
}

// kill ends a process as kill -9 does: whatever it is about to write is not written. Half of them die as soon as they have the
// answer of a read.
func (c *chaos) kill(p *replica) {
	if c.chance.IntN(2) == 0 {
		c.happenLate(20) // that there is something to lose
		p.source.breakAfterRead(p.store)
		time.Sleep(c.pace.poll * 3 / 2)
	}
	p.store.broken.Store(true)
	c.alive = slices.DeleteFunc(c.alive, func(q *replica) bool { return q == p })
	c.dying.Go(p.end)
}

func (p *replica) end() {
	p.stop()
	p.retire()
	p.queue.Close()
	p.listening.Wait()
}

// retire disposes the instance that was replaced.
func (p *replica) retire() {
	if p.older != nil {
		p.older.Close()
	}
	p.older = nil
}

// overlap replaces an instance by one of other settings: the new one is there before the old one has gone, which may take a while.
func (c *chaos) overlap(p *replica) {
	p.stop()
	p.listening.Wait()
	p.retire()
	p.older = p.queue
	p.config.Poll = c.pace.poll * time.Duration(1+c.chance.IntN(3)) / 2
	c.open(p)
	if c.chance.IntN(2) == 0 {
		p.retire()
	}
}

// migrate replaces an instance by one with a store that is empty. What the process is about to store goes there.
func (c *chaos) migrate(p *replica) {
	p.store = &fragile{Store: c.private()}
	p.config.Store = memoryStore(fmt.Sprint("store ", serial.Add(1)), p.store)
	c.overlap(p)
}
