package store

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

func TestKeepBad(t *testing.T) {
	b := ReadState{Now: 5000}
	b.KeepBad(nil)
	require.Empty(t, b.Bad)
	b.KeepBad([]cbc.BadRecord{{Raw: `{"create_time":""}`, Reason: "it is not a time"}, {Raw: "\x00\xff" + strings.Repeat("x", 1<<20), Time: time.UnixMilli(1234), Reason: "no"}})
	require.Equal(t, 2, b.BadCount)
	require.Equal(t, BadRecord{At: 5000, Reason: "it is not a time", Raw: `{"create_time":""}`}, b.Bad[0])
	require.Equal(t, int64(1234), b.Bad[1].At)
	require.True(t, b.Bad[1].Timed)
	require.True(t, strings.HasPrefix(b.Bad[1].Raw, "\ufffd\ufffdxxx"))
	require.LessOrEqual(t, len(b.Bad[1].Raw), maxRaw+4)
	require.Len(t, BadWithin(b.Bad, auditlog.TimeRange{From: 1000, To: 5000}), 1)
	require.Len(t, BadWithin(b.Bad, auditlog.TimeRange{From: 1000, To: 5001}), 2)

	before := b
	for range 30 {
		b.KeepBad([]cbc.BadRecord{{Raw: "x"}})
	}
	require.Len(t, b.Bad, maxBadRecords)
	require.Equal(t, 32, b.BadCount)
	require.Len(t, before.Bad, 2, "what was handed out does not change")
	raw, err := json.Marshal(b)
	require.NoError(t, err)
	var again ReadState
	require.NoError(t, json.Unmarshal(raw, &again))
	require.Equal(t, b.Bad, again.Bad)
}

// What is no longer kept still lies in a time range, of which a rule must not decide as if it were complete.
func TestBadRecordsThatAreNotKept(t *testing.T) {
	var s ReadState
	var batch []cbc.BadRecord
	for i := range 60 {
		batch = append(batch, cbc.BadRecord{Time: time.UnixMilli(1000 * int64(i+1)), Raw: "x", Reason: "no"})
	}
	s.KeepBad(batch)
	for i := range 60 {
		at := 1000 * int64(i+1)
		require.NotEmpty(t, BadWithin(s.Bad, auditlog.TimeRange{From: at, To: at + 1}), "record %d", i)
	}
	require.Empty(t, BadWithin(s.Bad, auditlog.TimeRange{From: 0, To: 1000}))
	require.Empty(t, BadWithin(s.Bad, auditlog.TimeRange{From: 60_001, To: 70_000}))
}
