package cbc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// ExportFormat is the format of an exported file. The audit log API takes it in lower case.
type ExportFormat string

// The formats of an exported file.
const (
	ExportCSV  ExportFormat = "csv"
	ExportJSON ExportFormat = "json"
)

// ExportRequest asks for a file of all events that a search finds.
type ExportRequest struct {
	Filter     auditlog.Filter // must be a Filter.Cloud
	Start, End time.Time       // as in a SearchRequest
	Format     ExportFormat
}

// Body returns the JSON body of the request: that of a search, oldest events first. It contains no secret.
func (r ExportRequest) Body() []byte {
	body := searchBody(r.Filter, r.Start, r.End, OldestFirst)
	body["format"] = r.Format
	return marshal(body)
}

// ExportPath returns the path of the organization's exports.
func (c *Client) ExportPath() string {
	return "/audit_log/v1/orgs/" + c.config.OrgKey + "/logs/_export"
}

// Export starts a job that creates a file, and returns the job's ID. The request is never repeated, because it would start another job.
// The error is an *Error; its Lost reports whether a job may have been started.
func (c *Client) Export(ctx context.Context, r ExportRequest) (jobID string, err error) {
	location := ""
	call := request{
		endpoint: "export", method: http.MethodPost, path: c.ExportPath(), body: r.Body(), permission: PermissionAudits,
		located: func(address string) { location = address },
	}
	var conn connection
	spent, err := c.call(conn.watch(ctx), call, func(body io.Reader) error {
		raw, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		jobID, err = jobOf(raw)
		return err
	})
	if id := jobIn(location); jobID == "" && ValidJobID(id) && (err == nil || errors.Is(err, errNoJob)) {
		jobID, err = id, nil // only the ID is used: the job is requested from the configured host
	}
	if err == nil && jobID == "" {
		err = &Error{Kind: KindAnswer, Message: errNoJob.Error(), err: errNoJob}
	}
	if failed, ok := errors.AsType[*Error](err); ok {
		failed.Lost = spent.tries > 0 && !conn.neverMade() && !failed.nothingDone()
	}
	return jobID, err
}

var errNoJob = errors.New("the response contains no job ID")

// jobOf returns the job ID in a response of _export. The vendor's export APIs name it in three ways, as a number or a string.
func jobOf(raw []byte) (string, error) {
	var answer struct {
		ID      flexible `json:"job_id"`
		Camel   flexible `json:"jobId"`
		Plain   flexible `json:"id"`
		Address string   `json:"ref_url"`
		Failure string   `json:"errorMessage"`
	}
	if len(strings.TrimSpace(string(raw))) == 0 {
		return "", errNoJob
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "", errNotJSON
	}
	if answer.Failure != "" {
		return "", &Error{Kind: KindAnswer, Message: answer.Failure}
	}
	id := cmp.Or(string(answer.ID), string(answer.Camel), string(answer.Plain), jobIn(answer.Address))
	if !ValidJobID(id) {
		return "", errNoJob
	}
	return id, nil
}

// jobIn returns the job ID in the address of a job or of its file.
func jobIn(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	_, id, _ := strings.Cut(u.EscapedPath(), "/jobs/v1/")
	if i := strings.LastIndex(id, "/jobs/"); i >= 0 {
		id, _, _ = strings.Cut(id[i+len("/jobs/"):], "/")
		return id
	}
	return ""
}

var jobIDs = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ValidJobID reports whether a string can be a job ID, and is safe in a URL path.
func ValidJobID(id string) bool { return jobIDs.MatchString(id) }

// flexible is a JSON value that may be a string or a number; anything else is "".
type flexible string

func (f *flexible) UnmarshalJSON(raw []byte) error {
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(raw, &text) == nil:
		*f = flexible(text)
	case json.Unmarshal(raw, &number) == nil:
		*f = flexible(number)
		if whole, zeros, _ := strings.Cut(number.String(), "."); strings.Trim(zeros, "0") == "" {
			*f = flexible(whole) // 4805565.0 is 4805565
		}
	}
	return nil
}

// number returns the value as a number from 0 to the largest int32; 0 if it is not a number.
func (f flexible) number() int {
	n, err := strconv.ParseFloat(string(f), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || !(n > 0) {
		return 0
	}
	return int(min(n, math.MaxInt32))
}
