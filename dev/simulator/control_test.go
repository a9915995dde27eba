package simulator

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestControl(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(5)})
	control := func(method, name, body string) map[string]any {
		t.Helper()
		return c.call(method, "/simulator/"+name, body).object(t)
	}
	c.key = Key{} // no key is needed
	require.Equal(t, 7.0, control(http.MethodPost, "switches", `{"defaultRows":7}`)["defaultRows"])
	require.Equal(t, "OR", control(http.MethodPost, "switches", `{"defaultOperator":"OR"}`)["defaultOperator"])
	require.Equal(t, 7, c.Switches().DefaultRows, "switches that the body does not name stay")
	require.Equal(t, 20.0, control(http.MethodDelete, "switches", "")["defaultRows"])

	control(http.MethodPost, "faults", `{"rules":[{"kind":"status","status":503,"next":2}]}`)
	require.Equal(t, 2, c.Faults().Rules[0].Next)
	require.Equal(t, 503, c.search(`{}`).status)
	require.Equal(t, 1, c.Faults().Rules[0].Next)
	control(http.MethodDelete, "faults", "")
	require.Empty(t, c.Faults().Rules)

	control(http.MethodPost, "events", `[{"description":"from outside","flagged":true,"extra":{"a":1}}]`)
	require.Len(t, c.Events(), 6)
	state := control(http.MethodGet, "state", "")
	require.Equal(t, 6.0, state["events"])
	require.Equal(t, 6.0, state["queues"].(map[string]any)["SIMFULL001"])
	require.Equal(t, "2026-03-11T12:00:00.000Z", state["now"])
	require.Contains(t, string(c.call(http.MethodGet, "/simulator/requests", "").body), `"endpoint":"search"`)
	control(http.MethodDelete, "requests", "")
	require.Empty(t, c.Requests(), "what is asked of the simulator itself is not logged")
}

func TestControlRejectsUnknownInput(t *testing.T) {
	c := newCloud(t, Config{Events: []Event{}})
	for _, command := range [][3]string{
		{http.MethodPost, "switches", `{"nosuch":1}`}, {http.MethodPost, "switches", `{"ties":"often"}`}, {http.MethodPost, "switches", `x`},
		{http.MethodPost, "faults", `{"rules":[{"kind":"flood"}]}`}, {http.MethodPost, "faults", `[]`}, {http.MethodPost, "events", `{}`},
		{http.MethodPut, "state", ``}, {http.MethodGet, "nosuch", ``},
	} {
		r := c.call(command[0], "/simulator/"+command[1], command[2])
		require.Equal(t, http.StatusBadRequest, r.status, command)
		require.NotEmpty(t, r.object(t)["error"])
	}
	require.Equal(t, "stable", c.Switches().Ties)
}

func TestSwitchesChangeWhileServing(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(100)})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50 {
			c.SetSwitches(Switches{DefaultRows: 1 + i})
			c.SetFaults(Faults{LatencyMS: i % 2})
			c.Add(event(0, "more"))
			c.State()
		}
	}()
	for range 50 {
		require.Equal(t, 200, c.search(`{}`).status)
	}
	<-done
}
