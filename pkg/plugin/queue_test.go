package plugin

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/queue"
)

// liveCloud is a simulated cloud with the real time, since the store's clock is.
func liveCloud(t *testing.T) (*simulator.Server, string) {
	sim := simulator.New(simulator.Config{Generate: simulator.Generate{Days: 4, PerDay: 2000, LivePerDay: -1}})
	server := serve(sim)
	t.Cleanup(server.Close)
	return sim, server.URL
}

func askQueue(t *testing.T, d *Instance, headers map[string]string, span time.Duration, query string) backend.DataResponse {
	now := time.Now()
	return askQueueIn(t, d, headers, backend.TimeRange{From: now.Add(-span), To: now}, query)
}

func askQueueIn(t *testing.T, d *Instance, headers map[string]string, in backend.TimeRange, query string) backend.DataResponse {
	resp, err := d.QueryData(context.Background(), &backend.QueryDataRequest{Headers: headers, Queries: []backend.DataQuery{{
		RefID: "A", JSON: []byte(query), MaxDataPoints: 100, Interval: time.Hour, TimeRange: in,
	}}})
	require.NoError(t, err)
	return resp.Responses["A"]
}

// Two data sources, panels and an alert rule read the same queue, and each sees everything.
func TestQueueIsReadOnceAndSeenByAll(t *testing.T) {
	sim, url := liveCloud(t)
	on := map[string]any{"queueEnabled": "true"}
	one, two := newInstance(t, settingsOf(sim, url, 0, on)), newInstance(t, settingsOf(sim, url, 0, on))
	require.Empty(t, sim.Requests(), "to open sends nothing")

	now := time.Now()
	in := backend.TimeRange{From: now.Add(-48 * time.Hour), To: now}
	window := auditlog.NewTimeRange(in.From, in.To)
	wider := window // that of an alert rule, which looks for late events, too
	wider.From -= (two.answerer.Settle + two.answerer.MaxStale).Milliseconds()
	want, logins := 0, 0
	for _, e := range sim.Events() {
		if window.Contains(e.CreateTime) {
			want++
		}
		if c := catalog.Default().Classify(e.Description); wider.Contains(e.CreateTime) && c.Action == "login" && c.Outcome == "failure" {
			logins++
		}
	}
	require.Positive(t, logins)
	for name, d := range map[string]*Instance{"one": one, "two": two, "one again": one} {
		count := askQueueIn(t, d, nil, in, `{"queryType":"count","source":"queue"}`)
		require.NoError(t, count.Error, name)
		require.Equal(t, int64(want), count.Frames[0].Fields[0].At(0), name)
	}
	failed := `{"source":"queue","criteria":{"action":["login"],"outcome":["failure"]},"groupBy":["outcome"],"queryType":"count"}`
	alert := askQueueIn(t, two, map[string]string{"FromAlert": "true"}, in, failed)
	require.NoError(t, alert.Error)
	require.Equal(t, int64(logins), alert.Frames[0].Fields[0].At(0))

	sim.Add(simulator.Event{Actor: "new@example.org", Description: `Policy "Brand New" (ID: 9) was modified`})
	events := askQueueIn(t, one, nil, in, `{"source":"queue","criteria":{"description":["brand new"]},"format":"table"}`)
	require.NoError(t, events.Error)
	require.LessOrEqual(t, events.Frames[0].Rows(), 1, "read again no oftener than every poll interval")

	reads := 0
	for _, r := range sim.Requests() {
		if r.Endpoint == "queue" {
			reads++
		}
	}
	require.LessOrEqual(t, reads, 5, "some 6,000 events in batches of 2,500, once for everybody")
	require.LessOrEqual(t, sim.QueueLength(sim.Keys()[0].APIID), 1)
}

// However an address is written, its key has one reader: two would take each other's events.
func TestOneReaderHoweverTheAddressIsWritten(t *testing.T) {
	sim, url := liveCloud(t)
	settings := settingsOf(sim, url, 0, map[string]any{"queueEnabled": true})
	one := newInstance(t, settings)
	settings.URL = strings.ToUpper(url[:4]) + url[4:] + "/"
	two := newInstance(t, settings)
	for _, d := range []*Instance{one, two} {
		require.NoError(t, askQueue(t, d, nil, time.Hour, `{"queryType":"count","source":"queue"}`).Error)
	}
	require.Equal(t, statusOfQueue(t, one), statusOfQueue(t, two))
}

// Without the switch nothing consumes the queue, and the answer says how to turn it on and what that does.
func TestQueueIsOffByDefault(t *testing.T) {
	sim, url := liveCloud(t)
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	before := sim.QueueLength(sim.Keys()[0].APIID)
	answer := askQueue(t, d, nil, time.Hour, `{"source":"queue"}`)
	require.ErrorContains(t, answer.Error, "queueEnabled")
	require.ErrorContains(t, answer.Error, "consumes")
	require.Equal(t, before, sim.QueueLength(sim.Keys()[0].APIID))

	enabled := newInstance(t, settingsOf(sim, url, 0, map[string]any{"queueEnabled": true}))
	_, err := enabled.CheckHealth(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, before, sim.QueueLength(sim.Keys()[0].APIID), "the health check leaves it alone")
	answer = askQueue(t, enabled, nil, time.Hour, `{"source":"queue","query":"description:login"}`)
	require.ErrorContains(t, answer.Error, "Lucene")
	require.Equal(t, before, sim.QueueLength(sim.Keys()[0].APIID))

	_, err = NewInstance(context.Background(), settingsOf(sim, url, 0, map[string]any{"queueEnabled": true, "store": "postgres"}))
	require.ErrorContains(t, err, "storeDsn")
}

// statusOfQueue is the queue's part of GET status.
func statusOfQueue(t *testing.T, d *Instance) (out *queueStatus) {
	t.Helper()
	var answer struct{ Queue *queueStatus }
	recorder := httptest.NewRecorder()
	d.getStatus(recorder, httptest.NewRequest("GET", "/status", nil))
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &answer))
	require.NotContains(t, recorder.Body.String(), d.settings.apiSecret)
	return answer.Queue
}

// The status tells how the queue is on every store, and never reads it.
func TestStatusOfTheQueue(t *testing.T) {
	sim, url := liveCloud(t)
	require.Nil(t, statusOfQueue(t, newInstance(t, settingsOf(sim, url, 0, nil))), "it is off")
	for _, store := range []string{"memory", "postgres"} {
		t.Run(store, func(t *testing.T) {
			sim, url := liveCloud(t)
			settings := settingsOf(sim, url, 0, map[string]any{"queueEnabled": true, "store": store})
			if store == "postgres" {
				settings.DecryptedSecureJSONData["storeDsn"] = pgtest.New(t).DSN
			}
			d := newInstance(t, settings)
			s := statusOfQueue(t, d)
			require.Equal(t, store, s.Store)
			require.Nil(t, s.Leader)
			require.Nil(t, s.LastPoll)
			require.Nil(t, s.From)
			require.Empty(t, sim.Requests(), "to look reads nothing")

			start := time.Now()
			require.NoError(t, askQueue(t, d, nil, time.Hour, `{"queryType":"count","source":"queue"}`).Error)
			s = statusOfQueue(t, d)
			require.Nil(t, s.Error)
			require.Equal(t, "here", *s.Leader)
			require.Positive(t, s.LastPoll.Events)
			require.Nil(t, s.LastPoll.Error)
			require.GreaterOrEqual(t, s.LastPoll.Begun, start.UnixMilli())
			require.GreaterOrEqual(t, s.LastPoll.Ended, s.LastPoll.Begun)
			require.InDelta(t, start.Add(-queue.DefaultLookback).UnixMilli(), *s.From, 60_000)
			require.GreaterOrEqual(t, *s.Since, start.UnixMilli()-1000)
			require.Equal(t, *s.Since, *s.Drained)
			require.Len(t, s.Gaps, 1, "that of the start")
			require.Nil(t, s.SecondConsumer)
			require.GreaterOrEqual(t, *s.Events, int64(s.LastPoll.Events))
			require.Positive(t, *s.Bytes)

			before := len(sim.Requests())
			early := askQueue(t, d, map[string]string{"FromAlert": "true"}, 100*time.Hour, `{"queryType":"count","source":"queue"}`)
			require.ErrorContains(t, early.Error, "the store of the queue begins at")
			require.Equal(t, backend.StatusBadGateway, early.Status)
			require.Equal(t, backend.ErrorSourceDownstream, early.ErrorSource)
			health, err := d.CheckHealth(context.Background(), nil)
			require.NoError(t, err)
			require.Contains(t, health.Message, "queue of the API key is enabled")
			for _, r := range sim.Requests()[before:] {
				require.NotEqual(t, "queue", r.Endpoint)
			}
		})
	}
}

// A store that cannot be reached is told in words without its password, and in time.
func TestStatusOfAStoreThatCannotBeReached(t *testing.T) {
	sim, url := liveCloud(t)
	settings := settingsOf(sim, url, 0, map[string]any{"queueEnabled": true, "store": "postgres"})
	settings.DecryptedSecureJSONData["storeDsn"] = "postgres://user:geheim@127.0.0.1:1/db"
	d := newInstance(t, settings)
	answer := askQueue(t, d, nil, time.Hour, `{"source":"queue"}`)
	require.ErrorContains(t, answer.Error, "PostgreSQL cannot be reached")
	require.NotContains(t, answer.Error.Error(), "geheim")
	require.Equal(t, backend.ErrorSourceDownstream, answer.ErrorSource)
	s := statusOfQueue(t, d)
	require.Contains(t, *s.Error, "PostgreSQL cannot be reached")
	require.NotContains(t, *s.Error, "geheim")
	require.Nil(t, s.LastPoll, "who has no store does not read")
	require.Nil(t, s.Events)
	for _, r := range sim.Requests() {
		require.NotEqual(t, "queue", r.Endpoint, "nothing is consumed that cannot be stored")
	}
}
