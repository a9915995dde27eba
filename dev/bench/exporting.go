package bench

import (
	"bytes"
	"context"
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

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/dev/workbench"
	"carbonblack-auditlog-datasource/pkg/export"
)

// exporting is the plugin as a process of its own, with an export job of each format that is completed.
type exporting struct {
	cloud *cloud
	bench *workbench.Workbench
	http  *http.Client
	files map[string]exportedFile // by the kind of export and the format
	// resting is the memory of the plugin's process before it had a file: what one leaves behind belongs to the next, too.
	resting int64
}

// exportedFile is known by one id to a data source, and by another to the cloud if a job made it.
type exportedFile struct{ source, id, job string }

// startExports builds the plugin, starts it in a workbench, and lets an export of each kind and format complete. A data source, named by
// the kind, has an API key that may fetch the files of jobs, and another one a key that may not.
func (l *lab) startExports(ctx context.Context, c *cloud) (*exporting, error) {
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
	x := &exporting{
		cloud: c, bench: bench, http: &http.Client{Transport: &http.Transport{DisableCompression: true}}, files: map[string]exportedFile{},
	}
	for i, kind := range []string{export.KindJob, export.KindSearch} {
		if err == nil {
			err = x.addSource(ctx, kind, c.Keys[i]) // the second lacks jobs.status
		}
		for _, format := range []string{"csv", "json"} {
			if err == nil {
				x.files[kind+format], err = x.start(ctx, kind, format)
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, bench.Close())
	}
	forgetPeak(bench.PID())
	x.resting = peakBytes(bench.PID())
	return x, nil
}

// buildPlugin builds the plugin as Grafana starts it.
func (l *lab) buildPlugin(ctx context.Context, dir string) error {
	meta, err := os.ReadFile(filepath.Join(l.config.Root, "plugin.json"))
	if err != nil {
		return err
	}
	var parsed struct{ Executable string }
	if err := json.Unmarshal(meta, &parsed); err != nil {
		return fmt.Errorf("plugin.json: %w", err)
	}
	name := fmt.Sprintf("%s_%s_%s", parsed.Executable, runtime.GOOS, runtime.GOARCH)
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, name), "./pkg")
	build.Dir = l.config.Root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the plugin: %w: %s", err, out)
	}
	return os.WriteFile(filepath.Join(dir, "plugin.json"), meta, 0o600)
}

// addSource makes a data source.
func (x *exporting) addSource(ctx context.Context, uid string, key simulator.Key) error {
	source := map[string]any{
		"uid": uid, "name": uid, "type": "carbonblack-auditlog-datasource", "url": x.cloud.URL,
		"jsonData":       map[string]any{"orgKey": x.cloud.OrgKey, "apiId": key.APIID, "requestsPerFiveMinutes": 1_000_000},
		"secureJsonData": map[string]string{"apiSecret": key.APISecret},
	}
	return x.call(ctx, "POST", x.bench.URL()+"/api/datasources", source, nil)
}

// start makes an export of everything, and waits for its job.
func (x *exporting) start(ctx context.Context, kind, format string) (file exportedFile, err error) {
	now := time.Now()
	order := map[string]any{
		"query": map[string]any{"refId": "A"}, "from": now.AddDate(0, 0, -2*exportDays).UnixMilli(), "to": now.UnixMilli(), "format": format,
	}
	var state struct{ ID, Status, Kind, Error, Message string }
	if err := x.call(ctx, "POST", x.resource(kind, "exports"), order, &state); err != nil {
		return file, err
	}
	for state.Status != "COMPLETED" {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return file, ctx.Err()
		}
		if err := x.call(ctx, "GET", x.resource(kind, "exports/"+state.ID), nil, &state); err != nil {
			return file, err
		}
	}
	file = exportedFile{source: kind, id: state.ID}
	switch {
	case state.Kind != kind:
		err = fmt.Errorf("the export is made by %s, and not by %s: %s", state.Kind, kind, state.Message)
	case kind == export.KindJob:
		file.job, err = x.newestJob(ctx)
	}
	return file, err
}

// newestJob asks the cloud for its jobs, which it lists newest first.
func (x *exporting) newestJob(ctx context.Context) (string, error) {
	req, err := x.request(ctx, "GET", x.jobs(), nil)
	if err != nil {
		return "", err
	}
	var list struct{ Results []struct{ ID int64 } }
	if err := x.read(req, &list); err != nil {
		return "", err
	}
	if len(list.Results) == 0 {
		return "", errors.New("the cloud has no jobs")
	}
	return strconv.FormatInt(list.Results[0].ID, 10), nil
}

func (x *exporting) resource(source, path string) string {
	return x.bench.URL() + "/api/datasources/uid/" + source + "/resources/" + path
}

func (x *exporting) jobs() string { return x.cloud.URL + "/jobs/v1/orgs/" + x.cloud.OrgKey + "/jobs" }

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

// bare downloads the job's file straight from the cloud.
func (x *exporting) bare(ctx context.Context, file exportedFile, to io.Writer) error {
	req, err := x.request(ctx, "GET", x.jobs()+"/"+file.job+"/download", nil)
	if err != nil {
		return err
	}
	resp, err := x.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the bare download was answered %s", resp.Status)
	}
	_, err = io.CopyBuffer(to, resp.Body, make([]byte, 256<<10))
	return err
}

// throughPlugin takes the file from the plugin, message by message.
func (x *exporting) throughPlugin(ctx context.Context, file exportedFile, safe bool, to io.Writer) error {
	path := "exports/" + file.id + "/download"
	stream, err := x.bench.CallResource(ctx, file.source, nil, &backend.CallResourceRequest{
		Method: http.MethodGet, Path: path, URL: path + "?safe=" + strconv.FormatBool(safe),
	})
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		message, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case first && message.Code != http.StatusOK:
			return fmt.Errorf("the plugin's download was answered %d: %s", message.Code, message.Body)
		}
		if _, err := to.Write(message.Body); err != nil {
			return err
		}
	}
}

// rows reads the manifest, which has to call the file whole.
func (x *exporting) rows(ctx context.Context, file exportedFile) (int64, error) {
	var m struct {
		Rows     int64
		Complete bool
		Note     string
	}
	if err := x.call(ctx, "GET", x.resource(file.source, "exports/"+file.id+"/manifest"), nil, &m); err != nil {
		return 0, err
	}
	if !m.Complete {
		return 0, fmt.Errorf("the export is not whole: %s", m.Note)
	}
	return m.Rows, nil
}
