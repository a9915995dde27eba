package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	firstJobID   = 4805565
	jobRetention = 30 * 24 * time.Hour
	jobTime      = "2006-01-02T15:04:05.000000Z"

	statusCreated    = "CREATED"
	statusInProgress = "IN_PROGRESS"
	statusCompleted  = "COMPLETED"
	statusFailed     = "FAILED"
)

// job is an export job. It progresses when its owner polls it, and with time.
type job struct {
	id        int
	owner     string // API ID of the only key that sees the job
	signature string // of its download address
	format    string
	rows      []*Event
	created   time.Time

	mu      sync.Mutex
	hidden  int // polls that still get 404
	polls   int
	status  string
	updated time.Time
}

type jobList struct {
	mu   sync.Mutex
	list []*job
}

func (b *jobList) add(j *job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j.id = firstJobID + len(b.list)
	b.list = append(b.list, j)
}

// find returns the first matching job that has not expired.
func (b *jobList) find(now time.Time, want func(*job) bool) *job {
	for _, j := range b.all(now) {
		if want(j) {
			return j
		}
	}
	return nil
}

func (b *jobList) all(now time.Time) []*job {
	b.mu.Lock()
	defer b.mu.Unlock()
	var kept []*job
	for _, j := range b.list {
		if now.Sub(j.created) < jobRetention {
			kept = append(kept, j)
		}
	}
	return kept
}

// poll returns the job's status and advances it by one poll.
func (j *job) poll(now time.Time, sw *Switches) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.status == statusCompleted || j.status == statusFailed {
		return j.status
	}
	j.polls++
	status := j.status
	switch {
	case j.polls > max(sw.JobPolls, 0) && now.Sub(j.created) >= time.Duration(sw.JobMS)*time.Millisecond:
		status = statusCompleted
		if sw.JobFails {
			status = statusFailed
		}
	case sw.JobInProgress && j.polls > sw.JobPolls/2:
		status = statusInProgress
	}
	if status != j.status {
		j.status, j.updated = status, now
	}
	return status
}

// progress returns how many rows are done, by polls or by time, whichever is less.
func (j *job) progress(now time.Time, sw *Switches) (total, completed int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	total = len(j.rows)
	if j.status == statusCompleted {
		return total, total
	}
	share := float64(j.polls) / float64(max(sw.JobPolls, 0)+1)
	if sw.JobMS > 0 {
		share = min(share, float64(now.Sub(j.created))/float64(time.Duration(sw.JobMS)*time.Millisecond))
	}
	return total, int(float64(total) * min(share, 0.99))
}

// hide reports whether the job service does not know a new job yet.
func (j *job) hide() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.hidden > 0 {
		j.hidden--
		return true
	}
	return false
}

func (c *call) listJobs() {
	results := []json.RawMessage{}
	for _, j := range c.jobs.all(c.now) {
		if j.owner == c.key.APIID {
			results = append(results, c.encodeJob(j))
		}
	}
	slices.Reverse(results)
	c.entry.set(func(r *Request) { r.Rows = len(results) })
	c.sendJSON(http.StatusOK, map[string]any{"num_found": len(results), "results": results})
}

// ownJob returns the job in the path. It answers 404 and returns nil if there is none.
func (c *call) ownJob() *job {
	j := c.jobs.find(c.now, func(j *job) bool { return strconv.Itoa(j.id) == c.route.id && j.owner == c.key.APIID })
	if j == nil || j.hide() {
		c.refuse(notFound("job " + c.route.id))
		return nil
	}
	return j
}

func (c *call) showJob() {
	if j := c.ownJob(); j != nil {
		c.send(http.StatusOK, "application/json", c.encodeJob(j))
	}
}

func (c *call) showProgress() {
	j := c.ownJob()
	if j == nil {
		return
	}
	if c.sw.ProgressRoute == "missing" {
		c.refuse(notFound("progress of job " + c.route.id))
		return
	}
	j.poll(c.now, c.sw)
	c.sendJSON(http.StatusOK, c.progressOf(j))
}

func (c *call) progressOf(j *job) map[string]any {
	total, completed := j.progress(c.now, c.sw)
	if c.sw.ProgressRoute == "stuck" {
		completed = 0
	}
	return map[string]any{"num_total": total, "num_completed": completed, "message": ""}
}

func (c *call) encodeJob(j *job) json.RawMessage {
	status := j.poll(c.now, c.sw)
	content := map[string]any{
		"id": c.jobID(j), "type": c.sw.JobType, "job_parameters": map[string]any{"job_parameters": nil}, "org_key": c.orgKey,
		"status": status, "create_time": j.created.UTC().Format(jobTime), "last_update_time": j.lastUpdate().Format(jobTime),
	}
	if c.sw.JobProgress {
		content["progress"] = c.progressOf(j)
	}
	if status == statusFailed {
		content["errors"] = "Export failed"
	}
	return encode(content)
}

func (j *job) lastUpdate() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.updated.UTC()
}

func (c *call) jobID(j *job) any {
	if c.sw.JobIDType == "string" {
		return strconv.Itoa(j.id)
	}
	return j.id
}

func (c *call) sendJSON(status int, content any) { c.send(status, "application/json", encode(content)) }

// encode encodes the simulator's own values, which cannot fail.
func encode(content any) []byte {
	body, err := json.Marshal(content)
	if err != nil {
		panic(fmt.Sprintf("simulator: %v", err))
	}
	return body
}

// base returns the address that the client used.
func (c *call) base() string {
	scheme := "http://"
	if c.r.TLS != nil {
		scheme = "https://"
	}
	return scheme + c.r.Host
}

// otherBase returns this server's address with another host name, unless the switch names one.
func (c *call) otherBase() string {
	if c.sw.StorageURL != "" {
		return strings.TrimSuffix(c.sw.StorageURL, "/")
	}
	base := c.base()
	if strings.Contains(base, "//localhost") {
		return strings.Replace(base, "//localhost", "//127.0.0.1", 1)
	}
	return strings.Replace(base, "//127.0.0.1", "//localhost", 1)
}
