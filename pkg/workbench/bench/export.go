package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/simulator"
	"carbonblack-auditlog-datasource/pkg/workbench"
)

const (
	exportEvents  = 1_050_000 // about as many: the generated history is no exact number
	exportDays    = 30
	exportRuns    = 5
	mostExact     = 1.2 // times a bare download
	mostSafe      = 1.5
	mostExportMiB = 32
)

// exportFigures compare the download of one export job by three ways.
type exportFigures struct {
	rows, bytes       int64
	bare, exact, safe time.Duration // medians
	grownExact        int64         // by how much the plugin's process grew at most
	grownSafe         int64
}

// exporting is the plugin as a process of its own behind the workbench, with an export job that is completed.
type exporting struct {
	cloud *cloud
	bench *workbench.Workbench
	http  *http.Client
	id    string // of the export
	job   string // in the cloud
}

// export measures the download of a job of a million rows: straight from the cloud, and through the plugin, Grafana's gRPC and the
// workbench's HTTP server. The ways take turns, so that a busy moment of the machine is shared.
func (l *lab) export(ctx context.Context) (f exportFigures, err error) {
	c, err := startCloud(ctx, l.config.Simulator, simulator.Generate{Days: exportDays, PerDay: exportEvents / exportDays, LivePerDay: -1})
	if err != nil {
		return f, err
	}
	defer func() { _ = c.stop() }() // its figures are in by then
	x, err := l.startExport(ctx, c)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, x.bench.Close()) }()
	var bare, exact, safe []time.Duration
	for range exportRuns {
		took, size, sum, err := x.timed(ctx, x.bareRequest)
		if err != nil {
			return f, err
		}
		bare, f.bytes = append(bare, took), size
		for _, way := range []struct {
			safe  bool
			times *[]time.Duration
			grown *int64
		}{{false, &exact, &f.grownExact}, {true, &safe, &f.grownSafe}} {
			peak := watchProcess(x.bench.PID())
			took, _, got, err := x.timed(ctx, func(ctx context.Context) (*http.Request, error) {
				return x.request(ctx, "GET", x.download(way.safe), nil)
			})
			*way.grown = max(*way.grown, peak())
			if err == nil && !way.safe && got != sum {
				err = errors.New("the file differs from the bare download")
			}
			if err != nil {
				return f, err
			}
			*way.times = append(*way.times, took)
		}
	}
	f.bare, f.exact, f.safe = median(bare), median(exact), median(safe)
	f.rows, err = x.rows(ctx)
	return f, err
}

// startExport builds the plugin, starts it in a workbench, and lets an export complete.
func (l *lab) startExport(ctx context.Context, c *cloud) (*exporting, error) {
	dir, err := os.MkdirTemp("", "bench-export")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the plugin runs by then
	if err := l.buildPlugin(ctx, dir); err != nil {
		return nil, err
	}
	bench, err := workbench.Start(ctx, workbench.Config{PluginDir: dir})
	if err != nil {
		return nil, err
	}
	x := &exporting{cloud: c, bench: bench, http: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	if err := x.start(ctx); err != nil {
		return nil, errors.Join(err, bench.Close())
	}
	return x, nil
}

func (l *lab) buildPlugin(ctx context.Context, dir string) error {
	meta, err := os.ReadFile(filepath.Join(l.config.Root, "plugin.json"))
	if err != nil {
		return err
	}
	var parsed struct{ Executable string }
	if err := json.Unmarshal(meta, &parsed); err != nil {
		return fmt.Errorf("plugin.json: %w", err)
	}
	binary := filepath.Join(dir, fmt.Sprintf("%s_%s_%s", parsed.Executable, runtime.GOOS, runtime.GOARCH))
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./pkg")
	build.Dir = l.config.Root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the plugin: %w: %s", err, out)
	}
	return os.WriteFile(filepath.Join(dir, "plugin.json"), meta, 0o600)
}

const benchSource = "bench"

// start makes the data source and an export of everything, and waits for its job.
func (x *exporting) start(ctx context.Context) error {
	key := x.cloud.Keys[0]
	source := map[string]any{
		"uid": benchSource, "name": benchSource, "type": "carbonblack-auditlog-datasource", "url": x.cloud.URL,
		"jsonData":       map[string]any{"orgKey": x.cloud.OrgKey, "apiId": key.APIID, "requestsPerFiveMinutes": 1_000_000},
		"secureJsonData": map[string]string{"apiSecret": key.APISecret},
	}
	if err := x.call(ctx, "POST", x.bench.URL()+"/api/datasources", source, nil); err != nil {
		return err
	}
	now := time.Now()
	order := map[string]any{
		"query": map[string]any{"refId": "A"}, "from": now.AddDate(0, 0, -2*exportDays).UnixMilli(), "to": now.UnixMilli(), "format": "csv",
	}
	var state struct{ ID, Status, Kind, Error, Message string }
	if err := x.call(ctx, "POST", x.resource("exports"), order, &state); err != nil {
		return err
	}
	for state.Status != "COMPLETED" {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := x.call(ctx, "GET", x.resource("exports/"+state.ID), nil, &state); err != nil {
			return err
		}
	}
	if state.Kind != "job" {
		return fmt.Errorf("the export is not made by a job: %s", state.Message)
	}
	x.id = state.ID
	return x.findJob(ctx)
}

// findJob asks the cloud for its only job.
func (x *exporting) findJob(ctx context.Context) error {
	req, err := x.request(ctx, "GET", x.jobs(), nil)
	if err != nil {
		return err
	}
	var list struct{ Results []struct{ ID int64 } }
	if err := x.read(req, &list); err != nil {
		return err
	}
	if len(list.Results) != 1 {
		return fmt.Errorf("the cloud has %d jobs, not one", len(list.Results))
	}
	x.job = strconv.FormatInt(list.Results[0].ID, 10)
	return nil
}

func (x *exporting) resource(path string) string {
	return x.bench.URL() + "/api/datasources/uid/" + benchSource + "/resources/" + path
}

func (x *exporting) download(safe bool) string {
	return x.resource("exports/" + x.id + "/download?safe=" + strconv.FormatBool(safe))
}

func (x *exporting) jobs() string { return x.cloud.URL + "/jobs/v1/orgs/" + x.cloud.OrgKey + "/jobs" }

func (x *exporting) bareRequest(ctx context.Context) (*http.Request, error) {
	return x.request(ctx, "GET", x.jobs()+"/"+x.job+"/download", nil)
}

// request is one to the cloud or to the workbench; only the cloud gets the token.
func (x *exporting) request(ctx context.Context, method, url string, body any) (*http.Request, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(raw))
	if err == nil && strings.HasPrefix(url, x.cloud.URL) {
		req.Header.Set("X-Auth-Token", x.cloud.Keys[0].Token())
	}
	return req, err
}

func (x *exporting) call(ctx context.Context, method, url string, body, into any) error {
	req, err := x.request(ctx, method, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	return x.read(req, into)
}

func (x *exporting) read(req *http.Request, into any) error {
	resp, err := x.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= 300:
		return fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, resp.Status, raw)
	case into == nil:
		return nil
	}
	return json.Unmarshal(raw, into)
}

// timed downloads a file and forgets it.
func (x *exporting) timed(ctx context.Context, prepare func(context.Context) (*http.Request, error)) (took time.Duration, size int64, sum string, err error) {
	req, err := prepare(ctx)
	if err != nil {
		return 0, 0, "", err
	}
	start := time.Now()
	resp, err := x.http.Do(req)
	if err != nil {
		return 0, 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	digest := sha256.New()
	size, err = io.CopyBuffer(digest, resp.Body, make([]byte, 256<<10))
	took = time.Since(start)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("a download was answered %s", resp.Status)
	}
	return took, size, hex.EncodeToString(digest.Sum(nil)), err
}

// rows reads the manifest, which has to call the file whole.
func (x *exporting) rows(ctx context.Context) (int64, error) {
	var m struct {
		Rows     int64
		Complete bool
		Note     string
	}
	if err := x.call(ctx, "GET", x.resource("exports/"+x.id+"/manifest"), nil, &m); err != nil {
		return 0, err
	}
	if !m.Complete {
		return 0, fmt.Errorf("the export is not whole: %s", m.Note)
	}
	return m.Rows, nil
}

// watchProcess looks at the memory of a process every few milliseconds until peak is called, which tells by how much it had
// grown at most. Where the system does not tell, that is 0.
func watchProcess(pid int) (peak func() int64) {
	before := residentBytes(pid)
	stop, stopped := make(chan struct{}), make(chan int64)
	go func() {
		most := before
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				most = max(most, residentBytes(pid))
			case <-stop:
				stopped <- max(most, residentBytes(pid))
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-stopped - before
	}
}

// residentBytes is the memory that a process takes, by the second field of Linux's statm.
func residentBytes(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(raw))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

func (f exportFigures) bounds() []bound {
	n := grouped(f.rows)
	return []bound{
		{name: "time, export of " + n + " rows byte for byte, against a bare download", got: f.exact.Seconds() / f.bare.Seconds(), most: mostExact, unit: " x", timed: true},
		{name: "time, the same with formula cells made safe", got: f.safe.Seconds() / f.bare.Seconds(), most: mostSafe, unit: " x", timed: true},
		{name: "memory, the export byte for byte", got: mib(f.grownExact), most: mostExportMiB, unit: " MiB"},
		{name: "memory, the export with formula cells made safe", got: mib(f.grownSafe), most: mostExportMiB, unit: " MiB"},
	}
}

func (f exportFigures) table() table {
	line := func(name string, took time.Duration, memory string) []string {
		return []string{name, seconds(took), short(mib(f.bytes) / took.Seconds()), short(took.Seconds() / f.bare.Seconds()), memory}
	}
	return table{
		title: fmt.Sprintf("An export of %s rows", grouped(f.rows)),
		text: fmt.Sprintf("A CSV of %s. *Bare* is the download of the job straight from the cloud. The others go through the plugin's own process, gRPC and the\n"+
			"workbench's HTTP server, as they would through Grafana. Medians of %d runs that take turns; *memory* is by how much the plugin's process\n"+
			"grew at most, looked at every 5 ms.", kib(f.bytes), exportRuns),
		header: []string{"", "Seconds", "MiB a second", "Against bare", "Memory"},
		rows: [][]string{
			line("bare download", f.bare, ""),
			line("byte for byte", f.exact, short(mib(f.grownExact))+" MiB"),
			line("formula cells made safe", f.safe, short(mib(f.grownSafe))+" MiB"),
		},
	}
}
