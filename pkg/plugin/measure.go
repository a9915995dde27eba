package plugin

import (
	"context"
	"time"

	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
)

// measure answers a query about the plugin itself. It sends nothing and does not read the queue.
func (d *Instance) measure(ctx context.Context, shape query.Type) frame.Frames {
	if shape == query.TypeCallers {
		return d.callers(ctx)
	}
	limits, cache, now := d.limits(ctx), d.history.Status(), time.Now()
	paused := 0.0
	if limits.PausedUntil != nil {
		paused = max(time.UnixMilli(*limits.PausedUntil).Sub(now).Seconds(), 0)
	}
	waiting := limits.Waiting.Alert + limits.Waiting.Panel + limits.Waiting.Background
	numbers := []frame.Number{
		{Name: "budget", Value: number(limits.Budget.Limit)},
		{Name: "budgetLeft", Value: number(limits.Budget.Left)},
		{Name: "used", Value: number(limits.Budget.Used)},
		{Name: "inFlight", Value: number(limits.InFlight)},
		{Name: "waiting", Value: number(waiting)},
		{Name: "pausedSeconds", Value: &paused},
		{Name: "calls", Value: number(limits.Calls)},
		{Name: "throttled", Value: number(limits.Throttled)},
		{Name: "waitedSeconds", Value: new((time.Duration(limits.WaitedMS) * time.Millisecond).Seconds())},
		{Name: "cacheEvents", Value: number(cache.Events)},
		{Name: "cacheBytes", Value: number(cache.Bytes)},
	}
	numbers = append(numbers, queueNumbers(d.queueStatus(ctx), now)...)
	return frame.Status(append(numbers, archiveNumbers(d.archiveStatus(ctx), now)...))
}

// queueNumbers are nil while the queue is off.
func queueNumbers(s *queueStatus, now time.Time) []frame.Number {
	var age, events, gaps, missing *float64
	if s != nil {
		gaps, missing = number(len(s.Gaps)), new(0.0)
		if s.Drained != nil {
			age = new(now.Sub(time.UnixMilli(*s.Drained)).Seconds())
		}
		if s.Events != nil {
			events = number(*s.Events)
		}
		if s.SecondConsumer != nil {
			missing = number(s.SecondConsumer.Missing)
		}
	}
	return []frame.Number{
		{Name: "queueAgeSeconds", Value: age},
		{Name: "queueEvents", Value: events},
		{Name: "queueGaps", Value: gaps},
		{Name: "queueMissing", Value: missing},
	}
}

// archiveNumbers are nil while the archive is off.
func archiveNumbers(s *archiveStatus, now time.Time) []frame.Number {
	var events, age, remaining *float64
	if s != nil && s.To != nil {
		events, age = number(s.Events), new(now.Sub(time.UnixMilli(*s.To)).Seconds())
		if s.RemainingSeconds != nil {
			remaining = number(*s.RemainingSeconds)
		}
	}
	return []frame.Number{
		{Name: "archiveEvents", Value: events},
		{Name: "archiveAgeSeconds", Value: age},
		{Name: "archiveRemainingSeconds", Value: remaining},
	}
}

func number[N int | int64](n N) *float64 { return new(float64(n)) }

// callers lists the origins that have spent requests.
func (d *Instance) callers(ctx context.Context) frame.Frames {
	origins := d.limits(ctx).Origins
	callers := make([]frame.Caller, len(origins))
	for i, o := range origins {
		named := knownTitles.of(o.Origin)
		callers[i] = frame.Caller{
			Dashboard: o.Dashboard, Panel: o.Panel, Rule: o.Rule,
			DashboardTitle: named.dashboard, PanelTitle: named.panel, RuleTitle: named.rule,
			Calls: o.Calls, Throttled: o.Throttled, Waited: time.Duration(o.WaitedMS) * time.Millisecond,
		}
	}
	return frame.Callers(callers)
}
