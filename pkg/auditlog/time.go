package auditlog

import "time"

// TimeLayout is how times are shown: ISO 8601 in UTC with milliseconds, as Carbon Black Cloud writes them. Format UTC times only.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime returns t in UTC by TimeLayout, with more digits where t is finer than a millisecond.
func FormatTime(t time.Time) string { return string(AppendTime(nil, t)) }

// AppendTime appends what FormatTime returns.
func AppendTime(b []byte, t time.Time) []byte {
	layout := TimeLayout
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		layout = "2006-01-02T15:04:05.999999999Z"
	}
	return t.UTC().AppendFormat(b, layout)
}
