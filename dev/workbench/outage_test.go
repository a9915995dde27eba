package workbench_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/dev/workbench"
)

// alertState is the state of one alert instance in Grafana's scheduler.
type alertState struct {
	state string // Normal, Pending, Alerting or Error
	since time.Duration
	sent  int // notifications of firing
}

// observe applies one evaluation, by the rules of Grafana's state manager.
func (s *alertState) observe(t *testing.T, r rule, at time.Duration, failed, firing bool) {
	t.Helper()
	if failed {
		switch r.ExecErrState {
		case "KeepLast":
			firing = s.state == "Alerting" || s.state == "Pending" && at-s.since >= wait(t, r)
			if s.state == "Pending" && !firing {
				return
			}
		case "Alerting":
			firing = true
		default:
			if s.state != "Error" {
				s.sent++
			}
			s.state, s.since = "Error", at
			return
		}
	}
	switch {
	case !firing:
		s.state, s.since = "Normal", at
	case s.state == "Pending" && at-s.since < wait(t, r), s.state == "Alerting":
	case s.state != "Pending" && wait(t, r) > 0:
		s.state, s.since = "Pending", at
	default:
		s.state, s.since = "Alerting", at
		s.sent++
	}
}

func wait(t *testing.T, r rule) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(r.For)
	require.NoError(t, err)
	return d
}

// 90 seconds of 503 send no alert; 10 minutes send one, although every rule fails.
func TestOutageSendsOneMessage(t *testing.T) {
	bench := start(t, workbench.Config{PluginDir: builtPlugin(t)})
	rules := readRules(t)
	up := simulator.New(simulator.Config{Events: one(happened(time.Hour, jane, office, loggedIn))})
	healthy := httptest.NewServer(up)
	t.Cleanup(healthy.Close)
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(down.Close)
	good, bad := addSource(t, bench, healthy.URL), addSource(t, bench, down.URL)
	firing := map[string]bool{}
	for _, r := range rules {
		for _, i := range r.evaluate(t, bench, good) {
			firing[r.UID] = firing[r.UID] || i.firing
		}
		require.Falsef(t, firing[r.UID], "%s fires on a healthy cloud", r.UID)
		require.NotEqual(t, http.StatusOK, r.ask(t, bench, bad).status, "%s is evaluated although the cloud fails", r.UID)
	}
	for outage, want := range map[time.Duration]map[string]int{90 * time.Second: {}, 10 * time.Minute: {failureRule: 1}} {
		got := map[string]int{}
		for _, r := range rules {
			s := &alertState{state: "Normal"}
			for at := time.Duration(0); at < 30*time.Minute; at += time.Minute {
				s.observe(t, r, at, at >= 5*time.Minute && at < 5*time.Minute+outage, firing[r.UID])
			}
			require.Equal(t, "Normal", s.state, r.UID)
			if s.sent > 0 {
				got[r.UID] = s.sent
			}
		}
		require.Equal(t, want, got, "an outage of %s", outage)
	}
}
