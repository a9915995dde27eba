package queue

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

var (
	// ErrUnproved is [store.ErrUnproved].
	ErrUnproved = store.ErrUnproved
	// errReplaced ends what a data source does with a secret that another one has replaced.
	errReplaced = errors.New("another API secret was accepted for this API key: the secret of this data source must be accepted again")
	// errOtherStore refuses a second store.
	errOtherStore = errors.New("another data source keeps the queue of this API key in another store: give both the same store (store, storeDsn), or this one an API key of its own")
)

// recheckEvery is how often a store is asked whether it still knows the secret: another process may have opened it with a new one.
const recheckEvery = time.Minute

// recheckTime bounds that question: whoever wants events waits for it.
const recheckTime = 5 * time.Second

// admission is a data source's part in a reader, after its secret was proved.
type admission struct {
	reader  *reader
	ctx     context.Context // ends with the admission
	end     context.CancelFunc
	worked  bool                      // Carbon Black Cloud has answered a request of this data source
	checked atomic.Pointer[time.Time] // when it was last made sure that the admission holds, by a clock that nobody sets
}

// admit returns the data source's admission, and sees to it when there is none. A data source is admitted
//   - to a reader that others use when Carbon Black Cloud has answered one of its own requests, so that new settings take part only
//     after they have worked; if Carbon Black Cloud cannot be asked just now, a secret that it has accepted before will do;
//   - as the first one when the store is new, or knows the secret.
//
// An admission is looked at again every minute.
func (q *Queue) admit(ctx context.Context) (*admission, error) {
	if a := q.admitted.Load(); a != nil && !a.recheckDue() {
		return a, nil
	}
	select {
	case q.admitting <- struct{}{}:
		defer func() { <-q.admitting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a := q.admitted.Load(); a != nil && (!a.recheckDue() || q.stillHolds(ctx, a)) {
		return a, nil
	}
	for {
		a, err := q.tryAdmit(ctx)
		if a == nil && err == nil {
			continue
		}
		if err != nil {
			q.readers.report(q, err)
		}
		q.refusal.Store(&err)
		return a, err
	}
}

func (a *admission) recheckDue() bool {
	return time.Since(*a.checked.Load()) > recheckEvery
}

// noteChecked notes that the admission holds now.
func (a *admission) noteChecked() {
	now := time.Now()
	a.checked.Store(&now)
}

// stillHolds reports whether the store still knows the secret, and lets settings take part that have worked only now. A store that
// cannot be reached changes nothing.
func (q *Queue) stillHolds(ctx context.Context, a *admission) bool {
	a.noteChecked()
	ctx, cancel := context.WithTimeout(ctx, recheckTime)
	defer cancel()
	known, _, err := a.reader.store.Knows(ctx, q.config.secret())
	holds := known || err != nil
	if holds && !a.worked {
		worked, err := q.prove(ctx, time.Time{})
		holds = !worked && !rejected(err)
	}
	if !holds {
		q.readers.mu.Lock()
		defer q.readers.mu.Unlock()
		q.expel()
	}
	return holds
}

// keepChecking looks at an admission every minute for as long as somebody subscribes: a subscription asks for nothing else.
func (q *Queue) keepChecking(ctx context.Context, a *admission) {
	for pause(ctx, recheckEvery) {
		select {
		case q.admitting <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if q.admitted.Load() == a {
			q.stillHolds(ctx, a)
		}
		<-q.admitting
	}
}

// tryAdmit returns neither an admission nor an error when the reader, or what the store knows, has changed meanwhile.
func (q *Queue) tryAdmit(ctx context.Context) (*admission, error) {
	c, err := q.readers.candidate(q)
	if err != nil {
		return nil, err
	}
	known, kept, err := c.store.Knows(ctx, q.config.secret())
	if err != nil {
		return nil, err
	}
	// A store of the data source's own choice proves nothing about events that are kept elsewhere.
	c.accepted = c.accepted || known && q.config.Store.Shared && (c.reader == nil || c.reader.storeName == q.config.Store.Name)
	if c.reader != nil || !known {
		if !known { // another secret may have been accepted elsewhere a moment ago
			c.since = time.Now()
		}
		c.worked, err = q.prove(ctx, c.since)
		if err != nil && (!known || !c.accepted || rejected(err)) {
			return nil, err
		}
	}
	if c.worked && !known {
		err := c.store.Trust(ctx, q.config.secret(), kept)
		if errors.Is(err, store.ErrOtherSecret) {
			return nil, nil // it must be accepted again
		}
		if err != nil {
			return nil, err
		}
	}
	a, unused, err := q.readers.join(q, c)
	if unused != nil {
		unused.Close()
	}
	return a, err
}

// prove reports whether Carbon Black Cloud has answered a request of this data source that was sent after a time. If none was, it
// sends one.
func (q *Queue) prove(ctx context.Context, since time.Time) (bool, error) {
	p := q.config.Prover
	if p == nil || p.AcceptedAt().After(since) {
		return true, nil
	}
	err := p.Verify(ctx)
	return err == nil, err
}

// glance returns what a data source may see without a request and without taking part: its reader, if there is one, and its store.
func (q *Queue) glance(ctx context.Context) (*reader, store.Store, error) {
	if a := q.admitted.Load(); a != nil {
		if !a.recheckDue() {
			return a.reader, a.reader.store, nil
		}
		known, _, err := a.reader.store.Knows(ctx, q.config.secret())
		if err != nil {
			return nil, nil, err
		}
		if !known {
			return nil, nil, ErrUnproved
		}
		return a.reader, a.reader.store, nil
	}
	c, err := q.readers.candidate(q)
	if err != nil {
		return nil, nil, err
	}
	known, _, err := c.store.Knows(ctx, q.config.secret())
	switch p := q.config.Prover; {
	case err != nil:
		return nil, nil, err
	case rejected(q.lastRefusal()):
		return nil, nil, q.lastRefusal()
	case c.rejected:
		return nil, nil, ErrUnproved
	case !known, c.reader != nil && !c.accepted && !q.config.Store.Shared && p != nil && !p.AcceptedAt().After(c.since):
		return nil, nil, cmp.Or(q.lastRefusal(), ErrUnproved)
	case c.reader == nil || c.reader.store != c.store:
		return nil, c.store, nil
	}
	return c.reader, c.store, nil
}

// rejected reports whether Carbon Black Cloud has turned an API key down.
func rejected(err error) bool {
	var failed *cbc.Error
	if !errors.As(err, &failed) {
		return false
	}
	return failed.Kind == cbc.KindKey || failed.Kind == cbc.KindOrgKey || failed.Kind == cbc.KindPermission
}

// lastRefusal is why the last try to be admitted failed; nil: it did not, or there was none.
func (q *Queue) lastRefusal() error {
	if err := q.refusal.Load(); err != nil {
		return *err
	}
	return nil
}

// endError says why an admission has ended.
func (q *Queue) endError() error {
	q.readers.mu.Lock()
	defer q.readers.mu.Unlock()
	if q.retired {
		return errEnded
	}
	return errReplaced
}

// expel ends the admission of a data source. The lock of Readers is held.
func (q *Queue) expel() {
	if a := q.admitted.Swap(nil); a != nil {
		a.reader.detach(q)
		a.end()
	}
}

// retire expels a data source for good, and returns the store that it has opened in vain, if any. The lock of Readers is held.
func (q *Queue) retire() (unused store.Store) {
	q.expel()
	q.retired = true
	unused, q.own = q.own, nil
	return unused
}

// candidate is what a data source would be admitted to.
type candidate struct {
	reader   *reader // nil: there is none yet
	store    store.Store
	accepted bool      // Carbon Black Cloud has accepted this secret before
	rejected bool      // and has rejected it since
	since    time.Time // proofs from before do not count
	worked   bool      // Carbon Black Cloud has answered a request of this data source
}

// candidate returns what a data source would be admitted to: the reader of its API key with its store, or a store of its own if its
// settings name another one.
func (p *Readers) candidate(q *Queue) (candidate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q.retired {
		return candidate{}, errEnded
	}
	s := p.byKey[q.config.Identity.APIKey]
	if s.otherStore(q) {
		return candidate{}, errOtherStore
	}
	c := candidate{reader: s.reader, accepted: s.accepted[q.config.Identity.Fingerprint], since: s.since, rejected: s.rejected[q.config.Identity.Fingerprint]}
	var err error
	c.store, err = s.ledgerFor(q)
	return c, err
}

// ledgerFor returns the reader's store if the settings of the data source name the same one, else a store of its own.
func (s *slot) ledgerFor(q *Queue) (store.Store, error) {
	if s.reader != nil && s.reader.storeName == q.config.Store.Name {
		return s.reader.store, nil
	}
	if q.own == nil {
		ledger, err := q.config.Store.Open(q.config.Identity.APIKey)
		if err != nil {
			return nil, err
		}
		q.own = ledger
	}
	return q.own, nil
}

// join admits a data source to its candidate's reader, or to a new one. It returns nothing when another reader has taken the
// place of the candidate's meanwhile.
func (p *Readers) join(q *Queue, c candidate) (a *admission, unused store.Store, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.byKey[q.config.Identity.APIKey]
	switch {
	case q.retired:
		return nil, nil, errEnded
	case s.reader != c.reader:
		return nil, nil, nil
	case s.otherStore(q):
		return nil, nil, errOtherStore
	}
	if c.worked {
		s.accept(q)
	}
	if c.reader == nil || c.reader.storeName != q.config.Store.Name {
		s.retirePredecessors(q)
		s.reader, q.own = newReader(q.config.Store.Name, c.store, c.reader, p.report), nil
	}
	a = &admission{reader: s.reader, worked: c.worked || c.reader == nil}
	a.ctx, a.end = context.WithCancel(context.Background())
	a.noteChecked()
	s.reader.attach(q, a.worked)
	q.admitted.Store(a)
	unused, q.own = q.own, nil
	return a, unused, nil
}

// otherStore reports whether another data source, whose secret is accepted, keeps the queue in another store. The same data source does
// until new settings take part.
func (s *slot) otherStore(q *Queue) bool {
	if s.reader == nil || s.reader.storeName == q.config.Store.Name {
		return false
	}
	for other := range s.open {
		if other.admitted.Load() != nil && other.config.Owner != q.config.Owner && s.accepted[other.config.Identity.Fingerprint] {
			return true
		}
	}
	return false
}

// retirePredecessors retires what the data source has opened before with another store. Other data sources, which are not accepted,
// lose their place and may ask for it again.
func (s *slot) retirePredecessors(q *Queue) {
	for other := range s.open {
		switch {
		case other.admitted.Load() == nil:
		case other.config.Owner == q.config.Owner:
			other.retire() // it has no store of its own: it was admitted
		default:
			other.expel()
		}
	}
}
