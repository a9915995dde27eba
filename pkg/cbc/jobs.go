package cbc

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Job is a job of the vendor's Job service. Its type determines which optional fields it has.
type Job struct {
	ID         string
	Type       string // EXTERNAL, event_export, …; the type of audit log exports is not documented
	Parameters string // the request as JSON, if the service returns it
	Status     string // in upper case: CREATED, IN_PROGRESS, COMPLETED, FAILED or an undocumented value
	Total      int    // rows; -1 if unknown
	Completed  int    // rows that are done; -1 if unknown
	Failure    string // the reported error
	CreateTime time.Time
}

// The final states of a job. A job with any other status is running.
const (
	JobCompleted = "COMPLETED"
	JobFailed    = "FAILED"
)

// JobRetention is how long the vendor keeps jobs and their files.
const JobRetention = 30 * 24 * time.Hour

// jobBody is the JSON form of a job.
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
	if t, err := auditlog.ParseTime(string(b.CreateTime)); err == nil {
		j.CreateTime = t
	}
	return j
}

// JobsPath returns the path of the organization's jobs.
func (c *Client) JobsPath() string { return "/jobs/v1/orgs/" + c.config.OrgKey + "/jobs" }

// Job returns the state of a job. The error is an *Error. A job that was just started may be a 404 for a moment.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	if !ValidJobID(id) {
		return Job{}, &Error{Kind: KindQuery, Message: "the job ID is invalid"}
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

// JobList is the list of the Job service.
type JobList struct {
	Jobs []Job
	// Missing is how many jobs the list does not contain, or contains in an unknown form. How to read the rest of a list is not documented.
	Missing int
}

// Jobs lists the jobs of the API key, for all products. Jobs of other organizations are left out.
func (c *Client) Jobs(ctx context.Context) (JobList, error) {
	var raw json.RawMessage
	if err := c.jobCall(ctx, "jobs", c.JobsPath(), &raw); err != nil || raw == nil {
		return JobList{}, err // 204 No Content means no jobs
	}
	var answer struct {
		Found   flexible          `json:"num_found"`
		Results []json.RawMessage `json:"results"`
		Failure flexible          `json:"errorMessage"`
	}
	if json.Unmarshal(raw, &answer) != nil && json.Unmarshal(raw, &answer.Results) != nil {
		return JobList{}, &Error{Kind: KindAnswer, Status: http.StatusOK, Message: "it is not a list of jobs"}
	}
	if answer.Failure != "" {
		return JobList{}, &Error{Kind: KindAnswer, Status: http.StatusOK, Message: c.redact(string(answer.Failure))}
	}
	list := c.jobsOf(answer.Results)
	if list.Missing > 0 && list.Missing == len(answer.Results) {
		return JobList{}, &Error{Kind: KindAnswer, Status: http.StatusOK, Message: "none of its jobs can be read"}
	}
	if found := answer.Found.number(); found > len(answer.Results) {
		list.Missing += found - len(answer.Results)
	}
	return list, nil
}

// jobsOf converts the items of a list.
func (c *Client) jobsOf(results []json.RawMessage) JobList {
	list := JobList{Jobs: make([]Job, 0, len(results))}
	for _, raw := range results {
		var body jobBody
		if json.Unmarshal(raw, &body) != nil || !ValidJobID(string(body.ID)) {
			list.Missing++
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
