package archive

import (
	"context"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/store"
)

const (
	// probeEvery is how often it is found out which of the archived events Carbon Black Cloud still has.
	probeEvery = 24 * time.Hour
	// probeSpan is the time range of events that are compared.
	probeSpan = time.Hour
	// probePrecision is how exactly the horizon is found.
	probePrecision = 12 * time.Hour
)

// probe finds the horizon of Carbon Black Cloud, which it does not state: it counts the events of an hour where the archive has some,
// first of the oldest, and then by halves.
func (f *filler) probe(ctx context.Context, s store.ArchiveState) error {
	held := s.Covered[len(s.Covered)-1]
	lost, err := f.lost(ctx, held.From, held.To)
	if err != nil {
		return err
	}
	horizon := int64(0)
	if lost {
		older, newer := held.From, held.To // lost at the older one, not at the newer one
		for newer-older > probePrecision.Milliseconds() {
			middle := older + (newer-older)/2
			if lost, err = f.lost(ctx, middle, newer); err != nil {
				return err
			}
			if lost {
				older = middle
			} else {
				newer = middle
			}
		}
		horizon = newer
	}
	_, err = f.lease.Update(ctx, func(s *store.ArchiveState) { s.CloudFrom, s.Probed = horizon, s.Now })
	return err
}

// lost reports whether Carbon Black Cloud has fewer events than the archive in the hour from the first event after an instant on. Without
// an event before end, it has not.
func (f *filler) lost(ctx context.Context, from, end int64) (bool, error) {
	span := auditlog.TimeRange{From: from, To: end}
	found := false
	err := f.config.Store.Read(ctx, auditlog.Filter{}, span, cbc.OldestFirst, func(events []*auditlog.Event) bool {
		span.From, found = events[0].CreateTime.UnixMilli(), true
		return false
	})
	if err != nil || !found {
		return false, err
	}
	span.To = min(span.From+probeSpan.Milliseconds(), end)
	kept := int64(0)
	_, err = f.config.Store.Group(ctx, store.Grouping{Range: span}, func(g store.Grouped) { kept += g.Count }, func(*auditlog.Event) { kept++ })
	if err != nil {
		return false, err
	}
	var cost history.Cost
	n, err := history.New(history.Config{Searcher: f.config.Searcher, Settle: f.config.Settle, CacheBytes: 1, Now: f.config.Now}).Count(ctx, auditlog.Filter{}, span, &cost)
	f.calls.note(f.config.Now(), cost.Calls)
	return int64(n) < kept, err
}
