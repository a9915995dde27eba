package store

import (
	"context"
	"errors"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// ErrHeld is returned while another replica holds the lease.
var ErrHeld = errors.New("another replica reads the queue")

// ErrNotLeading is returned for a lease that another replica has taken over.
var ErrNotLeading = errors.New("this replica does not lead any more")

// ErrUnproved means that a data source may not see yet what a store holds, and that nothing was sent to prove its secret.
var ErrUnproved = errors.New("the API secret of this data source is not checked yet: run Save & test, or any query")

// ErrOtherSecret means that a store was opened with another secret meanwhile.
var ErrOtherSecret = errors.New("another API secret was accepted for this API key a moment ago")

// Secret identifies an API secret without revealing it.
type Secret struct {
	Fingerprint string // within this process
	// Derive returns the verifier that a store keeps which outlives the process; nil if none is needed.
	Derive func(salt []byte) []byte
}

// Verifier is what a store keeps to recognize the secret that it was last opened with; zero if there is none.
type Verifier struct{ salt, hash string }

// Store keeps the events of the queue of one API key. It is safe for concurrent use, also by other replicas.
type Store interface {
	// Knows reports whether Trust was last called with this secret, and returns the verifier that the store keeps. A store that ends
	// with the process always returns true: the process itself decides who may use it.
	Knows(ctx context.Context, secret Secret) (known bool, kept Verifier, err error)
	// Trust makes Knows return true for this secret, and for no other. kept is what Knows returned before the secret was proved. If the
	// store keeps another verifier by now, the error is ErrOtherSecret, and nothing changes: a late proof must not undo a rotation.
	Trust(ctx context.Context, secret Secret, kept Verifier) error
	// Lead acquires the lease to read the queue. It does not wait: the error is ErrHeld while another replica holds the lease. A
	// holder that does not use the lease for maxIdle loses it.
	Lead(ctx context.Context, maxIdle time.Duration) (Lease, error)
	// Add adds events. It needs no lease: each batch was delivered to one reader only, and additions merge in any order.
	Add(ctx context.Context, a Addition) (Added, error)
	// ReadState returns the read state.
	ReadState(ctx context.Context) (ReadState, error)
	// Update changes the read state and returns it.
	Update(ctx context.Context, change func(*ReadState)) (ReadState, error)
	// Range calls visit with the events of a time range in order, until it returns false. The slice is valid during the call only.
	Range(ctx context.Context, w auditlog.TimeRange, order cbc.Order, visit func([]Entry) (more bool)) error
	// After returns at most limit events that were added after a cursor, in the order in which they were added.
	After(ctx context.Context, from Cursor, limit int) (Changes, error)
	// Head returns the cursor after the last event added.
	Head(ctx context.Context) (Cursor, error)
	// Held returns the size of the store. It is cheap.
	Held(ctx context.Context) (Held, error)
	// Watch calls changed at once and after every addition, by any replica, until ctx is done or changed fails.
	Watch(ctx context.Context, changed func() error) error
	// Trim deletes events that are older than the retention.
	Trim(ctx context.Context) error
	// Close closes all connections.
	Close()
}

// Lease is the right to read the queue.
type Lease interface {
	// Update is Store.Update under the lease. After ErrNotLeading, nothing was changed.
	Update(ctx context.Context, change func(*ReadState)) (ReadState, error)
	// Release gives the lease back. It does not fail: if the store cannot be reached, the lease expires.
	Release(ctx context.Context)
}

// Addition is a set of events to add.
type Addition struct {
	ID     string // of the batch, which is added once; empty if adding it again changes nothing
	Origin Provenance
	Events []auditlog.Event
	Note   func(*ReadState) // changes the read state in the same transaction; may be nil
	Late   time.Duration    // how long after a batch a search finds all of its events; 0: an event that is delivered again has happened again
}

// Added is the outcome of an addition.
type Added struct {
	New     int                // copies that the store did not have
	Missing int                // copies that the queue should have delivered and did not
	Expired int                // distinct events older than the retention, which were left out
	Again   auditlog.TimeRange // spans the events that an earlier batch delivered, too; the read state has a gap there
}

// Held is the size of a store.
type Held struct {
	Events int64 // copies
	Bytes  int64 // approximate; in a database, of all API keys together; 0 if unknown
}

// Entry is one copy of an event. The ordinal distinguishes equal events. The event is shared and must not be changed.
type Entry struct {
	Event   *auditlog.Event
	Ordinal int
}

// Cursor is a position in the order in which events were added.
type Cursor int64

// Changes are events in the order of their addition.
type Changes struct {
	Entries []Entry
	Next    Cursor // after the last of them
	Skipped int64  // events between the cursor and the first of them that were deleted
}

func compareEntries(a, b Entry) int {
	if c := auditlog.Compare(a.Event, b.Event); c != 0 {
		return c
	}
	return a.Ordinal - b.Ordinal
}
