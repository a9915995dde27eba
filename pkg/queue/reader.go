package queue

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/clock"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
	"carbonblack-auditlog-datasource/pkg/store"
)

// errEnded is returned by a reader that has stopped.
var errEnded = errors.New("the queue of the API key is read with other settings now, or not at all")

// reader is the process's only reader of an API key's queue. It has a goroutine only while there is demand.
type reader struct {
	storeName string
	store     store.Store
	life      context.Context
	cancel    context.CancelFunc // makes the goroutine end after a read that is running
	idle      sync.WaitGroup

	report func(*Queue, error) // receives the result of each poll

	mu          sync.Mutex
	users       []*Queue // the admitted data sources; the queue is read with the settings of the last one
	settings    *Queue   // the last of users, or of those that there were
	running     bool
	demanded    time.Time // when events were last requested
	subscribers subscriptions
	begun       time.Time     // when the last poll started
	last        Poll          // the last finished poll
	holdsLease  bool          // whether this reader holds the lease
	polled      chan struct{} // closed at the end of the current or next poll

	// What follows belongs to the goroutine.
	predecessor    *reader         // the reader that this one replaced; its read must end first
	lease          store.Lease     // nil if the reader does not hold the lease
	held           *store.Addition // a batch that is not stored yet: nothing is read meanwhile
	full           int             // size of the largest batch so far: a smaller one is not full
	readElsewhere  bool            // a predecessor has read into another store: its events may be missing from this one
	reconciling    chan error      // receives the result of the running reconcile; nil if none runs
	reconcilingFor *Queue          // whose settings it uses
}

// Poll is the result of reading the queue once to its end.
type Poll struct {
	Begun, Ended time.Time
	Read         int   // events
	Following    bool  // another replica reads the queue
	Err          error // nil if the queue was read to its end, or another replica reads it
}

// newReader returns a reader that replaces predecessor, if that is not nil.
func newReader(storeName string, s store.Store, predecessor *reader, report func(*Queue, error)) *reader {
	r := &reader{storeName: storeName, store: s, predecessor: predecessor, readElsewhere: predecessor != nil, report: report, polled: make(chan struct{})}
	r.subscribers.changed = make(chan struct{})
	r.life, r.cancel = context.WithCancel(ratelimit.WithLane(context.Background(), ratelimit.LaneBackground))
	if predecessor != nil {
		predecessor.stop()
	}
	return r
}

// stop makes the goroutine end, and keeps it from starting again.
func (r *reader) stop() {
	r.mu.Lock() // so that nobody starts the goroutine after this
	defer r.mu.Unlock()
	r.cancel()
}

// close stops the reader, waits for its goroutine and closes the store.
func (r *reader) close() {
	r.stop()
	r.idle.Wait()
	r.takeOver() // in case it never ran
	r.store.Close()
}

// attach adds a data source. Its settings take effect if they have worked, or if there are no others.
func (r *reader) attach(q *Queue, worked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if worked {
		r.users = append(r.users, q)
	} else {
		r.users = slices.Insert(r.users, 0, q)
	}
	r.settings = r.users[len(r.users)-1]
	if worked && r.last.Err != nil { // it used other settings
		r.begun, r.last = time.Time{}, Poll{}
	}
}

// detach removes a data source. The settings of the last one stay in use.
func (r *reader) detach(q *Queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users = slices.DeleteFunc(r.users, func(other *Queue) bool { return other == q })
	if len(r.users) > 0 {
		r.settings = r.users[len(r.users)-1]
	}
}

// demote switches to another data source's settings, after a poll with those of q has failed.
func (r *reader) demote(q *Queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.users); n > 1 && r.users[n-1] == q {
		r.users = slices.Insert(r.users[:n-1:n-1], 0, q)
		r.settings = r.users[n-1]
	}
}

func (r *reader) user() *Queue {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.settings
}

func (r *reader) config() Config { return r.user().config }

// waitForPoll waits until the last poll is no older than the poll interval.
func (r *reader) waitForPoll(ctx context.Context) error {
	polled, err := r.demand(false)
	if polled == nil {
		return err
	}
	select {
	case <-polled:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		return errEnded
	}
	return r.last.Err
}

// demand records that events are requested, once or by a subscriber, and starts the goroutine if it does not run. wait is nil if the last
// poll is recent enough.
func (r *reader) demand(subscriber bool) (wait chan struct{}, err error) {
	poll := r.config().Poll
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		return nil, errEnded
	}
	r.demanded = time.Now()
	if subscriber {
		r.addSubscriber()
	}
	if !r.running {
		r.running = true
		r.idle.Go(r.run)
	}
	if !r.last.Begun.IsZero() && r.demanded.Sub(r.last.Begun) < poll {
		return nil, r.last.Err
	}
	return r.polled, nil
}

// run polls as long as there is demand, and then releases the lease.
func (r *reader) run() {
	r.takeOver()
	for again := true; again; again = r.hasDemand(true) {
		for pause(r.life, r.due()) {
			r.poll()
			if !pause(r.life, r.due()) || !r.hasDemand(false) {
				break
			}
		}
		r.releaseLease()
	}
}

// takeOver waits until the predecessor has ended, takes over the batch that it could not store, and closes its store.
func (r *reader) takeOver() {
	predecessor := r.predecessor
	if predecessor == nil {
		return
	}
	r.predecessor = nil
	predecessor.idle.Wait()
	predecessor.takeOver() // in case it never ran
	r.held, r.full = predecessor.held, predecessor.full
	predecessor.store.Close()
}

func (r *reader) releaseLease() {
	if r.lease != nil {
		r.lease.Release(r.life)
		r.setLease(nil)
	}
}

// setLease sets the lease that the reader holds; nil means none.
func (r *reader) setLease(lead store.Lease) {
	r.lease = lead
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holdsLease = lead != nil
}

// due returns how long it is until the next poll.
func (r *reader) due() time.Duration {
	poll := r.config().Poll
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun.IsZero() {
		return 0
	}
	return time.Until(r.begun.Add(poll))
}

// pause waits and reports whether the context goes on.
func pause(ctx context.Context, d time.Duration) bool {
	return clock.Sleep(ctx, d) == nil
}

// hasDemand reports whether events were requested since the last poll started. If not, and final is set, the goroutine ends.
func (r *reader) hasDemand(final bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() == nil && (r.subscribers.size > 0 || r.demanded.After(r.begun)) {
		return true
	}
	if final {
		r.running = false
		r.notifyWaiters()
	}
	return false
}

// notifyWaiters wakes the callers of waitForPoll.
func (r *reader) notifyWaiters() {
	close(r.polled)
	r.polled = make(chan struct{})
}

// poll reads the queue once to its end. If it fails with the settings of one data source, it tries those of the others.
func (r *reader) poll() {
	p := Poll{Begun: time.Now()}
	r.mu.Lock()
	r.begun = p.Begun
	r.mu.Unlock()
	tried := map[*Queue]bool{}
	for more := true; more; more = !r.ended(p, tried) {
		user := r.user()
		tried[user] = true
		err := r.readAndRepair(r.life, user.config, &p)
		if p.Following = errors.Is(err, store.ErrHeld); p.Following {
			p.Err = nil
			continue
		}
		p.Err = err
		r.report(user, err)
		if rejected(err) || unreachable(err) {
			r.demote(user)
		}
	}
}

// ended records a finished poll. It returns false if the poll failed and other settings are now in use that were not tried yet.
func (r *reader) ended(p Poll, tried map[*Queue]bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if (rejected(p.Err) || unreachable(p.Err)) && !tried[r.settings] && r.life.Err() == nil {
		return false
	}
	p.Ended = time.Now()
	r.last = p
	r.notifyWaiters()
	return true
}

// unreachable reports whether a request did not reach Carbon Black Cloud, as with a wrong proxy in the settings of one data source.
func unreachable(err error) bool {
	var failed *cbc.Error
	return errors.As(err, &failed) && failed.Kind == cbc.KindHost
}
