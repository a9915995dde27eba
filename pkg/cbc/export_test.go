package cbc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// exportClient asks a server that answers as it is told.
func exportClient(t *testing.T, answer http.HandlerFunc) *Client {
	server := httptest.NewServer(answer)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	client, err := New(Config{
		URL: server.URL, OrgKey: "ABCD1234", APIID: "ID", APISecret: "SECRET",
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}, &http.Client{Transport: transport})
	require.NoError(t, err)
	return client
}

func TestExportBody(t *testing.T) {
	at := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	r := ExportRequest{
		Filter: auditlog.Filter{Query: "description:FOO", Criteria: auditlog.Terms{auditlog.KeyFlagged: {"true"}}}, Start: at, End: at.Add(time.Hour), Format: ExportCSV,
	}
	require.JSONEq(t, `{"criteria":{"create_time":{"start":"2026-03-10T09:00:00.000000Z","end":"2026-03-10T10:00:00.000000Z"},"flagged":true},
		"query":"description:FOO","sort":[{"field":"create_time","order":"ASC"}],"format":"csv"}`, string(r.Body()))
}

// The vendor's exports name their job in many ways.
func TestNamesOfAJob(t *testing.T) {
	for answer, want := range map[string]string{
		`200 {"job_id":4805565}`: "4805565", `201 {"job_id":"12345678"}`: "12345678", `202 {"jobId":7}`: "7", `200 {"id":"a-b_C"}`: "a-b_C",
		`200 {"ref_url":"https://other.test/jobs/v1/orgs/ABCD1234/jobs/12345"}`: "12345",
		`200 {"ref_url":"/jobs/v1/orgs/ABCD1234/jobs/12345/download"}`:          "12345", `200 {"job_id":4805565.0}`: "4805565", `200 {"job_id":1.5}`: "",
		`303  /jobs/v1/orgs/ABCD1234/jobs/9`:                            "9",
		`303 {"job_id":9} https://x.test/jobs/v1/orgs/ABCD1234/jobs/9/`: "9",
		`201  /jobs/v1/orgs/ABCD1234/jobs/9`:                            "9",
		`200 {"job_id":9223372036854775807}`:                            "9223372036854775807",
		`200 {}`:                                                        "", `200 `: "", `204 `: "", `200 []`: "", `200 {"job_id":null}`: "", `200 {"job_id":"../x"}`: "",
		`200 {"job_id":"a/b"}`: "", `200 {"job_id":""}`: "", `200 {"job_id":{}}`: "", `200 {"ref_url":"https://x.test/x/9"}`: "",
		`200 {"errorMessage":"boom","job_id":9}`: "", `303  https://x.test/login`: "", `302  /jobs/v1/orgs/ABCD1234/jobs/9`: "9", `500 {}`: "",
		`200 {"job_id":"` + strings.Repeat("9", 65) + `"}`: "", `200 {"job_id":"%2e%2e"}`: "", `303  /jobs/v1/orgs/ABCD1234/jobs/9%2f..`: "",
	} {
		calls := 0
		client := exportClient(t, func(w http.ResponseWriter, r *http.Request) {
			calls++
			require.Equal(t, "POST /audit_log/v1/orgs/ABCD1234/logs/_export", r.Method+" "+r.URL.Path)
			parts := strings.Split(answer+"  ", " ")
			if parts[2] != "" {
				w.Header().Set("Location", parts[2])
			}
			status := 0
			_, _ = fmt.Sscan(parts[0], &status)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, parts[1])
		})
		id, err := client.Export(context.Background(), ExportRequest{Format: ExportCSV})
		require.Equal(t, want, id, answer)
		require.Equal(t, want == "", err != nil, answer)
		require.Equal(t, 1, calls, answer)
		var failed *Error
		if err != nil {
			require.ErrorAs(t, err, &failed)
			require.True(t, failed.Lost, "a job may have been started: %s", answer)
		}
	}
}

func TestNoJobs(t *testing.T) {
	client := exportClient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	jobs, err := client.Jobs(context.Background())
	require.NoError(t, err)
	require.Empty(t, jobs)
}

func TestJobs(t *testing.T) {
	answer := ""
	client := exportClient(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "SECRET/ID", r.Header.Get("X-Auth-Token"))
		_, _ = io.WriteString(w, answer)
	})
	answer = `{"id":7,"type":"EXTERNAL","status":"completed","create_time":"2023-02-02T23:16:25.625583Z","progress":{"num_total":10,"num_completed":12},"errors":null}`
	job, err := client.Job(context.Background(), "7")
	require.NoError(t, err)
	require.Equal(t, Job{ID: "7", Type: "EXTERNAL", Status: JobCompleted, Total: 10, Completed: 10, CreateTime: time.Date(2023, 2, 2, 23, 16, 25, 625583000, time.UTC)}, job)
	answer = `{"id":"7","status":null,"progress":{"num_total":null},"errors":["SECRET"],"create_time":12}`
	job, err = client.Job(context.Background(), "7")
	require.NoError(t, err)
	require.Equal(t, Job{ID: "7", Total: -1, Completed: -1, Failure: `["[secret]"]`}, job)
	answer = `{"results":[{"id":1,"org_key":"abcd1234"},{"id":"x/y"},{"id":"b"},{},{"id":9,"org_key":"OTHER"}]}`
	jobs, err := client.Jobs(context.Background())
	require.NoError(t, err)
	require.Len(t, jobs.Jobs, 2, "what cannot be a part of an address is no job, and another organization's is not ours")
	for _, answer = range []string{"", "x", "[1]", `{"errorMessage":"boom"}`, `{"results":7}`} {
		_, err = client.Jobs(context.Background())
		require.Error(t, err, answer)
		if answer != `{"results":7}` {
			_, err = client.Job(context.Background(), "7")
			require.Error(t, err, answer)
		}
	}
	for _, id := range []string{"", "..", "a/b", "a?b", "%2e", strings.Repeat("1", 65), "1\n"} {
		_, err = client.Job(context.Background(), id)
		require.Error(t, err)
		_, err = client.Download(context.Background(), id)
		require.Error(t, err)
	}
}

// A list that says that there are more jobs than it holds, or that holds what is no job, is not complete. What can be read comes out.
func TestJobListIsNotComplete(t *testing.T) {
	answer := ""
	client := exportClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
	for _, c := range []struct {
		answer     string
		jobs, left int
	}{
		{`{"num_found":2,"results":[{"id":1},{"id":2}]}`, 2, 0},
		{`{"num_found":3,"results":[{"id":1},{"id":2}]}`, 2, 1},
		{`{"num_found":"250","results":[{"id":1}]}`, 1, 249},
		{`{"num_found":1e3,"results":[{"id":1}]}`, 1, 999},
		{`{"num_found":9223372036854775807,"results":[{"id":1}]}`, 1, math.MaxInt32 - 1},
		{`{"num_found":1e400,"results":[{"id":1}]}`, 1, math.MaxInt32 - 1},
		{`{"num_found":-1e400,"results":[{"id":1}]}`, 1, 0},
		{`{"num_found":7}`, 0, 7},
		{`{"num_found":7,"results":[]}`, 0, 7},
		{`{"num_found":1,"results":[{"id":1},{"id":2}]}`, 2, 0},
		{`{"num_found":-5,"results":[{"id":1}]}`, 1, 0},
		{`{"num_found":null,"results":[{"id":1},null,7,"x",{"id":"../x"},{"id":[1]}]}`, 1, 5},
		{`{"num_found":2,"results":[{"id":1,"org_key":"OTHER"},{"id":2}]}`, 1, 0},
		{`[{"id":1}]`, 1, 0},
	} {
		answer = c.answer
		list, err := client.Jobs(context.Background())
		require.NoError(t, err, c.answer)
		require.Len(t, list.Jobs, c.jobs, c.answer)
		require.Equal(t, c.left, list.Missing, c.answer)
	}
}

// A redirect is followed without the token; only the configured host gets it, if it insists.
func TestRedirectWithinTheHost(t *testing.T) {
	var seen []string
	client := exportClient(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.Path+" "+r.Header.Get("X-Auth-Token"))
		switch {
		case strings.HasSuffix(r.URL.Path, "/download"):
			http.Redirect(w, r, "/files/1", http.StatusTemporaryRedirect)
		case r.Header.Get("X-Auth-Token") == "":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = io.WriteString(w, "file")
		}
	})
	file, err := client.Download(context.Background(), "1")
	require.NoError(t, err)
	content, err := io.ReadAll(file)
	require.NoError(t, errors.Join(err, file.Close()))
	require.Equal(t, "file", string(content))
	require.Equal(t, []string{"/jobs/v1/orgs/ABCD1234/jobs/1/download SECRET/ID", "/files/1 ", "/files/1 SECRET/ID"}, seen)
}

// What a storage refuses is asked for again, by a new signature; the place in the rate limit is free as soon as the file begins.
func TestDownload(t *testing.T) {
	calls := 0
	client := exportClient(t, func(w http.ResponseWriter, r *http.Request) {
		if calls++; strings.HasSuffix(r.URL.Path, "/download") {
			http.Redirect(w, r, fmt.Sprintf("/files/%d", calls), http.StatusFound)
			return
		}
		if calls < 4 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "file")
	})
	client.config.Limiter = ratelimit.New(ratelimit.Config{})
	file, err := client.Download(context.Background(), "1")
	require.NoError(t, err)
	require.Zero(t, client.config.Limiter.Status(ratelimit.Viewer{Accepted: true}).InFlight)
	require.NoError(t, file.Close())
	require.Equal(t, 4, calls)
}

// A storage that asks to wait is not asked again at once, and its wait does not hold for Carbon Black Cloud.
func TestStorageAsksToWait(t *testing.T) {
	for status, says := range map[int]string{503: "the storage of the file returned HTTP 503 and asks to wait 30s", 404: "HTTP 404", 429: "asks to wait 30s"} {
		stored := 0
		client := exportClient(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/download") {
				http.Redirect(w, r, "/files/1", http.StatusFound)
				return
			}
			stored++
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(status)
		})
		client.config.Limiter = ratelimit.New(ratelimit.Config{})
		_, err := client.Download(context.Background(), "1")
		require.ErrorContains(t, err, says)
		require.Equal(t, 1, stored)
		require.Nil(t, client.config.Limiter.Status(ratelimit.Viewer{Accepted: true}).PausedUntil)
	}
}

// A wait is believed for an hour at most. After it one request probes.
func TestLongWaitIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, cloud := scripted(t, Config{Limiter: ratelimit.New(ratelimit.Config{})}, step{status: 429, header: "31449600"}, step{status: 429, header: "31449600"}, fine)
		begin := time.Now()
		_, err := searchOnce(context.Background(), client)
		require.ErrorContains(t, err, "wait 1h0m0s")
		background := ratelimit.WithLane(context.Background(), ratelimit.LaneBackground)
		_, err = searchOnce(background, client)
		require.ErrorContains(t, err, "wait 1h0m0s")
		_, err = searchOnce(background, client)
		require.NoError(t, err)
		require.Equal(t, 2*(time.Hour+ratelimit.Margin), time.Since(begin))
		require.Equal(t, []time.Duration{0, time.Hour + ratelimit.Margin, 2 * (time.Hour + ratelimit.Margin)}, cloud.at)
	})
}
