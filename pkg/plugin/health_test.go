package plugin

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
)

// check runs Save & test and returns the state of each step.
func check(t *testing.T, s backend.DataSourceInstanceSettings) (*backend.CheckHealthResult, map[string]step) {
	return checkBy(t, context.Background(), newInstance(t, s))
}

func checkBy(t *testing.T, ctx context.Context, d backend.CheckHealthHandler) (*backend.CheckHealthResult, map[string]step) {
	result, err := d.CheckHealth(ctx, nil)
	require.NoError(t, err)
	var details healthDetails
	require.NoError(t, json.Unmarshal(result.JSONDetails, &details))
	names := make([]string, len(details.Steps))
	steps := map[string]step{}
	for i, s := range details.Steps {
		names[i], steps[s.Name] = s.Name, s
		require.NotEmpty(t, s.Title, s.Name)
		require.NotEmpty(t, s.Message, s.Name)
		require.Equal(t, s.Status == stepFailed || s.Status == stepWarning, s.Remedy != "", "%s: what is wrong has a remedy: %s", s.Name, s.Message)
	}
	require.Equal(t, stepOrder, names, "the steps are in order, whatever fails")
	return result, steps
}

func TestHealthStepsOfAWorkingDataSource(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	before := sim.QueueLength(sim.Keys()[0].APIID)
	for _, queue := range []bool{false, true} {
		result, steps := check(t, settingsOf(sim, url, 0, map[string]any{"queueEnabled": queue}))
		require.Equal(t, backend.HealthStatusOk, result.Status, result.Message)
		for name, s := range steps {
			if name == "archive" || !queue && (name == "store" || name == "lease") {
				require.Equal(t, stepSkipped, s.Status, s)
			} else {
				require.Equal(t, stepOK, s.Status, s)
			}
		}
	}
	require.Equal(t, before, sim.QueueLength(sim.Keys()[0].APIID), "the queue is left alone")
}

func TestHealthStepThatFails(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	secure := httptest.NewUnstartedServer(sim)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	page := serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Welcome</html>")) }))
	t.Cleanup(page.Close)
	at := func(url string, key int, jsonData map[string]any) backend.DataSourceInstanceSettings {
		return settingsOf(sim, url, key, jsonData)
	}
	wrongSecret := at(url, 0, nil)
	wrongSecret.DecryptedSecureJSONData = map[string]string{"apiSecret": "NOTTHESECRET"}
	for name, s := range map[string]backend.DataSourceInstanceSettings{
		"name":       at("https://nowhere.invalid", 0, nil),
		"tls":        at(secure.URL, 0, nil),
		"api":        at(page.URL, 0, nil),
		"orgKey":     at(url, 0, map[string]any{"orgKey": "ZZZZ9999"}),
		"apiKey":     wrongSecret,
		"org.audits": at(url, 2, nil),
	} {
		t.Run(name, func(t *testing.T) {
			result, steps := check(t, s)
			require.Equal(t, backend.HealthStatusError, result.Status)
			reached := true
			for _, other := range stepOrder[1:9] {
				switch {
				case other == name:
					require.Equal(t, stepFailed, steps[other].Status, steps[other])
					reached = false
				case other != "clock" && !(name == "apiKey" && other == "orgKey"):
					require.Equal(t, reached, steps[other].Status == stepOK, "%s: %v", other, steps[other])
				}
			}
			require.Equal(t, stepSkipped, steps["jobs.status"].Status)
			require.NotContains(t, string(result.JSONDetails), sim.Keys()[0].APISecret)
			require.NotContains(t, string(result.JSONDetails), "NOTTHESECRET")
		})
	}
}

// A connection that nobody listens at is not a matter of its name.
func TestHealthWithoutConnection(t *testing.T) {
	sim, _ := cloud(t, simulator.Config{})
	_, steps := check(t, settingsOf(sim, "http://127.0.0.1:1", 0, nil))
	require.Equal(t, stepOK, steps["name"].Status)
	require.Equal(t, stepFailed, steps["tls"].Status)
}

// Queries work without jobs.status.
func TestHealthWithoutJobs(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	result, steps := check(t, settingsOf(sim, url, 1, nil))
	require.Equal(t, backend.HealthStatusOk, result.Status)
	require.Equal(t, stepWarning, steps["jobs.status"].Status)
	require.Contains(t, result.Message, "jobs.status")
}

func TestHealthComparesClocks(t *testing.T) {
	sim, _ := cloud(t, simulator.Config{})
	for words, difference := range map[string]time.Duration{"ahead of": -5 * time.Minute, "behind": 5 * time.Minute, "agree": 0} {
		server := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(difference).UTC().Format(http.TimeFormat))
			sim.ServeHTTP(w, r)
		}))
		result, steps := check(t, settingsOf(sim, server.URL, 0, nil))
		require.Equal(t, backend.HealthStatusOk, result.Status)
		require.Contains(t, steps["clock"].Message, words)
		require.Equal(t, difference != 0, steps["clock"].Status == stepWarning, words)
		server.Close()
	}
	require.Equal(t, stepSkipped, clockStep(&probe{answered: true}).Status, "a proxy may remove the header")
}

func TestHealthTestsTheStore(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	db := pgtest.New(t)
	withStore := func(dsn string) backend.DataSourceInstanceSettings {
		s := settingsOf(sim, url, 0, map[string]any{"store": "postgres"})
		s.DecryptedSecureJSONData["storeDsn"] = dsn
		return s
	}
	result, steps := check(t, withStore(db.DSN))
	require.Equal(t, backend.HealthStatusOk, result.Status, result.Message)
	require.Equal(t, stepOK, steps["store"].Status)

	result, steps = check(t, withStore("postgres://user:hunter2@127.0.0.1:1/db"))
	require.Equal(t, backend.HealthStatusError, result.Status)
	require.Equal(t, stepFailed, steps["store"].Status)
	require.Contains(t, result.Message, "cannot be reached")
	require.NotContains(t, string(result.JSONDetails), "hunter2")

	_, steps = check(t, withStore(""))
	require.Equal(t, stepFailed, steps["store"].Status)
	require.Contains(t, steps["store"].Message, "storeDsn")
}

// A cloud that does not answer hides nothing about the store, and the answer is due before the deadline.
func TestHealthKeepsItsDeadline(t *testing.T) {
	server := serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server notices a client that leaves once it has read the body
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	sim, _ := cloud(t, simulator.Config{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	inner, stop := healthDeadline(ctx)
	defer stop()
	own, _ := inner.Deadline()
	callers, _ := ctx.Deadline()
	require.True(t, own.Before(callers))
	result, steps := checkBy(t, ctx, newInstance(t, settingsOf(sim, server.URL, 0, map[string]any{"queueEnabled": true})))
	require.Equal(t, backend.HealthStatusError, result.Status)
	require.Equal(t, stepFailed, steps["api"].Status)
	require.Equal(t, stepOK, steps["store"].Status)
	unbounded, stop := healthDeadline(context.Background())
	defer stop()
	_, bounded := unbounded.Deadline()
	require.True(t, bounded)
}

func TestHealthOfWrongSettings(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	made, err := Open(context.Background(), settingsOf(sim, url, 0, map[string]any{"maxEvents": "many"}))
	require.NoError(t, err)
	result, steps := checkBy(t, context.Background(), made.(backend.CheckHealthHandler))
	require.Equal(t, backend.HealthStatusError, result.Status)
	require.Contains(t, steps["settings"].Message, "maxEvents must be")
	require.Equal(t, stepSkipped, steps["name"].Status)
}

func TestHealthWarnsOfABudgetThatIsUsedUp(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	_, steps := check(t, settingsOf(sim, url, 0, map[string]any{"requestsPerFiveMinutes": 1}))
	require.Equal(t, stepWarning, steps["budget"].Status)
	require.Contains(t, steps["budget"].Message, "0 of 1 requests")
}
