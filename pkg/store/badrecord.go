package store

import (
	"slices"
	"strings"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// BadRecord is a record of the queue that cannot be read. It cannot be requested again, so it is kept as received.
type BadRecord struct {
	At     int64  `json:"at"`              // its time, or when it was received if that cannot be read
	Until  int64  `json:"until,omitempty"` // if it stands for several records: the latest of their times, while At is the earliest
	Timed  bool   `json:"timed,omitempty"` // At is its own time
	Reason string `json:"reason"`
	Raw    string `json:"raw"`
}

const (
	// maxBadRecords bounds how many bad records are kept, the newest ones: the read state is written with every read. One record stands
	// for all others.
	maxBadRecords = 20
	// maxRaw bounds how much of one is kept.
	maxRaw = 4 << 10
)

// KeepBad keeps the bad records of a batch.
func (s *ReadState) KeepBad(records []cbc.BadRecord) {
	s.BadCount += len(records)
	kept := slices.Clone(s.Bad)
	for _, r := range records {
		bad := BadRecord{At: s.Now, Timed: !r.Time.IsZero(), Reason: printable(r.Reason, maxRaw), Raw: printable(r.Raw, maxRaw)}
		if bad.Timed {
			bad.At = r.Time.UnixMilli()
		}
		kept = append(kept, bad)
	}
	s.Bad = joinOldest(kept)
}

// joinOldest replaces the oldest bad records by one that has only their times, if there are too many.
func joinOldest(records []BadRecord) []BadRecord {
	over := len(records) - maxBadRecords
	if over <= 0 {
		return records
	}
	joined := BadRecord{At: records[0].At, Reason: "several records, which are not kept"}
	for _, r := range records[:over+1] {
		joined.At, joined.Until = min(joined.At, r.At), max(joined.Until, r.Until, r.At)
	}
	records[over] = joined
	return records[over:]
}

// BadWithin returns the bad records that can belong to a time range.
func BadWithin(records []BadRecord, w auditlog.TimeRange) []BadRecord {
	return slices.DeleteFunc(slices.Clone(records), func(r BadRecord) bool { return max(r.At, r.Until) < w.From || r.At >= w.To })
}

// printable truncates a string and replaces what a database does not accept.
func printable(s string, n int) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), n)], "\ufffd"), "\x00", "\ufffd")
}
