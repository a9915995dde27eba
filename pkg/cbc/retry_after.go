package cbc

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter parses a Retry-After header in both forms, seconds and date. It returns 0 if the header is absent or unreadable, and at most
// maxRetryAfter.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseFloat(header, 64); err == nil && seconds > 0 && !math.IsInf(seconds, 1) { // false for NaN
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// serverTime returns the server's time if its clock is behind ours, because a date in Retry-After is by its clock.
func serverTime(resp *http.Response, now time.Time) time.Time {
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil && date.Before(now) {
		return date
	}
	return now
}

// maxRetryAfter is the longest pause that is kept, so that a faulty gateway cannot stop all requests for a year. Then one request tests
// whether the pause is over.
const maxRetryAfter = time.Hour
