package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/dev/workbench"
)

var span = flag.Duration("chaos.span", 10*time.Minute, "how long BenchmarkReplicas runs")

const (
	rules        = 20
	ruleEvery    = 10 * time.Second
	ruleGroups   = 4 // which Grafana spreads over the interval, alike on every server
	boardEvery   = 30 * time.Second
	penalty      = 20 * time.Second
	silentWithin = time.Second
)

// BenchmarkReplicas counts the calls of three processes that share a database, and of one: each evaluates every rule, and shows a
// dashboard.
func BenchmarkReplicas(b *testing.B) {
	require.NoError(b, build())
	one, three := newFleet(b, 1), newFleet(b, 3)
	ctx, cancel := context.WithTimeout(context.Background(), *span)
	defer cancel()
	var playing sync.WaitGroup
	for _, f := range []*fleet{one, three} {
		playing.Go(func() { f.play(ctx) })
	}
	playing.Wait()
	single, shared := one.count(), three.count()
	b.ReportMetric(float64(single), "calls/one")
	b.ReportMetric(float64(shared), "calls/three")
	require.LessOrEqual(b, float64(shared), 1.1*float64(single))
	require.Empty(b, one.failures, "no answer may fail")
	require.Empty(b, three.failures)

	three.refuse()
	ctx, cancel = context.WithTimeout(context.Background(), penalty)
	defer cancel()
	three.play(ctx)
	late := 0
	for _, at := range three.calls[shared:] {
		if at.Sub(three.calls[shared]) > silentWithin {
			late++
		}
	}
	b.ReportMetric(float64(len(three.calls)-shared), "calls/penalty")
	require.Zero(b, late, "calls later than a second after the first 429")
}

// fleet is processes that share a database, and the calls that they send.
type fleet struct {
	benches      []*workbench.Workbench
	rules, board []json.RawMessage

	mu       sync.Mutex
	calls    []time.Time
	refuses  bool
	failures []string
}

func newFleet(b *testing.B, replicas int) *fleet {
	f := &fleet{}
	f.load(b)
	sim := simulator.New(simulator.Config{Seed: 1})
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.calls = append(f.calls, time.Now())
		refuses := f.refuses
		f.mu.Unlock()
		if refuses {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		sim.ServeHTTP(w, r)
	}))
	b.Cleanup(cloud.Close)
	database, key := pgtest.NewServer(b), sim.Keys()[0]
	for range replicas {
		host, err := workbench.Start(context.Background(), workbench.Config{PluginDir: pluginDir})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, host.Close()) })
		body, err := json.Marshal(map[string]any{
			"uid": uid, "name": "Chaos", "type": "carbonblack-auditlog-datasource", "url": cloud.URL,
			"jsonData":       map[string]any{"orgKey": sim.OrgKey(), "apiId": key.APIID, "store": "postgres", "archiveDays": 60},
			"secureJsonData": map[string]string{"apiSecret": key.APISecret, "storeDsn": database.DSN},
		})
		require.NoError(b, err)
		require.Equal(b, http.StatusOK, post(host.URL()+"/api/datasources", http.Header{}, body))
		f.benches = append(f.benches, host)
	}
	return f
}

// load reads the shipped rules, some of them twice, and the panels of the shipped dashboard.
func (f *fleet) load(b *testing.B) {
	raw, err := os.ReadFile(filepath.Join(root, "provisioning", "alerting", "carbonblack-audit-rules.yaml"))
	require.NoError(b, err)
	var alerting struct {
		Groups []struct {
			Rules []struct {
				Data []struct {
					RelativeTimeRange struct{ From int } `yaml:"relativeTimeRange"`
					Model             map[string]any
				}
			}
		}
	}
	require.NoError(b, yaml.Unmarshal(raw, &alerting))
	for len(f.rules) < rules {
		for _, group := range alerting.Groups {
			for _, rule := range group.Rules {
				if model := rule.Data[0].Model; len(f.rules) < rules && model["queryType"] != "status" {
					f.rules = append(f.rules, request(b, fmt.Sprintf("now-%ds", rule.Data[0].RelativeTimeRange.From), model))
				}
			}
		}
	}
	raw, err = os.ReadFile(filepath.Join(root, "provisioning", "dashboards", "audit-overview.json"))
	require.NoError(b, err)
	var board struct {
		Panels []struct{ Targets []map[string]any }
	}
	require.NoError(b, json.Unmarshal(raw, &board))
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			f.board = append(f.board, request(b, "now-24h", target))
		}
	}
}

// request is the body of a query.
func request(b *testing.B, from string, query map[string]any) json.RawMessage {
	query["datasource"] = map[string]string{"uid": uid}
	body, err := json.Marshal(map[string]any{"from": from, "to": "now", "queries": []any{query}})
	require.NoError(b, err)
	return body
}

// post returns the status, 0 without an answer.
func post(url string, header http.Header, body []byte) int {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header, r.Close = header, true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func (f *fleet) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

// refuse lets the cloud answer 429 from now on.
func (f *fleet) refuse() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuses = true
}

// play evaluates the rules of every process at the same times, as Grafana's servers do, and shows the dashboard of each at other times.
func (f *fleet) play(ctx context.Context) {
	start := time.Now().Truncate(ruleEvery).Add(ruleEvery)
	var playing sync.WaitGroup
	for i, host := range f.benches {
		for group := range ruleGroups {
			playing.Go(func() {
				f.every(ctx, ruleEvery, start.Add(time.Duration(group)*ruleEvery/ruleGroups), func() {
					for n := group; n < len(f.rules); n += ruleGroups {
						f.ask(host, http.Header{"Fromalert": {"true"}}, f.rules[n])
					}
				})
			})
		}
		playing.Go(func() {
			f.every(ctx, boardEvery, start.Add(time.Duration(i)*7*time.Second), func() {
				var panels sync.WaitGroup
				for _, panel := range f.board {
					panels.Go(func() { f.ask(host, http.Header{}, panel) })
				}
				panels.Wait()
			})
		})
	}
	playing.Wait()
}

// every does something at regular times.
func (f *fleet) every(ctx context.Context, interval time.Duration, start time.Time, do func()) {
	for at := start; ; at = at.Add(interval) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(at)):
			do()
		}
	}
}

func (f *fleet) ask(host *workbench.Workbench, header http.Header, body []byte) {
	status := post(host.URL()+"/api/ds/query", header, body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if status != http.StatusOK && !f.refuses {
		f.failures = append(f.failures, fmt.Sprintf("HTTP %d for %s", status, body))
	}
}
