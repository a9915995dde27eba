package archive

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/store"
)

const (
	// followEvery is how often the newest settled events are fetched.
	followEvery = time.Minute
	// retryEvery is how long the filler waits after a failure, and for the lease.
	retryEvery = 15 * time.Second
	// maxRetry is how long it waits after many failures.
	maxRetry = 5 * time.Minute
	// trimEvery is how often what is too old is removed, and what could not be read is tried again.
	trimEvery = time.Hour
	// clockSlack is how far the clocks of this process, the database and Carbon Black Cloud may be apart.
	clockSlack = 5 * time.Second
)

// errCoarse says why an archive stays empty: whether an event of a whole second lies before or after a bound within it is not known.
var errCoarse = errors.New("Carbon Black Cloud writes times in whole seconds, which an archive cannot hold exactly")

// fill fills the archive until ctx is done. Whoever has the lease does, the others wait for it.
func (a *Archive) fill(ctx context.Context) {
	for ctx.Err() == nil {
		if a.config.Prover.AcceptedAt().IsZero() { // nothing is sent before somebody asks
			_ = a.config.Wait(ctx, time.Second)
			continue
		}
		err := a.proved(ctx, true)
		if err == nil {
			var lease *store.FillLease
			if lease, err = a.config.Store.Lead(ctx); err == nil {
				f := &filler{config: a.config, past: a.past, lease: lease, proved: func() error { return a.proved(ctx, true) }}
				f.run(ctx)
				lease.Release(ctx)
			}
		}
		_ = a.config.Wait(ctx, retryEvery)
	}
}

// filler fills an archive under a lease.
type filler struct {
	config  Config
	past    *history.History
	lease   *store.FillLease
	proved  func() error
	calls   pace
	trimmed time.Time
	failed  int // times in a row
	until   time.Time
}

// run fills until ctx is done, the lease is lost, or the secret is not accepted any more.
func (f *filler) run(ctx context.Context) {
	for ctx.Err() == nil && f.proved() == nil {
		pause, err := f.stepInTime(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrNotLeading) {
			pause = f.noteFailure()
			_, err = f.lease.Update(ctx, func(s *store.ArchiveState) { s.Fill.Error = err.Error() })
		}
		if errors.Is(err, store.ErrNotLeading) || f.config.Wait(ctx, pause) != nil {
			return
		}
	}
}

// noteFailure returns how long to wait. The lease is renewed more often than the cloud is asked.
func (f *filler) noteFailure() time.Duration {
	f.until = f.config.Now().Add(min(retryEvery<<min(f.failed, 10), maxRetry))
	f.failed++
	return retryEvery
}

// stepTime bounds a step, for a database that does not answer. A search may wait for the rate limit.
const stepTime = 10 * time.Minute

func (f *filler) stepInTime(ctx context.Context) (pause time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	return f.step(ctx)
}

// step fills one part, or classifies one anew, and returns how long to wait before the next.
func (f *filler) step(ctx context.Context) (pause time.Duration, err error) {
	state, err := f.lease.Update(ctx, func(*store.ArchiveState) {})
	if err != nil {
		return 0, err
	}
	now := f.config.Now()
	floor := time.UnixMilli(state.Now).AddDate(0, 0, -f.config.Days).UnixMilli()
	if now.Sub(f.trimmed) >= trimEvery {
		if err := f.lease.Trim(ctx, floor); err != nil {
			return 0, err
		}
		f.trimmed = now
	}
	gap, found := nextGap(state, auditlog.TimeRange{From: floor, To: settledUntil(now, state.Now, f.config.Settle)})
	if !found {
		return f.maintain(ctx, state)
	}
	if pause := max(f.calls.wait(now, f.config.Calls), f.until.Sub(now)); pause > 0 {
		return min(pause, retryEvery), nil // the lease is renewed meanwhile
	}
	if err := f.fillPart(ctx, gap); err != nil {
		return 0, err
	}
	f.failed = 0
	return 0, nil
}

// maintain does what can wait until everything is filled.
func (f *filler) maintain(ctx context.Context, s store.ArchiveState) (pause time.Duration, err error) {
	if more, err := f.lease.Classify(ctx, f.config.Catalog, f.config.Class); more || err != nil {
		return 0, err
	}
	if more, err := f.lease.Pack(ctx); more || err != nil {
		return 0, err
	}
	if len(s.Covered) > 0 && s.Now-s.Probed >= probeEvery.Milliseconds() && f.calls.wait(f.config.Now(), f.config.Calls) == 0 {
		return retryEvery, f.probe(ctx, s)
	}
	return retryEvery, nil
}

// settledUntil returns up to when events no longer change, in milliseconds. A clock that is ahead must not settle anything too early.
func settledUntil(here time.Time, database int64, settle time.Duration) int64 {
	return min(here.UnixMilli(), database) - (settle + clockSlack).Milliseconds()
}

// nextGap returns the newest part of a time range to fill. At the end of the log, the events of the last moments wait until there are more
// of them.
func nextGap(s store.ArchiveState, wanted auditlog.TimeRange) (auditlog.TimeRange, bool) {
	if wanted.From >= wanted.To {
		return auditlog.TimeRange{}, false
	}
	gaps := store.Outside(slices.Concat(s.Covered, s.Holes), wanted)
	if n := len(gaps); n > 0 && gaps[n-1].To == wanted.To && gaps[n-1].From > wanted.From && gaps[n-1].Duration() < followEvery {
		gaps = gaps[:n-1]
	}
	if len(gaps) == 0 {
		return auditlog.TimeRange{}, false
	}
	return gaps[len(gaps)-1], true
}

// fillPart fills the newest part of a gap that one page holds.
func (f *filler) fillPart(ctx context.Context, gap auditlog.TimeRange) error {
	began := f.config.Now()
	part := store.Fill{Range: gap, Catalog: f.config.Catalog, Class: f.config.Class}
	var coverage history.Coverage
	var cost history.Cost
	question := history.Question{Range: gap, Order: cbc.NewestFirst, Mode: history.ServerFiltered, MaxEvents: math.MaxInt}
	var failure error
	for batch, err := range f.past.Read(ctx, question, &coverage, &cost) {
		if failure = err; err != nil {
			break
		}
		for e := range batch {
			part.Events = append(part.Events, *e)
		}
		break
	}
	f.calls.note(f.config.Now(), cost.Calls)
	switch {
	case failure != nil:
		return failure
	case coverage.Failure != nil:
		return coverage.Failure
	case coverage.Coarse:
		return errCoarse
	}
	part.Range = coverage.Covered
	part.Holes = holesOf(coverage)
	if took := f.config.Now().Sub(began).Seconds(); took > 0 {
		part.Rate = float64(len(part.Events)) / took
	}
	_, err := f.lease.Add(ctx, part)
	return err
}

// holesOf returns the parts of which not every event was read: the milliseconds of bad records and, where these are not known, everything.
func holesOf(c history.Coverage) []auditlog.TimeRange {
	var holes []auditlog.TimeRange
	if c.TruncatedAt != 0 {
		holes = append(holes, auditlog.TimeRange{From: c.TruncatedAt, To: c.TruncatedAt + 1})
	}
	if c.Bad == nil {
		return holes
	}
	if len(c.Bad.Records) < c.Bad.Count {
		return []auditlog.TimeRange{c.Covered}
	}
	for _, r := range c.Bad.Records {
		if r.Time.IsZero() {
			return []auditlog.TimeRange{c.Covered}
		}
		at := r.Time.UnixMilli()
		holes = append(holes, auditlog.TimeRange{From: at, To: at + 1})
	}
	return holes
}

// pace keeps a number of calls in any window of five minutes.
type pace struct{ sent []time.Time }

// window is the span of time in which calls are counted.
const window = 5 * time.Minute

func (p *pace) note(now time.Time, calls int) {
	for range calls {
		p.sent = append(p.sent, now)
	}
}

// wait returns how long to wait before the next call.
func (p *pace) wait(now time.Time, most int) time.Duration {
	for len(p.sent) > 0 && now.Sub(p.sent[0]) >= window {
		p.sent = p.sent[1:]
	}
	if len(p.sent) < most {
		return 0
	}
	return window - now.Sub(p.sent[len(p.sent)-most])
}
