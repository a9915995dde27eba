package answer

import (
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// buckets divide a span of time into equal parts, ascending. For a panel they are multiples of a width since the epoch that touch the
// time range: the first and the last may begin or end outside it, and count only what lies in it. For a rule or an expression they
// divide the time range itself, so that none is partial.
type buckets struct {
	start, span int64 // milliseconds
	n           int
}

// widths are round widths of buckets, ascending, in milliseconds.
var widths = []int64{
	1, 2, 5, 10, 20, 50, 100, 200, 500,
	1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000,
	60_000, 120_000, 300_000, 600_000, 900_000, 1_200_000, 1_800_000,
	3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000,
	day, 2 * day, 7 * day, 14 * day, 28 * day, 91 * day, 364 * day,
}

const (
	day           = 86_400_000
	defaultPoints = 1_000
	maxBuckets    = 11_000
)

// newBuckets divides a time range for a panel. The width is the interval when that makes no more than maxDataPoints buckets, and else
// the next round width. Weeks begin on Monday, in UTC (ISO 8601).
func newBuckets(w auditlog.TimeRange, interval time.Duration, maxDataPoints int64) buckets {
	span := w.To - w.From
	atLeast := (span + maxPoints(maxDataPoints) - 1) / maxPoints(maxDataPoints)
	width := interval.Milliseconds()
	if width < max(atLeast, 1) {
		width = widthOf(atLeast)
	}
	origin := int64(0)
	if width%(7*day) == 0 {
		origin = 4 * day // the first Monday after the epoch, a Thursday
	}
	start := floorDiv(w.From-origin, width)*width + origin
	n := floorDiv(w.To-1-start, width) + 1
	return buckets{start: start, span: n * width, n: int(n)}
}

const (
	// ruleInterval is Grafana's default interval of an alert rule.
	ruleInterval = time.Second
	// rulePoints is how many points a rule's series then has, unless they would be shorter than a minute.
	rulePoints = 3
)

// wholeBuckets divides a time range for a rule or an expression into equal buckets, as close to the interval as possible. late is how
// much earlier reading begins: that adds whole buckets in front.
func wholeBuckets(w auditlog.TimeRange, interval, late time.Duration, maxDataPoints int64) buckets {
	span := w.To - w.From
	n := min(max(span/max(interval.Milliseconds(), 1), 1), maxPoints(maxDataPoints))
	width := (span + n - 1) / n
	extra := (late.Milliseconds() + width - 1) / width
	for extra > 0 && extra*span/n < late.Milliseconds() { // rounded down
		extra++
	}
	return buckets{start: w.To - span - extra*span/n, span: span + extra*span/n, n: int(n + extra)}
}

// intervalOfRule returns the width of a rule's points. With Grafana's default of a second most points would be 0 or 1, and no threshold
// on a rate could fire.
func intervalOfRule(w auditlog.TimeRange, interval time.Duration) time.Duration {
	if interval > ruleInterval {
		return interval
	}
	return time.Duration(widthOf(max((w.To-w.From)/rulePoints, time.Minute.Milliseconds()))) * time.Millisecond
}

func maxPoints(maxDataPoints int64) int64 {
	if maxDataPoints <= 0 {
		return defaultPoints
	}
	return min(maxDataPoints, maxBuckets)
}

func widthOf(atLeast int64) int64 {
	for _, width := range widths {
		if width >= atLeast {
			return width
		}
	}
	longest := widths[len(widths)-1]
	return (atLeast + longest - 1) / longest * longest
}

// edge returns the start of a bucket; that of the n-th is the end of the last.
func (b buckets) edge(i int) int64 {
	return b.start + (int64(i)*b.span+int64(b.n)-1)/int64(b.n)
}

// index returns the bucket of an event of the time range. A time in whole seconds can lie a little before the range that its event
// belongs to: it counts in the first bucket.
func (b buckets) index(t time.Time) int {
	return min(max(int(floorDiv((t.UnixMilli()-b.start)*int64(b.n), b.span)), 0), b.n-1)
}

// part returns the part of a bucket that lies in w.
func (b buckets) part(i int, w auditlog.TimeRange) auditlog.TimeRange {
	return auditlog.TimeRange{From: max(b.edge(i), w.From), To: min(b.edge(i+1), w.To)}
}

// edges returns the starts of the buckets, in milliseconds.
func (b buckets) edges() []int64 {
	edges := make([]int64, b.n)
	for i := range edges {
		edges[i] = b.edge(i)
	}
	return edges
}

// times returns the starts of the buckets.
func (b buckets) times() []time.Time {
	times := make([]time.Time, b.n)
	for i := range times {
		times[i] = time.UnixMilli(b.edge(i)).UTC()
	}
	return times
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// width writes how long a bucket is.
func (b buckets) width() string {
	return span(time.Duration(b.edge(1)-b.edge(0)) * time.Millisecond)
}
