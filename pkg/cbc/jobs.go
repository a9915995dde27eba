package cbc

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"time"
)

// Job is a job of the vendor's Job service. Which optional members a job has depends on its type.
type Job struct {
	ID         string
	Type       string // EXTERNAL, event_export, …: what the audit log's jobs are called is not documented
	Parameters string // its request as JSON, if the service returns it
	Status     string // upper case: CREATED, IN_PROGRESS, COMPLETED, FAILED or a word that no document has
	Total      int    // rows, -1 if it does not tell
	Completed  int    // rows done, -1 if it does not tell
	Failure    string // what it says went wrong
	CreateTime time.Time
}

// The final states of a job. Every other word is one of a job that runs.
const (
	JobCompleted = "COMPLETED"
	JobFailed    = "FAILED"
)

// JobRetention is how long the vendor keeps a job and its file.
const JobRetention = 30 * 24 * time.Hour

// jobBody is a job on the wire.
type jobBody struct {
	ID         flexible        `json:"id"`
	OrgKey     flexible        `json:"org_key"`
	Type       flexible        `json:"type"`
	Parameters json.RawMessage `json:"job_parameters"`
	Status     flexible        `json:"status"`
	Errors     json.RawMessage `json:"errors"`
	CreateTime flexible        `json:"create_time"`
	Progress   json.RawMessage `json:"progress"`
	Failure    flexible        `json:"errorMessage"`
}

// maxProgress bounds the rows of a job that are believed: a larger number would not fit an int on every platform.
const maxProgress = math.MaxInt32

func (b jobBody) job() Job {
	j := Job{
		ID: string(b.ID), Type: string(b.Type), Parameters: string(b.Parameters), Status: strings.ToUpper(string(b.Status)), Total: -1, Completed: -1,
	}
	var progress struct {
		Total     *float64 `json:"num_total"`
		Completed *float64 `json:"num_completed"`
	}
	if json.Unmarshal(b.Progress, &progress) == nil && progress.Total != nil && *progress.Total >= 0 && *progress.Total <= maxProgress {
		j.Total = int(*progress.Total)
		if progress.Completed != nil && *progress.Completed >= 0 {
			j.Completed = int(min(*progress.Completed, *progress.Total))
		}
	}
	var text string
	switch {
	case json.Unmarshal(b.Errors, &text) == nil:
		j.Failure = text
	case len(b.Errors) > 0 && string(b.Errors) != "[]":
		j.Failure = string(b.Errors)
	}
	if t, err := time.Parse(time.RFC3339Nano, string(b.CreateTime)); err == nil {
		j.CreateTime = t.UTC()
	}
	return j
}

// JobsPath is the path of the jobs of an organization.
func (c *Client) JobsPath() string { return "/jobs/v1/orgs/" + c.config.OrgKey + "/jobs" }

// Job asks for the state of one job. Its id must be valid. A failure is an *Error; one of status 404 may also be that of a job
// that has just been started.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	if !ValidJobID(id) {
		return Job{}, &Error{Kind: KindQuery, Message: "the id of the job is not one"}
	}
	var body jobBody
	if err := c.jobCall(ctx, "job", c.JobsPath()+"/"+id, &body); err != nil {
		return Job{}, err
	}
	job := body.job()
	if body.Failure != "" {
		return Job{}, &Error{Kind: KindAnswer, Status: http.StatusOK, Message: c.redact(string(body.Failure))}
	}
	job.ID, job.Failure = id, c.redact(job.Failure)
	return job, nil
}

// JobList is an answer of the Job service that lists jobs.
type JobList struct {
	Jobs []Job
	// Left is how many jobs there are that the list does not hold, or holds in a form that cannot be read. How to ask for the rest of
	// a list is not documented.
	Left int
}

// Jobs lists the jobs that the API key can see: its own, of all products. One of another organization is left out.
func (c *Client) Jobs(ctx context.Context) (JobList, error) {
	var raw json.RawMessage
	if err := c.jobCall(ctx, "jobs", c.JobsPath(), &raw); err != nil || raw == nil {
		return JobList{}, err // no content is no jobs
	}
	var answer struct {
		Found   flexible          `json:"num_found"`
		Results []json.RawMessage `json:"results"`
		Failure flexible          `json:"errorMessage"`
	}
	if json.Unmarshal(raw, &answer) != nil && json.Unmarshal(raw, &answer.Results) != nil {
		return JobList{}, &Error{Kind: KindAnswer, Status: http.StatusOK, Message: "it lists no jobs"}
	}
	if answer.Failure != "" {
		return JobList{}, &Error{Kind: KindAnswer, Status: http.StatusOK, Message: c.redact(string(answer.Failure))}
	}
	list := c.jobsOf(answer.Results)
	if list.Left > 0 && list.Left == len(answer.Results) {
		return JobList{}, &Error{Kind: KindAnswer, Status: http.StatusOK, Message: "it lists no jobs that can be read"}
	}
	if found := answer.Found.number(); found > len(answer.Results) {
		list.Left += found - len(answer.Results)
	}
	return list, nil
}

// jobsOf reads the jobs of a list.
func (c *Client) jobsOf(results []json.RawMessage) JobList {
	list := JobList{Jobs: make([]Job, 0, len(results))}
	for _, raw := range results {
		var body jobBody
		if json.Unmarshal(raw, &body) != nil || !ValidJobID(string(body.ID)) {
			list.Left++
			continue
		}
		if body.OrgKey != "" && !strings.EqualFold(string(body.OrgKey), c.config.OrgKey) {
			continue
		}
		job := body.job()
		job.Failure = c.redact(job.Failure)
		list.Jobs = append(list.Jobs, job)
	}
	return list
}

func (c *Client) jobCall(ctx context.Context, endpoint, path string, into any) error {
	call := request{endpoint: endpoint, method: http.MethodGet, path: path, permission: PermissionJobs, repeatable: true}
	_, err := c.call(ctx, call, func(body io.Reader) error {
		raw, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return errNotJSON
		}
		return nil
	})
	return err
}
