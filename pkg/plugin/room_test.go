package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// manyActors is an instance on a cloud with n actors, one event each.
func manyActors(t *testing.T, n int) *Instance {
	events := make([]simulator.Event, n)
	for i := range events {
		events[i] = simulator.Event{CreateTime: present.Add(-time.Duration(i+1) * 100 * time.Millisecond), Actor: fmt.Sprint("user", i, "@example.com"), Description: "User logged in"}
	}
	sim := simulator.New(simulator.Config{Events: events, Now: func() time.Time { return present }})
	server := serve(sim)
	t.Cleanup(server.Close)
	return newInstance(t, settingsOf(sim, server.URL, 0, nil))
}

func askMany(t *testing.T, d *Instance, queries []string, headers map[string]string) *backend.QueryDataResponse {
	t.Helper()
	req := &backend.QueryDataRequest{Headers: headers}
	for i, q := range queries {
		req.Queries = append(req.Queries, backend.DataQuery{
			RefID: fmt.Sprint("Q", i), JSON: json.RawMessage(q), MaxDataPoints: 11_000, Interval: 10 * time.Second,
			TimeRange: backend.TimeRange{From: present.Add(-24 * time.Hour), To: present},
		})
	}
	resp, err := d.QueryData(context.Background(), req)
	require.NoError(t, err)
	require.Len(t, resp.Responses, len(queries))
	return resp
}

// Twenty queries of thousands of lines each do not take all memory: what fits is answered, and the rest says what to narrow.
func TestAnswersOfARequestAreBounded(t *testing.T) {
	d := manyActors(t, 5000)
	queries := make([]string, 20)
	for i := range queries {
		queries[i] = `{"queryType":"series","groupBy":["actor"],"limit":5000}`
	}
	resp := askMany(t, d, queries, nil)
	answered, points := 0, 0
	for _, r := range resp.Responses {
		if r.Error != nil {
			require.ErrorContains(t, r.Error, "too large together")
			require.Equal(t, backend.StatusBadRequest, r.Status)
			continue
		}
		answered++
		for _, f := range r.Frames {
			points += f.Rows()
		}
	}
	require.Positive(t, answered)
	require.LessOrEqual(t, points, panelRoom)
	runtime.KeepAlive(resp)
	require.True(t, panelAnswers.TryAcquire(panelRoom), "all of it is given back")
	panelAnswers.Release(panelRoom)
}

func TestRulesHaveRoomOfTheirOwn(t *testing.T) {
	d := manyActors(t, 100)
	require.True(t, panelAnswers.TryAcquire(panelRoom))
	defer panelAnswers.Release(panelRoom)
	resp := askMany(t, d, []string{`{"queryType":"count","groupBy":["actor"]}`}, map[string]string{"FromAlert": "true"})
	require.NoError(t, resp.Responses["Q0"].Error)
	require.Len(t, resp.Responses["Q0"].Frames, 100)
}

func TestTooManyQueries(t *testing.T) {
	d := manyActors(t, 1)
	queries := make([]string, 101)
	for i := range queries {
		queries[i] = `{"queryType":"count"}`
	}
	for _, r := range askMany(t, d, queries, nil).Responses {
		require.ErrorContains(t, r.Error, "101 queries, more than the 100")
	}
}

func TestRoomIsTakenAndGivenBack(t *testing.T) {
	r := newRoom(ratelimit.LanePanel)
	require.NoError(t, r.take(context.Background(), panelRoom-10))
	require.Error(t, r.take(context.Background(), 11))
	other := newRoom(ratelimit.LanePanel)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, other.take(ctx, 11), context.Canceled, "it waits for the first request")
	r.release()
	require.NoError(t, other.take(context.Background(), panelRoom))
	other.release()
}

// What is being encoded and sent still takes memory: its room is given back when the request is over.
func TestRoomIsHeldUntilTheAnswerIsSent(t *testing.T) {
	d := manyActors(t, 10)
	request, sent := context.WithCancel(context.Background())
	defer sent()
	resp, err := d.QueryData(request, &backend.QueryDataRequest{Queries: []backend.DataQuery{{
		RefID: "A", JSON: json.RawMessage(`{"queryType":"count","groupBy":["actor"]}`), TimeRange: backend.TimeRange{From: present.Add(-time.Hour), To: present},
	}}})
	require.NoError(t, err)
	require.Len(t, resp.Responses["A"].Frames, 10)
	require.False(t, panelAnswers.TryAcquire(panelRoom))
	sent()
	require.NoError(t, panelAnswers.Acquire(context.Background(), panelRoom))
	panelAnswers.Release(panelRoom)
}
