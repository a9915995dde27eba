package simulator

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (c *cloud) job(id string) map[string]any {
	c.t.Helper()
	return c.call(http.MethodGet, c.jobPath("/"+id), "").object(c.t)
}

// jobSwitchTests are the switchTests of exports and jobs.
var jobSwitchTests = map[string]func(*cloud){
	"exportStatus": func(c *cloud) {
		for _, status := range []int{200, 201, 202} {
			c.SetSwitches(Switches{ExportStatus: status})
			require.Equal(c.t, status, c.call(http.MethodPost, c.logs("_export"), `{"format":"csv"}`).status)
		}
		c.SetSwitches(Switches{ExportStatus: 303})
		r := c.call(http.MethodPost, c.logs("_export"), `{"format":"csv"}`) // the client follows
		require.Equal(c.t, "CREATED", r.object(c.t)["status"])
	},
	"exportRowCap": func(c *cloud) {
		c.SetSwitches(Switches{ExportRowCap: 10})
		require.Equal(c.t, 11, strings.Count(string(c.download(c.export(`{"format":"csv"}`)).body), "\r\n"))
	},
	"jobIdType": func(c *cloud) {
		c.SetSwitches(Switches{JobIDType: "string"})
		id := c.call(http.MethodPost, c.logs("_export"), `{"format":"csv"}`).object(c.t)["job_id"]
		require.Equal(c.t, "4805565", id)
		require.Equal(c.t, "4805565", c.job("4805565")["id"])
	},
	"jobIdKey": func(c *cloud) {
		c.SetSwitches(Switches{JobIDKey: "jobId"})
		require.Contains(c.t, c.call(http.MethodPost, c.logs("_export"), `{"format":"csv"}`).object(c.t), "jobId")
		c.SetSwitches(Switches{JobIDKey: "ref_url"})
		address := c.call(http.MethodPost, c.logs("_export"), `{"format":"csv"}`).object(c.t)["ref_url"]
		require.Equal(c.t, c.http.URL+c.jobPath("/4805566"), address)
	},
	"jobType": func(c *cloud) {
		c.SetSwitches(Switches{JobType: "event_export"})
		require.Equal(c.t, "event_export", c.job(c.export(`{"format":"csv"}`))["type"])
	},
	"jobInProgress": func(c *cloud) {
		c.SetSwitches(Switches{JobInProgress: true, JobPolls: 3})
		id := c.export(`{"format":"csv"}`)
		for _, status := range []string{"CREATED", "IN_PROGRESS", "IN_PROGRESS", "COMPLETED", "COMPLETED"} {
			require.Equal(c.t, status, c.job(id)["status"])
		}
	},
	"jobProgress": func(c *cloud) {
		id := c.export(`{"format":"csv"}`)
		require.NotContains(c.t, c.job(id), "progress")
		c.SetSwitches(Switches{JobProgress: true})
		require.Equal(c.t, map[string]any{"num_total": 50.0, "num_completed": 50.0, "message": ""}, c.job(id)["progress"])
	},
	"progressRoute": func(c *cloud) {
		id := c.export(`{"format":"csv"}`)
		for _, want := range []float64{25, 50} {
			require.Equal(c.t, want, c.call(http.MethodGet, c.jobPath("/"+id+"/progress"), "").object(c.t)["num_completed"])
		}
		c.SetSwitches(Switches{ProgressRoute: "stuck"})
		require.Equal(c.t, 0.0, c.call(http.MethodGet, c.jobPath("/"+id+"/progress"), "").object(c.t)["num_completed"])
		c.SetSwitches(Switches{ProgressRoute: "missing"})
		require.Equal(c.t, 404, c.call(http.MethodGet, c.jobPath("/"+id+"/progress"), "").status)
	},
	"jobPolls": func(c *cloud) {
		c.SetSwitches(Switches{JobPolls: -1})
		require.Equal(c.t, "COMPLETED", c.job(c.export(`{"format":"csv"}`))["status"])
		c.SetSwitches(Switches{JobPolls: 2})
		id := c.export(`{"format":"csv"}`)
		for _, status := range []string{"CREATED", "CREATED", "COMPLETED"} {
			require.Equal(c.t, status, c.job(id)["status"])
		}
	},
	"jobMs": func(c *cloud) {
		c.SetSwitches(Switches{JobMS: 1000, JobPolls: -1, JobProgress: true, JobInProgress: true})
		id := c.export(`{"format":"csv"}`)
		c.clock.advance(500 * time.Millisecond)
		require.Equal(c.t, 25.0, c.job(id)["progress"].(map[string]any)["num_completed"])
		c.clock.advance(499 * time.Millisecond)
		require.Equal(c.t, "IN_PROGRESS", c.job(id)["status"])
		c.clock.advance(time.Millisecond)
		require.Equal(c.t, "COMPLETED", c.job(id)["status"])
	},
	"jobFails": func(c *cloud) {
		c.SetSwitches(Switches{JobFails: true, JobPolls: -1})
		id := c.export(`{"format":"csv"}`)
		require.Equal(c.t, "FAILED", c.job(id)["status"])
		require.NotEmpty(c.t, c.job(id)["errors"])
		require.Equal(c.t, 404, c.download(id).status)
		c.SetSwitches(Switches{})
		require.Equal(c.t, "FAILED", c.job(id)["status"], "an end is an end")
	},
	"jobEarly404": func(c *cloud) {
		c.SetSwitches(Switches{JobEarly404: 2})
		id := c.export(`{"format":"csv"}`)
		for _, status := range []int{404, 404, 200} {
			require.Equal(c.t, status, c.call(http.MethodGet, c.jobPath("/"+id), "").status)
		}
	},
	"earlyDownload": func(c *cloud) {
		id := c.export(`{"format":"csv"}`)
		require.Greater(c.t, len(c.download(id).body), 1000)
		for mode, want := range map[string]int{"404": 404, "409": 409, "empty": 200} {
			c.SetSwitches(Switches{EarlyDownload: mode})
			r := c.download(id)
			require.Equal(c.t, want, r.status)
			require.Equal(c.t, mode == "empty", len(r.body) == 0)
		}
		c.job(id)
		c.job(id)
		require.Greater(c.t, len(c.download(id).body), 1000, "complete")
	},
	"downloadRedirect": func(c *cloud) {
		id := c.export(`{"format":"csv"}`)
		want := string(c.download(id).body)
		for mode, host := range map[string]string{"same": "//127.0.0.1:", "other": "//localhost:"} {
			c.SetSwitches(Switches{DownloadRedirect: mode})
			stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			r := c.do(c.request(http.MethodGet, c.jobPath("/"+id+"/download"), ""), stay)
			require.Equal(c.t, 302, r.status)
			require.Contains(c.t, r.header.Get("Location"), host)
			require.Equal(c.t, want, string(c.download(id).body))
			log := c.Requests()
			require.Equal(c.t, "storage", log[len(log)-1].Endpoint)
			require.Equal(c.t, c.key.APIID, log[len(log)-1].APIID, "a careless client takes its token along, and the log shows it")
		}
		require.Equal(c.t, 404, c.call(http.MethodGet, "/storage/guess", "").status)
	},
	"storageUrl": func(c *cloud) {
		c.SetSwitches(Switches{DownloadRedirect: "other", StorageURL: c.http.URL + "/"})
		require.Greater(c.t, len(c.download(c.export(`{"format":"csv"}`)).body), 1000)
		require.True(c.t, strings.HasPrefix(c.http.URL, "http://"+c.Requests()[2].Host))
	},
	"csvHeader": func(c *cloud) {
		for form, want := range map[string]string{"names": "actor,actor_ip,", "titles": "Actor,Actor IP,", "none": "alice@example.com,"} {
			c.SetSwitches(Switches{CSVHeader: form})
			require.True(c.t, strings.HasPrefix(string(c.download(c.export(`{"format":"csv"}`)).body), want))
		}
	},
	"csvColumns": func(c *cloud) {
		c.SetSwitches(Switches{CSVColumns: []string{"description", "actor"}})
		require.True(c.t, strings.HasPrefix(string(c.download(c.export(`{"format":"csv"}`)).body), "description,actor\r\nevent 0,alice@"))
	},
	"csvLineEnding": func(c *cloud) {
		c.SetSwitches(Switches{CSVLineEnding: "lf"})
		body := string(c.download(c.export(`{"format":"csv"}`)).body)
		require.Equal(c.t, 51, strings.Count(body, "\n"))
		require.NotContains(c.t, body, "\r")
	},
	"csvBom": func(c *cloud) {
		c.SetSwitches(Switches{CSVBOM: true})
		require.True(c.t, strings.HasPrefix(string(c.download(c.export(`{"format":"csv"}`)).body), "\ufeffactor"))
	},
	"jsonEnvelope": func(c *cloud) {
		id := c.export(`{"format":"json"}`)
		var list []map[string]any
		require.NoError(c.t, json.Unmarshal(c.download(id).body, &list))
		require.Len(c.t, list, 50)
		c.SetSwitches(Switches{JSONEnvelope: "results"})
		require.Len(c.t, c.download(id).page(c.t).Results, 50)
		c.SetSwitches(Switches{JSONEnvelope: "ndjson"})
		lines := strings.Split(strings.TrimSuffix(string(c.download(id).body), "\n"), "\n")
		require.Len(c.t, lines, 50)
		require.True(c.t, json.Valid([]byte(lines[49])))
	},
}

func TestExportLifecycle(t *testing.T) {
	odd := event(0, "a, \"b\"\nc")
	c := newCloud(t, Config{Events: append(numbered(3), odd)})
	id := c.export(`{"format":"csv","exclusions":{"description":["event 1"]},"sort":[{"field":"create_time","order":"ASC"}]}`)
	c.Add(event(0, "after the start")) // an export holds the events at its start
	created := c.job(id)
	require.Equal(t, map[string]any{
		"id": 4805565.0, "type": "EXTERNAL", "job_parameters": map[string]any{"job_parameters": nil}, "org_key": "ABCD1234",
		"status": "CREATED", "create_time": "2026-03-11T12:00:00.000000Z", "last_update_time": "2026-03-11T12:00:00.000000Z",
	}, created)
	c.clock.advance(time.Second)
	completed := c.job(id)
	require.Equal(t, "COMPLETED", completed["status"])
	require.Equal(t, "2026-03-11T12:00:01.000000Z", completed["last_update_time"])
	r := c.download(id)
	require.Equal(t, "text/csv; charset=utf-8", r.header.Get("Content-Type"))
	require.Contains(t, string(r.body), "\"a, \"\"b\"\"\nc\"", "a line break in a cell stays as it is")
	rows, err := csv.NewReader(strings.NewReader(string(r.body))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 4)
	require.Equal(t, fieldNames, rows[0])
	require.Equal(t, []string{"alice@example.com", "192.0.2.1", "2026-03-11T11:59:58.000Z", "event 2", "false", "ABCD1234", "", "false"}, rows[1])
	require.Equal(t, odd.Description, rows[3][3])
	require.Equal(t, r.body, c.download(id).body, "a download can be repeated")
}

func TestExportValidation(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(3)})
	for _, body := range []string{`{}`, `{"format":"CSV"}`, `{"format":"xml"}`, `{"format":"csv","rows":1}`, `{"format":"csv","start":1}`, `{"format":"csv","query":"("}`, `{"format":1}`} {
		require.Equal(t, 400, c.call(http.MethodPost, c.logs("_export"), body).status, body)
	}
}

func TestJobsBelongToKeyAndExpire(t *testing.T) {
	c := newCloud(t, Config{Events: numbered(3)})
	first, second := c.export(`{"format":"csv"}`), c.export(`{"format":"json"}`)
	list := c.call(http.MethodGet, c.jobPath(""), "").object(t)
	require.Equal(t, 2.0, list["num_found"])
	require.Equal(t, 4805566.0, list["results"].([]any)[0].(map[string]any)["id"], "newest first")
	mine := c.key
	c.key = c.Keys()[2]
	require.Equal(t, 0.0, c.call(http.MethodGet, c.jobPath(""), "").object(t)["num_found"])
	for _, rest := range []string{"/" + first, "/" + second + "/progress", "/" + second + "/download", "/0" + first, "/x"} {
		require.Equal(t, 404, c.call(http.MethodGet, c.jobPath(rest), "").status, rest)
	}
	c.key = mine
	c.clock.advance(30*day - time.Second)
	require.Equal(t, 200, c.download(first).status)
	c.clock.advance(time.Second)
	require.Equal(t, 404, c.download(first).status)
	require.Equal(t, 404, c.call(http.MethodGet, c.jobPath("/"+first), "").status)
	require.Equal(t, 404, c.call(http.MethodGet, c.jobPath("/"+first+"/else"), "").status)
}

func TestEmptyExports(t *testing.T) {
	c := newCloud(t, Config{Events: []Event{}})
	require.Equal(t, strings.Join(fieldNames, ",")+"\r\n", string(c.download(c.export(`{"format":"csv"}`)).body))
	require.Equal(t, "[]", string(c.download(c.export(`{"format":"json"}`)).body))
	c.SetSwitches(Switches{JSONEnvelope: "ndjson"})
	require.Empty(t, c.download(c.export(`{"format":"json"}`)).body)
}
