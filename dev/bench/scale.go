package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"carbonblack-auditlog-datasource/dev/simulator"
)

const (
	scaleSpan        = 30 * 24 * time.Hour
	scaleDays        = 32 // of history: the window ends some hours ago
	defaultMaxEvents = 100_000
	raisedMaxEvents  = 2_000_000
)

// scaleWindow returns 30 settled days. It begins and ends in the middle of a bucket, so a series of 60 bucket widths
// touches 61, the maximum.
func scaleWindow(now time.Time) window {
	to := now.Add(-7 * time.Hour).Truncate(bucketWidth).Add(bucketWidth / 2)
	return window{to.Add(-scaleSpan), to}
}

// shape is a query type that is measured at every size.
type shape struct {
	name  string
	query string
	judge judge
}

var shapes = []shape{
	{"count", `{"queryType":"count"}`, judgeCount},
	{"series, 60 buckets", `{"queryType":"series"}`, judgeSeries},
	{"series, 60 buckets, by actor", `{"queryType":"series","groupBy":["actor"],"limit":1000}`, judgeSeries},
	{"top 10 by actor", `{"queryType":"top","groupBy":["actor"],"limit":10}`, judgeTop},
	{"events, newest 500", fmt.Sprintf(`{"queryType":"events","limit":%d}`, shownEvents), judgeEvents},
}

var (
	readAll = shape{"series by actor, maxEvents raised", `{"queryType":"series","groupBy":["actor"],"limit":1000}`, judgeSeries}
	count   = shapes[0].name
	series  = shapes[1].name
)

// scaled is the cost of a shape at a size.
type scaled struct {
	name    string
	sample  sample
	verdict string
}

// sizeFigures holds the figures of one size.
type sizeFigures struct {
	events int64
	shapes []scaled
	naive  sample
	got    int // events that the naive client received
}

func (f sizeFigures) of(name string) sample {
	for _, s := range f.shapes {
		if s.name == name {
			return s.sample
		}
	}
	return sample{}
}

// scale measures every shape on a window of about events events.
func (l *lab) scale(ctx context.Context, events int) (figures sizeFigures, cache cacheFigures, err error) {
	w := scaleWindow(time.Now())
	size := simulator.Generate{Days: scaleDays, PerDay: rateFor(events, w, scaleDays), LivePerDay: -1}
	t := truthOf(generated(size), w)
	c, err := startCloud(ctx, l.config.Simulator, size)
	if err != nil {
		return figures, cache, err
	}
	defer func() { _ = c.stop() }() // the figures are complete by then
	figures.events = t.total
	for _, shape := range shapes {
		if err := figures.measure(ctx, c, t, shape, defaultMaxEvents); err != nil {
			return figures, cache, err
		}
	}
	n := newNaive(c)
	figures.naive, err = repeat(ctx, c, func() (func() error, error) {
		return func() (err error) {
			figures.got, err = n.panel(ctx, w)
			return err
		}, nil
	})
	if err != nil || t.total < largest {
		return figures, cache, err
	}
	if err := figures.measure(ctx, c, t, readAll, raisedMaxEvents); err != nil {
		return figures, cache, err
	}
	cache, err = measureCache(ctx, c, t)
	return figures, cache, err
}

// measure lets new instances answer a shape and compares each answer with the truth.
func (f *sizeFigures) measure(ctx context.Context, c *cloud, t *truth, shape shape, maxEvents int) error {
	verdict := ""
	s, err := repeat(ctx, c, func() (func() error, error) {
		s, err := newSubject(ctx, c, maxEvents)
		return func() error {
			frames, err := s.ask(ctx, question{query: json.RawMessage(shape.query), window: t.window, interval: bucketWidth})
			if err != nil {
				return err
			}
			verdict, err = shape.judge(t, frames)
			return err
		}, err
	})
	if err != nil {
		return fmt.Errorf("%s over %d events: %w", shape.name, t.total, err)
	}
	f.shapes = append(f.shapes, scaled{shape.name, s, verdict})
	return nil
}
