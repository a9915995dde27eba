package auditlog

import (
	"errors"
	"strings"
	"time"
)

// ErrTime says that a string is not a point in time.
var ErrTime = errors.New("it is not a time")

// timeLayouts are the forms of ISO 8601 that ParseTime accepts, after normalization. A fraction of a second may follow the seconds
// of each. A time without a zone is in UTC, the only zone that Carbon Black Cloud writes.
var timeLayouts = [...]string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04Z07", "2006-01-02T15:04",
	"20060102T150405Z0700", "20060102T150405Z07:00", "20060102T150405Z07", "20060102T150405",
	"20060102T1504Z0700", "20060102T1504Z07:00", "20060102T1504Z07", "20060102T1504",
}

// ParseTime returns the point in time that s describes in one of the usual forms of ISO 8601: extended or basic, with 0 to 9 digits
// of a second, with or without a zone. The result is in UTC. A date alone is not a point in time.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t, err = parseUnusualTime(s)
	}
	if err != nil {
		return time.Time{}, ErrTime
	}
	t = t.UTC()
	if year := t.Year(); year < 1 || year > 9999 { // by its zone: it could not be written again
		return time.Time{}, ErrTime
	}
	return t, nil
}

// maxTimeLength bounds the strings that are tried: no point in time is longer.
const maxTimeLength = 64

func parseUnusualTime(s string) (time.Time, error) {
	if len(s) > maxTimeLength {
		return time.Time{}, ErrTime
	}
	s = normalizeTime(s)
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	if day, clock, ok := strings.Cut(s, "T24:00"); ok && !strings.ContainsAny(clock, "123456789") {
		t, err := parseUnusualTime(day + "T00:00" + clock) // the end of the day
		return t.AddDate(0, 0, 1), err
	}
	if minute, zone, ok := strings.Cut(s, ":60"); ok && strings.HasSuffix(minute, ":59") {
		t, err := parseUnusualTime(minute + ":59" + zone) // a leap second, which Go's clock does not have
		return t.Add(time.Second), err
	}
	return time.Time{}, ErrTime
}

// normalizeTime writes the variants that ISO 8601 and RFC 3339 allow in one way: T between date and time, a point before the
// fraction, and ASCII signs.
func normalizeTime(s string) string {
	s = strings.NewReplacer("t", "T", "z", "Z", ",", ".", "\u2212", "-").Replace(strings.TrimSpace(s))
	if day, rest, ok := strings.Cut(s, " "); ok && (len(day) == len("2006-01-02") || len(day) == len("20060102")) {
		s = day + "T" + rest
	}
	return strings.ReplaceAll(s, " ", "") // before the zone
}
