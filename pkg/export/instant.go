package export

import (
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// clockReader reads the times of rows, in milliseconds since 1970. Rows come in order of their times, so most have the hour of the
// row before, which is read once.
type clockReader struct {
	hour  string // 2006-01-02T15:
	start int64
}

// read reads a time in any usual form of ISO 8601.
func (r *clockReader) read(text string) (ms int64, ok bool) {
	within, plain := withinHour(text)
	if plain && r.hour != "" && strings.HasPrefix(text, r.hour) {
		return r.start + within, true
	}
	t, err := auditlog.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if plain && text[hourLength-len("24:"):hourLength] != "24:" { // that hour has one second only
		r.hour, r.start = strings.Clone(text[:hourLength]), t.UnixMilli()-within
	}
	return t.UnixMilli(), true
}

const hourLength = len("2006-01-02T15:")

// withinHour reads the milliseconds since the hour began from a time in the form that all samples have, 2006-01-02T15:04:05.000Z.
func withinHour(b string) (ms int64, ok bool) {
	end := len(b) - 1
	if end < hourLength+len("04:05") || b[end] != 'Z' || b[hourLength-1] != ':' {
		return 0, false
	}
	b = b[hourLength:end]
	minutes, seconds := twoDigits(b), twoDigits(b[3:])
	if minutes > 59 || seconds > 59 || b[2] != ':' {
		return 0, false
	}
	ms = (minutes*60 + seconds) * 1000
	if b = b[len("04:05"):]; len(b) == 0 {
		return ms, true
	}
	if b[0] != '.' || len(b) == 1 {
		return 0, false
	}
	unit := int64(100)
	for _, c := range []byte(b[1:]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		ms += int64(c-'0') * unit
		unit /= 10
	}
	return ms, true
}

// twoDigits reads a number of two digits. Anything else reads as a larger number.
func twoDigits(b string) int64 {
	tens, ones := b[0]-'0', b[1]-'0'
	if tens > 9 || ones > 9 {
		return 100
	}
	return int64(tens)*10 + int64(ones)
}
