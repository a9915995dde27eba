package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/store"
)

// withBadRecord is a cloud with two events and a record between them that cannot be read. The queue gives all three once.
func withBadRecord(t *testing.T, bad string) *Instance {
	t.Helper()
	at := func(ago time.Duration) string {
		return time.Now().Add(-ago).UTC().Format("2006-01-02T15:04:05.000+0000")
	}
	event := func(actor string, ago time.Duration) string {
		return fmt.Sprintf(`{"create_time":%q,"actor":%q,"description":"Logged in successfully"}`, at(ago), actor)
	}
	records := []string{event("a", 30*time.Minute), bad, event("b", 10*time.Minute)}
	var taken atomic.Bool
	server := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "_queue") && taken.Swap(true) {
			_, _ = io.WriteString(w, `{"num_found":0,"results":[]}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"num_found":3,"num_available":3,"results":[%s]}`, strings.Join(records, ","))
	}))
	t.Cleanup(server.Close)
	s := settingsOf(simulator.New(simulator.Config{}), server.URL, 0, map[string]any{"queueEnabled": true})
	s.UID = t.Name()
	return newInstance(t, s)
}

// One bad record costs itself only: panels show the others with a notice, and a rule gets an error instead of a number without it.
func TestABadRecordCostsItselfOnly(t *testing.T) {
	for name, bad := range map[string]string{
		"no time": `{"create_time":"","actor":"x"}`, "no object": `17`, "broken": `{"create_time":"` + time.Now().Add(-20*time.Minute).UTC().Format(time.RFC3339) + `","actor":"x}`,
	} {
		for _, source := range []string{"search", "queue"} {
			d := withBadRecord(t, bad)
			run := func(headers map[string]string, query string) backend.DataResponse {
				resp, err := d.QueryData(context.Background(), &backend.QueryDataRequest{Headers: headers, Queries: []backend.DataQuery{{
					RefID: "A", JSON: json.RawMessage(query), MaxDataPoints: 100, Interval: time.Minute,
					TimeRange: backend.TimeRange{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Minute)},
				}}})
				require.NoError(t, err)
				return resp.Responses["A"]
			}
			for range 2 { // also from what is kept
				shown := run(nil, `{"source":"`+source+`","format":"table"}`)
				require.NoError(t, shown.Error, "%s %s", name, source)
				require.Equal(t, 2, shown.Frames[0].Rows(), "%s %s", name, source)
				notices, err := json.Marshal(shown.Frames[0].Meta.Notices)
				require.NoError(t, err)
				require.Contains(t, string(notices), "1 record that Carbon Black Cloud returned cannot be read and is left out", "%s %s", name, source)
				for _, query := range []string{`"queryType":"top","groupBy":["actor"]`, `"queryType":"events"`, `"queryType":"series"`} {
					failed := run(map[string]string{"FromAlert": "true"}, `{"source":"`+source+`",`+query+`}`)
					require.ErrorContains(t, failed.Error, "cannot be read and is left out", "%s %s %s", name, source, query)
					require.Equal(t, backend.ErrorSourceDownstream, failed.ErrorSource)
				}
			}
			if source == "queue" {
				state := statusOfQueue(t, d)
				require.Nil(t, state.Error)
				require.EqualValues(t, 2, *state.Events)
				require.Nil(t, state.LastPoll.Error)
				require.Equal(t, 1, state.BadRecords.Count)
				require.Len(t, state.BadRecords.Latest, 1)
				require.NotEmpty(t, state.BadRecords.Latest[0].Reason)
				require.InDelta(t, time.Now().UnixMilli(), state.BadRecords.Latest[0].Time, float64(time.Hour.Milliseconds()))
			}
		}
	}
}

// What a search for a gap finds does not depend on records that cannot be read: another search would meet them again, and the gap would
// stay open for ever.
func TestBadRecordsDoNotKeepGapsOpen(t *testing.T) {
	for _, bad := range []string{`{"create_time":"","actor":"x"}`, `17`, `null`, `{"create_time":"9999-12-31T23:59:59-23:00"}`} {
		d := withBadRecord(t, bad)
		found := 0
		cloud := background{client: d.client}
		w := auditlog.NewTimeRange(time.Now().Add(-time.Hour), time.Now())
		require.NoError(t, cloud.SearchAll(context.Background(), w, func(events []auditlog.Event) error { found += len(events); return nil }), bad)
		require.Equal(t, 2, found, bad)
	}
}

func TestStatusOfManyBadRecords(t *testing.T) {
	s := queue.Status{BadCount: 70}
	for i := range 20 {
		s.Bad = append(s.Bad, store.BadRecord{At: int64(i), Timed: i%2 == 0, Reason: strings.Repeat("ü", 1000)})
	}
	got := badStatus(s)
	require.Equal(t, 70, got.Count)
	require.Len(t, got.Latest, 20)
	require.EqualValues(t, 19, got.Latest[0].Time, "the newest first")
	require.True(t, got.Latest[0].Estimated)
	require.LessOrEqual(t, len(got.Latest[0].Reason), maxBadReason)
	require.Nil(t, badStatus(queue.Status{}))
}

// A rule on the queue gets an error for each bad record of its time range, also for those of which only the time is kept.
func TestARuleKnowsOfEveryBadRecordOfTheQueue(t *testing.T) {
	now := time.Now()
	var bad []string
	for i := range 45 {
		bad = append(bad, fmt.Sprintf(`{"create_time":%q,"flagged":"perhaps"}`, now.Add(-time.Duration(50-i)*time.Minute).UTC().Format(time.RFC3339)))
	}
	d := withBadRecord(t, strings.Join(bad, ","))
	for _, minutes := range []int{50, 40, 27, 8} {
		resp, err := d.QueryData(context.Background(), &backend.QueryDataRequest{Headers: map[string]string{"FromAlert": "true"}, Queries: []backend.DataQuery{{
			RefID: "A", JSON: json.RawMessage(`{"source":"queue","queryType":"count"}`),
			TimeRange: backend.TimeRange{From: now.Add(-time.Duration(minutes)*time.Minute - 10*time.Second), To: now.Add(-time.Duration(minutes)*time.Minute + 10*time.Second)},
		}}})
		require.NoError(t, err)
		require.ErrorContains(t, resp.Responses["A"].Error, "cannot be read", "%d minutes ago", minutes)
	}
}

// A list of values that lacks what a bad record says is not complete.
func TestValuesWithABadRecordAreNotComplete(t *testing.T) {
	d := withBadRecord(t, `{"create_time":"","actor":"x"}`)
	status, got := postValues(t, d, fmt.Sprintf(`{"field":"actor","from":%d,"to":%d}`, time.Now().Add(-time.Hour).UnixMilli(), time.Now().UnixMilli()))
	require.Equal(t, http.StatusOK, status)
	require.Len(t, got.Values, 2)
	require.False(t, *got.Complete)
}
