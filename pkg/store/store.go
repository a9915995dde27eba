package store

import (
	"context"
	"errors"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// ErrHeld says that another replica reads the queue.
var ErrHeld = errors.New("another replica reads the queue")

// ErrNotLeading says that this replica led and does so no more.
var ErrNotLeading = errors.New("this replica does not lead any more")

// Secret stands for an API secret and does not give it away.
type Secret struct {
	Fingerprint string // within this process
	// Derive returns by what a store that outlives the process recognizes the secret; nil: it need not.
	Derive func(salt []byte) []byte
}

// Store keeps the events of one API key's queue. It is safe for concurrent use, here and by other replicas.
type Store interface {
	// Knows reports whether the ledger was last trusted to this secret. A ledger that ends with the process knows
	// everybody: who may use it is decided here.
	Knows(ctx context.Context, secret Secret) (bool, error)
	// Trust makes the ledger know this secret, and no other from then on.
	Trust(ctx context.Context, secret Secret) error
	// Lead asks to be the only reader of the queue. It does not wait: the error is ErrHeld while another replica is. A leader that
	// says nothing for longer than quiet may be taken for dead.
	Lead(ctx context.Context, quiet time.Duration) (Lease, error)
	// Add adds events. It needs no leadership: each batch was given to one reader only, and joins in any order.
	Add(ctx context.Context, a Addition) (Added, error)
	// Book returns the book.
	Book(ctx context.Context) (ReadState, error)
	// Update changes the book and returns it.
	Update(ctx context.Context, change func(*ReadState)) (ReadState, error)
	// Range visits the events of a window in order, until visit wants no more. A slice is valid during the call only.
	Range(ctx context.Context, w auditlog.TimeRange, order cbc.Order, visit func([]Entry) (more bool)) error
	// After returns at most limit events that were added behind a cursor, in the order in which they were added.
	After(ctx context.Context, from Cursor, limit int) (Changes, error)
	// Head is the cursor behind everything that was added.
	Head(ctx context.Context) (Cursor, error)
	// Held tells how much the ledger holds. It is cheap.
	Held(ctx context.Context) (Held, error)
	// Watch calls changed at once and after every addition by anybody, until the context ends or changed fails.
	Watch(ctx context.Context, changed func() error) error
	// Trim forgets what is older than the ledger is to keep.
	Trim(ctx context.Context) error
	// Close ends everything that the ledger holds open.
	Close()
}

// Lease is the right to read the queue.
type Lease interface {
	// Update is Ledger.Update as long as this replica leads: ErrNotLeading says that nothing was changed.
	Update(ctx context.Context, change func(*ReadState)) (ReadState, error)
	// Release gives the right back. It does not fail: a ledger that cannot be reached takes it back on its own.
	Release(ctx context.Context)
}

// Addition is a set of events for a ledger.
type Addition struct {
	ID     string // of the batch: the same one is added once. "" is none, where adding again changes nothing.
	Origin Provenance
	Events []auditlog.Event
	Note   func(*ReadState) // a change of the book that goes with it, or nil
	Late   time.Duration    // of a batch: how long after it a search finds all of it. 0: what came before has happened again
}

// Added is what an addition did.
type Added struct {
	New     int                // copies that the ledger did not have
	Missing int                // copies among those added that the queue should have given and did not
	Expired int                // distinct events that are older than the ledger keeps: they were left out
	Again   auditlog.TimeRange // the span of the events that another batch gave before: the book has a gap there
}

// Held is how much a ledger holds.
type Held struct {
	Events int64 // copies
	Bytes  int64 // about what they take, in a database together with those of other keys; 0 is unknown
}

// Entry is one copy of an event. Equal events are told apart by the ordinal. The event is shared and must not be changed.
type Entry struct {
	Event   *auditlog.Event
	Ordinal int
}

// Cursor is a place in the order in which events were added.
type Cursor int64

// Changes are events in the order in which they were added.
type Changes struct {
	Entries []Entry
	Next    Cursor // behind the last of them
	Skipped int64  // events between the cursor and the first of them that are not kept any more
}

func compareEntries(a, b Entry) int {
	if c := auditlog.Compare(a.Event, b.Event); c != 0 {
		return c
	}
	return a.Ordinal - b.Ordinal
}
