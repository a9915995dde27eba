package panel

import (
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// buckets are the equal spans of time of a series: whole multiples of the width since the epoch, as many as touch the window.
// The first and the last may stick out of the window, and count only what lies in it.
type buckets struct {
	width int64 // milliseconds
	first int64 // number of the first bucket since the epoch
	n     int
}

// widths are the spans that read well on a time axis, ascending, in milliseconds.
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
	mostPoints    = 11_000
)

// newBuckets divides the window. The width is the interval when that makes no more than maxDataPoints buckets, and else the
// next width that reads well.
func newBuckets(w auditlog.TimeRange, interval time.Duration, maxDataPoints int64) buckets {
	points := min(maxDataPoints, mostPoints)
	if points <= 0 {
		points = defaultPoints
	}
	span := w.To - w.From
	atLeast := (span + points - 1) / points
	width := interval.Milliseconds()
	if width < max(atLeast, 1) {
		width = widthOf(atLeast)
	}
	first := floorDiv(w.From, width)
	return buckets{width: width, first: first, n: int(floorDiv(w.To-1, width) - first + 1)}
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

// index is the bucket of an event of the window. A time that is written without a fraction can lie a little before the window
// that its event belongs to: it counts in the first bucket.
func (b buckets) index(t time.Time) int {
	return min(max(int(floorDiv(t.UnixMilli(), b.width)-b.first), 0), b.n-1)
}

// window is the part of a bucket that lies in w.
func (b buckets) window(i int, w auditlog.TimeRange) auditlog.TimeRange {
	from := (b.first + int64(i)) * b.width
	return auditlog.TimeRange{From: max(from, w.From), To: min(from+b.width, w.To)}
}

// times are the starts of the buckets.
func (b buckets) times() []time.Time {
	times := make([]time.Time, b.n)
	for i := range times {
		times[i] = time.UnixMilli((b.first + int64(i)) * b.width).UTC()
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
