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
			}
		}
	}
}
