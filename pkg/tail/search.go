package tail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/clock"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

const (
	// pollTime bounds a poll: the viewer is told of one that could not start in this time.
	pollTime = 30 * time.Second
	// maxWait bounds the wait after failures in a row.
	maxWait = time.Minute
)

// History reads events of the past.
type History interface {
	Read(ctx context.Context, q history.Question, coverage *history.Coverage, cost *history.Cost) iter.Seq2[history.Batch, error]
}

// Search is a tail by searches. Tails of the same history and filter, and panels, share what is asked.
type Search struct {
	History    History
	Classifier Classifier
	Filter     auditlog.Filter
	Settle     time.Duration // how late an event may become visible: it is delivered when it does
	Poll       time.Duration // between two polls where the history does not say when it asks again
	Max        int           // the most events that one poll reads
	// Pace returns how long to wait at least between two polls, because others share the rate limit; nil: no longer than Poll.
	Pace func() time.Duration
}

// Run delivers events until the context ends or deliver fails. They are in the order of their times within a poll; one that
// becomes visible late, or that a failure held back, comes late.
func (s Search) Run(ctx context.Context, from Checkpoint, deliver Deliver) (Checkpoint, error) {
	p := &poller{Search: s, viewer: newViewer(deliver, from), margin: from.margin}
	if p.margin == nil {
		p.margin = newMargin(time.Now().Add(-Lead).UnixMilli())
	}
	err := together(ratelimit.WithLane(ctx, ratelimit.LaneBackground), p.run, p.viewer.run)
	return p.viewer.save(Checkpoint{margin: p.margin}, p.rows), err
}

// poller is a search tail that is running.
type poller struct {
	Search
	viewer  *viewer
	margin  *margin
	rows    []frame.Row // that are to be delivered
	strikes int         // polls in a row that failed
}

func (p *poller) run(ctx context.Context) error {
	for {
		wait, err := p.poll(ctx)
		if err == nil {
			err = clock.Sleep(ctx, wait)
		}
		if err != nil {
			return err
		}
	}
}

// poll lists the margin, delivers what is new of it, and returns how long to wait. The error is one of delivery, or the context's.
func (p *poller) poll(ctx context.Context) (wait time.Duration, err error) {
	window := p.window()
	if window.Validate() != nil {
		return p.Poll, nil
	}
	polling, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	var cost history.Cost
	var undelivered error
	p.margin.begin()
	matcher := p.Filter.Local()
	question := history.Question{Filter: p.Filter.Cloud(), Range: window, Order: cbc.OldestFirst, MaxEvents: p.Max}
	var coverage history.Coverage
	var failed error
	for batch, err := range p.History.Read(polling, question, &coverage, &cost) {
		if err != nil {
			failed = err
			break
		}
		p.collect(batch, matcher)
		if len(p.rows) >= maxRows { // what is left goes out with a word on how the poll went
			undelivered = p.flush()
		}
		if p.margin.bound(window.To) {
			p.viewer.say("busy", true, fmt.Sprintf("More than %d events within %v: those that become visible late may be missing here", maxKnown, p.Settle))
		}
		if undelivered != nil {
			break
		}
	}
	if undelivered != nil || ctx.Err() != nil {
		return 0, errors.Join(undelivered, ctx.Err())
	}
	moved := p.margin.settle(min(coverage.AsOf.Add(-p.Settle).UnixMilli(), coverage.Covered.To))
	if failed == nil && coverage.Bad != nil { // all others were listed
		p.viewer.say("bad", true, coverage.Bad.Error())
	}
	if failed == nil {
		failed = coverage.Failure
	}
	wait = p.report(coverage, failed, moved)
	return wait, p.flush()
}

// flush delivers what was collected.
func (p *poller) flush() error {
	rows := p.rows
	p.rows = nil
	return p.viewer.show(rows)
}

// window is what the next poll lists. It is in the future when the clock was ahead and was set back: then it begins anew.
func (p *poller) window() auditlog.TimeRange {
	now := time.Now()
	if p.margin.from > now.UnixMilli() {
		p.margin.restart(now.Add(-Lead).UnixMilli())
		p.viewer.say("clock", true, "The clock of the Grafana server was set back: some events may be missing here or shown twice, a query of their time has them")
	}
	return auditlog.TimeRange{From: p.margin.from, To: now.UnixMilli()}
}

// collect takes the events of a batch that were not delivered.
func (p *poller) collect(batch history.Batch, matcher auditlog.Matcher) {
	for e := range batch {
		class := p.Classifier.ClassifyEvent(e)
		if !matcher.Match(e, class) {
			continue
		}
		if id, ordinal, fresh := p.margin.take(e); fresh {
			p.rows = append(p.rows, frame.Row{Event: e, Class: class, ID: id.Row(ordinal)})
		}
	}
}

// report tells the viewer how the poll went, and how long it is until the next one.
func (p *poller) report(c history.Coverage, failed error, moved bool) time.Duration {
	cut, behind := "", ""
	if c.TruncatedAt != 0 {
		cut = fmt.Sprintf("One millisecond, %s, holds more events than a search of Carbon Black Cloud gives: some are missing here", stamp(time.UnixMilli(c.TruncatedAt)))
	}
	if c.TruncatedAt != 0 || failed == nil {
		p.viewer.say("cut", true, cut)
	}
	if failed != nil {
		p.strikes++
		p.viewer.say("failure", true, fmt.Sprintf("No new events since %s: Carbon Black Cloud cannot be asked now, the tail goes on when it can: %v", stamp(p.seen(c)), failed))
		return p.backOff(failed)
	}
	p.strikes = 0
	p.viewer.say("failure", true, "")
	unread := !c.Complete && c.TruncatedAt == 0
	if unread {
		behind = fmt.Sprintf("More events at a time than a poll may read (maxEvents %d): the tail is behind and has come to %s", p.Max, stamp(c.Covered.End()))
	}
	p.viewer.say("behind", true, behind)
	if unread && moved {
		return 0
	}
	wait := p.Poll
	if until := time.Until(c.Until); until > 0 {
		wait = min(until, p.Poll)
	}
	return max(wait, p.pace())
}

// pace returns how long to wait at least, and tells the viewer when that is longer than usual.
func (p *poller) pace() (wait time.Duration) {
	slow := ""
	if p.Pace != nil {
		wait = p.Pace().Round(time.Second)
	}
	if wait > p.Poll {
		slow = fmt.Sprintf("New events are asked for every %v, because many live tails share the rate limit", wait)
	}
	p.viewer.say("pace", false, slow)
	return wait
}

// seen is the time up to which events were delivered.
func (p *poller) seen(c history.Coverage) time.Time {
	if !c.StaleSince.IsZero() {
		return c.StaleSince
	}
	return c.Covered.End()
}

// backOff is how long to wait after a failure: until requests may start again, or longer with each failure in a row.
func (p *poller) backOff(failed error) time.Duration {
	var refused *cbc.Error
	if errors.As(failed, &refused) && refused.Kind == cbc.KindThrottled && !refused.ResumesAt.IsZero() {
		return max(time.Until(refused.ResumesAt), p.Poll)
	}
	return max(p.Poll, min(p.Poll<<min(p.strikes-1, 10), maxWait))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
