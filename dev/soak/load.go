package soak

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// tally counts what the load has done, by name, so that a run that did nothing is seen.
type tally struct {
	mu     sync.Mutex
	counts map[string]*[2]int
}

func (t *tally) note(name string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]*[2]int{}
	}
	if t.counts[name] == nil {
		t.counts[name] = &[2]int{}
	}
	if err == nil {
		t.counts[name][0]++
	} else {
		t.counts[name][1]++
	}
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(t.counts)) {
		parts = append(parts, fmt.Sprintf("%d %s (%d failed)", t.counts[name][0]+t.counts[name][1], name, t.counts[name][1]))
	}
	return strings.Join(parts, ", ")
}

// jobs are what users do at the same time, each until its context ends.
func (r *run) jobs() []func(context.Context) {
	panels := []string{
		`"queryType":"events","limit":200`, `"queryType":"series","groupBy":["category"]`, `"queryType":"top","groupBy":["actor"]`, `"queryType":"count"`,
		`"queryType":"firstSeen","groupBy":["address"]`, `"queryType":"events","source":"queue","format":"table"`, `"queryType":"count","query":"description:login"`,
	}
	jobs := []func(context.Context){
		r.every(2*time.Second, "rules", func(ctx context.Context) error {
			return r.query(ctx, true, `"queryType":"count","groupBy":["category"]`, 600)
		}),
		r.every(5*time.Second, "exports", r.export),
		r.every(3*time.Second, "live tails", func(ctx context.Context) error { return r.tail(ctx, "search") }),
		r.every(3*time.Second, "live tails", func(ctx context.Context) error { return r.tail(ctx, "queue") }),
		r.every(20*time.Second, "faults", r.fault),
	}
	var version atomic.Int64
	jobs = append(jobs, r.every(30*time.Second, "settings changes", func(ctx context.Context) error { return r.saveSettings(ctx, int(version.Add(1))) }))
	for i, panel := range panels {
		seconds := 3600 * (1 + 6*i)
		jobs = append(jobs, r.every(time.Second, "panels", func(ctx context.Context) error { return r.query(ctx, false, panel, seconds) }))
	}
	return jobs
}

// every repeats a step, with a pause, until the context ends. A step may fail, as the cloud does.
func (r *run) every(pause time.Duration, name string, step func(context.Context) error) func(context.Context) {
	return func(ctx context.Context) {
		for {
			err := step(ctx)
			if ctx.Err() != nil {
				return
			}
			r.done.note(name, err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	}
}

// saveSettings creates the data source as version 0, and changes its settings to those of any other.
func (r *run) saveSettings(ctx context.Context, version int) error {
	key := r.sim.Keys()[0]
	method, path := http.MethodPut, "/api/datasources/uid/"+uid
	if version == 0 {
		method, path = http.MethodPost, "/api/datasources"
	}
	return r.send(ctx, method, path, nil, map[string]any{
		"uid": uid, "name": uid, "type": pluginType, "url": r.url,
		"jsonData": map[string]any{
			"orgKey": r.sim.OrgKey(), "apiId": key.APIID, "queueEnabled": true, "queuePollSeconds": 10, "requestsPerFiveMinutes": 1_000_000,
			"maxEvents": 10_000 + version,
		},
		"secureJsonData": map[string]string{"apiSecret": key.APISecret},
	}, io.Discard)
}

// query asks one panel or alert rule.
func (r *run) query(ctx context.Context, rule bool, query string, seconds int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	body := json.RawMessage(fmt.Sprintf(`{"from":"now-%ds","to":"now","queries":[{"refId":"A","datasource":{"uid":%q},"intervalMs":60000,"maxDataPoints":200,%s}]}`, seconds, uid, query))
	header := http.Header{}
	if rule {
		header.Set("FromAlert", "true")
	}
	return r.send(ctx, http.MethodPost, "/api/ds/query", header, body, io.Discard)
}

// export makes a file, reads a part or all of it, and takes it off the list.
func (r *run) export(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	resource := "/api/datasources/uid/" + uid + "/resources/exports"
	var started bytes.Buffer
	now := time.Now()
	err := r.send(ctx, http.MethodPost, resource, nil, map[string]any{
		"query": json.RawMessage(`{"refId":"A"}`), "from": now.Add(-48 * time.Hour).UnixMilli(), "to": now.UnixMilli(), "format": "csv",
	}, &started)
	if err != nil {
		return err
	}
	var job struct{ ID, Status string }
	if err := json.Unmarshal(started.Bytes(), &job); err != nil {
		return err
	}
	for job.Status != "COMPLETED" && job.Status != "FAILED" && ctx.Err() == nil {
		var state bytes.Buffer
		if err := r.send(ctx, http.MethodGet, resource+"/"+job.ID, nil, nil, &state); err == nil {
			_ = json.Unmarshal(state.Bytes(), &job) // an answer that is cut off is asked for again
		}
		time.Sleep(200 * time.Millisecond)
	}
	err = r.send(ctx, http.MethodGet, resource+"/"+job.ID+"/download", nil, nil, io.Discard)
	return joinFirst(err, r.send(ctx, http.MethodDelete, resource+"/"+job.ID, nil, nil, io.Discard))
}

func joinFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// tail watches for a while and leaves.
func (r *run) tail(ctx context.Context, source string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	query := fmt.Sprintf(`{"refId":"A","queryType":"events","source":%q}`, source)
	sum := sha256.Sum256([]byte(query))
	data, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return err
	}
	err = r.host.Stream(ctx, uid, "tail/"+hex.EncodeToString(sum[:]), data, func([]byte) error { return nil })
	if ctx.Err() != nil {
		return nil // the viewer left
	}
	return err
}

var faultTurn atomic.Int64

// fault breaks the cloud in another way than before, or lets it work.
func (r *run) fault(context.Context) error {
	kinds := []simulator.Fault{
		{}, {Kind: "reset", Share: 0.1}, {Kind: "status", Status: 503, Share: 0.2}, {}, {Kind: "truncate", Share: 0.1}, {Kind: "slow", Bytes: 4096, DelayMS: 5, Share: 0.3},
		{}, {Kind: "status", Status: 429, RetryAfterS: 2, Next: 1}, {Kind: "html", Share: 0.1}, {Kind: "errorMessage", Share: 0.1},
	}
	fault := kinds[int(faultTurn.Add(1))%len(kinds)]
	faults := simulator.Faults{LatencyMS: 5, JitterMS: 20}
	if fault.Kind != "" {
		fault.Endpoint = "any"
		faults.Rules = []simulator.Fault{fault}
	}
	r.sim.SetFaults(faults)
	return nil
}

func (r *run) get(ctx context.Context, path string) error {
	return r.send(ctx, http.MethodGet, "/api/datasources/uid/"+uid+path, nil, nil, io.Discard)
}

// send sends a request to the host and copies the answer.
func (r *run) send(ctx context.Context, method, path string, header http.Header, body any, to io.Writer) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, r.host.URL()+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	maps.Copy(req.Header, header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read only
	if _, err := io.Copy(to, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return nil
}
