// Package export makes files of all events that match a query: by a job of Carbon Black Cloud, or by searches where a job cannot.
//
// Nothing is stored on disk, and little in memory: an export's id is signed and holds all that another process needs to continue. A
// file is streamed to whoever downloads it. On the way its rows are counted, rows outside the time range or the filter are left out,
// and an incomplete file is never passed off as a complete one.
package export

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

// Cloud is the part of Carbon Black Cloud that exports use.
type Cloud interface {
	history.Searcher
	Export(ctx context.Context, r cbc.ExportRequest) (jobID string, err error)
	Job(ctx context.Context, id string) (cbc.Job, error)
	Jobs(ctx context.Context) (cbc.JobList, error)
	Download(ctx context.Context, id string) (io.ReadCloser, error)
}

// Past reads and counts events.
type Past interface {
	Read(ctx context.Context, q history.Question, coverage *history.Coverage, cost *history.Cost) iter.Seq2[history.Batch, error]
	Count(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, cost *history.Cost) (int, error)
	BoundsTaken() bool // reports whether the server is known to take the bounds of a search to the microsecond
	PageSize() int
}

// Config describes a Service.
type Config struct {
	Cloud Cloud
	// Past counts the events of an export. OwnPast returns one with a cache of its own, so that reading a whole file does not evict
	// everything else.
	Past     Past
	OwnPast  func() Past
	Classify func(*auditlog.Event) auditlog.Class
	Owner    Owner
	Secret   []byte    // of the API key
	Registry *Registry // that of the process if nil
	// Accepted reports whether Carbon Black Cloud has accepted the API key: whoever typed a wrong secret can sign ids with it, and must
	// change nothing that others see. Nil: it has.
	Accepted func() bool
	unproved *JobStore     // what ids say before that
	Settle   time.Duration // how late an event may be
	Now      func() time.Time
	After    func(time.Duration) <-chan time.Time
	Random   io.Reader
}

// Service starts exports, reports their state and serves their files. It is safe for concurrent use and keeps nothing open.
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
	if c.unproved == nil {
		c.unproved = newJobStore()
	}
	if c.Registry == nil {
		c.Registry = processRegistry
	}
	return &Service{config: c, signingKey: signingKey(c.Secret, c.Owner)}
}

func (s *Service) accepted() bool { return s.config.Accepted == nil || s.config.Accepted() }

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

// The states of an export. A job with any other status is in progress.
const (
	StatusCreated    = "CREATED"
	StatusInProgress = "IN_PROGRESS"
	StatusCompleted  = cbc.JobCompleted
	StatusFailed     = cbc.JobFailed
	StatusExpired    = "EXPIRED" // Carbon Black Cloud has deleted it
)

// Export describes an export. Numbers of rows that are not known are nil. Total and Completed count the events that Carbon Black Cloud
// selects, before this plugin's part of the filter.
type Export struct {
	ID        string          `json:"id"`
	Status    string          `json:"status"`
	Format    string          `json:"format"` // csv or json, "" if not known
	CreatedAt *time.Time      `json:"createdAt"`
	Total     *int            `json:"total"`
	Completed *int            `json:"completed"`
	Error     string          `json:"error"`
	Kind      string          `json:"kind"`
	Query     json.RawMessage `json:"query"` // null for a job with an unknown query
	From      *int64          `json:"from"`  // milliseconds; the time range is half-open
	To        *int64          `json:"to"`
	Who       string          `json:"who"`
	Count     *int            `json:"count"`             // of events at the start
	Reason    string          `json:"reason,omitempty"`  // why it is made by searches
	Message   string          `json:"message,omitempty"` // for the user
}

// Request asks for an export.
type Request struct {
	Query     json.RawMessage // as it was sent, for the list and the manifest
	Filter    auditlog.Filter // of the query
	TimeRange auditlog.TimeRange
	Format    cbc.ExportFormat
	Who       string
}
