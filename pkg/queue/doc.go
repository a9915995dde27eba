// Package queue makes the read-once queue of Carbon Black Cloud safe to read.
//
// Carbon Black Cloud gives an API key's new events once and forgets them, without an acknowledgement. So exactly one reader a
// key asks, and what it gets goes into a [Store] before anybody sees it. Panels, alert rules and live tails read the store.
//
// # Use
//
// A data source opens its [Queue] with [Open] when it is made and closes it when it is disposed. To open sends nothing.
//
//   - A panel or an alert rule calls [Queue.Touch], which sees to it that the store is no older than the poll interval, and then
//     [Queue.Range]. An error of Touch is a notice, not the end: the store still holds what it held.
//   - A live tail calls [Queue.Head] and [Queue.Subscribe]. What a search makes good long after it happened is new to the store
//     too: a tail that shows the present only leaves out what is old by its time.
//   - [Queue.Status] says what the store holds for certain: gaps that are open, and whether another consumer has the key.
//   - Health checks, variables and annotations call none of these but Status.
//
// The [Searcher] must ask Carbon Black Cloud anew each time: an answer that is remembered by a clock that is wrong would close a
// gap that is none the smaller for it. A history.History made for the one call does it:
//
//	h := history.New(history.Config{Searcher: client, Settle: settle})
//	question := history.Question{Range: w, Order: cbc.OldestFirst, MaxEvents: math.MaxInt}
//	for batch, err := range h.Read(ctx, question, &coverage, &cost) { … }
//	// complete only if coverage.Complete and coverage.StaleSince.IsZero()
//
// # How nothing is lost or doubled
//
// A store row is a distinct event with counts: the most that one batch of the queue gave, and the most that one complete search
// found. The event happened as often as the larger of the two says. Such counts can be joined in any order, and again.
//
// An event that a second batch gives has happened again, or has come again: when an API key gets its permission anew, the last
// days are put on its queue once more. The queue does not tell which, so the event's span becomes a gap, and a search counts.
//
// The store's [ReadState] notes that a read is about to be sent, then that its batch is in. A note that stays open, or an answer that
// may have been lost, becomes a [Gap]: the span since the queue was last seen empty. A search adds what it finds there at once,
// and closes the gap when it was complete and late enough to find everything. An empty store starts with a gap. Now and then an
// audit compares the settled past with a search: what the queue should have given and did not is added, and tells of another
// consumer.
//
// A batch that cannot be stored is kept in memory, and nothing more is read until it is stored.
//
// # Replicas
//
// Replicas share a store in PostgreSQL. A lease in the key's row elects the one that reads. The holder renews it, and it expires soon
// after the process has ended or hangs. Every lease has a fencing number, and the holder of an older one cannot begin a read. A batch
// that it has read all the same is still added: nobody else received it, and counts merge in any order. All times in the read state
// are the database's, so the replicas' clocks do not matter. A reader that nobody asks for events gives the lease back.
package queue
