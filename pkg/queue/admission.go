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
	// errReplaced ends the admission of a data source whose secret another one has replaced.
	errReplaced = errors.New("another API secret was accepted for this API key: the secret of this data source must be accepted again")
	// errOtherStore rejects a second store for the same API key.
	errOtherStore = errors.New("another data source keeps the queue of this API key in another store: give both the same store (store, storeDsn), or this one an API key of its own")
)

// recheckEvery is how often a store is asked whether it still knows the secret: another process may have opened it with a new one.
const recheckEvery = time.Minute

// recheckTime bounds a recheck, because callers who need events wait for it.
const recheckTime = 5 * time.Second

// admission is a data source's right to use a reader. It requires a proved secret.
type admission struct {
	reader  *reader
	ctx     context.Context // ends with the admission
	end     context.CancelFunc
	worked  bool                      // Carbon Black Cloud has answered a request of this data source
	checked atomic.Pointer[time.Time] // when the admission was last checked, with a monotonic reading
}

// admit returns the data source's admission, and tries to admit it first if necessary. A data source is admitted
//   - to a reader that others use, if Carbon Black Cloud has answered one of its own requests: new settings take effect only after they
//     have worked. While Carbon Black Cloud cannot be reached, a secret that it accepted earlier is enough.
//   - as the first user, if the store is new or knows the secret.
//
// An admission is checked again every minute.
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
	if a := q.admitted.Load(); a != nil && (!a.recheckDue() || q.recheck(ctx, a)) {
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

// markChecked records that the admission is valid now.
func (a *admission) markChecked() {
	now := time.Now()
	a.checked.Store(&now)
}

// recheck reports whether the admission is still valid: the store still knows the secret. A store that cannot be reached changes nothing.
// Settings that have worked only now are admitted anew.
func (q *Queue) recheck(ctx context.Context, a *admission) bool {
	a.markChecked()
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
		q.revoke()
	}
	return holds
}

// keepChecking rechecks an admission every minute while somebody subscribes, because a subscription makes no other calls that would.
func (q *Queue) keepChecking(ctx context.Context, a *admission) {
	for pause(ctx, recheckEvery) {
		select {
		case q.admitting <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if q.admitted.Load() == a {
			q.recheck(ctx, a)
		}
		<-q.admitting
	}
}

// tryAdmit returns neither an admission nor an error if the reader or the store's secret has changed meanwhile.
func (q *Queue) tryAdmit(ctx context.Context) (*admission, error) {
	c, err := q.readers.candidate(q)
	if err != nil {
		return nil, err
	}
	known, kept, err := c.store.Knows(ctx, q.config.secret())
	if err != nil {
		return nil, err
	}
	// A store that the data source chose itself proves nothing about events in another store.
	c.accepted = c.accepted || known && q.config.Store.Shared && (c.reader == nil || c.reader.storeName == q.config.Store.Name)
	if c.reader != nil || !known {
		if !known { // another process may have had another secret accepted a moment ago
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

// prove reports whether Carbon Black Cloud has answered a request of this data source that was sent after since. If there was none, prove
// sends one.
func (q *Queue) prove(ctx context.Context, since time.Time) (bool, error) {
	p := q.config.Prover
	if p == nil || p.AcceptedAt().After(since) {
		return true, nil
	}
	err := p.Verify(ctx)
	return err == nil, err
}

// visibleStore returns the store that a data source may see without a request and without being admitted, and its reader, if there is one.
func (q *Queue) visibleStore(ctx context.Context) (*reader, store.Store, error) {
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

// rejected reports whether Carbon Black Cloud has rejected an API key.
func rejected(err error) bool {
	var failed *cbc.Error
	if !errors.As(err, &failed) {
		return false
	}
	return failed.Kind == cbc.KindKey || failed.Kind == cbc.KindOrgKey || failed.Kind == cbc.KindPermission
}

// lastRefusal returns why the last attempt to be admitted failed, nil if it did not or there was none.
func (q *Queue) lastRefusal() error {
	if err := q.refusal.Load(); err != nil {
		return *err
	}
	return nil
}

// endError returns why an admission has ended.
func (q *Queue) endError() error {
	q.readers.mu.Lock()
	defer q.readers.mu.Unlock()
	if q.retired {
		return errEnded
	}
	return errReplaced
}

// revoke ends the admission of a data source. The caller holds the lock of Readers.
func (q *Queue) revoke() {
	if a := q.admitted.Swap(nil); a != nil {
		a.reader.detach(q)
		a.end()
	}
}

// retire revokes the admission of a data source for good, and returns the store that it opened and did not use, if any. The caller holds
// the lock of Readers.
func (q *Queue) retire() (unused store.Store) {
	q.revoke()
	q.retired = true
	unused, q.own = q.own, nil
	return unused
}

// candidate is the reader that a data source asks to be admitted to.
type candidate struct {
	reader   *reader // nil: there is none yet
	store    store.Store
	accepted bool      // Carbon Black Cloud has accepted this secret before
	rejected bool      // and has rejected it since
	since    time.Time // earlier proofs do not count
	worked   bool      // Carbon Black Cloud has answered a request of this data source
}

// candidate returns the reader of the data source's API key with its store, or with a store of the data source's own if its settings name
// another one.
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
	c.store, err = s.storeFor(q)
	return c, err
}

// storeFor returns the reader's store if the settings of the data source name it, else a store of the data source's own.
func (s *slot) storeFor(q *Queue) (store.Store, error) {
	if s.reader != nil && s.reader.storeName == q.config.Store.Name {
		return s.reader.store, nil
	}
	if q.own == nil {
		own, err := q.config.Store.Open(q.config.Identity.APIKey)
		if err != nil {
			return nil, err
		}
		q.own = own
	}
	return q.own, nil
}

// join admits a data source to its candidate's reader, or to a new one. It returns no admission if another reader has replaced the
// candidate's meanwhile.
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
	a.markChecked()
	s.reader.attach(q, a.worked)
	q.admitted.Store(a)
	unused, q.own = q.own, nil
	return a, unused, nil
}

// otherStore reports whether another data source, whose secret is accepted, keeps the queue in another store. Earlier settings of the same
// data source do not count.
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

// retirePredecessors retires the data source's earlier settings, which name another store. Other data sources, whose secrets are not
// accepted, lose their admission and may ask for it again.
func (s *slot) retirePredecessors(q *Queue) {
	for other := range s.open {
		switch {
		case other.admitted.Load() == nil:
		case other.config.Owner == q.config.Owner:
			other.retire() // it has no store of its own: it was admitted
		default:
			other.revoke()
		}
	}
}
