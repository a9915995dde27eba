package tail

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// inProcess sends requests to a handler without a network, so that a bubble's time can pass meanwhile.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	t.handler.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// With the real client and rate limit: a simulated cloud asks for a pause of five minutes, which is kept and reported at once, and
// every event of those minutes is delivered after it.
func TestSilenceOfTheCloud(t *testing.T) {
	bubble(t, func() {
		sim := simulator.New(simulator.Config{Events: []simulator.Event{}})
		key := sim.Keys()[0]
		client, err := cbc.New(cbc.Config{
			URL: "https://cbc.test", OrgKey: sim.OrgKey(), APIID: key.APIID, APISecret: key.APISecret, Limiter: ratelimit.New(ratelimit.Config{}),
		}, &http.Client{Transport: inProcess{sim}})
		require.NoError(t, err)
		var s screen
		settle := 20 * time.Second
		search := Search{
			History: history.New(history.Config{Searcher: client, Settle: settle, Fresh: fresh}), Classifier: catalog.Default(),
			Settle: settle, Poll: fresh, Max: 1000,
		}
		stop := start(search, s.deliver)
		defer stop()
		var want []string
		happen := func() {
			at := time.Now().UTC().Truncate(time.Millisecond)
			sim.Add(simulator.Event{CreateTime: at, Arrives: at.Add(settle / 2), OrgKey: sim.OrgKey(), Actor: "ann", Description: "User logged in"})
			e := auditlog.Event{CreateTime: at, OrgKey: sim.OrgKey(), Actor: "ann", Description: "User logged in"}
			want = append(want, e.ID().String())
		}
		for range 10 {
			happen()
			time.Sleep(7 * time.Second)
		}
		sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "status", Endpoint: "search", Next: 1, Status: 429, RetryAfterS: 300}}})
		for range 40 {
			happen()
			time.Sleep(7 * time.Second)
		}
		synctest.Wait()
		require.Contains(t, s.notices(), "limits the number of requests")
		require.Less(t, len(s.rows()), len(want))
		asked := len(sim.Requests())
		time.Sleep(10 * time.Second)
		require.Equal(t, asked, len(sim.Requests()), "nothing is sent during the silence")
		time.Sleep(2 * time.Minute)
		slices.Sort(want)
		require.Equal(t, want, s.ids())
		require.Equal(t, "[]", s.notices())
		require.ErrorIs(t, stop(), context.Canceled)
	})
}
