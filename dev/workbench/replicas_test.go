package workbench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/dev/workbench"
)

// replicas are processes of the plugin that share a database, and the cloud that they ask.
type replicas struct {
	benches []*workbench.Workbench
	uids    []string
	calls   atomic.Int64
	refuse  atomic.Bool // answer 429
}

func startReplicas(t *testing.T, n, limit int, dsn string) *replicas {
	t.Helper()
	r := &replicas{}
	sim := simulator.New(simulator.Config{Events: one(happened(time.Hour, jane, office, loggedIn))})
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.calls.Add(1)
		if r.refuse.Load() {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		sim.ServeHTTP(w, req)
	}))
	t.Cleanup(cloud.Close)
	key, plugin := simulator.DefaultKeys()[0], builtPlugin(t)
	for range n {
		bench := start(t, workbench.Config{PluginDir: plugin})
		body, err := json.Marshal(map[string]any{
			"name": "shared", "type": "carbonblack-auditlog-datasource", "access": "proxy", "url": cloud.URL,
			"jsonData":       map[string]any{"orgKey": simulator.DefaultOrgKey, "apiId": key.APIID, "store": "postgres", "requestsPerFiveMinutes": limit},
			"secureJsonData": map[string]string{"apiSecret": key.APISecret, "storeDsn": dsn},
		})
		require.NoError(t, err)
		made := call(t, "POST", bench.URL()+"/api/datasources", string(body)).decode(t)
		r.benches = append(r.benches, bench)
		r.uids = append(r.uids, made["datasource"].(map[string]any)["uid"].(string))
	}
	return r
}

// ask sends a query of its own kind to a replica, which needs one request, and reports whether it was answered.
func (r *replicas) ask(t *testing.T, replica, kind int) bool {
	t.Helper()
	now := time.Now().UnixMilli()
	body := fmt.Sprintf(`{"from":"%d","to":"%d","queries":[{"refId":"A","datasource":{"uid":%q},"queryType":"count","query":"description:kind%d"}]}`,
		now-3_600_000, now, r.uids[replica], kind)
	return call(t, "POST", r.benches[replica].URL()+"/api/ds/query", body).status == http.StatusOK
}

// Three processes that share a database keep to one limit together, and a 429 of one silences all within a second.
func TestReplicasShareTheLimit(t *testing.T) {
	const limit = 40
	r := startReplicas(t, 3, limit, pgtest.New(t).DSN)
	var answered atomic.Int64
	var asking sync.WaitGroup
	for replica := range r.benches {
		asking.Go(func() {
			for kind := range limit {
				if !r.ask(t, replica, replica*1000+kind) {
					return
				}
				answered.Add(1)
			}
		})
	}
	asking.Wait()
	require.Positive(t, answered.Load())
	require.GreaterOrEqual(t, r.calls.Load(), int64(limit*9/10), "what is left for panels is used")
	require.LessOrEqual(t, r.calls.Load(), int64(limit+3), "and each process proves its key before it takes part")
	for replica := range r.benches {
		status := call(t, "GET", r.benches[replica].URL()+"/api/datasources/uid/"+r.uids[replica]+"/resources/status", "").decode(t)
		require.Equal(t, map[string]any{"processes": 3.0, "alone": false}, status["sharedBudget"])
	}
}

// Once the database knows of a 429, no process sends anything.
func TestReplicasPauseTogether(t *testing.T) {
	ctx := context.Background()
	database := pgtest.New(t)
	r := startReplicas(t, 3, 600, database.DSN)
	for replica := range r.benches {
		require.True(t, r.ask(t, replica, replica))
		require.True(t, r.ask(t, replica, 10+replica))
	}
	r.refuse.Store(true)
	require.False(t, r.ask(t, 0, 100))
	conn, err := pgx.Connect(ctx, database.DSN)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(ctx)) }()
	require.Eventually(t, func() bool {
		var state string
		require.NoError(t, conn.QueryRow(ctx, `select state from cbc_audit_budget`).Scan(&state))
		return strings.Contains(state, "pausedUntil")
	}, time.Minute, 10*time.Millisecond)
	before := r.calls.Load()
	var asking sync.WaitGroup
	for replica := range r.benches {
		asking.Go(func() {
			for kind := range 8 {
				if r.ask(t, replica, 200+10*replica+kind) {
					t.Error("it was answered during the pause")
				}
			}
		})
	}
	asking.Wait()
	require.Equal(t, before, r.calls.Load())
}
