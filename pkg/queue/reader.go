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

// errEnded says that a reader reads no more.
var errEnded = errors.New("the queue of the API key is read with other settings now, or not at all")

// reader is the only one in the process who reads a key's queue. It has a goroutine only while there is demand.
type reader struct {
	storeName string
	store     store.Store
	life      context.Context
	retire    context.CancelFunc // makes the goroutine end after a read that is under way
	idle      sync.WaitGroup

	report func(*Queue, error) // takes what a poll by a data source came to

	mu       sync.Mutex
	users    []*Queue // the data sources that were admitted; the last one decides how to read
	settings *Queue   // the one that decides, or that did while there were any
	running  bool
	demanded time.Time // when somebody last wanted to see events
	audience audience
	begun    time.Time     // when the last poll was begun
	last     Poll          // the last poll that has ended
	leads    bool          // this reader has the leadership
	round    chan struct{} // closed at the end of the poll that is under way or comes next

	// What follows belongs to the goroutine.
	before    *reader         // whose place this one took: its read comes to its end first
	lead      store.Lease     // nil while another replica leads, or nobody wants to
	held      *store.Addition // a batch that could not be stored yet: nothing is read meanwhile
	full      int             // the largest batch ever seen: a smaller one is not full
	away      bool            // another reader read before, into another store: what it was given may be missing here
	mending   chan error      // what searches come to that go on; nil when there are none
	mendingBy *Queue          // with whose settings they were begun
}

// Poll is what one look at the queue came to.
type Poll struct {
	Begun, Ended time.Time
	Read         int   // events
	Following    bool  // another replica reads the queue
	Err          error // nil when the queue was read to its end, or another replica does so
}

// newReader returns a reader that takes the place of before, if that is not nil.
func newReader(store string, ledger store.Store, before *reader, report func(*Queue, error)) *reader {
	r := &reader{storeName: store, store: ledger, before: before, away: before != nil, report: report, round: make(chan struct{})}
	r.audience.changed = make(chan struct{})
	r.life, r.retire = context.WithCancel(ratelimit.WithLane(context.Background(), ratelimit.LaneBackground))
	if before != nil {
		before.leave()
	}
	return r
}

// leave makes the reader read no more.
func (r *reader) leave() {
	r.mu.Lock() // so that nobody starts the goroutine after this
	defer r.mu.Unlock()
	r.retire()
}

// end waits for the goroutine and closes the store.
func (r *reader) end() {
	r.leave()
	r.idle.Wait()
	r.inherit() // in case it never ran
	r.store.Close()
}

// attach adds a data source. Its settings come into force if they have worked, or if there are no others.
func (r *reader) attach(q *Queue, worked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if worked {
		r.users = append(r.users, q)
	} else {
		r.users = slices.Insert(r.users, 0, q)
	}
	r.settings = r.users[len(r.users)-1]
	if worked && r.last.Err != nil { // it was made with settings that are no longer in force
		r.begun, r.last = time.Time{}, Poll{}
	}
}

// detach takes a data source away. The settings of the last one hold to the end.
func (r *reader) detach(q *Queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users = slices.DeleteFunc(r.users, func(other *Queue) bool { return other == q })
	if len(r.users) > 0 {
		r.settings = r.users[len(r.users)-1]
	}
}

// yield lets another data source's settings come into force, after a poll with those of q has failed.
func (r *reader) yield(q *Queue) {
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

// touch waits for a read that is no older than the poll interval.
func (r *reader) touch(ctx context.Context) error {
	round, err := r.demand(false)
	if round == nil {
		return err
	}
	select {
	case <-round:
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

// demand notes that somebody wants events, once or until part, and starts the goroutine if it does not run. There is nothing to wait for when the
// last read is young enough.
func (r *reader) demand(lasting bool) (wait chan struct{}, err error) {
	poll := r.config().Poll
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		return nil, errEnded
	}
	r.demanded = time.Now()
	if lasting {
		r.join()
	}
	if !r.running {
		r.running = true
		r.idle.Go(r.run)
	}
	if !r.last.Begun.IsZero() && r.demanded.Sub(r.last.Begun) < poll {
		return nil, r.last.Err
	}
	return r.round, nil
}

// run polls as long as there is demand, and gives the leadership back then.
func (r *reader) run() {
	r.inherit()
	for again := true; again; again = r.wanted(true) {
		for pause(r.life, r.due()) {
			r.poll()
			if !pause(r.life, r.due()) || !r.wanted(false) {
				break
			}
		}
		r.resign()
	}
}

// inherit waits until the reader whose place this one took has come to an end, takes over what it could not store, and closes its
// store.
func (r *reader) inherit() {
	before := r.before
	if before == nil {
		return
	}
	r.before = nil
	before.idle.Wait()
	before.inherit() // in case it never ran
	r.held, r.full = before.held, before.full
	before.store.Close()
}

func (r *reader) resign() {
	if r.lead != nil {
		r.lead.Release(r.life)
		r.take(nil)
	}
}

// take notes the leadership that the reader has got, or none.
func (r *reader) take(lead store.Lease) {
	r.lead = lead
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leads = lead != nil
}

// due is how long it is until the queue may be read again.
func (r *reader) due() time.Duration {
	poll := r.config().Poll
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun.IsZero() {
		return 0
	}
	return time.Until(r.begun.Add(poll))
}

// pause waits, and reports whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	return clock.Sleep(ctx, d) == nil
}

// wanted reports whether anybody wanted events since the last poll was begun. If not, the goroutine may end, and is taken to have
// ended when that is said here to be final.
func (r *reader) wanted(final bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() == nil && (r.audience.size > 0 || r.demanded.After(r.begun)) {
		return true
	}
	if final {
		r.running = false
		r.turn()
	}
	return false
}

// turn lets those who wait for a poll go on.
func (r *reader) turn() {
	close(r.round)
	r.round = make(chan struct{})
}

// poll looks at the queue once.
func (r *reader) poll() {
	p := Poll{Begun: time.Now()}
	r.mu.Lock()
	r.begun = p.Begun
	r.mu.Unlock()
	tried := map[*Queue]bool{}
	for more := true; more; more = !r.ended(p, tried) {
		user := r.user()
		tried[user] = true
		err := r.look(r.life, user.config, &p)
		if p.Following = errors.Is(err, store.ErrHeld); p.Following {
			p.Err = nil
			continue
		}
		p.Err = err
		r.report(user, err)
		if rejected(err) || unreachable(err) {
			r.yield(user)
		}
	}
}

// ended takes a poll as the last one, unless it failed with settings in whose place others are in force that were not tried yet.
func (r *reader) ended(p Poll, tried map[*Queue]bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if (rejected(p.Err) || unreachable(p.Err)) && !tried[r.settings] && r.life.Err() == nil {
		return false
	}
	p.Ended = time.Now()
	r.last = p
	r.turn()
	return true
}

// unreachable reports whether a request did not come to Carbon Black Cloud, which may be for settings that another data source has
// not.
func unreachable(err error) bool {
	var failed *cbc.Error
	return errors.As(err, &failed) && failed.Kind == cbc.KindHost
}
