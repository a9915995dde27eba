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
	missing, surplus []string // compared with the truth at that time
	said             []string // notices, or the error
	vouched          bool     // no notice of missing events
}

func (p *replica) ask(ctx context.Context) answer {
	a := answer{asked: time.Now()}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	body := fmt.Sprintf(`{"from":"now-50h","to":"now+5m","queries":[{"refId":"A","schemaVersion":1,"queryType":"events","source":"queue","format":"table","limit":%d}]}`, 50_000)
	response, err := p.host.Query(ctx, uid, []byte(body))
	if err != nil {
		a.said = []string{err.Error()}
		return a
	}
	a.read(response.Responses["A"])
	return a
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
