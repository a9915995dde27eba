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
	// pollTime bounds a poll. A poll that cannot start in this time fails, and a notice says so.
	pollTime = 30 * time.Second
	// maxWait bounds the wait after consecutive failures.
	maxWait = time.Minute
)

// History reads events of the past.
type History interface {
	Read(ctx context.Context, q history.Question, coverage *history.Coverage, cost *history.Cost) iter.Seq2[history.Batch, error]
}

// Search is a tail by searches. Tails and panels with the same history and filter share requests.
type Search struct {
	History    History
	Classifier Classifier
	Filter     auditlog.Filter
	Settle     time.Duration // how late an event may become visible: it is delivered when it does
	Poll       time.Duration // between two polls if the history does not say how long its answer is fresh
	Max        int           // maximum events that one poll reads
	// Pace returns how long to wait at least between two polls, because others share the rate limit; nil means no longer than Poll.
	Pace func() time.Duration
}

// Run delivers events until the context ends or deliver fails: in the order of their times within a poll. An event that becomes visible
// late, or after a failure, comes late.
func (s Search) Run(ctx context.Context, from Checkpoint, deliver Deliver) (Checkpoint, error) {
	p := &poller{Search: s, viewer: newViewer(deliver, from), dedup: from.dedup}
	if p.dedup == nil {
		p.dedup = newDedupWindow(time.Now().Add(-Lead).UnixMilli())
	}
	err := runAll(ratelimit.WithLane(ctx, ratelimit.LaneBackground), p.run, p.viewer.run)
	return p.viewer.save(Checkpoint{dedup: p.dedup}, p.rows), err
}

// poller is a running tail by searches.
type poller struct {
	Search
	viewer  *viewer
	dedup   *dedupWindow
	rows    []frame.Row // to be delivered
	strikes int         // consecutive polls that failed
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

// poll lists the dedup window, delivers the new events, and returns how long to wait. The error is that of delivery or the context's.
func (p *poller) poll(ctx context.Context) (wait time.Duration, err error) {
	window := p.nextRange()
	if window.Validate() != nil {
		return p.Poll, nil
	}
	polling, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	var cost history.Cost
	var undelivered error
	p.dedup.nextRound()
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
		if len(p.rows) >= maxRows { // the others are delivered with the notices of the poll
			undelivered = p.flush()
		}
		if p.dedup.shrink(window.To) {
			p.viewer.setNotice("busy", true, fmt.Sprintf("More than %d events within %v: events that become visible late may be missing here", maxKnown, p.Settle))
		}
		if undelivered != nil {
			break
		}
	}
	if undelivered != nil || ctx.Err() != nil {
		return 0, errors.Join(undelivered, ctx.Err())
	}
	moved := p.dedup.advance(min(coverage.AsOf.Add(-p.Settle).UnixMilli(), coverage.Covered.To))
	if failed == nil && coverage.Bad != nil { // all others were listed
		p.viewer.setNotice("bad", true, coverage.Bad.Error())
	}
	if failed == nil {
		failed = coverage.Failure
	}
	wait = p.report(coverage, failed, moved)
	return wait, p.flush()
}

// flush delivers the collected rows.
func (p *poller) flush() error {
	rows := p.rows
	p.rows = nil
	return p.viewer.show(rows)
}

// nextRange returns the time range of the next poll. If the clock was set back and the range would be in the future, the tail starts
// again.
func (p *poller) nextRange() auditlog.TimeRange {
	now := time.Now()
	if p.dedup.from > now.UnixMilli() {
		p.dedup.reset(now.Add(-Lead).UnixMilli())
		p.viewer.setNotice("clock", true, "Some events may be missing here or shown twice, because the clock of the Grafana server was set back. Query their time range.")
	}
	return auditlog.TimeRange{From: p.dedup.from, To: now.UnixMilli()}
}

// collect adds the new events of a batch to the rows.
func (p *poller) collect(batch history.Batch, matcher auditlog.Matcher) {
	for e := range batch {
		class := p.Classifier.ClassifyEvent(e)
		if !matcher.Match(e, class) {
			continue
		}
		if id, ordinal, fresh := p.dedup.add(e); fresh {
			p.rows = append(p.rows, frame.Row{Event: e, Class: class, ID: id.Row(ordinal)})
		}
	}
}

// report sets the viewer's notices after a poll, and returns how long to wait for the next one.
func (p *poller) report(c history.Coverage, failed error, moved bool) time.Duration {
	cut, behind := "", ""
	if c.TruncatedAt != 0 {
		cut = fmt.Sprintf("Some events of %s are missing: this millisecond holds more events than a search returns", stamp(time.UnixMilli(c.TruncatedAt)))
	}
	if c.TruncatedAt != 0 || failed == nil {
		p.viewer.setNotice("cut", true, cut)
	}
	if failed != nil {
		p.strikes++
		p.viewer.setNotice("failure", true, fmt.Sprintf("No new events since %s, until Carbon Black Cloud can be reached again: %v", stamp(p.shownUntil(c)), failed))
		return p.backOff(failed)
	}
	p.strikes = 0
	p.viewer.setNotice("failure", true, "")
	unread := !c.Complete && c.TruncatedAt == 0
	if unread {
		behind = fmt.Sprintf("Events after %[2]s are late: there are more than one poll may read (maxEvents %[1]d)", p.Max, stamp(c.Covered.End()))
	}
	p.viewer.setNotice("behind", true, behind)
	if unread && moved {
		return 0
	}
	wait := p.Poll
	if until := time.Until(c.Until); until > 0 {
		wait = min(until, p.Poll)
	}
	return max(wait, p.pace())
}

// pace returns how long to wait at least. If that is longer than usual, a notice says so.
func (p *poller) pace() (wait time.Duration) {
	slow := ""
	if p.Pace != nil {
		wait = p.Pace().Round(time.Second)
	}
	if wait > p.Poll {
		slow = fmt.Sprintf("New events are requested every %v, because many live tails share the rate limit", wait)
	}
	p.viewer.setNotice("pace", false, slow)
	return wait
}

// shownUntil returns the time up to which events were delivered.
func (p *poller) shownUntil(c history.Coverage) time.Time {
	if !c.StaleSince.IsZero() {
		return c.StaleSince
	}
	return c.Covered.End()
}

// backOff returns how long to wait after a failure: until requests may start again, or longer with each consecutive failure.
func (p *poller) backOff(failed error) time.Duration {
	var refused *cbc.Error
	if errors.As(failed, &refused) && refused.Kind == cbc.KindThrottled && !refused.ResumesAt.IsZero() {
		return max(time.Until(refused.ResumesAt), p.Poll)
	}
	return max(p.Poll, min(p.Poll<<min(p.strikes-1, 10), maxWait))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
