package export

import "time"

// clockReader reads the times of rows, in milliseconds since 1970. Rows come in order of their times, so most have the minute of
// the row before, which is read once.
type clockReader struct {
	minute string // 2006-01-02T15:04:
	start  int64
}

// read reads ISO 8601 with any number of digits of a second. Without a zone it is UTC, the only one that the vendor writes.
func (r *clockReader) read(b []byte) (ms int64, ok bool) {
	if within, ok := secondOf(b); ok && string(b[:len(r.minute)]) == r.minute && r.minute != "" {
		return r.start + within, true
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05"} {
		t, err := time.Parse(layout, string(b))
		if err != nil {
			continue
		}
		if _, plain := secondOf(b); plain {
			r.minute, r.start = string(b[:minuteLength]), t.Truncate(time.Minute).UnixMilli()
		}
		return t.UnixMilli(), true
	}
	return 0, false
}

const minuteLength = len("2006-01-02T15:04:")

// secondOf reads the milliseconds within the minute of a time in the form that all samples have, 2006-01-02T15:04:05.000Z.
func secondOf(b []byte) (ms int64, ok bool) {
	end := len(b) - 1
	if end < minuteLength+2 || b[end] != 'Z' || b[minuteLength-1] != ':' {
		return 0, false
	}
	for i, unit := minuteLength, int64(10_000); i < end; i, unit = i+1, unit/10 {
		if i == minuteLength+2 {
			if b[i] != '.' || i+1 == end {
				return 0, false
			}
			unit *= 10 // a point is no digit
			continue
		}
		if b[i] < '0' || b[i] > '9' {
			return 0, false
		}
		ms += int64(b[i]-'0') * unit
	}
	return ms, ms < 60_000
}
