package history

import (
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// badRecords collects the records of pages that cannot be read. Pages overlap, so a record may occur again.
type badRecords struct {
	records []cbc.BadRecord
	times   map[cbc.BadRecord]int // how often each is in records
}

// maxBadRecords bounds how many are kept; further ones are not counted.
const maxBadRecords = 1000

// add adds the records of a page: of equal ones, as many as one page has.
func (b *badRecords) add(page []cbc.BadRecord) {
	if len(page) == 0 {
		return
	}
	if b.times == nil {
		b.times = map[cbc.BadRecord]int{}
	}
	here := map[cbc.BadRecord]int{}
	for _, r := range page {
		if here[r]++; here[r] > b.times[r] && len(b.records) < maxBadRecords {
			b.times[r] = here[r]
			b.records = append(b.records, r)
		}
	}
}

// within returns an error about the records that may belong to a time range, nil if there are none. A time that cannot be read may be
// any.
func (b *badRecords) within(w auditlog.TimeRange) *cbc.BadRecordsError {
	var inside []cbc.BadRecord
	for _, r := range b.records {
		if r.Time.IsZero() || w.Contains(r.Time) {
			inside = append(inside, r)
		}
	}
	if len(inside) == 0 {
		return nil
	}
	return &cbc.BadRecordsError{Records: inside[:min(len(inside), maxNamedRecords)], Count: len(inside)}
}

// maxNamedRecords bounds how many records an error holds.
const maxNamedRecords = 10
