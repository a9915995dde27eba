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
	Timed  bool   `json:"timed,omitempty"` // At is its own time
	Reason string `json:"reason"`
	Raw    string `json:"raw"`
}

const (
	// maxBadRecords bounds how many bad records are kept, the newest ones: the read state is written with every read.
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
	s.Bad = kept[max(len(kept)-maxBadRecords, 0):]
}

// BadWithin returns the bad records that can belong to a time range.
func BadWithin(records []BadRecord, w auditlog.TimeRange) []BadRecord {
	return slices.DeleteFunc(slices.Clone(records), func(r BadRecord) bool { return r.At < w.From || r.At >= w.To })
}

// printable truncates a string and replaces what a database does not accept.
func printable(s string, n int) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), n)], "\ufffd"), "\x00", "\ufffd")
}
