// Package queue makes the read-once queue of Carbon Black Cloud safe to read.
//
// Carbon Black Cloud returns an API key's new events once, without an acknowledgement, and forgets them. So exactly one reader per key
// reads, and stores every batch before anybody sees it. Panels, alert rules and live tails read the store.
//
// # Use
//
// A data source opens its [Queue] with [Open] and closes it when it is disposed. Opening sends nothing.
//
//   - A panel or an alert rule calls [Queue.Touch], which updates a store that is older than the poll interval, and then [Queue.Range].
//     An error of Touch is a notice, not the end: the store still holds the earlier events.
//   - A live tail calls [Queue.Head] and [Queue.Subscribe]. Events that a search adds late are new to the store, too: a tail that shows
//     only the present leaves them out by their time.
//   - [Queue.Status] describes what the store holds: the open gaps, and whether another client reads the queue of the key.
//   - Health checks, variables and annotations call none of these except Status.
//
// The [Searcher] must send new requests each time. An answer from a cache, made by a clock that was wrong, would close a gap without
// filling it. A history.History made for one call sends new requests:
//
//	h := history.New(history.Config{Searcher: client, Settle: settle})
//	question := history.Question{Range: r, Order: cbc.OldestFirst, MaxEvents: math.MaxInt}
//	for batch, err := range h.Read(ctx, question, &coverage, &cost) { … }
//	// complete only if coverage.Complete and coverage.StaleSince.IsZero()
//
// # How nothing is lost or doubled
//
// The store holds distinct events with two counts: the largest number in one batch of the queue, and the largest number in one complete
// search. The event happened as often as the larger count says. Such counts can be merged in any order, and repeatedly.
//
// If a second batch contains an event again, it has happened again, or the queue has repeated it: when an API key gets its permission
// anew, the events of the last days are queued again. The queue does not tell which. So the event's time becomes a gap, and a search
// counts.
//
// The store's [store.ReadState] records that a read is about to be sent, and then that its batch is stored. A record that stays open, or
// a response that may be lost, becomes a [store.Gap]: the time since the queue was last empty. A search adds the events of the gap at
// once. A complete search that is late enough to find everything closes it. An empty store starts with a gap.
//
// Now and then an audit compares the settled past with a search. Events that the queue should have returned and did not are added, and
// mean that another client reads the queue.
//
// A batch that cannot be stored is kept in memory, and nothing more is read until it is stored.
//
// # Replicas
//
// Replicas share a store in PostgreSQL. A lease in the key's row elects the replica that reads. Its holder renews it, and it expires soon
// after the process has ended or hangs. Every lease has a fencing number, and the holder of an older one cannot begin a read. A batch that
// it has read nevertheless is still added: nobody else received it, and counts merge in any order.
//
// All times in the read state are the database's, so the clocks of the replicas do not matter. A reader without demand releases the lease.
package queue
