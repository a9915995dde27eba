package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/workbench"
)

const uid = "chaos"

// replica is a workbench with its own plugin process, and a viewer that queries it all the time.
type replica struct {
	host     *workbench.Workbench
	url      string
	settings map[string]any
	secrets  map[string]string
	viewing  sync.WaitGroup
	archive  bool // whether it answers by searches and from an archive

	mu       sync.Mutex
	latest   answer
	invented []string
}

func (r *run) start() *replica {
	host, err := workbench.Start(context.Background(), workbench.Config{PluginDir: pluginDir})
	require.NoError(r.t, err)
	key := r.sim.Keys()[0]
	p := &replica{
		host: host, url: r.url, secrets: map[string]string{"apiSecret": key.APISecret},
		settings: map[string]any{
			"orgKey": r.sim.OrgKey(), "apiId": key.APIID, "queueEnabled": true, "queuePollSeconds": 10, "store": r.store, "timeout": 3,
			"requestsPerFiveMinutes": 100_000,
		},
	}
	if r.archive {
		p.settings["queueEnabled"], p.settings["archiveDays"], p.archive = false, 3, true
	}
	if r.database != nil {
		p.secrets["storeDsn"] = r.database.DSN
	}
	ctx, stop := context.WithCancel(context.Background())
	r.t.Cleanup(func() {
		stop()
		p.viewing.Wait()
		require.NoError(r.t, host.Close())
	})
	p.save(r.t, http.MethodPost, "/api/datasources")
	p.viewing.Go(func() { p.view(ctx, r.truth) })
	return p
}

// save saves the settings in the workbench.
func (p *replica) save(t *testing.T, method, path string) {
	body, err := json.Marshal(map[string]any{
		"uid": uid, "name": "Chaos", "type": "carbonblack-auditlog-datasource", "url": p.url, "jsonData": p.settings, "secureJsonData": p.secrets,
	})
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(context.Background(), method, p.host.URL()+path, bytes.NewReader(body))
	require.NoError(t, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}

// view queries continuously. A query starts a dead process again.
func (p *replica) view(ctx context.Context, truth func() map[string]int) {
	for ctx.Err() == nil {
		got := p.ask(ctx)
		got.missing, got.surplus = compare(truth(), got.counts)
		if p.archive {
			missing, surplus := compare(byActor(truth()), got.groups)
			got.missing, got.surplus = append(got.missing, missing...), append(got.surplus, surplus...)
		}
		p.mu.Lock()
		p.latest = got
		p.invented = append(p.invented, got.surplus...)
		p.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// last returns the last answer, and the surplus events of all answers so far.
func (p *replica) last() (latest answer, invented []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest, p.invented
}

// answer is the content of the queue's store, as a process reports it.
type answer struct {
	asked            time.Time
	counts           map[string]int
	groups           map[string]int // of the same events, by actor
	missing, surplus []string       // compared with the truth at that time
	said             []string       // notices, or the error
	vouched          bool           // no notice of missing events
}

func (p *replica) ask(ctx context.Context) answer {
	a := answer{asked: time.Now()}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	source := "queue"
	if p.archive {
		source = "search"
	}
	query := func(refID, kind string) string {
		return fmt.Sprintf(`{"refId":%q,"schemaVersion":1,"queryType":%q,"source":%q,"format":"table","limit":50000,"groupBy":[%s]}`,
			refID, kind, source, map[string]string{"top": `"actor"`}[kind])
	}
	body := fmt.Sprintf(`{"from":"now-50h","to":"now+5m","queries":[%s]}`, query("A", "events"))
	if p.archive {
		body = fmt.Sprintf(`{"from":"now-50h","to":"now+5m","queries":[%s,%s]}`, query("A", "events"), query("B", "top"))
	}
	response, err := p.host.Query(ctx, uid, []byte(body))
	if err != nil {
		a.said = []string{err.Error()}
		return a
	}
	a.read(response.Responses["A"])
	if p.archive && a.counts != nil {
		a.groups = actors(response.Responses["B"])
	}
	return a
}

// actors returns the events of each actor, nil for an error.
func actors(r backend.DataResponse) map[string]int {
	if r.Error != nil || len(r.Frames) == 0 {
		return nil
	}
	groups := map[string]int{}
	for row := range r.Frames[0].Rows() {
		name, _ := field(r.Frames[0], "actor", row).(string)
		n, _ := field(r.Frames[0], "count", row).(int64)
		groups["group "+name] += int(n)
	}
	return groups
}

// byActor is the truth of actors.
func byActor(truth map[string]int) map[string]int {
	groups := map[string]int{}
	for id, n := range truth {
		groups["group "+strings.Split(id, `"`)[1]] += n
	}
	return groups
}

// archived reports whether the process says that the archive is complete.
func (p *replica) archived() bool {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.host.URL()+"/api/datasources/uid/"+uid+"/resources/status", nil)
	if err != nil {
		return false
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	var status struct {
		Archive struct {
			Complete bool
			Events   int
			Error    *string
		}
	}
	return json.NewDecoder(response.Body).Decode(&status) == nil && status.Archive.Complete && status.Archive.Events >= 10_500 && status.Archive.Error == nil
}

func (a *answer) read(r backend.DataResponse) {
	if r.Error != nil {
		a.said = []string{r.Error.Error()}
		return
	}
	a.counts, a.vouched = map[string]int{}, true
	for _, f := range r.Frames {
		if f.Meta != nil {
			for _, n := range f.Meta.Notices {
				a.said = append(a.said, n.Text)
				a.vouched = a.vouched && !strings.Contains(n.Text, "missing") && !strings.Contains(n.Text, "cannot be read")
			}
		}
		for row := range f.Rows() {
			at, _ := field(f, "create_time", row).(time.Time)
			texts := make([]string, 0, 4)
			for _, name := range []string{"actor", "actor_ip", "description", "org_key"} {
				text, _ := field(f, name, row).(string)
				texts = append(texts, text)
			}
			a.counts[identity(at, texts...)]++
		}
	}
}

func field(f *data.Frame, name string, row int) any {
	if column, _ := f.FieldByName(name); column != nil {
		return column.At(row)
	}
	return nil
}

// compare lists missing events and surplus events.
func compare(truth, got map[string]int) (missing, surplus []string) {
	for id, n := range truth {
		if got[id] < n {
			missing = append(missing, id)
		}
	}
	for id, n := range got {
		if n > truth[id] {
			surplus = append(surplus, id)
		}
	}
	return missing, surplus
}
