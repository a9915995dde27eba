// Package export makes files of all events behind a query: by a job of Carbon Black Cloud, or, where a job cannot, by searches.
//
// Nothing is kept on the disk, and little in memory: what a restart or another replica needs to go on with an export travels in
// its id, which is signed. A file is streamed to whoever downloads it; on the way its rows are counted, those that are not of
// the window or the filter are left out, and a file that is not whole is never passed off as one.
package export

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

// Cloud is what an export needs of Carbon Black Cloud.
type Cloud interface {
	history.Searcher
	Export(ctx context.Context, r cbc.ExportRequest) (jobID string, err error)
	Job(ctx context.Context, id string) (cbc.Job, error)
	Jobs(ctx context.Context) (cbc.JobList, error)
	Download(ctx context.Context, id string) (io.ReadCloser, error)
}

// Past reads and counts events.
type Past interface {
	Scan(ctx context.Context, q history.Question, cost *history.Cost, visit func(history.Batch) (more bool)) (history.Coverage, error)
	Count(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, cost *history.Cost) (int, error)
	BoundsTaken() bool // the server is known to take the bounds of a search to the microsecond
	PageSize() int
}

// Config describes a Service.
type Config struct {
	Cloud Cloud
	// Past counts what is about to be exported. OwnPast makes one that discard else uses, to read a file's events without pushing
	// everything else out of the cache.
	Past     Past
	OwnPast  func() Past
	Classify func(*auditlog.Event) auditlog.Class
	Owner    Owner
	Secret   []byte        // of the API key
	Registry *Registry     // that of the process if nil
	Settle   time.Duration // how late an event may be
	Now      func() time.Time
	After    func(time.Duration) <-chan time.Time
	Random   io.Reader
}

// Service starts exports, reports how they are and hands out their files. It is safe for concurrent use and holds nothing open.
type Service struct {
	config     Config
	signingKey []byte
}

// New returns a Service. It sends nothing.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	if c.Registry == nil {
		c.Registry = processRegistry
	}
	return &Service{config: c, signingKey: signingKey(c.Secret, c.Owner)}
}

// ForOrg returns the service for the exports of one organization of Grafana.
func (s *Service) ForOrg(orgID int64) *Service {
	c := s.config
	c.Owner.OrgID = orgID
	return New(c)
}

// The ways in which a file is made.
const (
	KindJob    = "job"    // by a job of Carbon Black Cloud
	KindSearch = "search" // by searches, while it is downloaded
)

// The states of an export. A job's word that is none of them means that it is in progress.
const (
	StatusCreated    = "CREATED"
	StatusInProgress = "IN_PROGRESS"
	StatusCompleted  = cbc.JobCompleted
	StatusFailed     = cbc.JobFailed
	StatusExpired    = "EXPIRED" // Carbon Black Cloud has deleted it
)

// Export is what is told of an export. Numbers of rows are nil while discard knows them; total and completed are in the events that
// Carbon Black Cloud selects, before this plugin's part of the filter.
type Export struct {
	ID        string          `json:"id"`
	Status    string          `json:"status"`
	Format    string          `json:"format"` // csv or json, "" if it is not known
	CreatedAt *time.Time      `json:"createdAt"`
	Total     *int            `json:"total"`
	Completed *int            `json:"completed"`
	Error     string          `json:"error"`
	Kind      string          `json:"kind"`
	Query     json.RawMessage `json:"query"` // null for a job of which nothing is known
	From      *int64          `json:"from"`  // milliseconds; the window is half-open
	To        *int64          `json:"to"`
	Who       string          `json:"who"`
	Count     *int            `json:"count"`             // what Carbon Black Cloud counted at the start
	Reason    string          `json:"reason,omitempty"`  // why it is made by searches
	Message   string          `json:"message,omitempty"` // what else there is to say
}

// Request asks for an export.
type Request struct {
	Query  json.RawMessage // as it was sent, for those who read of it later
	Filter auditlog.Filter // what it means
	Window auditlog.TimeRange
	Format cbc.ExportFormat
	Who    string
}
