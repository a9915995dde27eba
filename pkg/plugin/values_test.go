package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
)

type valuesAnswer struct {
	Values   []answer.Value `json:"values"`
	Complete *bool          `json:"complete"`
	Error    string         `json:"error"`
}

func getValues(t *testing.T, d *Instance, parameters string) (int, valuesAnswer) {
	var status int
	var got valuesAnswer
	err := d.CallResource(context.Background(), &backend.CallResourceRequest{Method: http.MethodGet, Path: "values", URL: "values?" + parameters},
		backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
			status = r.Status
			return json.Unmarshal(r.Body, &got)
		}))
	require.NoError(t, err)
	return status, got
}

// last are the parameters of a time range that ends at the simulated present.
func last(length time.Duration) string {
	return fmt.Sprintf("from=%d&to=%d", present.Add(-length).UnixMilli(), present.UnixMilli())
}

// Every field's values come with their numbers, most frequent first, as a brute-force count has them.
func TestValuesOfEveryField(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	window := auditlog.NewTimeRange(present.Add(-12*time.Hour), present)
	classifier := catalog.Default()
	for _, key := range auditlog.Keys() {
		want := map[string]int64{}
		for _, s := range sim.Events() {
			e := auditlog.Event{CreateTime: s.CreateTime, Actor: s.Actor, ActorIP: s.ActorIP, RequestURL: s.RequestURL, Description: s.Description, Flagged: s.Flagged, Verbose: s.Verbose}
			if window.Contains(e.CreateTime) {
				want[key.Value(&e, classifier.ClassifyEvent(&e))]++
			}
		}
		status, got := getValues(t, d, "field="+string(key)+"&"+last(12*time.Hour))
		require.Equal(t, http.StatusOK, status, got.Error)
		require.True(t, *got.Complete)
		have := map[string]int64{}
		for _, v := range got.Values {
			have[v.Value] = v.Count
		}
		require.Equal(t, want, have, key)
		require.True(t, slices.IsSortedFunc(got.Values, func(a, b answer.Value) int { return int(b.Count - a.Count) }), key)
	}
	require.Len(t, sim.Requests(), 1, "they share what was read")
	require.Positive(t, sim.QueueLength(sim.Keys()[0].APIID), "the queue is left alone")
}

func TestValuesByPrefix(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	_, all := getValues(t, d, "field=description&"+last(24*time.Hour))
	_, some := getValues(t, d, "field=description&prefix=LOGGED%20in&"+last(24*time.Hour))
	want := slices.DeleteFunc(slices.Clone(all.Values), func(v answer.Value) bool { return !strings.HasPrefix(v.Value, "Logged in") })
	require.NotEmpty(t, want)
	require.Equal(t, want, some.Values)
	_, none := getValues(t, d, "field=actor&prefix=nobody%20at%20all&"+last(24*time.Hour))
	require.NotNil(t, none.Values)
	require.Empty(t, none.Values)
	require.True(t, *none.Complete)
}

// What is more than may be listed or read is not said to be complete.
func TestIncompleteValues(t *testing.T) {
	var events []simulator.Event
	for i := range 1200 {
		events = append(events, simulator.Event{CreateTime: present.Add(-time.Duration(i+100) * time.Second), Actor: fmt.Sprintf("user%04d", i)})
	}
	sim, url := cloud(t, simulator.Config{Events: events})
	status, got := getValues(t, newInstance(t, settingsOf(sim, url, 0, nil)), "field=actor&prefix=user&"+last(24*time.Hour))
	require.Equal(t, http.StatusOK, status, got.Error)
	require.Len(t, got.Values, 1000)
	require.Equal(t, answer.Value{Value: "user0000", Count: 1}, got.Values[0])
	require.False(t, *got.Complete)
	_, got = getValues(t, newInstance(t, settingsOf(sim, url, 0, map[string]any{"maxEvents": 100})), "field=verbose&"+last(24*time.Hour))
	require.NotEmpty(t, got.Values)
	require.False(t, *got.Complete)
}

func TestValuesRefusals(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	for parameters, words := range map[string]string{
		"":                                 `field has an unknown value "": allowed are actor, actor_ip`,
		"field=colour":                     `field has an unknown value "colour": allowed are actor, actor_ip, request_url`,
		"field=actor&from=now-6h":          "from must be a time in milliseconds",
		"field=actor&to=1e12":              "to must be a time in milliseconds",
		"field=actor&from=7&to=7":          "from must be less than to",
		"field=actor&from=8&to=7":          "from must be less than to",
		"field=actor&to=9e99":              "to must be a time",
		"field=actor&limit=5":              `unknown parameter "limit": allowed are field, from, prefix, to`,
		"field=actor&field=verbose":        "field is given twice",
		"field=actor&to=99999999999999999": "to must be a time",
		"field=actor&prefix=" + strings.Repeat("x", 501): "prefix is too long",
	} {
		status, got := getValues(t, d, parameters)
		require.Equal(t, http.StatusBadRequest, status, parameters)
		require.Contains(t, got.Error, words)
	}
	require.Empty(t, sim.Requests())
	status, got := getValues(t, newInstance(t, settingsOf(sim, url, 3, nil)), "field=actor&"+last(time.Hour))
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, got.Error, "org.audits READ")
}

// Without a range the last 24 hours are looked at.
func TestValuesOfTheLastDay(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	got, err := parseValues(map[string][]string{"field": {"actor"}}, now)
	require.NoError(t, err)
	require.Equal(t, auditlog.NewTimeRange(now.Add(-24*time.Hour), now), got.Range)
	got, err = parseValues(map[string][]string{"field": {"actor"}, "to": {"86400000"}}, now)
	require.NoError(t, err)
	require.Equal(t, auditlog.TimeRange{From: 0, To: 86_400_000}, got.Range)
}
