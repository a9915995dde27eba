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
	for _, parse := range []func(string) (time.Time, error){http.ParseTime, ofLayout(time.RFC1123Z), ofLayout(time.RFC1123)} {
		if at, err := parse(header); err == nil {
			return min(max(at.Sub(now), 0), maxRetryAfter)
		}
	}
	if first, _, list := strings.Cut(header, ","); list { // a server in between has joined two headers
		return retryAfter(first, now)
	}
	return 0
}

// ofLayout returns a function that reads a date of a layout, in UTC unless it says otherwise.
func ofLayout(layout string) func(string) (time.Time, error) {
	return func(s string) (time.Time, error) { return time.Parse(layout, s) }
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
