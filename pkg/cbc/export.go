package cbc

import (
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

// ExportFormat is the format of an export's file, as the vendor writes it: audit logs take lower case.
type ExportFormat string

// The formats of an export.
const (
	ExportCSV  ExportFormat = "csv"
	ExportJSON ExportFormat = "json"
)

// ExportRequest asks for a file of all events that a search finds. Neither rows nor an offset can be said.
type ExportRequest struct {
	Filter     auditlog.Filter // must be a Filter.Cloud
	Start, End time.Time       // as in a SearchRequest
	Format     ExportFormat
}

// Body returns the JSON body that is sent, without any secret: that of a search, oldest events first.
func (r ExportRequest) Body() []byte {
	body := searchBody(r.Filter, r.Start, r.End, OldestFirst)
	body["format"] = r.Format
	return marshal(body)
}

// ExportPath is the path of the exports of an organization.
func (c *Client) ExportPath() string {
	return "/audit_log/v1/orgs/" + c.config.OrgKey + "/logs/_export"
}

// Export starts a job that makes a file, and returns the job's id. The request is sent once: sent again, it would start another
// job. A failure is an *Error whose Lost reports whether a job may have been started all the same.
func (c *Client) Export(ctx context.Context, r ExportRequest) (jobID string, err error) {
	location := ""
	call := request{
		endpoint: "export", method: http.MethodPost, path: c.ExportPath(), body: r.Body(), permission: PermissionAudits,
		located: func(address string) { location = address },
	}
	var reached connection
	spent, err := c.call(reached.watch(ctx), call, func(body io.Reader) error {
		raw, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		jobID, err = jobOf(raw)
		return err
	})
	if id := jobIn(location); jobID == "" && ValidJobID(id) && (err == nil || errors.Is(err, errNoJob)) {
		jobID, err = id, nil // only the id is taken: the job is looked for on this host
	}
	if err == nil && jobID == "" {
		err = &Error{Kind: KindAnswer, Message: errNoJob.Error(), err: errNoJob}
	}
	var failed *Error
	if errors.As(err, &failed) {
		failed.Lost = spent.tries > 0 && !reached.never() && !failed.refused()
	}
	return jobID, err
}

var errNoJob = errors.New("the answer names no job")

// jobOf reads the id of the job out of an answer of _export. The vendor's exports name it in three ways, as a number or a text.
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
	id := firstOf(string(answer.ID), string(answer.Camel), string(answer.Plain), jobIn(answer.Address))
	if !ValidJobID(id) {
		return "", errNoJob
	}
	return id, nil
}

// jobIn is the id of the job that an address names, or whose file it names.
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

// ValidJobID reports whether a text can be the id of a job, and so a part of an address.
func ValidJobID(id string) bool { return jobIDs.MatchString(id) }

// flexible is a JSON value that is a text in one answer and a number in another; anything else is "".
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

// number returns a number that is not negative, as far as an int holds it; 0 if it is none.
func (f flexible) number() int {
	n, err := strconv.ParseFloat(string(f), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || !(n > 0) {
		return 0
	}
	return int(min(n, math.MaxInt32))
}
